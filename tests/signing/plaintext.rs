//! A restore where the secret key stays on another host: the decrypted dump comes on standard input.

use super::site::Site;
use crate::restore::forge::{Prints, Target};
use crate::support::{Cases, Pgseal, Sealed, cluster, decrypt, names};

const MOOD: &str = "CREATE TYPE mood AS ENUM ('sad', 'ok')";

fn ready() -> Target {
    let target = Target::new();
    target.sql(MOOD);
    target
}

/// In a keyring that has no key that opens it.
fn restore<'t>(site: &'t Site, sealed: &Sealed, target: &Target, dump: &[u8]) -> Pgseal<'t> {
    let to = cluster().conninfo(&target.db, "postgres");
    site.pgseal("restore")
        .arg(&sealed.run_id)
        .arg(format!("--dbname={to}"))
        .args(["--plaintext", "-", "--no-prelude"])
        .unset("PGDATABASE")
        .input(dump)
}

fn tables(target: &Target) -> String {
    target.sql("SELECT count(*) FROM pg_class WHERE oid >= 16384 AND relkind = 'r'")
}

#[test]
fn a_signed_manifest_proves_a_decrypted_dump() {
    let site = Site::new();
    let mut cases = Cases::new();
    for compression in ["deflate", "zstd", "none"] {
        cases.check(compression, || {
            let backup = site.backup(&["public.a"]);
            let run_id = format!("--run-id={compression}");
            let backup = backup.args([&run_id, &format!("--compress={compression}")]);
            let sealed = site.sealed(&backup.run());
            let target = ready();
            let dump = decrypt(&sealed.path);
            let ran = restore(&site, &sealed, &target, &dump).run();
            ran.exits(0).prints(&[
                "RESTORE: PASS",
                "proved: the manifest is signed by",
                "decrypted elsewhere",
            ]);
            let rows = target.sql("SELECT string_agg(m::text, ' ' ORDER BY id) FROM a");
            assert_eq!(rows, "ok sad");
            assert_eq!(names(&site.path("tmp")), [""; 0]);
        });
    }
}

#[test]
fn what_was_not_sealed_is_not_run() {
    let site = Site::new();
    let (sealed, other) = (site.signed("one"), site.signed("two"));
    let dump = String::from_utf8(decrypt(&sealed.path)).unwrap();
    let witness = site.path("witness");
    // Readable by the server's own user, too.
    let taken = format!(
        "COPY (SELECT 1) TO PROGRAM 'touch {}';\n",
        witness.display()
    );
    let (head, tail) = dump.split_once("CREATE TABLE").unwrap();
    let changed = [
        ("a value", dump.replace("2\tsad", "2\tok ")),
        ("a statement", format!("{head}{taken}CREATE TABLE{tail}")),
        ("cut off", dump[..dump.len() / 2].to_string()),
        ("nothing", String::new()),
        ("more", format!("{dump}-- more\n")),
        (
            "another run's",
            String::from_utf8(decrypt(&other.path)).unwrap(),
        ),
    ];
    let target = ready();
    let mut cases = Cases::new();
    for (name, bytes) in &changed {
        cases.check(name, || {
            assert_ne!(bytes, &dump);
            let run = restore(&site, &sealed, &target, bytes.as_bytes());
            run.run().fails(
                1,
                &[
                    "what came on standard input is not what was sealed",
                    "nothing was changed: psql was given nothing",
                ],
            );
            // Run as it comes, and not committed.
            let run = restore(&site, &sealed, &target, bytes.as_bytes());
            if *name != "a statement" {
                let ran = run.arg("--origin-unproved").run();
                ran.fails(1, &["nothing was changed in the target"]);
            }
            assert_eq!(tables(&target), "0");
            assert!(!witness.exists());
        });
    }
    let run = restore(&site, &sealed, &target, dump.as_bytes());
    run.arg("--origin-unproved").run().exits(0);
    assert_eq!(tables(&target), "1");
}

