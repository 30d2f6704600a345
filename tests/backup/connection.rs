//! Which database: a connection string that is set is whole, whatever the environment says.

use crate::readiness::Report;
use crate::restore::forge::{Target, secret};
use crate::support::{Cases, Pgseal, Test, cluster};
use serde_json::Value;
use std::path::PathBuf;

/// The database that is meant, another one with a table of the same name, and a role that only
/// reads.
struct Site {
    meant: Test,
    other: Test,
    reader: String,
}

impl Site {
    fn new() -> Site {
        let meant = Test::of("CREATE TABLE t AS SELECT 1 AS a");
        let other = Test::of("CREATE TABLE t AS SELECT 2 AS a; CREATE TABLE only_here (a int)");
        let reader = format!("reader_{}", meant.db);
        meant.sql(&format!(
            "CREATE ROLE {reader} LOGIN; GRANT SELECT ON t TO {reader}"
        ));
        Site {
            meant,
            other,
            reader,
        }
    }

    /// With none of libpq's variables.
    fn bare(&self, verb: &str) -> Pgseal<'_> {
        let run = self.meant.pgseal(verb);
        ["PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"]
            .into_iter()
            .fold(run, Pgseal::unset)
    }

    fn backup(&self) -> Pgseal<'_> {
        self.bare("backup").table("public.t")
    }

    fn config(&self, dbname: &str) -> PathBuf {
        let text = format!("[postgres]\ndbname = {}\n", serde_json::json!(dbname));
        self.meant.write("pgseal.toml", &text)
    }

    fn whole(&self) -> String {
        cluster().conninfo(&self.meant.db, &self.reader)
    }

    fn uri(&self) -> String {
        let host = cluster().dir.display().to_string().replace('/', "%2F");
        format!("postgresql://{}@{host}:5432/{}", self.reader, self.meant.db)
    }

    /// The database that a run sealed.
    #[track_caller]
    fn sealed(&self, run: Pgseal<'_>) -> (String, String) {
        let ran = run.run();
        let manifest = self.meant.sealed(&ran).manifest;
        let database = manifest["server"]["database"].as_str().unwrap();
        (database.to_string(), ran.stderr)
    }

    /// The meant one, by its reader.
    #[track_caller]
    fn seals(&self, run: Pgseal<'_>, warnings: &[&str]) {
        let (database, said) = self.sealed(run);
        assert_eq!(database, self.meant.db, "{said}");
        let from = format!(
            "  from database `{database}` on host `{}` as role `{}`\n",
            cluster().dir.display(),
            self.reader
        );
        assert!(said.contains(&from), "{said}");
        let told = said.lines().filter(|line| line.contains("is passed over"));
        let told: Vec<&str> = told
            .filter_map(|line| line.strip_prefix("warning: "))
            .collect();
        assert_eq!(told, warnings, "{said}");
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.meant
            .sql(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.reader));
    }
}

#[test]
fn what_is_said_stands() {
    let site = Site::new();
    let config = site.config(&site.whole());
    let other = &site.other.db;
    let mut cases = Cases::new();
    let ways = || {
        [
            ("--dbname", site.backup().arg("--dbname").arg(site.whole())),
            (
                "PGSEAL_DBNAME",
                site.backup().env("PGSEAL_DBNAME", site.whole()),
            ),
            ("the dbname of", site.backup().arg("--config").arg(&config)),
            (
                "--dbname",
                site.backup().arg(format!("--dbname={}", site.uri())),
            ),
        ]
    };
    for (called, run) in ways() {
        cases.check(called, || site.seals(run, &[]));
    }
    for (called, run) in ways() {
        cases.check(called, || {
            let run = run
                .env("PGDATABASE", other)
                .env("PGUSER", "postgres")
                .env("PGHOST", &cluster().dir)
                .env("PGPASSWORD", "unused")
                .env("PGPASSFILE", "/nonexistent")
                .env("PGSERVICEFILE", "/nonexistent")
                .env("PGSSLROOTCERT", "/nonexistent")
                .env("PGAPPNAME", "mine")
                .env("PGTARGETSESSIONATTRS", "any")
                .env("PGTZ", "Asia/Tokyo");
            let (database, said) = site.sealed(run);
            assert_eq!(database, site.meant.db);
            for warning in [
                format!("warning: PGDATABASE={other} is passed over: {called}"),
                format!("says dbname={database}\n"),
                format!("warning: PGUSER=postgres is passed over: {called}"),
            ] {
                assert!(said.contains(&warning), "{warning}: {said}");
            }
            assert_eq!(said.matches("is passed over").count(), 2, "{said}");
        });
    }
    // The nearest of the three.
    let nearest = site.bare("backup").table("public.only_here");
    let nearest = nearest
        .arg("--config")
        .arg(&config)
        .env("PGSEAL_DBNAME", cluster().conninfo(other, "postgres"));
    assert_eq!(&site.sealed(nearest).0, other);
    let flag = site.backup().arg("--dbname").arg(site.whole());
    site.seals(flag.env("PGSEAL_DBNAME", "elsewhere"), &[]);
}

