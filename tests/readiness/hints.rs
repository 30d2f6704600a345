//! Hints work as printed: in each state that prints commands they are run, and then the row is READY.

use super::{BACKUP_RUNNER, Host, Report};
use crate::support::{Cases, ECC, PAST, SIGN_ONLY, cluster, end_agent, is_root, tool};

/// A state of the host, and what is asked in it.
struct State {
    host: Host,
    row: &'static str,
    args: Vec<String>,
    /// What a person would put in the place of a word in capitals.
    filled: Vec<(&'static str, String)>,
}

impl State {
    fn of(host: Host, row: &'static str) -> State {
        State {
            host,
            row,
            args: Vec::new(),
            filled: Vec::new(),
        }
    }

    fn args(mut self, args: &[&str]) -> State {
        self.args = args.iter().map(|arg| (*arg).to_string()).collect();
        self
    }

    fn report(&self) -> Report {
        let args = ["preflight", "--json"].into_iter();
        let args: Vec<&str> = args.chain(self.args.iter().map(String::as_str)).collect();
        Report::of(&self.host.run(&args))
    }

    /// Runs the row's hint on a terminal, where the operator's secret keys are.
    #[track_caller]
    fn mended(&self, lines: usize) {
        let before = self.report();
        assert_ne!(before.state(self.row), "READY");
        let hint = before.hint(self.row);
        let commands = hint.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(commands.count(), lines, "{hint}");
        let filled = self.filled.iter();
        let script = filled.fold(hint, |hint, (word, value)| hint.replace(word, value));
        let keyfile = self.host.path("KEYFILE").display().to_string();
        let script = self
            .host
            .write("mend.sh", &script.replace("KEYFILE", &keyfile));
        let bin = self.host.path("bin/pgseal");
        let _ = std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pgseal"), bin);
        let run = format!("bash -e {}", script.display());
        let ran = self.host.command(&["script", "-qec", &run, "/dev/null"]);
        let operator = &self.host.operator.path;
        let ran = ran.env("GNUPGHOME", operator).env("TERM", "dumb");
        // A person would leave it.
        let ran = ran.env("PAGER", "cat").run();
        ran.exits(0);
        let after = self.report();
        assert_eq!(after.state(self.row), "READY", "{}", after.told(self.row));
    }
}

/// With a role that may read nothing of ours, in the environment of the host's runs.
fn reader(sql: &str) -> Host {
    let mut host = Host::ready();
    let role = format!("r_{}", host.db);
    host.sql(&format!("CREATE ROLE {role} LOGIN"));
    host.sql(&sql.replace("READER", &role));
    host.set("PGUSER", role);
    host
}

#[test]
fn rights_are_granted_in_one_round() {
    let schema = "REVOKE ALL ON SCHEMA public FROM PUBLIC;
        CREATE SCHEMA \"It's\"; CREATE SEQUENCE \"It's\".free;
        CREATE TABLE public.parent (a serial, b int DEFAULT nextval('\"It''s\".free'));
        CREATE TABLE public.child () INHERITS (public.parent);
        CREATE TABLE \"It's\".\"T x\" (a int GENERATED ALWAYS AS IDENTITY);";
    let tables = ["--table=public.parent", "--table=It's.T x"];
    State::of(reader(schema), "target_tables")
        .args(&tables)
        .mended(1);
    // Over a connection string that names the reader, and two owners.
    let host = reader(schema);
    let owner = format!("o_{}", host.db);
    host.sql(&format!(
        "CREATE ROLE {owner} LOGIN; ALTER TABLE \"It's\".\"T x\" OWNER TO {owner};
         GRANT USAGE ON SCHEMA \"It's\" TO {owner}"
    ));
    let conninfo = cluster().conninfo(&host.db, &format!("r_{}", host.db));
    let to = format!("--dbname={conninfo}");
    let args = [&tables[..], &[&to]].concat();
    State::of(host, "target_tables").args(&args).mended(2);
}

#[test]
fn row_security_is_passed_by() {
    let mut cases = Cases::new();
    let secured = "CREATE TABLE public.t (a int); GRANT SELECT ON public.t TO READER;
        ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;";
    for (more, says) in [
        ("", "Connect as the table's owner"),
        (
            "ALTER TABLE public.t OWNER TO READER; ALTER TABLE public.t FORCE ROW LEVEL SECURITY",
            "forces its row security upon its owner too",
        ),
    ] {
        cases.check(says, || {
            let host = reader(&format!("{secured}{more}"));
            let state = State::of(host, "target_tables").args(&["--table=public.t"]);
            state.report().says("target_tables", "FAILED", &[says]);
            state.mended(1);
        });
    }
}

#[test]
fn a_key_is_renewed_or_imported() {
    let mut cases = Cases::new();
    let published = |host: Host, fpr: &str| {
        host.publish(fpr);
        State::of(host, "backup_key")
    };
    cases.check("primary and subkey have expired", || {
        let host = Host::ready();
        let fpr = host.key(ECC, PAST);
        published(host, &fpr).mended(4);
    });
    cases.check("the subkey has expired", || {
        let host = Host::ready();
        let fpr = host
            .operator
            .key("k", SIGN_ONLY, "Creation-Date: 20200101T000000");
        let mut add = host.operator.gpg();
        add.args(["--pinentry-mode=loopback", "--passphrase", ""])
            .args(["--faked-system-time", "20200102T000000!", "--quick-add-key"])
            .args([&fpr, "cv25519", "encr", "1d"]);
        tool(&mut add, b"");
        host.gnupg.import(&host.operator.export(&fpr));
        let subkey = host.gnupg.fingerprints(&fpr).pop().unwrap();
        let state = published(host, &fpr);
        let told = format!("has expired: its subkey {subkey} on 2020-01-03");
        let renew = format!("gpg --quick-set-expire {fpr} 2y {subkey}\n");
        state
            .report()
            .says("backup_key", "FAILED", &[&told, &renew]);
        state.mended(3);
    });
    cases.check("no encryption subkey", || {
        let host = Host::ready();
        let fpr = host.key(SIGN_ONLY, "Expire-Date: 1y");
        // In place of a pinentry, which a person answers.
        let nothing = host.write("no passphrase", "\n");
        let answers = format!(
            "pinentry-mode loopback\npassphrase-file {}\n",
            nothing.display()
        );
        std::fs::write(host.operator.path.join("gpg.conf"), answers).unwrap();
        published(host, &fpr).mended(3);
    });
    cases.check("disabled", || {
        let host = Host::ready();
        let fpr = host.key(ECC, "Expire-Date: 1y");
        host.gnupg.disable(&fpr);
        published(host, &fpr).mended(1);
    });
    cases.check("not in the keyring", || {
        let host = Host::ready();
        let fpr = host.operator.key("k", ECC, "Expire-Date: 1y");
        std::fs::write(host.path("KEYFILE"), host.operator.export(&fpr)).unwrap();
        published(host, &fpr).mended(1);
    });
    cases.check("not set", || {
        let host = Host::ready();
        let fpr = host.key(ECC, "Expire-Date: 1y");
        host.write(".env", "");
        let mut state = State::of(host, "backup_key");
        state.filled.push(("FINGERPRINT", fpr));
        state.mended(2);
    });
    cases.check("the file that names it may be written by others", || {
        let host = Host::ready();
        host.mode(&host.path(".env"), 0o666);
        State::of(host, "backup_key").mended(1);
    });
}

#[test]
fn the_store_is_made_and_closed() {
    let host = Host::ready();
    std::fs::remove_dir(host.store()).unwrap();
    State::of(host, "store").mended(1);
    let host = Host::ready();
    host.mode(&host.store(), 0o777);
    State::of(host, "store").mended(1);
}

/// A section that is there is not appended again: the file could not be read then.
#[test]
fn the_seam_is_added_once() {
    let filled = |host: Host| {
        let mut state = State::of(host, "pre_write_backup_seam");
        let runner = BACKUP_RUNNER.to_string();
        state.filled.push(("/PATH/TO/backup_runner.py", runner));
        state
    };
    filled(Host::new()).mended(1);
    for section in [
        "[seam]\n",
        "[seam]\ncommand = []\n",
        "[seam]\ncommand = [\"/nonexistent\"]\n",
    ] {
        let host = Host::new();
        let text = std::fs::read_to_string(host.path("pgseal.toml")).unwrap();
        host.write("pgseal.toml", &format!("{text}\n{section}"));
        let state = filled(host);
        let hint = state.report().hint("pre_write_backup_seam");
        assert!(hint.lines().all(|line| line.starts_with('#')), "{hint}");
        assert!(hint.contains("in the [seam] section of"), "{hint}");
    }
}

/// The number that the hint names is what is needed.
#[test]
fn one_session_too_few() {
    let host = reader("CREATE TABLE public.t (a int); GRANT SELECT ON public.t TO READER");
    let role = format!("r_{}", host.db);
    let limit = |n: u32| host.sql(&format!("ALTER ROLE {role} CONNECTION LIMIT {n}"));
    let backup = || host.run(&["backup", "--table=public.t"]);
    limit(0);
    backup().fails(3, &["too many connections", "pgseal needs two at once"]);
    limit(2);
    backup().exits(0);
    let report = Report::of(&host.run(&["readiness", "--json", "--table=public.t"]));
    report.says("database", "READY", &[]);
    report.says("backup_runner", "READY", &[]);
}

/// What was given on the command line is needed again.
#[test]
fn a_command_of_ours_repeats_what_was_given() {
    let host = Host::ready();
    let copy = |name: &str| host.path(name).display().to_string();
    std::fs::rename(host.path("pgseal.toml"), host.path("my config.toml")).unwrap();
    let config = format!("--config={}", copy("my config.toml"));
    let store = format!("--store={}", copy("other store"));
    let args = [
        "preflight",
        "--json",
        &config,
        &store,
        "--table=public.nosuch",
    ];
    let report = Report::of(&host.run(&args));
    let again = format!(
        "pgseal preflight --config='{}' --store='{}' --table=public.nosuch",
        copy("my config.toml"),
        copy("other store")
    );
    report.says("backup_runner", "UNKNOWN", &[&again]);
    // The environment and the config file hold for the next run as well.
    let ready = Host::ready();
    ready.config("\"public.unit_version\"", "\"public.unit_versions\"");
    let hint = ready.readiness().hint("backup_runner");
    assert!(hint.ends_with("\npgseal preflight"), "{hint}");
}

/// As apt-get would bring them: what a package is known to hold comes onto PATH.
const APT: &str = r#"[ "$1" = install ] || exit 100
for package in "${@:2}"; do
  case $package in
    gnupg) programs='gpg gpgconf gpg-agent' ;;
    postgresql-client*) programs='psql pg_dump' ;;
    *) exit 100 ;;
  esac
  for program in $programs; do /bin/ln -sf "/usr/bin/$program" "${0%/*}/$program"; done