#[test]
fn only_a_signature_tells_of_the_plaintext() {
    let site = Site::new();
    let backup = site.backup(&["public.a"]).unset("PGSEAL_SIGNING_KEY");
    let sealed = site.sealed(&backup.arg("--run-id=u").run());
    let (envelope, dump) = (site.envelope(&sealed), decrypt(&sealed.path));
    let target = ready();
    let run = || restore(&site, &sealed, &target, &dump).unset("PGSEAL_SIGNING_KEY");
    let ran = run().arg(&envelope).arg("--json").run();
    assert_eq!(ran.code(), 1);
    ran.check(ran.stderr.contains("\"origin_unproved\""), "its code");
    let ran = run().arg(&envelope).run();
    ran.fails(
        1,
        &[
            "only a signed manifest",
            "it is not signed",
            "--signed-by FPR",
        ],
    );
    let signed = site.signed("s");
    let ran = restore(&site, &signed, &target, &decrypt(&signed.path));
    let ran = ran.unset("PGSEAL_SIGNING_KEY").run();
    ran.fails(1, &["no key is trusted"]);

    let with = |args: &[&str]| {
        let to = cluster().conninfo(&target.db, "postgres");
        let run = site
            .pgseal("restore")
            .arg("s")
            .arg(format!("--dbname={to}"));
        run.unset("PGDATABASE").args(args).input(&dump).run()
    };
    let plaintext = "--plaintext=-";
    with(&[plaintext]).fails(3, &["the run has a prelude", "--no-prelude"]);
    with(&[plaintext, "--envelope=-"]).fails(2, &["cannot both read standard input"]);
    with(&[plaintext, "--passphrase-fd=0"]).fails(2, &["cannot be used with"]);
    with(&["--plaintext=dump.sql"]).fails(2, &["dump.sql"]);
    assert_eq!(tables(&target), "0");
    run().arg("--origin-unproved").run().exits(0);
    assert_eq!(tables(&target), "1");
}

/// diff and undo with the rows from standard input, on a host without the secret key.
#[test]
fn a_write_is_seen_and_taken_back_without_the_key() {
    let site = Site::new();
    let sealed = site.signed("one");
    let dump = decrypt(&sealed.path);
    let changed = String::from_utf8(dump.clone()).unwrap();
    let changed = changed.replace("2\tsad", "2\tok ");
    site.sql("UPDATE a SET m = 'ok'; DELETE FROM a WHERE id = 1; INSERT INTO a VALUES (9, 'sad')");
    let written = || site.sql("SELECT string_agg(a::text, ' ' ORDER BY id) FROM a");
    let bad = written();
    let run = |verb: &str, options: &[&str], dump: &[u8]| {
        let run = site.pgseal(verb).args(["one", "--plaintext", "-"]);
        run.args(options.iter().copied()).input(dump)
    };
    run("diff", &[], &dump)
        .run()
        .exits(1)
        .prints(&["DIFF: 3 rows in 1 of 1 table"]);
    let apply = ["--apply", "--later=overwrite"];
    let ran = run("undo", &apply, changed.as_bytes()).run();
    ran.fails(
        1,
        &[
            "the artifact cannot be compared",
            "nothing was changed in the tables",
        ],
    );
    // Whoever could put another manifest there as well would bring rows of their own.
    let unsigned = run("undo", &apply, &dump).unset("PGSEAL_SIGNING_KEY").run();
    unsigned.fails(1, &["nothing proves who sealed the decrypted dump"]);
    run("undo", &apply, &dump)
        .arg("--envelope=-")
        .run()
        .exits(2);
    assert_eq!(written(), bad);
    run("undo", &apply, &dump)
        .run()
        .exits(0)
        .prints(&["UNDO: 3 rows in 1 table are as they were"]);
    assert_eq!(written(), "(1,ok) (2,sad)");
    run("diff", &[], &dump).run().exits(0);
    assert_eq!(names(&site.path("tmp")), [""; 0]);
}
