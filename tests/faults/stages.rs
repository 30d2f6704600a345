//! Each program that a run starts, failing in each way: the run says so in a documented way, in time,
//! and leaves nothing; or it did not need what was wrong, and is whole.

use super::all;
use crate::restore::forge::{Target, secret};
use crate::signing::site::Site;
use crate::support::{Cases, Ran, eventually, processes};
use serde_json::Value;
use std::collections::BTreeMap;

/// A program, and the pattern of the call that a shim takes.
const BACKUP: &[(&str, &str, &str)] = &[
    ("catalog", "psql", "*"),
    ("keys", "gpg", "*\\ --list-keys\\ *"),
    ("prelude dump", "pg_dump", "*--schema-only*"),
    ("dump", "pg_dump", "*--strict-names*"),
    ("encryption", "gpg", "*\\ --encrypt\\ *"),
    ("signature", "gpg", "*\\ --detach-sign\\ *"),
];
const RESTORE: &[(&str, &str, &str)] = &[
    ("decryption", "gpg", "*\\ --decrypt\\ *"),
    ("target", "psql", "*"),
    ("transaction", "psql", "*AUTOCOMMIT=off*"),
];

/// The first is tried everywhere: without a fault, each stage does its work.
const KINDS: &[(&str, &str)] = &[
    ("works", "exec $real \"$@\""),
    ("fails at once", "exit 7"),
    ("says why", "echo 'no luck' >&2; exit 1"),
    ("fails half-way", "$real \"$@\" | head -c 150; exit 1"),
    ("fails at its end", "$real \"$@\"; exit 1"),
    ("ends early", "$real \"$@\" | head -c 150; exit 0"),
    ("does nothing", "exit 0"),
    ("loses the last byte", "$real \"$@\" | head -c -1; exit 0"),
    ("writes garbage", "head -c 3000 /dev/urandom"),
    ("adds garbage", "$real \"$@\"; head -c 3000 /dev/urandom"),
    ("is killed", "kill -KILL $$"),
    ("crashes at its end", "$real \"$@\"; kill -SEGV $$"),
    ("reads nothing, then hangs", "exec <&-; exec sleep 100"),
    ("closes its output, then hangs", "exec >&-; exec sleep 100"),
    ("works, then hangs", "$real \"$@\"; exec sleep 100"),
    ("leaves a child behind", "$real \"$@\"; sleep 100 & exit 1"),
];

/// How each kind ended at each stage.
#[derive(Default)]
struct Told(BTreeMap<(&'static str, &'static str), String>);

impl Told {
    fn ended(&mut self, stage: &'static str, kind: &'static str, ran: &Ran) {
        let last = ran.stderr.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(last).unwrap_or_default();
        let how = match error["error"]["code"].as_str() {
            Some(code) => format!("{code}, {}", ran.code()),
            None => "whole".into(),
        };
        ran.check((how == "whole") == (ran.code() == 0), "an error at the end");
        ran.check(kind != "works" || how == "whole", "it works");
        // One that reads no further is seen at once, where there is something to read; one whose
        // answer never comes is not.
        let hangs = kind.contains("hangs") || kind == "loses the last byte";
        ran.check(!how.starts_with("timeout") || hangs, "its own error");
        self.0.insert((stage, kind), how);
    }

