use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

fn table(schema: &str, name: &str) -> TableName {
    TableName {
        schema: schema.into(),
        name: name.into(),
    }
}

fn expected() -> Vec<TableName> {
    vec![table("public", "a"), table("we.ird", "t\"x\n;")]
}

/// Data and comments that look like SQL, in the forms in which pg_dump writes them.
const DUMP: &str = concat!(
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict K3y\n\n",
    "SET standard_conforming_strings = on;\n\n",
    "CREATE TABLE public.a (\n    x text DEFAULT 'COPY public.b FROM stdin;\n\\.\n'::text\n);\n",
    "COMMENT ON TABLE public.a IS 'two\n--\n-- PostgreSQL database dump complete\n--\n\nCOPY public.a (x) FROM stdin;\n1\n\\.\n';\n",
    "COPY public.a (x, y) FROM stdin;\n",
    "one\t\\N\n\\\\.\nCOPY public.b (x) FROM stdin;\n\n-- PostgreSQL database dump complete\n\\N\tit's\t\"open\t$$\n\\\\.\\n\n",
    "\\.\n\n\n",
    "COPY \"we.ird\".\"t\"\"x\n;\"  FROM stdin;\n\n\n\\.\n\n",
    "--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict K3y\n\n",
);

fn scan(pieces: &[&[u8]]) -> Result<Vec<Block>, String> {
    let mut scan = Scan::new(expected());
    for piece in pieces {
        scan.push(piece)?;
    }
    scan.finish()
}

fn whole() -> Vec<Block> {
    vec![
        Block {
            table: table("public", "a"),
            rows: 7,
            bytes: 102,
        },
        Block {
            table: table("we.ird", "t\"x\n;"),
            rows: 2,
            bytes: 2,
        },
    ]
}

#[test]
fn counts_rows_and_is_not_fooled() {
    assert_eq!(scan(&[DUMP.as_bytes()]), Ok(whole()));
}

#[test]
fn every_cut_is_seen() {
    // The last two bytes are newlines behind the last line.
    for end in 0..DUMP.len() - 2 {
        assert!(scan(&[&DUMP.as_bytes()[..end]]).is_err(), "{end}");
    }
}

#[test]
fn what_does_not_belong_is_refused() {
    let copy = "COPY public.a (x, y) FROM stdin;\n";
    each(
        [
            (
                copy,
                "COPY public.c (x) FROM stdin;\n1\n\\.\n\nCOPY public.a (x, y) FROM stdin;\n",
                "`public.c`, which was not asked for",
            ),
            (
                copy,
                "COPY public.a (x) FROM stdin;\n\\.\n\nCOPY public.a (x, y) FROM stdin;\n",
                "come twice",
            ),
            (
                copy,
                "COPY public.a (x, y) FROM PROGRAM 'true';\n",
                "not pg_dump's",
            ),
            (copy, "copy public.a from stdin;\n", "not pg_dump's"),
            (
                copy,
                "COPY public.a (x, y) FROM stdin; SELECT 1;\n",
                "text behind a COPY",
            ),
            (
                copy,
                "\\! true\nCOPY public.a (x, y) FROM stdin;\n",
                "psql command",
            ),
            ("\\unrestrict K3y", "\\unrestrict other", "psql command"),
            ("\\unrestrict K3y\n", "\n", "\\unrestrict line is missing"),
            (
                "\\unrestrict K3y\n",
                "\\unrestrict K3y\n\\unrestrict K3y\n",
                "psql command",
            ),
            (
                "\\unrestrict K3y\n",
                "\\unrestrict K3y\nSELECT 1;\n",
                "behind its completion",
            ),
            (
                "\\unrestrict K3y\n",
                "SELECT 1;\n\\unrestrict K3y\n",
                "behind its completion",
            ),
            (
                "\\unrestrict K3y\n",
                "\\unrestrict K3y\nSELECT",
                "inside a statement",
            ),
        ],
        |(from, to, words)| {
            let text = DUMP.replace(from, to);
            let said = scan(&[text.as_bytes()]).unwrap_err();
            assert!(said.contains(words), "{to:?}: {said}");
        },
    );
    let (head, tail) = (
        DUMP.find("COPY \"we").unwrap(),
        DUMP.rfind("--\n-- Post").unwrap(),
    );
    let text = format!("{}{}", &DUMP[..head], &DUMP[tail..]);
    assert!(
        scan(&[text.as_bytes()])
            .unwrap_err()
            .contains("are missing")
    );
}

proptest! {
    #[test]
    fn any_chunking_is_the_same(cuts in proptest::collection::vec(0..DUMP.len(), 0..40)) {
        let mut cuts = cuts;
        cuts.extend([0, DUMP.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &DUMP.as_bytes()[w[0]..w[1]]).collect();
        prop_assert_eq!(scan(&pieces), Ok(whole()));
    }

    #[test]
    fn any_bytes_give_the_same_answer_in_any_chunks(
        text in proptest::collection::vec(proptest::sample::select(
            vec!["\n", "\\", ".", "'", "\"", "$", "a", ";", "--", "/*", "*/", "COPY public.a FROM stdin;\n", "\\.\n",
                 "E'", "-- PostgreSQL database dump complete\n", "(", ")"]), 0..60),
        cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..10),
    ) {
        let text = text.concat().into_bytes();
        let mut ends: Vec<usize> = cuts.iter().map(|i| i.index(text.len() + 1)).collect();
        ends.extend([0, text.len()]);
        ends.sort_unstable();
        let pieces: Vec<&[u8]> = ends.windows(2).map(|w| &text[w[0]..w[1]]).collect();
        prop_assert_eq!(scan(&pieces), scan(&[&text]));
    }
}

/// What pg_dump writes for partitions of a hash by an enumeration.
#[test]
fn rows_that_are_loaded_through_a_root() {
    let names = ["p", "p; Type: TABLE DATA", "q\nr"].map(|name| table("s", name));
    let entry = |name: &str, more: &str, root: &str| {
        format!(
            "--\n-- Data for Name: {name}; Type: TABLE DATA; Schema: s; Owner: o\n--\n\n{more}COPY s.{root} (x) FROM stdin;\n{name}\n\\.\n\n\n"
        )
    };
    let via = |name: &str| entry(name, "-- load via partition root s.root\n\n", "root");
    let scanned = |text: String, roots: &[&str]| {
        let roots = roots.iter().map(|name| table("s", name));
        let mut scan = Scan::new(names.clone()).with_roots(roots);
        scan.push(text.as_bytes())?;
        scan.push(b"--\n-- PostgreSQL database dump complete\n--\n")?;
        scan.finish()
    };
    let all = [via("q r"), via("p"), via("p; Type: TABLE DATA")].concat();
    let blocks = scanned(all.clone(), &["root"]).unwrap();
    let told: Vec<_> = blocks.iter().map(|b| (&b.table, b.bytes)).collect();
    assert_eq!(told, [(&names[2], 4), (&names[0], 2), (&names[1], 20)]);
    for (text, roots, why) in [
        (all.clone(), &["other"][..], "which is not in the backup"),
        (
            via("p") + &via("p"),
            &["root"],
            "no partition that was asked for",
        ),
        (via("t"), &["root"], "no partition that was asked for"),
        (
            all.replace("-- load via", "-- loads by"),
            &["root"],
            "rows of `s.root`, which was not",
        ),
        (
            entry(
                "p",
                "-- load via partition root s.root\n\nSELECT 1;\n",
                "root",
            ),
            &["root"],
            "rows of `s.root`, which was not",
        ),
        (via("p"), &["root"], "are missing"),
    ] {
        let refused = scanned(text, roots).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    }
}
