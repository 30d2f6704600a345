use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

#[test]
fn fingerprints() {
    let good = "ABCDEF0123456789ABCDEF0123456789ABCDEF01";
    each(
        [
            good.to_string(),
            good.to_lowercase(),
            format!("0x{good}"),
            "ABCD EF01 2345 6789 ABCD  EF01 2345 6789 ABCD EF01".into(),
        ],
        |text| {
            assert_eq!(Fingerprint::parse(&text).unwrap().as_str(), good);
        },
    );
    each(
        ["", " ", "ABCDEF01", "mail@example.org", &good[1..], "é"],
        |text| {
            assert!(Fingerprint::parse(text).is_err(), "{text:?}");
        },
    );
    assert!(Fingerprint::parse(&"a".repeat(64)).is_ok());
}

#[test]
fn tables() {
    each(
        [
            ("public.orders", "public", "orders", "public.orders"),
            ("public.Orders", "public", "Orders", "public.\"Orders\""),
            (
                "\"we.ird\".\"t\"\"x*\"",
                "we.ird",
                "t\"x*",
                "\"we.ird\".\"t\"\"x*\"",
            ),
            ("a.größe", "a", "größe", "a.\"größe\""),
            ("a.\"x\ny\"", "a", "x\ny", "a.\"x\ny\""),
            ("a.my table", "a", "my table", "a.\"my table\""),
            ("a.1st", "a", "1st", "a.\"1st\""),
        ],
        |(text, schema, name, shown)| {
            let table = TableName::parse(text).unwrap();
            assert_eq!((table.schema.as_str(), table.name.as_str()), (schema, name));
            assert_eq!(table.to_string(), shown);
            assert_eq!(TableName::parse(shown).unwrap(), table);
        },
    );
    each(
        [
            "",
            "orders",
            "a.",
            ".b",
            "a.b.c",
            "a.b*",
            "a.b?",
            "a.\"b",
            "a.b\"c",
            "a.\"\"",
            "a. b",
            "a.\"b\"c",
            "a.\"b\0\"",
        ],
        |text| {
            assert!(TableName::parse(text).is_err(), "{text:?}");
        },
    );
}

#[test]
fn run_ids() {
    each(["a", "2026-01-01T00.x_Y", &"a".repeat(128)], |text| {
        assert!(RunId::parse(text).is_ok(), "{text:?}");
    });
    each(
        [
            "",
            "a/b",
            "..",
            ".a",
            "-a",
            "a b",
            "a\n",
            "x.gpg",
            "x.json",
            "x.partial",
            "x.prelude",
            "x.late",
            "é",
            &"a".repeat(129),
        ],
        |text| {
            assert!(RunId::parse(text).is_err(), "{text:?}");
        },
    );
    let made = RunId::generate(jiff::Timestamp::UNIX_EPOCH, [0, 1, 2, 255]);
    assert_eq!(made.as_str(), "19700101T000000Z-000102ff");
    assert!(RunId::parse(made.as_str()).is_ok());
}

proptest! {
    #[test]
    fn any_table_name(schema in "[^\0]{1,9}|[a-z\".*? ]{1,9}", name in "[^\0]{1,9}|[A-Za-z_0-9]{1,9}") {
        let table = TableName { schema, name };
        prop_assert_eq!(TableName::parse(&table.to_string()), Ok(table.clone()));
        prop_assert_eq!(TableName::parse(&table.pattern()), Ok(table));
    }

    #[test]
    fn any_text_for_a_name(text in "\\PC{0,20}|[a-zB-D.\" *]{0,12}") {
        if let Ok(table) = TableName::parse(&text) {
            prop_assert_eq!(TableName::parse(&table.pattern()), Ok(table));
        }
        if let Ok(id) = RunId::parse(&text) {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert!(!text.starts_with(['.', '-']) && !text.contains(['/', '\0']));
        }
        let _ = (RunOrPath::parse(&text), sha256(&text));
    }

    /// However it is grouped and written, and never one that is shorter.
    #[test]
    fn any_fingerprint(bytes in proptest::collection::vec(any::<u8>(), 0..40), blanks in proptest::collection::vec(0..80_usize, 0..9), lower: bool) {
        let whole = hex::encode_upper(&bytes);
        let mut text = if lower { whole.to_lowercase() } else { whole.clone() };
        for at in blanks {
            text.insert(at.min(text.len()), ' ');
        }
        let parsed = Fingerprint::parse(&text);
        prop_assert_eq!(parsed.is_ok(), [20, 32].contains(&bytes.len()));
        if let Ok(parsed) = parsed {
            prop_assert_eq!(parsed.as_str(), whole);
        }
    }
}
