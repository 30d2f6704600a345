//! Servers that an undo or a diff cannot be done on, or that fail half-way: one clear error, and nothing is
//! changed.

use super::{apply, backup_kept, diff, undo};
use crate::backup::standby::Pair;
use crate::restore::forge::content;
use crate::support::{Cases, Pgseal, Ran, Test, cluster, eventually, is_root, tool};
use std::process::Command;
use tempfile::TempDir;

/// Rows that fill some pages, most of them changed.
fn damaged(rows: usize) -> Test {
    let test = Test::of(&format!(
        "CREATE TABLE a (id int PRIMARY KEY, t text); INSERT INTO a SELECT g, md5(g::text) FROM generate_series(1, {rows}) g"
    ));
    backup_kept(&test, &["public.a"]);
    test.sql("UPDATE a SET t = md5(t); DELETE FROM a WHERE id < 5");
    test
}

/// Of diff, of a plan, and of an undo.
fn verbs(test: &Test) -> [(&'static str, Pgseal<'_>); 3] {
    [
        ("diff", diff(test)),
        ("plan", undo(test)),
        ("undo", apply(test)),
    ]
}

/// A tablespace on a file system of its own, which goes with it.
struct Small {
    folder: TempDir,
    name: String,
}

impl Small {
    fn new(name: &str, size: &str) -> Small {
        let folder = TempDir::with_prefix_in("pgs-small-", "/tmp").unwrap();
        let mount = [
            "-t",
            "tmpfs",
            "-o",
            &format!("size={size},mode=777"),
            "tmpfs",
        ]
        .map(String::from);
        tool(Command::new("mount").args(mount).arg(folder.path()), b"");
        let inner = folder.path().join("space");
        std::fs::create_dir(&inner).unwrap();
        let owner = std::fs::metadata(&cluster().dir).unwrap();
        let owner = [
            std::os::unix::fs::MetadataExt::uid(&owner),
            std::os::unix::fs::MetadataExt::gid(&owner),
        ]
        .map(Some);
        std::os::unix::fs::chown(&inner, owner[0], owner[1]).unwrap();
        let sql = format!("CREATE TABLESPACE {name} LOCATION '{}'", inner.display());
        cluster().sql("postgres", &sql);
        Small {
            folder,
            name: name.into(),
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let mut psql = cluster().psql("postgres");
        let _ = psql
            .args(["-c", &format!("DROP TABLESPACE {}", self.name)])
            .output();
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.folder.path())
            .output();
    }
}

#[test]
fn a_full_temporary_tablespace() {
    // Who may mount only in a namespace of its own cannot show it to the server.
    if !is_root() {
        return;
    }
    let test = damaged(20_000);
    let damage = content(&test.db);
    let mut cases = Cases::new();
    for (name, size, step) in [
        ("pgs_small_1", "1M", "while it loaded the rows of public.a"),
        ("pgs_small_3", "3M", "while it compared public.a"),
    ] {
        let small = Small::new(name, size);
        test.sql(&format!(
            "ALTER DATABASE {} SET temp_tablespaces = {name}",
            test.db
        ));
        for (verb, run) in verbs(&test) {
            cases.check((size, verb), || {
                let ran = run.run().fails(
                    4,
                    &["53100", step, "nothing was changed", "temp_tablespaces"],
                );
                ran.check(!ran.stderr.contains("backup before it"), "none was taken");
                assert_eq!(content(&test.db), damage);
            });
        }
        test.sql(&format!(
            "ALTER DATABASE {} RESET temp_tablespaces",
            test.db
        ));
        drop(small);
    }
    apply(&test).run().exits(0);
}

#[test]
fn a_role_without_temporary_tables() {
    let test = damaged(9);
    let (db, role) = (&test.db, format!("no_temp_{}", test.db));
    test.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON a TO {role}; REVOKE TEMPORARY ON DATABASE {db} FROM PUBLIC"
    ));
    let damage = content(db);
    let mut cases = Cases::new();
    for (verb, run) in verbs(&test) {
        cases.check(verb, || {
            let grant = format!("GRANT TEMPORARY ON DATABASE \"{db}\" TO \"{role}\";");
            let words = ["may not create temporary tables", grant.as_str()];
            run.env("PGUSER", &role).run().fails(3, &words);
            assert_eq!(content(db), damage);
        });
    }
    test.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

/// Of the same name, on the same server.
#[test]
fn a_restored_copy() {
    let test = damaged(9);
    let copy = cluster().create("template0", "");
    let dump = Command::new(crate::support::bin().join("pg_dump"))
        .env("PGHOST", &cluster().dir)
        .args(["-U", "postgres", &test.db])
        .output()
        .unwrap();
    cluster().sql(&copy, &String::from_utf8(dump.stdout).unwrap());
    let rename = |from: &str, to: &str| {
        cluster().sql("postgres", &format!("ALTER DATABASE {from} RENAME TO {to}"));
    };
    let aside = format!("{}_aside", test.db);
    rename(&test.db, &aside);
    rename(&copy, &test.db);
    let damage = content(&test.db);
    let mut cases = Cases::new();
    let counts = diff(&test).arg("--counts");
    for (verb, run) in verbs(&test).into_iter().chain([("counts", counts)]) {
        cases.check(verb, || {
            run.run()
                .fails(3, &["not the database that was backed up", "A copy of it"]);
            assert_eq!(content(&test.db), damage);
        });
    }
    rename(&test.db, &copy);
    rename(&aside, &test.db);
    cluster().discard(&copy);
}

