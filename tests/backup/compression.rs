//! Every method of compression gives the same SQL back, and says its name.

use crate::support::{Test, decrypt, each};

#[test]
fn every_method() {
    let test =
        Test::of("CREATE TABLE t AS SELECT n, md5(n::text) AS a FROM generate_series(1, 5000) n");
    let mut sizes = Vec::new();
    each(
        [
            ("deflate", "deflate", ".sql.gpg"),
            ("gpg", "gpg:6", ".sql.gpg"),
            ("gpg:1", "gpg:1", ".sql.gpg"),
            ("none", "none", ".sql.gpg"),
            ("zstd", "zstd:3", ".sql.zst.gpg"),
            ("zstd:19", "zstd:19", ".sql.zst.gpg"),
        ],
        |(method, shown, ending)| {
            let ran = test
                .backup(&["public.t"])
                .arg(format!("--compress={method}"))
                .run();
            let sealed = test.sealed(&ran);
            assert!(sealed.path.to_str().unwrap().ends_with(ending), "{method}");
            assert_eq!(sealed.manifest["compression"], shown);
            assert_eq!(sealed.rows(), ["public.t=5000"]);
            sizes.push((method, std::fs::metadata(&sealed.path).unwrap().len()));
            // What gpg gives is SQL, but where zstd was asked for.
            assert_eq!(
                decrypt(&sealed.path).starts_with(b"--\n"),
                ending == ".sql.gpg",
                "{method}"
            );
        },
    );
    let none = sizes
        .iter()
        .find(|(method, _)| *method == "none")
        .unwrap()
        .1;
    each(&sizes, |(method, size)| {
        assert!(
            *method == "none" || *size < none * 3 / 4,
            "{method}: {size} of {none}"
        );
    });
}

/// Empty and tiny dumps end well too, and so does a stream of incompressible bytes.
#[test]
fn odd_sizes() {
    let test = Test::of(
        "CREATE TABLE empty (); CREATE TABLE noise AS SELECT string_agg(gen_random_uuid()::text, '') AS a FROM generate_series(1, 20000)",
    );
    each(["deflate", "gpg", "none", "zstd"], |method| {
        each(["public.empty", "public.noise"], |table| {
            let ran = test
                .backup(&[table])
                .arg(format!("--compress={method}"))
                .run();
            test.sealed(&ran);
        });
    });
}
