//! Local file trouble: the store, the disk, standard output.

use crate::support::{Test, each, is_root, unshare};

const RANDOM: &str =
    "CREATE TABLE t AS SELECT gen_random_bytes_of(n) AS a FROM generate_series(1, 60) n";

/// Some 200 kB that do not compress.
fn large() -> Test {
    let test = Test::of(
        "CREATE FUNCTION gen_random_bytes_of(n int) RETURNS bytea LANGUAGE sql AS
         $$ SELECT string_agg(uuid_send(gen_random_uuid()), NULL) FROM generate_series(1, 200) $$",
    );
    test.sql(RANDOM);
    test
}

/// A file system of this many kilobytes in place of the store, that ends with the run.
fn on_a_disk_of(kilobytes: u32) -> String {
    format!(
        "mount -t tmpfs -o size={kilobytes}k,mode=700 none \"$PGSEAL_STORE\" || exit 99
         \"$@\"; code=$?
         echo \"left: $(ls -A \"$PGSEAL_STORE\" | tr '\\n' ' ')\" >&2
         exit $code"
    )
}

#[test]
fn a_full_disk() {
    let test = large();
    each([4, 64], |kilobytes| {
        let script = on_a_disk_of(kilobytes);
        let wrapper = [unshare(), &["bash", "-c", &script, "bash"]].concat();
        let ran = test.backup(&["public.t"]).through(&wrapper).run();
        ran.fails(
            5,
            &[
                "cannot write `",
                "No space left on device",
                "nothing was written to",
                "left: \n",
            ],
        );
    });
    // The artifact fits, its manifest does not, or only the first page of it.
    test.sql("TRUNCATE t");
    let mut codes = Vec::new();
    each([4, 8, 12, 16], |kilobytes| {
        let script = on_a_disk_of(kilobytes);
        let wrapper = [unshare(), &["bash", "-c", &script, "bash"]].concat();
        let ran = test
            .backup(&["public.t"])
            .args(["--run-id", "x"])
            .through(&wrapper)
            .run();
        codes.push(ran.code());
        match ran.code() {
            0 => drop(ran.says(&["left: x.manifest.json x.prelude.sql.gpg x.sql.gpg \n"])),
            _ => drop(ran.fails(5, &["No space left on device", "left: \n"])),
        }
    });
    assert_eq!((codes[0], codes[3]), (5, 0), "{codes:?}");
}

/// Not one file could be made: a dry run says so too, and makes none.
#[test]
fn no_room_for_a_file() {
    let test = Test::of("CREATE TABLE t (a int)");
    let script =
        "mount -t tmpfs -o nr_inodes=1,mode=755 none \"$PGSEAL_STORE\" || exit 99; exec \"$@\"";
    let wrapper = [unshare(), &["bash", "-c", script, "bash"]].concat();
    each([&[][..], &["--dry-run"]], |more| {
        let run = test.backup(&["public.t"]).args(more.iter().copied());
        let ran = run.through(&wrapper).run();
        ran.fails(5, &["cannot create", "No space left on device"]);
    });
    let room = script.replace("nr_inodes=1", "nr_inodes=100");
    let wrapper = [unshare(), &["bash", "-c", &room, "bash"]].concat();
    each([&[][..], &["--dry-run"]], |more| {
        let run = test.backup(&["public.t"]).args(more.iter().copied());
        let ran = run.through(&wrapper).run().exits(0);
        ran.says(&["warning: others may read the store"]);
    });
}

/// `ulimit -f`: SIGXFSZ must not end us before we have cleared up.
#[test]
fn a_limit_on_file_size() {
    let test = large();
    let ran = test
        .backup(&["public.t"])
        .shell("ulimit -f 64; exec \"$@\"")
        .run();
    ran.fails(
        5,
        &["cannot write `", "File too large", "nothing was written to"],
    );
    test.store_is_empty();
}

