//! list and prune: what is there, what goes, and what never does.

use super::bench::*;
use crate::support::{Ring, each};
use serde_json::Value;
use std::fs;

#[test]
fn list() {
    let bench = Bench::new(&[], &Ring::new());
    let ran = bench.pgseal(&["list"], b"");
    assert_eq!(ran.code(), 0);
    assert!(ran.stdout.ends_with("is empty\n"), "{}", ran.stdout);
    let (_, listing) = bench.json(&["list"], b"");
    assert_eq!(
        (&listing["schema"], &listing["runs"]),
        (&"pgseal/list/1".into(), &serde_json::json!([]))
    );

    let bench = Bench::new(&["a", "b", "c"], &Ring::new());
    bench.put("b.sql.gpg", b"short");
    fs::remove_file(bench.path("c.manifest.json")).unwrap();
    bench.put("d.sql.gpg.partial", b"x");
    bench.put("e.manifest.json", b"{");
    bench.put("f.manifest.json", &bench.get("a.manifest.json"));
    bench.put("g.prelude.sql.gpg", b"x");
    bench.put("i.manifest.json.sig", b"x");
    bench.put("a.manifest.json.sig", b"x");
    fs::create_dir(bench.path("h.sql.gpg")).unwrap();
    bench.put("README", b"not ours");
    let (code, listing) = bench.json(&["list"], b"");
    assert_eq!(code, 0);
    let mut states: Vec<(&str, &str)> = listing["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            (
                run["run_id"].as_str().unwrap(),
                run["state"].as_str().unwrap(),
            )
        })
        .collect();
    states.sort_unstable();
    assert_eq!(
        states,
        [
            ("a", "complete"),
            ("b", "broken"),
            ("c", "orphan"),
            ("d", "partial"),
            ("e", "broken"),
            ("f", "broken"),
            ("g", "orphan"),
            ("h", "broken"),
            ("i", "orphan"),
        ]
    );
    let runs = listing["runs"].as_array().unwrap();
    let a = runs.iter().find(|run| run["run_id"] == "a").unwrap();
    // Of its five relations, one is a partitioned parent.
    assert_eq!((&a["rows"], &a["tables"]), (&304.into(), &4.into()));
    assert_eq!(a["recipients"], serde_json::json!([taken().fingerprint]));
    // It was not looked at: `verify` is there for that.
    assert_eq!(a["signed"], true);
    assert_eq!(runs.iter().filter(|run| run["signed"] == false).count(), 7);
    let text = bench.pgseal(&["list"], b"").stdout;
    each(
        [
            "RUN",
            "complete",
            "`f` is",
            "its manifest is of run `a`",
            &taken().fingerprint,
        ],
        |words| {
            assert!(text.contains(words) || words == "`f` is", "{words}: {text}");
        },
    );
    assert_eq!(
        bench
            .pgseal(&["list", "--store", "/nonexistent"], b"")
            .code(),
        5
    );
}

/// Complete runs of the given ages in hours.
fn aged(ages: &[i64]) -> Bench {
    let bench = Bench::new(&[], &Ring::new());
    let now = jiff::Timestamp::now();
    for age in ages {
        let id = format!("r{age}");
        bench.put(&format!("{id}.sql.gpg"), &taken().files["a.sql.gpg"]);
        bench.put(
            &format!("{id}.manifest.json"),
            &taken().files["a.manifest.json"],
        );
        bench.put(&format!("{id}.manifest.json.sig"), b"of nobody's");
        bench.manifest(&id, |m| {
            m["run_id"] = id.clone().into();
            m["envelope"]["artifact_ref"] = format!("/x/{id}.sql.gpg").into();
            let made = now.as_second() - age * 3600;
            m["created_at"] = jiff::Timestamp::from_second(made)
                .unwrap()
                .to_string()
                .into();
        });
    }
    bench
}

fn database(bench: &Bench) -> String {
    let manifest: Value = serde_json::from_slice(&bench.get("r2.manifest.json")).unwrap();
    manifest["server"]["database"].as_str().unwrap().into()
}

fn left(bench: &Bench) -> Vec<String> {
    let names = bench.names().into_iter();
    names
        .filter_map(|name| Some(name.strip_suffix(".sql.gpg")?.to_string()))
        .collect()
}

