//! Every system call of a backup on its store fails once, with each error that a disk, a quota or a
//! limit can give: a run that says so and leaves nothing, or a whole one.

use super::all;
use crate::signing::site::Site;
use crate::support::{Cases, Strace};
use std::collections::BTreeMap;

/// Calls, and the errors that each can meet.
const CALLS: &[(&str, &[&str])] = &[
    ("openat", &["EMFILE", "ENOSPC", "EROFS", "EIO", "EACCES"]),
    ("write", &["ENOSPC", "EIO", "EDQUOT", "EFBIG"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("renameat2", &["EIO", "EROFS", "ENOSPC"]),
    ("flock", &["ENOLCK", "EIO"]),
    ("fstat,newfstatat,statx", &["EIO", "EACCES"]),
    ("getdents64", &["EIO"]),
    ("faccessat,faccessat2,access", &["EROFS", "EIO"]),
];

/// So many of them a test has time for, each with its first error.
const IN_A_TEST: usize = 4;

#[test]
fn each_call_on_the_store_fails_once() {
    let site = Site::new();
    let store = site.store().display().to_string();
    // strace takes whole paths only.
    let mut paths = vec![store.clone()];
    for file in [
        "sql.gpg",
        "prelude.sql.gpg",
        "manifest.json",
        "manifest.json.sig",
    ] {
        paths.push(format!("{store}/r.{file}"));
        paths.push(format!("{store}/r.{file}.partial"));
    }
    let mut cases = Cases::new();
    let mut told: BTreeMap<(&str, &str), [usize; 3]> = BTreeMap::new();
    let most = if all() { CALLS.len() } else { IN_A_TEST };
    for (name, errors) in &CALLS[..most] {
        let errors = if all() { errors } else { &errors[..1] };
        for error in errors {
            for at in 1.. {
                let trace = format!("--trace={name}");
                let inject = format!("--inject={name}:error={error}:when={at}");
                let mut options = vec![&trace[..], &inject];
                options.extend(paths.iter().flat_map(|path| ["-P", path]));
                let strace = Strace::new(&site.dir, &options);
                let run = site.backup(&["public.a"]).arg("--run-id=r");
                let (ran, calls) = strace.run(run.arg("--json"));
                let injected = calls.iter().filter(|call| call.result.contains("INJECTED"));
                if injected.count() == 0 {
                    assert!(at > 1, "{name} is not called");
                    ran.exits(0);
                    clear(&site);
                    break;
                }
                let counts = told.entry((name, error)).or_default();
                counts[0] += 1;
                counts[usize::from(ran.code() == 0) + 1] += 1;
                cases.check((name, error, at), || {
                    if ran.code() == 0 {
                        site.sealed(&ran);
                        site.pgseal("verify").arg("r").run().exits(0);
                        return;
                    }
                    ran.check([3, 4, 5].contains(&ran.code()), "a documented status");
                    ran.check(ran.stdout.is_empty(), "no envelope");
                    ran.check(!ran.stderr.contains("bug in pgseal"), "no bug");
                    // What cannot be undone is told: the manifest is there, and may not last.
                    let complete = ran.stderr.contains("are complete, but may not outlive");
                    if complete {
                        site.pgseal("verify").arg("r").run().exits(0);
                    } else {
                        assert_eq!(site.files(), [""; 0], "{}", ran.whole());
                    }
                });
                clear(&site);
            }
        }
    }
    let rows = told.into_iter().map(|((name, error), counts)| {
        let counts = counts.map(|count| count.to_string());
        [vec![format!("`{name}`"), error.into()], counts.into()].concat()
    });
    super::print(rows);
}

fn clear(site: &Site) {
    for name in site.files() {
        std::fs::remove_file(site.file(&name)).unwrap();
    }
}
