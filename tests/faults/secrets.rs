//! No secret and no row where it must not be: every verb, seen from outside with all that it starts.

use crate::restore::forge::Target;
use crate::signing::site::Site;
use crate::support::{Call, Cases, Home, Pgseal, Ring, Strace, cluster};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

const PASSPHRASE: &str = "canary-of-the-passphrase";
const IN_PGPASS: &str = "canary-of-pgpass";
const IN_SERVICE: &str = "canary-of-the-service";
const ROW: &str = "canary-of-a-row";
/// PGPASSWORD and APP_SECRET, of every test.
const IN_ENVIRONMENT: &str = "hunter2-in-the-environment";

const CANARIES: [&str; 5] = [PASSPHRASE, IN_PGPASS, IN_SERVICE, ROW, IN_ENVIRONMENT];

struct World {
    /// Where the secret key is, behind a passphrase; its agent ends before the site looks for what is
    /// left.
    operator: Home,
    recipient: String,
    site: Site,
}

impl World {
    fn new() -> World {
        let site = Site::new();
        site.sql(&format!(
            "CREATE TABLE rows (x text); INSERT INTO rows VALUES ('{ROW}')"
        ));
        site.write("pgpass", &format!("*:*:*:*:{IN_PGPASS}\n"));
        let service = format!(
            "[meant]\nhost={}\nport=5432\nuser=postgres\ndbname={}\npassword={IN_SERVICE}\n",
            cluster().dir.display(),
            site.db
        );
        site.write("services", &service);
        let operator = Home::new(site.path("operator"), &Ring::new());
        let recipient = operator.protected_key(PASSPHRASE);
        site.host.import(&operator.export(&recipient));
        operator.import(&site.host.export(&site.key));
        World {
            operator,
            recipient,
            site,
        }
    }

    fn run(&self, verb: &str) -> Pgseal<'_> {
        let run = self
            .site
            .pgseal(verb)
            .env("BACKUP_GPG_FPR", &self.recipient);
        run.env("PGPASSFILE", self.site.path("pgpass"))
            .env("PGSERVICEFILE", self.site.path("services"))
    }

    fn of_rows(&self, verb: &str) -> Pgseal<'_> {
        self.run(verb).table("public.rows")
    }

    /// With the secret key, and its passphrase on standard input.
    fn opening(&self, verb: &str) -> Pgseal<'_> {
        let run = self.run(verb).env("GNUPGHOME", &self.operator.path);
        run.arg("--passphrase-fd=0")
            .input(format!("{PASSPHRASE}\n").as_bytes())
    }
}

/// Files in which a secret is because we put it there.
fn is_ours(path: &Path) -> bool {
    ["pgpass", "services", "trace"]
        .iter()
        .any(|name| path.ends_with(name))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let (path, kind) = entry
            .map(|entry| (entry.path(), entry.file_type().unwrap()))
            .unwrap();
        if kind.is_dir() {
            files(&path, found);
        } else if kind.is_file() && !is_ours(&path) {
            found.push(path);
        }
    }
}

fn canary(text: &str) -> Option<&'static str> {
    CANARIES.into_iter().find(|canary| text.contains(canary))
}

/// A program that was started: no secret in its words, and in its environment only what it needs.
fn starts(call: &Call) {
    let (program, rest) = call.args.split_once(", ").unwrap();
    let program = program.trim_matches('"');
    // strace starts pgseal, and guard hands its whole environment to COMMAND.
    if program.ends_with("/pgseal") || program.ends_with("/true") {
        return;
    }
    let (words, environment) = rest.split_once("], [").unwrap_or((rest, ""));
    assert_eq!(canary(words), None, "in argv: {rest}");
    let connects = ["/psql", "/pg_dump"]
        .iter()
        .any(|name| program.ends_with(name));
    let needs = connects && !words.contains("--version");
    let password = format!("\"PGPASSWORD={IN_ENVIRONMENT}\"");
    let rest = if needs {
        environment.replacen(&password, "", 1)
    } else {
        environment.into()
    };
    assert_eq!(
        canary(&rest),
        None,
        "in the environment of {program}: {environment}"
    );
}

