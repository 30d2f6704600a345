//! The throw-away server of a proof: which programs it is made of, and of which release.

use super::forge::{Prints, prove};
use crate::support::{Sealed, Test, bin};

fn sealed() -> (Test, Sealed) {
    let test = Test::of("CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1), (2)");
    let sealed = test.sealed(&test.backup(&["public.a"]).run());
    (test, sealed)
}

/// Its initdb knows no `--no-instructions`, and does not start where its user may not be.
#[test]
fn an_initdb_of_postgresql_13() {
    let (test, sealed) = sealed();
    let server = test.server_with_psql_of_path();
    std::fs::remove_file(server.join("psql")).unwrap();
    let script = format!(
        "case \" $* \" in *' --no-instructions '*)
           echo \"initdb: unrecognized option '--no-instructions'\" >&2; exit 1;;
         esac
         ls . >/dev/null || {{ echo 'could not identify current directory: Permission denied' >&2; exit 1; }}
         exec {} \"$@\"",
        bin().join("initdb").display()
    );
    let initdb = test.write("initdb", &format!("#!/bin/sh\n{script}\n"));
    test.mode(&initdb, 0o755);
    std::fs::remove_file(server.join("initdb")).unwrap();
    std::os::unix::fs::symlink(&initdb, server.join("initdb")).unwrap();
    // Ours alone, where root's server runs as another.
    test.mode(&test.path("home"), 0o700);
    let home = test.path("home").display().to_string();
    let ran = prove(&test, &sealed.path).shell(&format!("cd {home} && exec \"$@\""));
    ran.run().exits(0).prints(&["PROVE_RESTORE: PASS"]);
}

/// The one on PATH may lead into a container, where nobody sees the socket.
#[test]
fn the_psql_beside_the_server_is_the_only_one() {
    let (test, sealed) = sealed();
    test.script("psql", "echo 'no such file or directory' >&2; exit 2");
    prove(&test, &sealed.path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS"]);
}

#[test]
fn a_psql_without_restrict_is_refused() {
    let (test, sealed) = sealed();
    let server = test.server_with_psql_of_path();
    test.shim_psql_without_restrict();
    let psql = server.join("psql").display().to_string();
    prove(&test, &sealed.path).run().fails(
        3,
        &[
            &format!("`{psql}` has no \\restrict"),
            "apt-get install --only-upgrade postgresql-client",
        ],
    );
}