done"#;

#[test]
fn programs_are_installed() {
    let mut cases = Cases::new();
    for (row, lacks) in [
        ("gpg_binary", "gpg"),
        ("gpg_mechanism", "gpgconf"),
        ("backup_key", "gpg"),
        ("pg_dump", "pg_dump"),
        ("database", "psql"),
        ("restore_closure", "psql"),
    ] {
        cases.check((row, lacks), || {
            let mut host = Host::ready();
            let all = [
                "bash",
                "script",
                "gpg",
                "gpgconf",
                "gpg-agent",
                "psql",
                "pg_dump",
            ];
            let all = all.into_iter().filter(|program| *program != lacks);
            host.only(&all.collect::<Vec<_>>());
            host.script("apt-get", APT);
            State::of(host, row).mended(1);
        });
    }
}

/// Where no config file has a section for it.
#[test]
fn the_scope_is_written() {
    let bare = |sql: &str| {
        let host = Host::ready();
        host.sql(sql);
        let text = std::fs::read_to_string(host.path("pgseal.toml")).unwrap();
        let (_, behind) = text.split_once("[scope]").unwrap();
        let (_, behind) = behind.split_once("\n[").unwrap();
        host.write("pgseal.toml", &format!("[{behind}"));
        host
    };
    let mut state = State::of(bare("CREATE TABLE public.t (a int)"), "target_tables");
    state.filled.push(("SCHEMA.TABLE", "public.t".into()));
    state.mended(2);
    let host = bare("CREATE TABLE public.t (a int); CREATE VIEW public.v AS TABLE public.t");
    let state = State::of(host, "restore_closure").args(&["--table=public.t"]);
    state.mended(1);
}