/// With host, port, user and database a service has nothing to add.
#[test]
fn a_whole_uri_and_a_service_of_the_environment() {
    let site = Site::new();
    let run = site.backup().arg(format!("--dbname={}", site.uri()));
    let warning = "PGSERVICE=gone is passed over: --dbname says host, port, user and dbname";
    site.seals(run.env("PGSERVICE", "gone"), &[warning]);
}

#[test]
fn what_is_left_open_is_not_guessed() {
    let site = Site::new();
    let db = &site.meant.db;
    let dir = cluster().dir.display().to_string();
    let mut cases = Cases::new();
    for (dbname, variable, value, keyword) in [
        (db.clone(), "PGHOST", dir.as_str(), "host"),
        (
            format!("host={dir} dbname={db}"),
            "PGUSER",
            "postgres",
            "user",
        ),
        (
            format!("host={dir} user=postgres"),
            "PGDATABASE",
            db,
            "dbname",
        ),
        (site.whole(), "PGPORT", "5432", "port"),
        (site.whole(), "PGHOSTADDR", "127.0.0.1", "hostaddr"),
        (site.whole(), "PGSERVICE", "shop_rw", "service"),
        (
            format!("host=/nonexistent,{dir} user=postgres dbname={db}"),
            "PGTARGETSESSIONATTRS",
            "standby",
            "target_session_attrs",
        ),
        (format!("postgresql:///{db}"), "PGHOST", &dir, "host"),
    ] {
        cases.check((&dbname, variable), || {
            let set = format!("{variable}={value}");
            for (called, run) in [
                ("--dbname", site.backup().arg("--dbname").arg(&dbname)),
                ("PGSEAL_DBNAME", site.backup().env("PGSEAL_DBNAME", &dbname)),
                (
                    "the dbname of",
                    site.backup().arg("--config").arg(site.config(&dbname)),
                ),
            ] {
                let open = format!("leaves {keyword} open");
                let unset = format!("hint: unset {variable}\n");
                run.env(variable, value)
                    .run()
                    .fails(3, &[called, &open, &set, &unset]);
            }
        });
    }
    let json = site.backup().arg("--json").env("PGSEAL_DBNAME", db);
    let ran = json.env("PGHOST", &dir).env("PGUSER", "postgres").run();
    let told: Value = serde_json::from_str(ran.exits(3).stderr.trim()).unwrap();
    assert_eq!(told["error"]["code"], "setting");
    let hint = told["error"]["hint"].as_str().unwrap();
    assert!(hint.starts_with("unset PGHOST PGUSER\n"), "{hint}");
    // The hint's own words are what it takes.
    let mended = format!("--dbname='dbname={db} host={dir} user=postgres'");
    let run = site.backup().arg(format!("--dbname=dbname={db}"));
    let run = run.env("PGHOST", &dir).env("PGUSER", "postgres");
    run.run().fails(3, &["unset PGHOST PGUSER", &mended]);
    let run = site.backup().arg(mended.replace('\'', ""));
    site.sealed(run.env("PGHOST", &dir).env("PGUSER", "postgres"));

    let role = site.backup().arg("--dbname").arg(site.whole());
    role.env("PGOPTIONS", "-c role=postgres")
        .run()
        .fails(3, &["PGOPTIONS sets `role`", "--dbname"]);
}