#[test]
fn prune() {
    let bench = aged(&[1, 2, 30, 400]);
    let all = bench.names();
    let (code, pruning) = bench.json(&["prune", "--keep-last", "1", "--keep-within", "40d"], b"");
    assert_eq!(
        (code, &pruning["remove"]),
        (0, &serde_json::json!([])),
        "{pruning:#}"
    );
    let (_, pruning) = bench.json(&["prune", "--keep-last", "2"], b"");
    let ids = |list: &Value| -> Vec<String> {
        list.as_array()
            .unwrap()
            .iter()
            .map(|run| run["run_id"].as_str().unwrap().into())
            .collect()
    };
    assert_eq!(pruning["schema"], "pgseal/prune/1");
    assert_eq!(
        (ids(&pruning["remove"]), &pruning["applied"]),
        (vec!["r400".into(), "r30".into()], &false.into())
    );
    // Dry by default.
    assert_eq!(bench.names(), all);
    let said = bench.pgseal(&["prune", "--keep-last", "2"], b"").stdout;
    assert!(said.contains("nothing was, give --apply"), "{said}");

    // What is not complete stays, and so does what is not ours.
    bench.put("orphan.sql.gpg", b"x");
    bench.put("old.sql", b"not ours");
    let (_, pruning) = bench.json(
        &[
            "prune",
            "--keep-last",
            "1",
            "--keep-within",
            "36h",
            "--apply",
        ],
        b"",
    );
    assert_eq!(
        (ids(&pruning["remove"]), ids(&pruning["reported"])),
        (vec!["r400".into()], vec!["orphan".into()])
    );
    assert_eq!(left(&bench), ["orphan", "r1", "r2", "r30"]);
    assert!(!bench.path("r400.manifest.json").exists() && bench.path("old.sql").exists());
    let names = bench.names();
    assert!(
        !names.contains(&"r400.manifest.json.sig".to_string()),
        "{names:?}"
    );
    assert!(
        names.contains(&"r30.manifest.json.sig".to_string()),
        "{names:?}"
    );

    // Never the newest good one, however old.
    let ran = bench.pgseal(
        &[
            "prune",
            "--keep-last",
            "0",
            "--keep-within",
            "1s",
            "--apply",
        ],
        b"",
    );
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    assert_eq!(left(&bench), ["orphan", "r1"]);
    each(
        [
            &["prune", "--keep-last", "0"][..],
            &["prune"],
            &["prune", "--keep-last", "x"],
        ],
        |args| {
            assert_eq!(bench.pgseal(args, b"").code(), 2);
        },
    );
    let empty = Bench::new(&[], &Ring::new());
    let ran = empty.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(
        (ran.code(), ran.stdout.as_str()),
        (0, "nothing to remove\n")
    );
}

