//! Amounts of money, which are written and read under a locale of the server's host.

use crate::restore::forge::{Prints, Target, forge, prove, restore};
use crate::support::{Sealed, Test, cluster, each};
use serde_json::{Value, json};

/// With a decimal comma: a C locale reads its `$ 5,00` as $500.00, and says nothing.
const LOCALE: &str = "es_CL.UTF-8";

const TABLES: &str = "
CREATE DOMAIN price AS money; CREATE TYPE entry AS (n int, amount price);
CREATE TYPE span AS RANGE (subtype = price);
CREATE TABLE plain (m money); CREATE TABLE listed (p price[]); CREATE TABLE lines (l entry);
CREATE TABLE spans (s span, ss span_multirange); CREATE TABLE none (x int);
INSERT INTO plain VALUES (5::money), ((-0.07)::numeric::money); INSERT INTO listed VALUES (ARRAY[1234567::money, NULL]);
INSERT INTO lines VALUES (row(1, 99::money)); INSERT INTO spans VALUES (span(1::money, 9::money), '{}');
INSERT INTO none VALUES (1);
";
const NAMES: &[&str] = &[
    "public.plain",
    "public.listed",
    "public.lines",
    "public.spans",
    "public.none",
];

fn set(db: &str, locale: &str) {
    let sql = format!("ALTER DATABASE {db} SET lc_monetary = '{locale}'");
    let mut psql = cluster().psql("postgres");
    let known = psql.args(["-c", &sql]).output().unwrap();
    assert!(
        known.status.success(),
        "{}\napt-get install locales && localedef -i es_CL -f UTF-8 {LOCALE}",
        String::from_utf8_lossy(&known.stderr)
    );
}

fn under(locale: &str) -> Test {
    let test = Test::new();
    set(&test.db, locale);
    test.sql(TABLES);
    test
}

fn amounts(db: &str) -> String {
    let ask = "SET lc_monetary = 'C'; TABLE plain; TABLE listed; TABLE lines; TABLE spans";
    cluster().sql(db, ask)
}

fn locales(sealed: &Sealed) -> Vec<&Value> {
    let references = sealed.manifest["external_references"].as_array().unwrap();
    references
        .iter()
        .filter(|r| r["kind"] == "locale")
        .collect()
}

#[test]
fn amounts_come_back_whatever_the_locales() {
    each(
        [(LOCALE, "C"), ("C", LOCALE), (LOCALE, LOCALE)],
        |(source, target)| {
            let test = under(source);
            let sealed = test.sealed(&test.backup(NAMES).run());
            assert_eq!(sealed.manifest["server"]["lc_monetary"], source);
            let place = Target::new();
            set(&place.db, target);
            let ran = restore(&test, &sealed.path, &place).run();
            ran.exits(0).prints(&["RESTORE: PASS"]);
            assert_eq!(
                amounts(&test.db),
                amounts(&place.db),
                "{source} to {target}"
            );
            let ran = prove(&test, &sealed.path).run();
            ran.exits(0).prints(&["PROVE_RESTORE: PASS"]);
        },
    );
}

/// Only who holds amounts needs it, and nobody needs C.
#[test]
fn the_locale_is_an_external_reference() {
    let test = under(LOCALE);
    let sealed = test.sealed(&test.backup(NAMES).run());
    let need = |table: &str| json!({"kind": "locale", "name": LOCALE, "needed_by": table});
    assert_eq!(
        locales(&sealed),
        [
            &need("table public.lines"),
            &need("table public.listed"),
            &need("table public.plain"),
            &need("table public.spans"),
        ]
    );
    let sealed = test.sealed(&test.backup(&["public.none"]).run());
    assert_eq!(locales(&sealed), [&Value::Null; 0]);
    let test = under("C");
    let sealed = test.sealed(&test.backup(NAMES).run());
    assert_eq!(locales(&sealed), [&Value::Null; 0]);
}

#[test]
fn a_host_without_the_locale_is_refused() {
    let test = under(LOCALE);
    let other = |run_id: &str, tables: &[&str]| {
        let sealed = test.sealed(&test.backup(tables).run());
        forge(
            &test,
            &sealed.manifest,
            sealed.sql.as_bytes(),
            run_id,
            |manifest| {
                let text = manifest.to_string().replace(LOCALE, "xx_YY.UTF-8");
                *manifest = serde_json::from_str(&text).unwrap();
            },
        )
    };
    let path = other("elsewhere", &["public.plain"]);
    let target = Target::new();
    let said = ["the target has no locale xx_YY.UTF-8, which table public.plain needs"];
    restore(&test, &path, &target)
        .arg("--skip-external")
        .run()
        .fails(3, &said);
    target.is_empty();
    prove(&test, &path).run().fails(3, &said);
    // Where no amount is held, no locale is missed.
    let path = other("amountless", &["public.none"]);
    restore(&test, &path, &target).run().exits(0);
    prove(&test, &path).run().exits(0);
}

/// Before it was recorded, the target's own was used.
#[test]
fn an_older_manifest_knows_no_locale() {
    let test = under("C");
    let sealed = test.sealed(&test.backup(&["public.plain"]).run());
    let sql = sealed.sql.as_bytes();
    let path = forge(&test, &sealed.manifest, sql, "older", |manifest| {
        let server = manifest["server"].as_object_mut().unwrap();
        server.remove("lc_monetary");
    });
    let target = Target::new();
    restore(&test, &path, &target).run().exits(0);
    let plain = "SELECT * FROM plain";
    assert_eq!(test.sql(plain), target.sql(plain));
}