#[test]
fn a_service_of_the_config_is_above_the_environment() {
    let site = Site::new();
    let services = format!(
        "[shop]\nhost={dir}\nuser={}\ndbname={}\n\n[shop_rw]\nhost={dir}\nuser=postgres\ndbname={}\n",
        site.reader,
        site.meant.db,
        site.other.db,
        dir = cluster().dir.display()
    );
    site.meant.write("home/.pg_service.conf", &services);
    let file = site.meant.write("services", &services);
    let config = site.config("service=shop");
    let by_home = || site.backup().arg("--config").arg(&config);
    let by_file = || {
        by_home()
            .env("PGSERVICEFILE", &file)
            .env("HOME", "/nonexistent")
    };
    let called = format!("the dbname of {}", config.display());
    let host = format!(
        "PGHOST=/elsewhere is passed over: {called} says host={}",
        cluster().dir.display()
    );
    let user = format!(
        "PGUSER=postgres is passed over: {called} says user={}",
        site.reader
    );
    let service = format!("PGSERVICE=shop_rw is passed over: {called} says service=shop");
    let mut cases = Cases::new();
    for run in [by_home(), by_file()] {
        cases.check("alone", || site.seals(run, &[]));
    }
    for run in [by_home(), by_file()] {
        cases.check("other words", || {
            let run = run.env("PGHOST", "/elsewhere").env("PGUSER", "postgres");
            site.seals(run.env("PGSERVICE", "shop_rw"), &[&host, &user, &service]);
        });
    }
    cases.check("left open", || {
        let port = by_home().env("PGPORT", "5433").run();
        port.fails(3, &["leaves port open", "PGPORT=5433", "unset PGPORT"]);
    });
    cases.check("what the service says is not known", || {
        let run = by_home().env("HOME", "/nonexistent");
        run.env("PGHOST", "/elsewhere")
            .run()
            .fails(3, &["leaves host open"]);
    });
    cases.check("without a dbname", || {
        let run = site.bare("backup").table("public.only_here");
        let (database, said) = site.sealed(run.env("PGSERVICE", "shop_rw"));
        assert_eq!(database, site.other.db, "{said}");
    });
}

/// The writer's connection is in the environment, the backup's in the config.
#[test]
fn guards_command_has_its_environment() {
    let site = Site::new();
    let services = format!("[shop_rw]\nhost={}\n", cluster().dir.display());
    site.meant.write("home/.pg_service.conf", &services);
    let config = site.config(&site.uri());
    let run = site.bare("guard").table("public.t").arg("--config");
    let run = run.arg(config).env("PGSERVICE", "shop_rw");
    let run = run
        .env("PGUSER", "postgres")
        .env("PGDATABASE", &site.other.db);
    let run = run
        .env("PGOPTIONS", "-c work_mem=1MB")
        .args(["--", "sh", "-c", "env | grep ^PG"]);
    let ran = run.run().exits(0);
    for line in [
        "PGSERVICE=shop_rw".into(),
        "PGUSER=postgres".into(),
        format!("PGDATABASE={}", site.other.db),
        "PGOPTIONS=-c work_mem=1MB".into(),
    ] {
        ran.check(ran.stdout.lines().any(|found| found == line), &line);
    }
    for name in ["PGCONNECT_TIMEOUT", "PGTZ", "PGCLIENTENCODING"] {
        ran.check(!ran.stdout.contains(name), name);
    }
    let from = format!("from database `{}`", site.meant.db);
    let role = format!("as role `{}`", site.reader);
    ran.says(&[&from, &role, "PGSERVICE=shop_rw is passed over"]);

    let run = site.bare("guard").table("public.t");
    let run = run.arg(format!("--dbname=dbname={}", site.meant.db));
    let run = run
        .env("PGHOST", &cluster().dir)
        .args(["--", "echo", "ran"]);
    run.run().fails(125, &["leaves host open", "PGHOST="]);
}

#[test]
fn a_password_may_come_from_the_environment() {
    let site = Site::new();
    let test = &site.meant;
    test.sql("GRANT SELECT ON t TO locked_out");
    let conninfo = cluster().conninfo(&test.db, "locked_out");
    let run = || site.backup().arg("--dbname").arg(&conninfo);
    run().run().fails(3, &["no password supplied"]);
    let ran = run().env("PGPASSWORD", "the right one").run();
    test.sealed(&ran);
    let line = format!("*:*:{}:locked_out:the right one\n", test.db);
    let passfile = test.write("pgpass", &line);
    test.sealed(&run().env("PGPASSFILE", passfile).run());
    test.sql("REVOKE ALL ON t FROM locked_out");
}

/// Of several hosts, the one that answered is told.
#[test]
fn several_hosts() {
    let site = Site::new();
    let dir = cluster().dir.display();
    let (db, reader) = (&site.meant.db, &site.reader);
    let keywords = format!("host=/nonexistent,{dir} user={reader} dbname={db}");
    let uri = format!(
        "postgresql://{reader}@%2Fnonexistent,{}/{db}?target_session_attrs=any",
        dir.to_string().replace('/', "%2F")
    );
    for conninfo in [&keywords, &uri] {
        let run = || site.backup().arg("--dbname").arg(conninfo);
        site.seals(run(), &[]);
        let warning = format!("PGHOST={dir} is passed over: --dbname says host=/nonexistent,{dir}");
        site.seals(run().env("PGHOST", &cluster().dir), &[&warning]);
    }
}

