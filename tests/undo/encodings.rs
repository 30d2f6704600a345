//! Names and values in other encodings than ours.

use super::diff;
use crate::support::{Cases, Test};

#[test]
fn names_and_values_of_any_encoding() {
    let mut cases = Cases::new();
    for (encoding, dump) in [
        ("LATIN1", None),
        ("LATIN1", Some("LATIN1")),
        ("UTF8", Some("LATIN1")),
        ("EUC_JP", None),
        ("SQL_ASCII", None),
    ] {
        cases.check((encoding, dump), || {
            let test = Test::with("template0", &format!("ENCODING '{encoding}' LOCALE 'C'"));
            // A table's name must be ASCII in a dump of another encoding than UTF-8.
            let [table, name, value] = match (encoding, dump) {
                ("EUC_JP", _) => ["表", "表", "値"],
                (_, None) => ["größe", "größe", "ä"],
                (_, Some(_)) => ["plain", "größe", "ä"],
            };
            test.sql(&format!(
                "CREATE TABLE \"{table}\" (\"{name}\" text PRIMARY KEY, \"v {name}\" text, gone text);
                 INSERT INTO \"{table}\" SELECT '{value}' || g, '{value}', '{value}' FROM generate_series(1, 9) g;
                 CREATE TABLE many (t text); INSERT INTO many VALUES ('{value}'), ('{value}')"
            ));
            if encoding == "SQL_ASCII" {
                test.sql("INSERT INTO many VALUES (E'\\377')");
            }
            let tables = [format!("public.{table}"), "public.many".into()];
            let tables: Vec<&str> = tables.iter().map(String::as_str).collect();
            let dump = dump.map(|dump| format!("--encoding={dump}"));
            test.backup(&tables).args(dump).arg("--run-id=run").run().exits(0);
            diff(&test).run().exits(0);
            test.sql(&format!(
                "UPDATE \"{table}\" SET \"v {name}\" = repeat('{value}', 5000) WHERE \"{name}\" = '{value}1';
                 ALTER TABLE \"{table}\" DROP COLUMN gone; INSERT INTO many VALUES ('{value}')"
            ));
            let told = diff(&test).args(["--json", "--values"]).run().exits(1).json();
            let [first, many] = [0, 1].map(|at| &told["tables"][at]);
            assert_eq!((&first["changed"], &many["added"]), (&1.into(), &1.into()));
            assert_eq!(told["rows"], 2);
            let row = &first["rows"][0];
            assert_eq!(row["columns"][0], format!("v {name}"));
            assert_eq!(row["key"][0]["value"], format!("{value}1"));
            // Where the database knows no characters, bytes are counted.
            let bytes = if encoding == "SQL_ASCII" { value.len() } else { 1 };
            let shown = value.repeat(4096 / bytes);
            let now = row["now"][0]["value"].as_str().unwrap();
            assert_eq!(now, shown + "…");
        });
    }
}