    /// A line a kind, a column a stage.
    fn print(&self, stages: &[(&'static str, &str, &str)]) {
        let head = stages.iter().map(|(stage, ..)| (*stage).to_string());
        let head = std::iter::once("it".to_string()).chain(head).collect();
        let rows = KINDS.iter().map(|(kind, _)| {
            let cells = stages.iter().map(|(stage, ..)| {
                let how = self.0.get(&(*stage, *kind));
                how.cloned().unwrap_or_default()
            });
            std::iter::once((*kind).to_string()).chain(cells).collect()
        });
        super::print(std::iter::once(head).chain(rows));
    }
}

/// A few of them, others at each stage, where a test has no time for all.
fn kinds(stage: usize) -> impl Iterator<Item = (&'static str, &'static str)> {
    let tried = move |(at, _): &(usize, _)| *at == 0 || all() || (at + stage).is_multiple_of(5);
    KINDS
        .iter()
        .copied()
        .enumerate()
        .filter(tried)
        .map(|(_, kind)| kind)
}

/// None that ends by itself is ended by us, however slow the host.
fn limit(kind: &str) -> &'static str {
    if kind.contains("hangs") {
        "--timeout=2s"
    } else {
        "--timeout=60s"
    }
}

#[track_caller]
fn is_documented(ran: &Ran) {
    ran.check([0, 1, 3, 4, 5].contains(&ran.code()), "a documented status");
    ran.check(ran.code() == 0 || ran.stdout.is_empty(), "no envelope");
    ran.check(!ran.stderr.contains("bug in pgseal"), "no bug");
}

fn nobody_is_left(site: &Site) {
    let mine = site.dir.display().to_string();
    // The signing key's own.
    let child = |line: &String| !line.contains("gpg-agent");
    eventually("no child is left", || !processes(&mine).iter().any(child));
}

#[test]
fn of_a_backup() {
    let site = Site::new();
    let (mut cases, mut told) = (Cases::new(), Told::default());
    for (at, (stage, tool, when)) in BACKUP.iter().enumerate() {
        for (kind, script) in kinds(at) {
            cases.check((stage, kind), || {
                site.shim(tool, when, script);
                let run = site
                    .backup(&["public.a"])
                    .args(["--run-id=r", limit(kind), "--json"]);
                let ran = run.run();
                told.ended(stage, kind, &ran);
                is_documented(&ran);
                nobody_is_left(&site);
                if ran.code() == 0 {
                    site.sealed(&ran);
                    site.shim(tool, "nothing", "");
                    site.verify("r").run().exits(0);
                } else {
                    assert_eq!(site.files(), [""; 0], "{}", ran.whole());
                }
            });
            site.shim(tool, "nothing", "");
            for name in site.files() {
                std::fs::remove_file(site.file(&name)).unwrap();
            }
        }
    }
    told.print(BACKUP);
}

#[test]
fn of_a_restore() {
    let site = Site::new();
    let sealed = site.signed("r");
    let envelope = site.envelope(&sealed);
    let mut target = Target::new();
    let (mut cases, mut told) = (Cases::new(), Told::default());
    for (at, (stage, tool, when)) in RESTORE.iter().enumerate() {
        for (kind, script) in kinds(at) {
            cases.check((stage, kind), || {
                site.shim(tool, when, script);
                let conninfo = crate::support::cluster().conninfo(&target.db, "postgres");
                let run = site
                    .pgseal("restore")
                    .args(["r", &envelope, limit(kind), "--json"]);
                let run = run
                    .arg(format!("--dbname={conninfo}"))
                    .env("GNUPGHOME", secret())
                    .unset("PGSEAL_SIGNING_KEY");
                let ran = run.run();
                told.ended(stage, kind, &ran);
                ran.check([0, 1, 3, 4].contains(&ran.code()), "a documented status");
                ran.check(!ran.stderr.contains("bug in pgseal"), "no bug");
                nobody_is_left(&site);
                let open = format!(
                    "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'",
                    target.db
                );
                eventually("its session ends", || site.sql(&open) == "0");
                if target.objects() == "0\n0\n0" {
                    let words = "the transaction was committed";
                    ran.check(
                        ran.code() != 0 && !ran.stderr.contains(words),
                        "not restored",
                    );
                } else {
                    assert_eq!(target.sql("SELECT count(*) FROM a"), "2");
                    let words = ["was committed", "is not known"];
                    let told = words.iter().any(|words| ran.stderr.contains(words));
                    ran.check(ran.code() == 0 || told, "restored, and it says so");
                    target = Target::new();
                }
            });
            site.shim(tool, "nothing", "");
        }
    }
    told.print(RESTORE);
}
