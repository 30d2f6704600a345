//! docs/recipes/nightly.md: its units of systemd.

use crate::site::shop;
use crate::support::Page;

#[test]
fn systemd_takes_them() {
    let page = Page::open("docs/recipes/nightly.md");
    let shop = shop();
    let script = page.file("/usr/local/bin/pgseal-nightly");
    shop.program("pgseal-nightly", &shop.here(&script));
    let names = [
        "pgseal-nightly.service",
        "pgseal-nightly.timer",
        "pgseal-failed@.service",
    ];
    let verify = |wrong: &str, right: &str| {
        for name in names {
            let unit = page.file(&format!("/etc/systemd/system/{name}"));
            shop.write(name, &shop.here(&unit).replace(wrong, right));
        }
        let mut argv = vec!["systemd-analyze", "verify"];
        argv.extend(names);
        shop.command(&argv).run()
    };
    let ran = verify("", "").exits(0);
    ran.check(ran.stderr.is_empty(), "no warnings");
    // It would have seen a mistake.
    let ran = verify("OnCalendar=*-*-*", "OnCalendar=nightly");
    ran.says(&["calendar specification"]);
    let ran = verify("Type=oneshot", "Typ=oneshot");
    ran.says(&["Typ"]);
}