/// In the shell that has it, a variable can be taken away.
#[test]
fn a_variable_that_is_in_the_way() {
    let mut host = Host::ready();
    let dbname = format!("dbname={}", host.db);
    let dir = cluster().dir.clone();
    host.set("PGSEAL_DBNAME", format!("{dbname} user=postgres"));
    host.set("PGHOST", &dir);
    let before = Report::of(&host.run(&["preflight", "--json"]));
    before.says("database", "FAILED", &["leaves host open"]);
    let hint = before.hint("database");
    assert!(hint.lines().any(|line| line == "unset PGHOST"), "{hint}");
    // The other one: what is meant, written whole.
    let whole = format!("host={} {dbname} user=postgres", dir.display());
    host.set("PGSEAL_DBNAME", &whole);
    let after = Report::of(&host.run(&["preflight", "--json"]));
    after.says("database", "READY", &[]);
    assert!(
        hint.contains(&whole) || hint.contains("write it whole"),
        "{hint}"
    );
}

/// One who may make neither /etc/pgseal nor /var/lib/pgseal, and pastes all hints into one shell.
#[test]
fn a_user_who_is_not_root() {
    let host = Host::ready();
    host.sql("CREATE TABLE public.t (a int)");
    let fpr = std::fs::read_to_string(host.path(".env")).unwrap();
    let fpr = fpr.trim().trim_start_matches("BACKUP_GPG_FPR=").to_string();
    let key = host.path("key.asc");
    std::fs::write(&key, host.operator.export(&fpr)).unwrap();
    let home = host.path("the user");
    std::fs::create_dir(&home).unwrap();
    let mut user: &[&str] = &[];
    if is_root() {
        std::os::unix::fs::chown(&home, Some(65534), Some(65534)).unwrap();
        user = &[
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
        ];
    }
    host.mode(&host.dir, 0o755);
    host.mode(&key, 0o644);
    let runner = host.path("runner.py");
    std::fs::copy(BACKUP_RUNNER, &runner).unwrap();
    host.copy_of_pgseal("bin/pgseal");
    let shell = |script: &str| {
        let words = [user, &["bash", "-c", script]].concat();
        let mut run = host.command(&words).env("HOME", &home);
        for ours in [
            "PGSEAL_CONFIG",
            "PGSEAL_STORE",
            "GNUPGHOME",
            "BACKUP_GPG_FPR",
        ] {
            run = run.unset(ours);
        }
        run.run()
    };
    shell(&format!("gpg --quiet --import '{}'", key.display())).exits(0);
    let before = Report::of(&shell("pgseal preflight --json"));
    let rows = [
        "backup_key",
        "target_tables",
        "store",
        "pre_write_backup_seam",
    ];
    let hints = rows.map(|row| {
        assert_eq!(before.state(row), "MISSING", "{}", before.told(row));
        before.hint(row)
    });
    let hints = hints.join("\n");
    for line in ["export PGSEAL_STORE=", "export PGSEAL_CONFIG="] {
        assert!(hints.contains(line), "{hints}");
    }
    let runner = runner.display().to_string();
    let filled = [
        ("FINGERPRINT", &*fpr),
        ("SCHEMA.TABLE", "public.t"),
        ("/PATH/TO/backup_runner.py", &runner),
    ];
    let hints = filled.iter().fold(hints, |hints, (word, value)| {
        assert!(hints.contains(word), "{hints}");
        hints.replace(word, value)
    });
    let after = shell(&format!("{{ {hints}\n}} >&2; pgseal preflight --json"));
    end_agent(&home.join(".gnupg"));
    let report = Report::of(&after);
    assert_eq!(
        report.verdict(),
        "READY READY READY READY NONE PASS",
        "{}",
        after.whole()
    );
}
