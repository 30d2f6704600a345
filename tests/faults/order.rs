//! The order in which a run reaches the disk, read from its system calls.

use crate::signing::site::Site;
use crate::support::{Call, Strace};

const LATE: &str = "
    CREATE FUNCTION most() RETURNS int LANGUAGE sql STABLE BEGIN ATOMIC SELECT max(id) FROM a; END;
    CREATE TABLE b (x int DEFAULT most())";

const CALLS: &str = "--trace=openat,write,pwrite64,writev,fsync,fdatasync,sync_file_range,rename,\
                     renameat,renameat2,link,linkat,unlink,unlinkat,ftruncate";

/// The trace of one run, as far as it touches the store.
struct Trace {
    calls: Vec<Call>,
    store: String,
}

impl Trace {
    /// The only call of this name whose arguments have all these words.
    #[track_caller]
    fn one(&self, name: &str, words: &[&str]) -> &Call {
        let found = self.all(name, words);
        assert_eq!(found.len(), 1, "{name} {words:?}: {found:#?}");
        found[0]
    }

    fn all(&self, name: &str, words: &[&str]) -> Vec<&Call> {
        let fits =
            |call: &&Call| call.name == name && words.iter().all(|word| call.args.contains(word));
        self.calls.iter().filter(fits).collect()
    }

    /// fsync of the folder itself.
    fn folder_syncs(&self) -> Vec<&Call> {
        self.all("fsync", &[&format!("<{}>", self.store)])
    }
}

#[track_caller]
fn before(first: &Call, then: &Call) {
    assert!(
        first.ended < then.began,
        "{first:?}\nmust end before\n{then:?}"
    );
}

#[test]
fn a_backup() {
    let site = Site::new();
    site.sql(LATE);
    let run = site.backup(&["public.a", "public.b"]).arg("--run-id=r");
    let (ran, calls) = Strace::new(&site.dir, &[CALLS]).run(run);
    site.sealed(&ran);
    let files = [
        "sql.gpg",
        "prelude.sql.gpg",
        "late.sql.gpg",
        "manifest.json.sig",
        "manifest.json",
    ];
    let files = files.map(|ending| format!("r.{ending}"));
    let mut there = files.to_vec();
    there.sort();
    assert_eq!(site.files(), there);
    let store = site.store().display().to_string();
    let trace = Trace { calls, store };

    let renamed = |name: &str| {
        let words = [
            format!("\"{name}.partial\""),
            format!("\"{name}\""),
            "RENAME_NOREPLACE".into(),
        ];
        let words = words.each_ref().map(String::as_str);
        let call = trace.one("renameat2", &words);
        assert_eq!(call.result, "0");
        call
    };
    for name in &files {
        let partial = format!("{}/{name}.partial>", trace.store);
        let made = trace.one(
            "openat",
            &[&format!("\"{name}.partial\""), "O_CREAT|O_EXCL", "0600"],
        );
        let synced = trace.one("fsync", &[&partial]);
        assert_eq!(synced.result, "0");
        let written = trace.all("write", &[&partial]);
        assert!(!written.is_empty(), "{name}");
        for write in written {
            before(made, write);
            before(write, synced);
        }
        // All that has bytes is on disk before anything has its name.
        for other in &files {
            before(synced, renamed(other));
        }
    }
    let [others @ .., manifest] = &files;
    let manifest = renamed(manifest);
    let syncs = trace.folder_syncs();
    let [names, complete] = syncs[..] else {
        panic!("{syncs:#?}");
    };
    for name in others {
        before(renamed(name), names);
    }
    before(names, manifest);
    before(manifest, complete);
    before(
        complete,
        trace.one("write", &["<pipe:", r#""{\"sha256\":"#]),
    );

    // No other way to write, to name or to take away.
    let store = trace.store.as_str();
    for name in [
        "pwrite64",
        "writev",
        "rename",
        "renameat",
        "link",
        "linkat",
        "unlink",
        "unlinkat",
        "ftruncate",
    ] {
        assert_eq!(trace.all(name, &[store]).len(), 0, "{name}");
    }
    assert_eq!(trace.all("renameat2", &[store]).len(), files.len());
    let opened = trace.all("openat", &[store]).into_iter();
    let opened =
        opened.filter(|call| call.args.contains("O_WRONLY") || call.args.contains("O_RDWR"));
    let opened: Vec<_> = opened
        .filter(|call| !call.args.contains("O_TMPFILE"))
        .collect();
    assert_eq!(opened.len(), files.len(), "{opened:#?}");
}

/// The manifest goes first, for good; what is left of a run that is half gone is an orphan.
#[test]
fn a_prune() {
    let site = Site::new();
    for run in ["old", "new"] {
        site.signed(run);
    }
    let run = site.pgseal("prune").args(["--keep-last=1", "--apply"]);
    let (ran, calls) = Strace::new(&site.dir, &[CALLS]).run(run);
    ran.exits(0);
    let store = site.store().display().to_string();
    let trace = Trace { calls, store };
    let syncs = trace.folder_syncs();
    let [first, last] = syncs[..] else {
        panic!("{syncs:#?}");
    };
    before(trace.one("unlinkat", &["\"old.manifest.json\""]), first);
    for ending in ["sql.gpg", "prelude.sql.gpg", "manifest.json.sig"] {
        let gone = trace.one("unlinkat", &[&format!("\"old.{ending}\"")]);
        before(first, gone);
        before(gone, last);
    }
    assert_eq!(trace.all("unlinkat", &[&trace.store]).len(), 4);
}
