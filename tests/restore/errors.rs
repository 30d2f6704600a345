//! What a restore that fails tells: where, by which name, what became of the target; and no row.

use super::forge::{Prints, Target, restore};
use crate::support::{Cases, Sealed, Test, cluster, each};

fn sealed(test: &Test, tables: &[&str]) -> Sealed {
    test.sealed(&test.backup(tables).run())
}

/// In the target something makes the rows unfit, each in its own way.
#[test]
fn no_error_shows_a_row() {
    let test = Test::of(
        "CREATE TABLE a (id int, x text);
         INSERT INTO a SELECT n, 'secret ' || n FROM generate_series(1, 9) n",
    );
    let sealed = sealed(&test, &["public.a"]);
    let on_create = |action: &str| {
        format!(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF to_regclass('public.a') IS NOT NULL AND tg_tag = 'CREATE TABLE' THEN {action}; END IF; END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()"
        )
    };
    let mut cases = Cases::new();
    for (what, action, words) in [
        (
            "a check",
            "ALTER TABLE public.a ADD CONSTRAINT few CHECK (id < 5)",
            &["23514 check_violation", "table a", "constraint few", "while it restored TABLE DATA a"][..],
        ),
        (
            "a type",
            "ALTER TABLE public.a ALTER x TYPE int USING 1",
            &["22P02 invalid_text_representation"],
        ),
        (
            "a unique index",
            "CREATE UNIQUE INDEX one ON public.a ((length(x)))",
            &["23505 unique_violation", "constraint one"],
        ),
        (
            "a message of a function",
            "CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE NOTICE ''%'', NEW.x; RAISE EXCEPTION ''% TABLE NAME:  %'', NEW.x, NEW.x; END';
             CREATE TRIGGER tell BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.tell()",
            &["P0001 raise_exception"],
        ),
        (
            "what is not there",
            "DROP TABLE public.a",
            &["42P01 undefined_table", "text: relation", "does not exist"],
        ),
    ] {
        cases.check(what, || {
            let target = Target::new();
            target.sql(&on_create(action));
            for json in [&[][..], &["--json"]] {
                let ran = restore(&test, &sealed.path, &target).args(json.iter().copied()).run();
                ran.check(ran.code() == 4, what);
                ran.check(!ran.stderr.contains("secret"), "no row is shown");
                ran.says(words).says(&["nothing was changed in the target"]);
            }
            assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t", "{what}");
        });
    }
}

/// An event trigger changes the rows as they come; their number is right.
#[test]
fn a_value_that_the_target_changes_is_seen() {
    let test =
        Test::of("CREATE TABLE a (id int, x text); INSERT INTO a VALUES (1, 'one'), (2, 'two')");
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    target.sql(
        "CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.x := upper(NEW.x); RETURN NEW; END $$;
         CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           IF to_regclass('public.a') IS NULL THEN RETURN; END IF;
           CREATE TRIGGER shout BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.shout(); END $$;
         CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()",
    );
    restore(&test, &sealed.path, &target).run().fails(
        1,
        &[
            "`public.a` has 2 rows as sealed, and other values in them",
            "event triggers",
            "rolled back",
        ],
    );
    assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t");
}