/// The backup is made and kept; only the envelope could not be told.
#[test]
fn nobody_hears_the_envelope() {
    let test = Test::of("CREATE TABLE t (a int)");
    each(
        [
            ("closed", "exec \"$@\" >&-"),
            ("full", "exec \"$@\" >/dev/full"),
            ("read-only", "exec \"$@\" 1</dev/null"),
            ("read-only-file", "exec \"$@\" 1</etc/passwd"),
        ],
        |(id, script)| {
            let ran = test
                .backup(&["public.t"])
                .args(["--run-id", id])
                .shell(script)
                .run();
            let artifact = test.store().join(format!("{id}.sql.gpg"));
            let kept = format!("the backup is kept: `{}`", artifact.display());
            ran.fails(5, &["cannot write to standard output", &kept, "hint: "]);
            assert!(artifact.exists() && test.store().join(format!("{id}.manifest.json")).exists());
        },
    );
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ran = test.backup(&["public.t"]).stdout(writer).run();
    ran.fails(
        5,
        &["cannot write to standard output", "the backup is kept"],
    );
    assert_eq!(test.files().len(), 15);
    // Whoever throws it away on purpose may.
    test.backup(&["public.t"])
        .shell("exec \"$@\" >/dev/null")
        .run()
        .exits(0);
    // Without a standard error, the envelope still comes.
    let ran = test
        .backup(&["public.t"])
        .shell("exec \"$@\" 2>&- <&-")
        .run();
    test.sealed(&ran);
}

#[test]
fn an_unfit_store() {
    let test = Test::of("CREATE TABLE t (a int)");
    let run = |store: &std::path::Path| test.backup(&["public.t"]).env("PGSEAL_STORE", store).run();
    let file = test.write("a file", "");
    run(&file).fails(5, &["is not a folder", "a file"]);
    let missing = test.dir.join("missing");
    run(&missing).fails(
        5,
        &[
            "cannot open the store",
            "No such file",
            "hint: install -d -m 0700 ",
        ],
    );
    assert!(!missing.exists());
    let open = test.dir.join("open");
    std::fs::create_dir(&open).unwrap();
    test.mode(&open, 0o777);
    run(&open).fails(
        5,
        &[
            "everybody may write the store",
            "(mode 0777)",
            "hint: chmod go-w ",
        ],
    );
    test.mode(&open, 0o770);
    run(&open).fails(5, &["its group may write the store", "hint: chmod g-w "]);
    // The sticky bit keeps a stranger from removing a file, not from putting one there.
    test.mode(&open, 0o1777);
    run(&open).fails(5, &["everybody may write the store", "(mode 1777)"]);
}

/// Who may open the folder may hold its lock.
#[test]
fn a_store_that_others_may_read() {
    let test = Test::of("CREATE TABLE t (a int)");
    test.mode(&test.store(), 0o755);
    let ran = test.backup(&["public.t"]).run();
    assert_eq!(ran.code(), 0, "{}", ran.stderr);
    let said = "(mode 0755), and so hold its lock: chmod go-rwx ";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
}

#[test]
fn a_store_that_is_not_ours_to_write() {
    let test = Test::of("CREATE TABLE t (a int)");
    test.mode(&test.store(), 0o555);
    let program = test.copy_of_pgseal("pgseal");
    test.mode(&test.dir, 0o755);
    let nobody = [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
    ];
    let run = test.backup(&["public.t"]).program(program);
    let run = if is_root() { run.through(&nobody) } else { run };
    run.run().fails(
        5,
        &[
            "cannot write the store",
            "Permission denied",
            "hint: Run as the store's owner",
        ],
    );
    test.mode(&test.store(), 0o700);
    test.store_is_empty();
}

#[test]
fn a_run_id_that_is_taken() {
    let test = Test::of("CREATE TABLE t (a int)");
    each(
        [
            "x.sql.gpg",
            "x.manifest.json",
            "x.sql.zst.gpg",
            "x.prelude.sql.gpg",
        ],
        |name| {
            let path = test.store().join(name);
            // A dangling link is a taken name too.
            std::os::unix::fs::symlink("/nowhere", &path).unwrap();
            each([&[][..], &["--dry-run"]], |dry| {
                let ran = test
                    .backup(&["public.t"])
                    .args(["--run-id", "x"])
                    .args(dry.iter().copied())
                    .run();
                ran.fails(
                    5,
                    &["run id `x` is taken", name, "hint: Choose another --run-id"],
                );
            });
            assert_eq!(test.files(), [name]);
            std::fs::remove_file(path).unwrap();
        },
    );
}

/// Somebody else's file that appears under our name while we work is not overwritten.
#[test]
fn a_name_that_is_taken_meanwhile() {
    let test = Test::of("CREATE TABLE t (a int)");
    each(["x.sql.gpg", "x.manifest.json"], |name| {
        let path = test.store().join(name);
        test.shim_dump(&format!(
            "echo mine > {}; exec $real \"$@\"",
            path.display()
        ));
        let ran = test.backup(&["public.t"]).args(["--run-id", "x"]).run();
        ran.fails(
            5,
            &["cannot publish", name, "hint: Choose another --run-id"],
        );
        assert_eq!(test.files(), [name]);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine\n");
        std::fs::remove_file(path).unwrap();
    });
}