/// One rule for every verb that connects, and none for those that do not.
#[test]
fn every_verb() {
    let site = Site::new();
    let (db, dir) = (&site.meant.db, &cluster().dir);
    let sealed = site
        .meant
        .sealed(&site.backup().arg("--dbname").arg(site.whole()).run());
    let target = Target::new();
    let open: &[&str] = &["leaves host open", "PGHOST="];
    for verb in ["backup", "prove-backup"] {
        let run = site.bare(verb).table("public.t").env("PGSEAL_DBNAME", db);
        run.env("PGHOST", dir).run().fails(3, open);
    }
    let restore = |to: &str| {
        let run = site
            .bare("restore")
            .arg(&sealed.path)
            .arg("--origin-unproved");
        run.env("GNUPGHOME", secret()).arg(format!("--dbname={to}"))
    };
    restore(&target.db).env("PGHOST", dir).run().fails(3, open);
    target.is_empty();
    let to = cluster().conninfo(&target.db, "postgres");
    let warning = format!("warning: PGDATABASE={db} is passed over: --dbname says dbname=");
    restore(&to)
        .env("PGDATABASE", db)
        .run()
        .exits(0)
        .says(&[&warning]);
    assert_eq!(target.sql("SELECT a FROM t"), "1");
    restore(&to).run().fails(
        3,
        &[
            "`public.t` exists already",
            &format!(
                "database `{}` on host `{}` as role `postgres`",
                target.db,
                dir.display()
            ),
        ],
    );

    let readiness = |run: Pgseal<'_>| {
        let run = run.table("public.t").arg("--json");
        Report::of(&run.run())
    };
    let unclear = || {
        site.bare("readiness")
            .env("PGSEAL_DBNAME", db)
            .env("PGHOST", dir)
    };
    let report = readiness(unclear());
    report.says(
        "database",
        "FAILED",
        &["leaves host open", "unset PGHOST\n"],
    );
    report.says("target_tables", "UNKNOWN", &[]);
    let preflight = site
        .bare("preflight")
        .env("PGSEAL_DBNAME", db)
        .env("PGHOST", dir);
    let list = preflight.table("public.t").run().exits(1).stdout;
    assert!(list.contains("\n      unset PGHOST\n"), "{list}");
    let clear = site.bare("readiness").env("PGSEAL_DBNAME", site.whole());
    let report = readiness(clear.env("PGDATABASE", &site.other.db));
    let place = format!(
        "database `{db}` on host `{}` as role `{}`",
        dir.display(),
        site.reader
    );
    let warning = format!("PGDATABASE={} is passed over", site.other.db);
    report.says("database", "READY", &[&place, &warning]);

    for verb in [
        &["list"][..],
        &["verify", &sealed.run_id],
        &["prune", "--keep-last=1"],
    ] {
        let run = site.bare(verb[0]).args(&verb[1..]).env("PGSEAL_DBNAME", db);
        run.env("PGHOST", dir).run().exits(0);
    }
}

#[test]
fn an_error_about_a_table_says_where() {
    let site = Site::new();
    let dir = cluster().dir.display();
    let (db, reader) = (&site.meant.db, &site.reader);
    let place = format!("(database `{db}` on host `{dir}` as role `{reader}`)");
    let run = |table: &str| {
        let run = site.bare("backup").table(table);
        run.arg("--dbname").arg(site.whole())
    };
    run("public.only_here").run().fails(
        3,
        &[&format!("table `public.only_here` does not exist {place}")],
    );
    site.meant.sql("CREATE TABLE closed (a int)");
    run("public.closed").run().fails(3, &["no SELECT", &place]);
    let both = run("public.closed").table("public.only_here").run();
    both.fails(3, &[&format!("2 tables cannot be backed up {place}: ")]);
    site.meant
        .shim_dump("echo 'pg_dump: error: no luck' >&2; exit 3");
    run("public.t")
        .run()
        .fails(4, &[&format!("cannot back up `public.t` {place}")]);
    let prove = site.bare("prove-backup").table("public.t");
    let prove = prove.arg("--dbname").arg(site.whole()).run();
    prove.fails(4, &[&place]);
    let report = site.bare("readiness").table("public.only_here");
    let report = Report::of(&report.arg("--json").arg("--dbname").arg(site.whole()).run());
    report.says("target_tables", "MISSING", &["does not exist", &place]);
}
