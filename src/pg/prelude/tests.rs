use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

/// As pg_dump 15 writes it.
const DUMP: &str = "\
--\n-- PostgreSQL database dump\n--\n\n\\restrict K3y\n\nSET statement_timeout = 0;
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

--\n-- TOC entry 6 (class 2615 OID 24069)
-- Name: app; Type: SCHEMA; Schema: -; Owner: boss\n--\n\nCREATE SCHEMA app;\n\n\nALTER SCHEMA app OWNER TO boss;\n
--\n-- TOC entry 9 (class 2615 OID 9)
-- Name: other; Type: SCHEMA; Schema: -; Owner: boss\n--\n\nCREATE SCHEMA other;\n
--\n-- TOC entry 7 (class 1255 OID 24070)
-- Name: f(); Type: FUNCTION; Schema: app; Owner: boss\n--\n
CREATE FUNCTION app.f() RETURNS integer\n    LANGUAGE sql\n    BEGIN ATOMIC\n SELECT 1;\n SELECT CASE WHEN true THEN 2 END;\nEND;\n
--\n-- TOC entry 4079 (class 0 OID 0)\n-- Dependencies: 6
-- Name: SCHEMA app; Type: ACL; Schema: -; Owner: boss\n--\n
GRANT USAGE ON SCHEMA app TO a;\nSET SESSION AUTHORIZATION b;\nGRANT USAGE ON SCHEMA app TO c;\nRESET SESSION AUTHORIZATION;\n
--\n-- TOC entry 4080 (class 0 OID 0)\n-- Dependencies: 9
-- Name: SCHEMA other; Type: COMMENT; Schema: -; Owner: \n--\n\nCOMMENT ON SCHEMA other IS 'x';\n
--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict K3y\n\n";

fn closure() -> Closure {
    let object = |class: u32, oid: u32, kind: &str| {
        serde_json::json!({"class": class, "oid": oid, "kind": kind, "name": "x", "part_of": null,
            "opaque": false, "needed_by": ["table app.t"]})
    };
    let objects = [
        object(2615, 24069, "schema"),
        object(1255, 24070, "function"),
        object(1247, 5, "type"),
    ];
    let answer = serde_json::json!({"missing": [], "objects": objects, "joined": [],
            "passed_over": [], "external": []});
    serde_json::from_value(answer).unwrap()
}

#[test]
fn only_what_is_needed_each_by_itself() {
    let made = prelude(DUMP.as_bytes(), &closure()).unwrap();
    let sql = String::from_utf8(made.sql).unwrap();
    assert_eq!((made.absent.len(), made.absent[0].oid), (1, 5));
    each(
        [
            "SET standard_conforming_strings = on;\n",
            "EXECUTE $q$CREATE SCHEMA app$q$;\n",
            "EXECUTE $q$ALTER SCHEMA app OWNER TO boss$q$;\n",
            "BEGIN ATOMIC\n SELECT 1;\n SELECT CASE WHEN true THEN 2 END;\nEND$q$;\n",
            "BEGIN\nEXECUTE $q$GRANT USAGE ON SCHEMA app TO a$q$;\nEXCEPTION",
            "BEGIN\nEXECUTE $q$SET SESSION AUTHORIZATION b$q$;\nEXECUTE $q$GRANT USAGE ON SCHEMA app TO c$q$;\nEXECUTE $q$RESET SESSION AUTHORIZATION$q$;\nEXCEPTION",
        ],
        |there| {
            assert!(sql.contains(there), "{there}\n{sql}");
        },
    );
    each(["other", "statement_timeout", "restrict"], |absent| {
        assert!(!sql.contains(absent), "{absent}\n{sql}");
    });
    assert!(sql.ends_with(render::END));
}

#[test]
fn what_is_not_whole_is_refused() {
    let end = DUMP.find("dump complete").unwrap();
    each([0, 100, DUMP.len() / 2, end], |cut| {
        assert!(
            prelude(&DUMP.as_bytes()[..cut], &closure()).is_err(),
            "{cut}"
        );
    });
    let command = DUMP.replace("CREATE SCHEMA app;", "\\! true\n");
    assert!(prelude(command.as_bytes(), &closure()).is_err());
}

proptest! {
    /// A dump in which lines were moved, lost or changed, and one of any lines.
    #[test]
    fn any_dump_for_a_prelude(
        lines in proptest::collection::vec(prop_oneof![
            proptest::sample::select(DUMP.split_inclusive('\n').collect::<Vec<_>>()).prop_map(String::from),
            "(-- (TOC entry|Dependencies:|Name: a;) [0-9 ]{0,12}|SELECT '|END;|\\\\[a-z]{1,9}|; Type: ; Schema: ; Owner:|\\PC{0,9})\n",
        ], 0..40),
        whole: bool,
    ) {
        let text = if whole { DUMP.to_string() + &lines.concat() } else { lines.concat() + DUMP };
        for text in [lines.concat(), text] {
            if let Ok(dump) = split::split(text.as_bytes()) {
                let statements = dump.entries.iter().flat_map(|entry| &entry.statements).chain(&dump.settings);
                for statement in statements {
                    prop_assert!(memchr::memmem::find(text.as_bytes(), statement).is_some());
                }
            }
            if let Ok(made) = prelude(text.as_bytes(), &closure()) {
                let Parts { before, after, .. } = parts(&made.sql).map_err(TestCaseError::fail)?;
                prop_assert_eq!([before, after].concat(), made.sql);
            }
        }
    }
}
