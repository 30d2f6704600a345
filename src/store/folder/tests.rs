use super::*;
use crate::base::cases::each;
use crate::store::listing;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    (dir, store)
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn published_only_when_kept() {
    let (dir, store) = store();
    let mut partial = store.partial("a.sql.gpg").unwrap();
    partial.write(b"xyz").unwrap();
    assert_eq!(names(dir.path()), ["a.sql.gpg.partial"]);
    let published = partial.sync().unwrap().publish().unwrap();
    assert_eq!(names(dir.path()), ["a.sql.gpg"]);
    drop(published);
    assert!(names(dir.path()).is_empty());
    let partial = store.partial("a.sql.gpg").unwrap();
    partial.sync().unwrap().publish().unwrap().keep();
    assert_eq!(names(dir.path()), ["a.sql.gpg"]);
    let again = store.partial("a.sql.gpg").unwrap().sync().unwrap();
    assert_eq!(again.publish().unwrap_err().code, Code::RunIdTaken);
    assert_eq!(names(dir.path()), ["a.sql.gpg"]);
    let id = RunId::parse("a").unwrap();
    assert_eq!(store.check_free(&id).unwrap_err().code, Code::RunIdTaken);
}

#[test]
fn sweeps_only_partials_of_ours() {
    let (dir, store) = store();
    for name in [
        "a.sql.gpg.partial",
        "a.manifest.json.partial",
        "a.manifest.json.sig.partial",
        "notes.partial",
        "b.sql.gpg",
    ] {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let mut swept = store.sweep().unwrap();
    swept.sort();
    let partials = ["manifest.json", "manifest.json.sig", "sql.gpg"];
    assert_eq!(swept, partials.map(|ending| format!("a.{ending}.partial")));
    assert_eq!(names(dir.path()), ["b.sql.gpg", "notes.partial"]);
}

#[test]
fn one_run_at_a_time() {
    let (dir, store) = store();
    store.lock().unwrap();
    let other = Store::open(dir.path()).unwrap();
    assert_eq!(other.lock().unwrap_err().code, Code::LockHeld);
    drop(store);
    // A child that another test starts shares the lock between its fork and its exec.
    let since = std::time::Instant::now();
    while other.lock().is_err() {
        assert!(since.elapsed().as_secs() < 10, "the lock is never free");
    }
}

#[test]
fn only_a_folder_is_a_store() {
    let (dir, _store) = store();
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("file"), "").unwrap();
    // Nobody ever opens it to write.
    rustix::fs::mkfifoat(rustix::fs::CWD, path("fifo"), 0o600.into()).unwrap();
    std::os::unix::fs::symlink(dir.path(), path("link")).unwrap();
    each(["file", "fifo"], |name| {
        let error = Store::open_read(&path(name)).unwrap_err();
        assert_eq!(error.code, Code::Store);
        let said = &error.message;
        assert!(said.ends_with("is not a folder"), "{said}");
    });
    Store::open(&path("link")).unwrap();
}

/// What a crash leaves is an orphan, never a false "complete".
#[test]
fn a_run_loses_its_manifest_first() {
    let (dir, store) = store();
    let files = [
        "x.manifest.json",
        "x.manifest.json.sig",
        "x.sql.gpg",
        "x.prelude.sql.gpg",
        "x.late.sql.gpg",
    ];
    for name in files.iter().chain(&["xy.sql.gpg"]) {
        std::fs::write(dir.path().join(name), "").unwrap();
    }
    let id = RunId::parse("x").unwrap();
    store.remove(&id).unwrap();
    assert_eq!(names(dir.path()), ["xy.sql.gpg"]);
    std::fs::write(dir.path().join("x.manifest.json"), "").unwrap();
    std::fs::create_dir(dir.path().join("x.sql.gpg")).unwrap();
    assert_eq!(store.remove(&id).unwrap_err().code, Code::Store);
    assert_eq!(names(dir.path()), ["x.sql.gpg", "xy.sql.gpg"]);
}

#[test]
fn a_signature_alone_takes_the_run_id() {
    let (dir, store) = store();
    std::fs::write(dir.path().join("x.manifest.json.sig"), "").unwrap();
    let id = RunId::parse("x").unwrap();
    assert_eq!(store.check_free(&id).unwrap_err().code, Code::RunIdTaken);
    assert_eq!(run_of("x.manifest.json.sig"), Some(id));
    let runs = listing::runs(&store).unwrap();
    assert_eq!((runs.len(), runs[0].state), (1, listing::RunState::Orphan));
    // No run's other file is called so.
    let named_like_it = RunId::parse("x.manifest.json.sig").unwrap();
    store.check_free(&named_like_it).unwrap();
}

#[test]
fn a_file_replaces_another_at_once() {
    let (dir, store) = store();
    let write = |bytes: &[u8]| {
        let mut file = store.partial("x.manifest.json.sig").unwrap();
        file.write(bytes).unwrap();
        file.sync().unwrap().replace().unwrap();
    };
    write(b"old");
    write(b"new");
    assert_eq!(names(dir.path()), ["x.manifest.json.sig"]);
    let path = dir.path().join("x.manifest.json.sig");
    assert_eq!(std::fs::read(&path).unwrap(), b"new");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let file = store.partial("x.manifest.json.sig").unwrap();
    assert_eq!(
        file.sync().unwrap().replace().unwrap_err().code,
        Code::Store
    );
    assert_eq!(names(dir.path()), ["x.manifest.json.sig"]);
}

/// Another folder under the store's path gets nothing, and is seen.
#[test]
fn a_folder_that_is_replaced() {
    let parent = tempfile::tempdir().unwrap();
    let (path, aside) = (parent.path().join("store"), parent.path().join("aside"));
    std::fs::create_dir(&path).unwrap();
    let store = Store::open(&path).unwrap();
    let partial = store.partial("a.sql.gpg").unwrap();
    store.sync().unwrap();
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(store.sync().unwrap_err().code, Code::Store);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("x.manifest.json"), "").unwrap();
    let published = partial.sync().unwrap().publish().unwrap();
    assert_eq!(
        (names(&path), names(&aside)),
        (vec!["x.manifest.json".into()], vec!["a.sql.gpg".into()])
    );
    let error = store.sync().unwrap_err();
    assert!(
        error.message.contains("another folder was put"),
        "{error:?}"
    );
    let id = RunId::parse("x").unwrap();
    assert_eq!(store.remove(&id).unwrap_err().code, Code::Store);
    drop(published);
    assert_eq!(
        (names(&path), names(&aside)),
        (vec!["x.manifest.json".into()], vec![])
    );
}

/// Somebody's file in the place of the one that was written is not published as ours.
#[test]
fn a_partial_file_that_is_swapped() {
    let (dir, store) = store();
    let swap = |name: &str| {
        let path = dir.path().join(format!("{name}.partial"));
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "forged").unwrap();
    };
    let synced = store.partial("a.sql.gpg").unwrap().sync().unwrap();
    swap("a.sql.gpg");
    let error = synced.publish().unwrap_err();
    assert!(
        error.message.contains("is not the file that was written"),
        "{error:?}"
    );
    assert!(names(dir.path()).is_empty());
    let synced = store
        .partial("a.manifest.json.sig")
        .unwrap()
        .sync()
        .unwrap();
    swap("a.manifest.json.sig");
    assert_eq!(synced.replace().unwrap_err().code, Code::Store);
}