/// What psql did with the last word, and what became of its answer.
#[test]
fn the_state_behind_commit_is_told() {
    let test = Test::of("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    let sealed = sealed(&test, &["public.a"]);
    let rows = |target: &Target| target.sql("SELECT to_regclass('public.a') IS NOT NULL");
    // It drops the COMMIT.
    test.shim(
        "psql",
        "*AUTOCOMMIT=off*",
        "sed -u 's/^COMMIT;$//' | $real \"$@\"; exit",
    );
    let target = Target::new();
    restore(&test, &sealed.path, &target).run().fails(
        4,
        &["psql did not commit the transaction", "nothing was changed"],
    );
    assert_eq!(rows(&target), "f");
    // It is gone before it answers; the server tells another session.
    let killed = "sed -u '/^COMMIT;$/q' | $real \"$@\"; kill -KILL $$";
    test.shim("psql", "*AUTOCOMMIT=off*", killed);
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(
        4,
        &["the transaction was committed: the tables are restored"],
    );
    assert_eq!(rows(&target), "t");
    // Nobody can be asked any more.
    let target = Target::new();
    let deaf = "sed -u '/^COMMIT;$/q' | $real \"$@\"; touch $HOME/deaf; kill -KILL $$";
    test.shim("psql", "*", &format!("if [ -e $HOME/deaf ]; then exit 2; fi; case \"$*\" in *AUTOCOMMIT=off*) {deaf};; esac; exec $real \"$@\""));
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(4, &["whether the transaction was committed is not known"]);
    assert_eq!(rows(&target), "t");
}

#[test]
fn what_connects_to_nothing_says_so() {
    let test = Test::of("CREATE TABLE a (id int)");
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    target.sql("CREATE TABLE kept (x int)");
    // The question is answered, the restore finds no server.
    test.shim(
        "psql",
        "*AUTOCOMMIT=off*",
        "exec $real \"${@/host=\\/tmp/host=\\/nonexistent}\"",
    );
    let ran = restore(&test, &sealed.path, &target).run();
    ran.fails(
        4,
        &[
            "connection to server on socket \"/nonexistent",
            "nothing was changed",
        ],
    );
    std::fs::remove_file(test.dir.join("bin/psql")).unwrap();
    restore(&test, &sealed.path, &target)
        .run()
        .exits(0)
        .prints(&["RESTORE: PASS"]);
}

/// Values that look like what psql or libpq prints, and names in values.
#[test]
fn no_value_passes_for_a_message() {
    let lines = [
        "x",
        "psql: error: SECRET",
        "\tSECRET",
        "psql:<stdin>:5: ERROR:  42703: column SECRET",
        "psql:<stdin>:7: SECRET connection to server was lost",
        "TABLE NAME:  SECRET",
        "LOCATION:  SECRET, x.c:1",
    ];
    let test = Test::of(&format!(
        "CREATE TABLE a (id int, x text, r regclass); CREATE TABLE \"SECRET\" ();
         INSERT INTO a VALUES (1, E'{}', NULL), (2, 'SECRET', NULL);
         CREATE TABLE named (r regclass); INSERT INTO named VALUES ('\"SECRET\"')",
        lines.join("\\n").replace('\t', "\\t")
    ));
    let raise = |how: &str| {
        format!(
            "CREATE FUNCTION public.tell() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN {how}; RETURN NEW; END $f$;
             CREATE TRIGGER tell BEFORE INSERT ON public.a FOR EACH ROW EXECUTE FUNCTION public.tell()"
        )
    };
    for (table, action, code) in [
        (
            "a",
            "ALTER TABLE public.a ADD CHECK (id > 5)".to_string(),
            4,
        ),
        (
            "a",
            "ALTER TABLE public.a ALTER x TYPE int USING 1".into(),
            4,
        ),
        (
            "a",
            raise(
                "RAISE EXCEPTION 'row % is refused', NEW.x USING ERRCODE = 'insufficient_privilege'",
            ),
            4,
        ),
        (
            "a",
            raise(
                "RAISE EXCEPTION 'x' USING SCHEMA = NEW.x, TABLE = 'SECRET', COLUMN = 'SECRET', CONSTRAINT = 'SECRET'",
            ),
            4,
        ),
        ("a", raise("RAISE EXCEPTION 'x' USING ERRCODE = 'SECRT'"), 4),
        ("a", raise("RAISE WARNING 'pgseal: left out: %', NEW.x"), 0),
        (
            "a",
            raise("RAISE WARNING E'x\\npsql:<stdin>:1: ERROR:  42P01: %', NEW.x"),
            0,
        ),
        ("named", "SELECT".into(), 4),
    ] {
        let sealed = sealed(&test, &[&format!("public.{table}")]);
        let target = Target::new();
        target.sql(&format!(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
               IF to_regclass('public.a') IS NULL OR tg_tag <> 'CREATE TABLE' THEN RETURN; END IF;
               EXECUTE $e${action}$e$; END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()"
        ));
        let ran = restore(&test, &sealed.path, &target).run();
        ran.check(ran.code() == code, &action);
        for value in ["SECRET", "SECRT"] {
            ran.check(!ran.stderr.contains(value), "no value is shown");
            ran.check(!ran.stdout.contains(value), "no value is shown");
        }
    }
}

/// Functions of the tables themselves run as their indexes, checks and partitions are made, and say what
/// they like; a proof runs them too.
#[test]
fn no_function_of_the_tables_shows_a_row() {
    let mut cases = Cases::new();
    for (what, body, tables) in [
        (
            "a statement made of a value",
            "EXECUTE 'SELECT FROM ' || quote_ident(x)",
            "CREATE TABLE a (x text); CREATE INDEX ON a (f(x))",
        ),
        (
            "a value that is no statement",
            "EXECUTE x",
            "CREATE TABLE a (x text); CREATE INDEX ON a (f(x))",
        ),
        (
            "a cast to an object",
            "PERFORM x::regclass",
            "CREATE TABLE a (x text); CREATE INDEX ON a (x) WHERE f(x) > 0",
        ),
        (
            "names of its choice",
            "RAISE EXCEPTION 'x' USING COLUMN = x, CONSTRAINT = x, DATATYPE = x, DETAIL = x, HINT = x",
            "CREATE TABLE a (x text CHECK (f(x) > 0))",
        ),
        (
            "a value in a class without values",
            "RAISE EXCEPTION '%', x USING ERRCODE = '42P01'",
            "CREATE TABLE a (x text, y int GENERATED ALWAYS AS (f(x)) STORED)",
        ),
        (
            "a key that is there twice",
            "RETURN 1",
            "CREATE TABLE a (x text); CREATE UNIQUE INDEX ON a (f(x))",
        ),
        (
            "an exclusion",
            "RETURN 1",
            "CREATE TABLE a (x text); ALTER TABLE a ADD EXCLUDE USING btree (f(x) WITH =)",
        ),
    ] {
        cases.check(what, || {
            // In the source it does nothing, so that the rows are there.
            let test = Test::new();
            let db = &test.db;
            test.sql(&format!(
                "CREATE FUNCTION f(x text) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
                   IF current_database() <> '{db}' THEN {body}; END IF; RETURN length(x); END $$; {tables};
                 INSERT INTO a VALUES ('SECRET'), ('SECRET ROW')"
            ));
            let sealed = sealed(&test, &["public.a"]);
            let target = Target::new();
            for command in [
                restore(&test, &sealed.path, &target),
                super::forge::prove(&test, &sealed.path),
            ] {
                let ran = command.run();
                ran.check(ran.code() == 4, "the restore fails");
                ran.check(!ran.stderr.contains("SECRET"), "no value is shown");
                ran.says(&["nothing was changed in the target"]);
            }
            assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t");
        });
    }
}

/// Behind the comparison only policies, privileges and comments follow.
#[test]
fn a_change_after_the_comparison_is_seen() {
    let test = Test::of(
        "CREATE TABLE a (id int, x text); INSERT INTO a VALUES (1, 'one'); GRANT SELECT ON a TO PUBLIC",
    );
    let sealed = sealed(&test, &["public.a"]);
    let update = "UPDATE public.a SET x = 'changed'";
    let deferred = "CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS
          'BEGIN UPDATE public.a SET x = ''changed''; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON public.a DEFERRABLE INITIALLY DEFERRED
          FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION public.late();
        UPDATE public.a SET x = x";
    each([update, deferred], |action| {
        let target = Target::new();
        target.sql(&format!(
            "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {action}; END $$;
             CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('GRANT') EXECUTE FUNCTION meddle()"
        ));
        restore(&test, &sealed.path, &target).run().fails(
            1,
            &[
                "were changed again after they had been compared",
                "rolled back",
            ],
        );
        assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t");
    });
}

/// A list of hosts, or a restart, can lead two connections to two servers.
#[test]
fn what_another_server_says_is_not_believed() {
    let test = Test::of("CREATE TABLE a (id int); INSERT INTO a VALUES (1)");
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    let asked = "$real \"$@\" | sed 's/\"server_started\" : \"[0-9.]*\"/\"server_started\" : \"1.5\"/'; exit";
    test.shim(
        "psql",
        "*",
        &format!("case \"$*\" in *AUTOCOMMIT=off*) exec $real \"$@\";; esac; {asked}"),
    );
    restore(&test, &sealed.path, &target).run().fails(
        3,
        &[
            "reached another server than the one that was asked",
            "rolled back",
        ],
    );
    target.is_empty();
    // The last answer is lost, and another server answers for it.
    let lost = "sed -u '/^COMMIT;$/q' | $real \"$@\"; touch $HOME/lost; kill -KILL $$";
    let other = "if [ -e $HOME/lost ]; then $real \"$@\" | sed 's/|[0-9.]*$/|1.5/'; exit; fi; exec $real \"$@\"";
    test.shim(
        "psql",
        "*",
        &format!("case \"$*\" in *AUTOCOMMIT=off*) {lost};; esac; {other}"),
    );
    restore(&test, &sealed.path, &target)
        .run()
        .fails(4, &["whether the transaction was committed is not known"]);
}

#[test]
fn a_role_without_temporary_tables() {
    let test = Test::of("CREATE TABLE a (id int)");
    let sealed = sealed(&test, &["public.a"]);
    let target = Target::new();
    let role = format!("plain_{}", target.db);
    target.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; REVOKE TEMPORARY ON DATABASE {} FROM PUBLIC",
        target.db
    ));
    let run = || {
        test.pgseal("restore")
            .arg(&sealed.path)
            .args(["--origin-unproved", "--skip-external"])
            .arg(format!(
                "--dbname={}",
                cluster().conninfo(&target.db, &role)
            ))
            .env("GNUPGHOME", super::forge::secret())
            .run()
    };
    let grant = format!(
        "GRANT TEMPORARY ON DATABASE \"{}\" TO \"{role}\";",
        target.db
    );
    run().fails(3, &["may not create temporary tables", &grant]);
    target.sql(&grant);
    run().exits(0);
    target.sql(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}

