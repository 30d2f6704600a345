use super::*;
use crate::base::cases::each;

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