/// What was written to a file, but for the throw-away cluster of a proof, which holds rows by design.
fn writes(call: &Call) {
    let to_file = call
        .args
        .split_once('<')
        .is_some_and(|(_, path)| path.starts_with('/'));
    let cluster = call.args.contains("/pgseal-cluster-");
    assert!(
        !to_file || cluster || canary(&call.args).is_none(),
        "{}",
        call.args
    );
}

#[test]
fn every_verb_keeps_them() {
    let world = World::new();
    let site = &world.site;
    let target = Target::new();
    let envelope = site.path("kept").display().to_string();
    let proved = format!("--envelope={envelope}");
    let into = format!("--dbname={}", cluster().conninfo(&target.db, "postgres"));
    let by_service = ["PGHOST", "PGUSER", "PGDATABASE", "PGPASSWORD"]
        .into_iter()
        .fold(world.of_rows("backup"), Pgseal::unset);
    let runs: Vec<(&str, Pgseal<'_>, &[i32])> = vec![
        ("backup", world.of_rows("backup").arg("--run-id=r"), &[0]),
        (
            "service",
            by_service.args(["--dbname=service=meant", "--run-id=s"]),
            &[0],
        ),
        ("dry run", world.of_rows("backup").arg("--dry-run"), &[0]),
        (
            "guard",
            world.of_rows("guard").args(["--run-id=g", "--", "true"]),
            &[0],
        ),
        ("verify", world.run("verify").args(["r", "--json"]), &[0]),
        (
            "verify --decrypt",
            world.opening("verify").args(["r", "--decrypt"]),
            &[0],
        ),
        (
            "restore",
            world.opening("restore").args(["r", &proved, &into]),
            &[0],
        ),
        (
            "restore again",
            world.opening("restore").args(["r", &proved, &into]),
            &[3],
        ),
        (
            "prove-restore",
            world.opening("prove-restore").args(["r", &proved]),
            &[0],
        ),
        ("prove-backup", world.of_rows("prove-backup"), &[0]),
        ("prove-mechanism", world.run("prove-mechanism"), &[0]),
        (
            "readiness",
            world.of_rows("readiness").arg("--format=markdown"),
            &[0, 1],
        ),
        ("preflight", world.of_rows("preflight"), &[0, 1]),
        (
            "operator-package",
            world.run("operator-package").arg("--part=host"),
            &[0],
        ),
        ("sign", world.run("sign").args(["r", &proved]), &[0]),
        ("list", world.run("list"), &[0]),
        (
            "prune",
            world.run("prune").args(["--keep-last=1", "--apply"]),
            &[0],
        ),
    ];
    let (mut cases, mut seen) = (Cases::new(), BTreeSet::new());
    for (name, run, codes) in runs {
        cases.check(name, || {
            let trace = "--trace=execve,write,pwrite64,writev,pwritev";
            let (ran, calls) = Strace::new(&site.dir, &[trace, "--no-abbrev"]).run(run);
            ran.check(codes.contains(&ran.code()), "it does its work");
            if name == "backup" {
                std::fs::write(&envelope, &ran.stdout).unwrap();
            }
            let met = calls
                .iter()
                .flat_map(|call| CANARIES.into_iter().filter(|c| call.args.contains(c)));
            seen.extend(met);
            let told = format!("{}{}", ran.stdout, ran.stderr);
            assert_eq!(canary(&told), None, "it is told");
            let started = calls.iter().filter(|call| call.name == "execve");
            started.filter(|call| call.result == "0").for_each(starts);
            calls
                .iter()
                .filter(|call| call.name != "execve")
                .for_each(writes);
            let mut left = Vec::new();
            files(&site.dir, &mut left);
            assert!(!left.is_empty());
            for path in left {
                let bytes = std::fs::read(&path).unwrap();
                let text = String::from_utf8_lossy(&bytes);
                assert_eq!(canary(&text), None, "in {}", path.display());
            }
        });
    }
    // On their way through pipes, and in psql's environment; libpq reads the others itself.
    assert_eq!(seen, BTreeSet::from([PASSPHRASE, ROW, IN_ENVIRONMENT]));
}