/// psql goes away with much still to come: that gpg meets a broken pipe is a consequence.
#[test]
fn a_row_that_the_server_refuses_is_not_the_artifacts_fault() {
    let test = Test::of(
        "CREATE TABLE a AS SELECT n AS id, repeat(md5(n::text), 4) AS x FROM generate_series(1, 60000) n;
         CREATE TABLE b AS SELECT * FROM a",
    );
    let sealed = sealed(&test, &["public.a", "public.b"]);
    let target = Target::new();
    target.sql(
        "CREATE FUNCTION meddle() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
           IF to_regclass('public.a') IS NULL OR to_regclass('public.b') IS NOT NULL THEN RETURN; END IF;
           ALTER TABLE public.a ADD CONSTRAINT few CHECK (id < 59990); END $$;
         CREATE EVENT TRIGGER meddle ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION meddle()",
    );
    for _ in 0..10 {
        let ran = restore(&test, &sealed.path, &target).run().fails(
            4,
            &[
                "psql ended with status 3 while it restored TABLE DATA a",
                "constraint few",
                "nothing was changed in the target",
            ],
        );
        let at = |words: &str| ran.stderr.find(words);
        ran.check(
            at("  restore: ") < at("  decrypt: "),
            "what failed is first",
        );
    }
    test.shim(
        "psql",
        "*AUTOCOMMIT=off*",
        "head -c 1000000 >/dev/null; kill -KILL $$",
    );
    for _ in 0..5 {
        restore(&test, &sealed.path, &target).run().fails(
            4,
            &["psql ended with signal 9 (SIGKILL)", "nothing was changed"],
        );
    }
    let lost = "head -c 1000000 >/dev/null; exit 2";
    test.shim("psql", "*AUTOCOMMIT=off*", lost);
    restore(&test, &sealed.path, &target).run().fails(
        4,
        &["psql ended with status 2", "hint: The connection was lost"],
    );
}

