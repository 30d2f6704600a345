use super::*;
use crate::base::cases::each;
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn no_string_holds_a_nul() {
    let parse = |more: &str| {
        let text = format!(r#"{{"schema": "{SCHEMA}", {more}}}"#);
        Manifest::parse(text.as_bytes()).unwrap_err()
    };
    each(
        [
            r#""a": "\u0000""#,
            r#""a\\\u0000": 1"#,
            r#""a": [{"b": "x\"\u0000"}]"#,
            r#""a": "\u0000", "a": 1"#,
        ],
        |nul| {
            assert_eq!(parse(nul), "it holds a NUL character", "{nul}");
        },
    );
    assert!(parse(r#""a": "\\u0000 \u0001""#).contains("missing field"));
}

/// The place of every value in it, as JSON pointers.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.into());
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                places(
                    value,
                    &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")),
                    found,
                );
            }
        }
        Value::Array(items) => {
            for (n, value) in items.iter().enumerate() {
                places(value, &format!("{at}/{n}"), found);
            }
        }
        _ => {}
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
        Just(Value::from("C\u{1}")),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!([[{}]])),
    ]
}

const FROZEN: &str = include_str!("../../../fixtures/frozen-bond/frozen-bond.manifest.json");

proptest! {
    /// A real one with other values in some places, and cut anywhere.
    #[test]
    fn any_manifest(changes in proptest::collection::vec((any::<prop::sample::Index>(), any_value()), 0..4), end in any::<prop::sample::Index>()) {
        let mut value: Value = serde_json::from_str(FROZEN).unwrap();
        for (at, new) in changes {
            let mut found = Vec::new();
            places(&value, "", &mut found);
            let place = value.pointer_mut(&found[at.index(found.len())]);
            *place.unwrap() = new;
        }
        let bytes = serde_json::to_vec(&value).unwrap();
        let end = end.index(bytes.len());
        prop_assert!(Manifest::parse(&bytes[..end]).is_err());
        if let Ok(read) = Manifest::parse(&bytes) {
            let _ = (read.scope(), read.rows(), read.restore_locks(), read.lc_monetary(), read.scan(), read.targets());
            let again = serde_json::to_vec(&read).unwrap();
            let again = Manifest::parse(&again).map(|mut again| {
                // A fraction may be read as its neighbour.
                again.timing.seconds = read.timing.seconds;
                again
            });
            prop_assert_eq!(again, Ok(read));
        }
    }
}