#[test]
fn prune_keeps_the_newest_that_verifies() {
    let bench = aged(&[1, 2, 3]);
    let mut rotten = bench.get("r1.sql.gpg");
    rotten[200] ^= 1;
    bench.put("r1.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert!(
        ran.stdout.contains("does not verify: sha256"),
        "{}",
        ran.stdout
    );
    assert_eq!(
        (ran.code(), left(&bench)),
        (0, vec!["r1".into(), "r2".into()])
    );
    bench.put("r2.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code(), 1);
    let said = format!("no run verifies of {}: ", database(&bench));
    assert!(ran.stdout.contains(&said), "{}", ran.stdout);
    assert_eq!(left(&bench), ["r1", "r2"]);
    let (code, pruning) = bench.json(&["prune", "--keep-last", "1"], b"");
    let unverified = &pruning["unverified"][0];
    assert_eq!(
        (code, &unverified["database"]),
        (1, &database(&bench).into()),
        "{pruning:#}"
    );
    assert_eq!(unverified["tables"].as_array().unwrap().len(), 4);
}

/// Thirty nights of one table do not push out the only run of another scope, another database, or
/// another cluster's database of that name.
#[test]
fn prune_counts_each_scope_by_itself() {
    let bench = aged(&[1, 2, 3, 100, 200, 300, 400, 500]);
    let of = |id: &str, change: &dyn Fn(&mut Value)| bench.manifest(id, |m| change(m));
    let one_table = |m: &mut Value| {
        let tables = m["tables"].as_array_mut().unwrap();
        tables.retain(|table| table["name"] == "a");
    };
    of("r100", &one_table);
    of("r200", &|m| m["server"]["database"] = "shop".into());
    of("r300", &|m| m["server"]["system_identifier"] = "1".into());
    // No older runs of the same scope stand in for it.
    of("r400", &|m| m["server"]["database"] = "shop".into());
    let keep_within = ["prune", "--keep-within", "1s"];
    let (code, pruning) = bench.json(&keep_within, b"");
    assert_eq!(code, 0, "{pruning:#}");
    let ids = |list: &Value, run: &dyn Fn(&Value) -> Value| -> Vec<Value> {
        list.as_array().unwrap().iter().map(run).collect()
    };
    let mut kept = ids(&pruning["keep"], &|kept| kept["run"]["run_id"].clone());
    kept.sort_by_key(ToString::to_string);
    assert_eq!(kept, ["r1", "r100", "r200", "r300"]);
    let gone = ids(&pruning["remove"], &|run| run["run_id"].clone());
    assert_eq!(gone, ["r500", "r400", "r3", "r2"]);
    // A scope whose runs are all damaged keeps no other from being pruned, and exit 1 tells of it.
    let mut rotten = bench.get("r300.sql.gpg");
    rotten[200] ^= 1;
    bench.put("r300.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code(), 1, "{}", ran.stderr);
    for said in [
        "shop: public.\"Odd",
        " (system identifier 1): ",
        "no run verifies of ",
    ] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert_eq!(left(&bench), ["r1", "r100", "r200", "r300"]);
}

/// Who reads a listing sees what the runs are of, in a terminal's width.
#[test]
fn list_tells_scopes() {
    let bench = Bench::new(&["a", "b"], &Ring::new());
    let long: Vec<String> = (0..30).map(|n| format!("public.table_{n:02}")).collect();
    bench.manifest("b", |m| {
        let table = m["tables"][0].clone();
        let tables = long.iter().map(|name| {
            let mut table = table.clone();
            table["target"] = name.clone().into();
            table
        });
        m["tables"] = tables.collect();
        m["server"]["database"] = "shop".into();
    });
    let (_, listing) = bench.json(&["list"], b"");
    let scope = &listing["runs"][1]["scope"];
    assert_eq!(scope["database"], "shop", "{listing:#}");
    assert_eq!(scope["tables"].as_array().unwrap().len(), 30);
    let text = bench.pgseal(&["list"], b"").stdout;
    assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    let heading = "shop: public.table_00, public.table_01, public.table_02 and 27 more";
    assert!(text.contains(heading), "{text}");
}

/// Made while a clock was wrong: it neither goes nor makes another go.
#[test]
fn prune_does_not_count_on_the_future() {
    let bench = aged(&[-400, -5, 1, 2]);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let told = ran.stdout.lines().filter(|line| line.starts_with("  kept"));
    let told: Vec<bool> = told
        .map(|line| line.ends_with(": dated in the future, so not counted"))
        .collect();
    assert_eq!(told, [false, true, true], "{}", ran.stdout);
    assert_eq!(left(&bench), ["r-400", "r-5", "r1"]);
    // Nor does it stand in for a good one.
    let mut rotten = bench.get("r1.sql.gpg");
    rotten[200] ^= 1;
    bench.put("r1.sql.gpg", &rotten);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code(), 1, "{}", ran.stdout);
    assert!(
        ran.stdout.contains("\nno run verifies of t"),
        "{}",
        ran.stdout
    );
    assert_eq!(left(&bench), ["r-400", "r-5", "r1"]);
    // With nothing else, there is nothing to judge.
    let bench = aged(&[-5]);
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!((ran.code(), left(&bench)), (0, vec!["r-5".into()]));
}

#[test]
fn prune_takes_the_lock() {
    let bench = aged(&[1, 2]);
    let held = fs::File::open(bench.place.store()).unwrap();
    held.lock().unwrap();
    let ran = bench.pgseal(&["prune", "--keep-last", "1", "--apply"], b"");
    assert_eq!(ran.code(), 5, "{}", ran.stderr);
    assert_eq!(left(&bench), ["r1", "r2"]);
    assert_eq!(bench.pgseal(&["prune", "--keep-last", "1"], b"").code(), 0);
}
