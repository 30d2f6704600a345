//! "Check it without pgseal" in docs/what-verify-proves.md: its lines, as they stand there.

use super::site::Site;
use crate::support::{Home, Page, SIGN_ONLY, keys, tool};
use std::path::Path;
use std::process::{Command, Output};

fn blocks() -> Vec<String> {
    let page = Page::open("docs/what-verify-proves.md");
    page.below("Check it without pgseal").of("sh")
}

fn run(site: &Site, home: &Path, key: &str, block: &str) -> Output {
    let mut shell = Command::new("bash");
    shell
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("GNUPGHOME", home)
        .env("RUN_ID", "r")
        .env("SIGNING_KEY", key)
        .current_dir(site.store())
        .args(["-euo", "pipefail", "-c", block]);
    shell.output().unwrap()
}

#[test]
fn gpg_jq_and_sha256sum_say_the_same() {
    let site = Site::new();
    let blocks = blocks();
    let [signature, files, plaintext] = &blocks[..] else {
        panic!("{blocks:?}")
    };
    let sealed = site.signed("r");
    let home = site.host.path.as_path();
    let check = |key: &str, block: &str, holds: bool| {
        let out = run(&site, home, key, block);
        let said = [out.stdout, out.stderr].map(|text| String::from_utf8(text).unwrap());
        assert_eq!(out.status.success(), holds, "{block}\n{said:?}");
        said[0].clone()
    };
    check(&site.key, signature, true);
    let told = check(&site.key, files, true);
    assert_eq!(told, "r.sql.gpg: OK\nr.prelude.sql.gpg: OK\n");
    let secret = run(&site, &keys().secret.path, &site.key, plaintext);
    assert!(secret.status.success(), "{secret:?}");

    check(&keys().good, signature, false);
    let other = site.host.key("other", SIGN_ONLY, "Expire-Date: 2y");
    let good = std::fs::read(site.signature("r")).unwrap();
    let both = [&good[..], &site.sign("r", &other, &[])].concat();
    site.put_signature("r", &both);
    check(&site.key, signature, false);
    site.put_signature("r", &site.sign("r", &site.key, &["--textmode"]));
    check(&site.key, signature, false);
    site.put_signature("r", &good);
    let mut artifact = std::fs::read(&sealed.path).unwrap();
    artifact[100] ^= 1;
    std::fs::write(&sealed.path, &artifact).unwrap();
    check(&site.key, files, false);
    let manifest = std::fs::read_to_string(site.manifest("r")).unwrap();
    std::fs::write(site.manifest("r"), manifest.replace("\"r\"", "\"s\"")).unwrap();
    check(&site.key, files, false);
    check(&site.key, signature, false);
    std::fs::write(site.manifest("r"), manifest).unwrap();
    check(&site.key, signature, true);
    site.host.import(&site.host.revocation(&site.key));
    check(&site.key, signature, false);
    // The public key is enough.
    let elsewhere = Home::new(site.path("elsewhere"), &Default::default());
    elsewhere.import(&tool(site.host.gpg().args(["--export", &other]), b""));
    site.put_signature("r", &site.sign("r", &other, &[]));
    let out = run(&site, &elsewhere.path, &other, signature);
    assert!(out.status.success(), "{out:?}");
}
