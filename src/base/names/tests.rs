use super::*;

#[test]
fn fingerprints() {
    let good = "ABCDEF0123456789ABCDEF0123456789ABCDEF01";
    for text in [
        good.to_string(),
        good.to_lowercase(),
        format!("0x{good}"),
        "ABCD EF01 2345 6789 ABCD  EF01 2345 6789 ABCD EF01".into(),
    ] {
        assert_eq!(Fingerprint::parse(&text).unwrap().as_str(), good);
    }
    for text in ["", " ", "ABCDEF01", "mail@example.org", &good[1..], "é"] {
        assert!(Fingerprint::parse(text).is_err(), "{text:?}");
    }
    assert!(Fingerprint::parse(&"a".repeat(64)).is_ok());
}

#[test]
fn tables() {
    for (text, schema, name, shown) in [
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
    ] {
        let table = TableName::parse(text).unwrap();
        assert_eq!((table.schema.as_str(), table.name.as_str()), (schema, name));
        assert_eq!(table.to_string(), shown);
        assert_eq!(TableName::parse(shown).unwrap(), table);
    }
    for text in [
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
    ] {
        assert!(TableName::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn run_ids() {
    for text in ["a", "2026-01-01T00.x_Y", &"a".repeat(128)] {
        assert!(RunId::parse(text).is_ok(), "{text:?}");
    }
    for text in [
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
        "é",
        &"a".repeat(129),
    ] {
        assert!(RunId::parse(text).is_err(), "{text:?}");
    }
    let made = RunId::generate(jiff::Timestamp::UNIX_EPOCH, [0, 1, 2, 255]);
    assert_eq!(made.as_str(), "19700101T000000Z-000102ff");
    assert!(RunId::parse(made.as_str()).is_ok());
}