/// gpg opened the prelude and said so; that its output does not end is no fault of the artifact.
#[test]
fn what_a_wrapper_of_gpg_leaves_behind_is_not_the_artifacts_fault() {
    let test = Test::of("CREATE TABLE a (id int)");
    let sealed = sealed(&test, &["public.a"]);
    test.shim(
        "gpg",
        "*\\ --decrypt\\ *",
        "$real \"$@\"; how=$?; setsid sleep 30 2>/dev/null & echo $! >>$HOME/left; exit $how",
    );
    let target = Target::new();
    let verify = test.pgseal("verify").arg("--decrypt").arg(&sealed.path);
    let verify = verify.env("GNUPGHOME", super::forge::secret());
    for (what, command) in [
        ("restore", restore(&test, &sealed.path, &target)),
        ("prove-restore", super::forge::prove(&test, &sealed.path)),
        ("verify", verify),
    ] {
        let ran = command.run();
        ran.check(ran.code() == 4, what);
        ran.check(!ran.stderr.contains("artifact cannot be"), what);
        ran.says(&["still held open by another process", "type -a gpg"]);
    }
    target.is_empty();
    let left = std::fs::read_to_string(test.dir.join("home/left")).unwrap();
    for pid in left.lines() {
        let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }
}

/// The tap is left behind where a child of gpg holds its output; no COMMIT was sent by then.
#[test]
fn a_commit_that_was_not_sent_is_known_not_to_be() {
    let test = Test::of("CREATE TABLE a (id int)");
    let sealed = test.sealed(&test.backup(&["public.a"]).arg("--no-prelude").run());
    test.shim(
        "gpg",
        "*\\ --decrypt\\ *",
        "$real \"$@\"; sleep 9 2>/dev/null & exit 0",
    );
    let target = Target::new();
    let ran = restore(&test, &sealed.path, &target).arg("--timeout=3s");
    ran.run().fails(
        4,
        &[
            "not done within --timeout 3s",
            "nothing was changed in the target",
        ],
    );
    assert_eq!(target.sql("SELECT to_regclass('public.a') IS NULL"), "t");
}