/// gpg gives the first half of the dump, and the server ends the session while it waits for more.
#[test]
fn a_backend_that_is_ended_while_rows_are_loaded() {
    let test = damaged(20_000);
    let damage = content(&test.db);
    let loading = format!(
        "SELECT pid FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'COPY pg_temp.pgseal_sealed%' \
         AND wait_event = 'ClientRead' AND state = 'active'",
        test.db
    );
    let go_on = test.path("go-on");
    test.shim(
        "gpg",
        "*--decrypt*",
        &format!(
            "$real \"$@\" >\"$HOME/plain\" || exit\nhalf=$(($(stat -c %s \"$HOME/plain\") / 2))\n\
             head -c $half \"$HOME/plain\"\nuntil [ -e {0} ]; do sleep 0.05; done\n\
             tail -c +$((half + 1)) \"$HOME/plain\"; rm \"$HOME/plain\"",
            go_on.display()
        ),
    );
    let mut cases = Cases::new();
    for (verb, run) in verbs(&test) {
        cases.check(verb, || {
            let running = run.start();
            eventually("it loads", || !test.sql(&loading).is_empty());
            test.sql(&format!(
                "SELECT pg_terminate_backend(pid) FROM ({loading}) AS t"
            ));
            std::fs::write(&go_on, "").unwrap();
            let words = [
                "The connection was lost",
                "while it loaded the rows of public.a",
                "nothing was changed",
            ];
            let ran = running.wait().fails(4, &words);
            ran.check(!ran.stderr.contains("backup before it"), "none was taken");
            assert_eq!(content(&test.db), damage);
        });
        let _ = std::fs::remove_file(&go_on);
    }
}

/// Its transaction ids went on so far that an earlier one may pass for a later one.
#[test]
fn a_mark_from_too_long_ago() {
    let test = Test::new();
    let mut server = Pair::alone();
    server.sql("5432", "CREATE TABLE a (id int PRIMARY KEY, t text)");
    server.sql(
        "5432",
        "INSERT INTO a SELECT g, 'x' FROM generate_series(1, 9) g",
    );
    let to = server.dbname("5432");
    let guard = test.pgseal("guard").args([
        to.as_str(),
        "--table=public.a",
        "--run-id=run",
        "--envelope-file=kept.json",
        "--",
        "psql",
        "-Xqc",
        "UPDATE a SET t = 'bad' WHERE id < 4",
    ]);
    guard
        .env("PGHOST", server.host())
        .env("PGDATABASE", "postgres")
        .run()
        .exits(0);
    server.go_on(2_000_500_000);
    let with = |run: Pgseal<'_>| -> Ran { run.arg(&to).run() };
    let counts = with(test.pgseal("diff").args(["run", "--counts"]));
    counts.fails(3, &["too long ago: 2000", "transactions since"]);
    // Row by row it needs no mark.
    with(diff(&test)).exits(1);
    let ran = with(undo(&test)).exits(0);
    ran.check(
        ran.stdout.contains("too long ago: 2000"),
        "why nothing tells later rows",
    );
    let words = [
        "nothing tells rows that were written later",
        "nothing was changed",
    ];
    with(undo(&test).arg("--apply")).fails(1, &words);
    with(undo(&test).args(["--apply", "--later=keep"])).fails(1, &words);
    let bad = "SELECT count(*) FROM a WHERE t = 'bad'";
    assert_eq!(server.sql("5432", bad), "3");
    with(apply(&test)).exits(0);
    assert_eq!(server.sql("5432", bad), "0");
}

/// What functions say may be a row, so that only who spoke is told, and what helps.
#[test]
fn a_function_that_refuses() {
    let event = "CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not now'; END$$;
        CREATE EVENT TRIGGER no ON ddl_command_start WHEN TAG IN";
    let cases = [
        (
            format!("{event} ('CREATE TABLE AS') EXECUTE FUNCTION refuse()"),
            "ALTER EVENT TRIGGER … DISABLE",
            "ALTER EVENT TRIGGER no DISABLE",
        ),
        (
            format!("{event} ('ALTER TABLE') EXECUTE FUNCTION refuse()"),
            "ALTER EVENT TRIGGER … DISABLE",
            "ALTER EVENT TRIGGER no DISABLE",
        ),
        (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE '%', new; END$$;
             CREATE TRIGGER no BEFORE INSERT ON a FOR EACH ROW EXECUTE FUNCTION refuse()"
                .into(),
            "--triggers=off keeps from firing",
            "",
        ),
    ];
    let mut all = Cases::new();
    for (refusing, hint, mend) in cases {
        all.check(&refusing, || {
            let test = damaged(9);
            test.sql(
                "CREATE FUNCTION t() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$;
                CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW EXECUTE FUNCTION t()",
            );
            test.sql(&refusing);
            let damage = content(&test.db);
            let fires = ["--triggers=fire", "--triggers=off"][usize::from(!mend.is_empty())];
            let ran = apply(&test).arg(fires).run();
            let ran = ran.fails(4, &["P0001", "nothing was changed in the tables", hint]);
            ran.check(!ran.stderr.contains("not now"), "no text");
            assert_eq!(content(&test.db), damage);
            test.sql(mend);
            apply(&test).arg("--triggers=off").run().exits(0);
        });
    }
}

/// gpg may wait for a passphrase, or for other tables to pass by.
#[test]
fn a_server_that_ends_idle_sessions() {
    let test = damaged(9);
    let known = "SELECT count(*) FROM pg_settings WHERE name = 'idle_session_timeout'";
    if test.sql(known) == "0" {
        return;
    }
    test.sql(&format!(
        "ALTER DATABASE {} SET idle_session_timeout = '100ms'",
        test.db
    ));
    test.shim("gpg", "*\\ --decrypt\\ *", "sleep 1; exec $real \"$@\"");
    apply(&test).run().exits(0);
    diff(&test).run().exits(0);
}
