use super::*;
use crate::base::cases::each;
use crate::pg::closure::ExternalReference;
use crate::pg::lexer::Lexer;
use crate::pg::scan::Scan;
use crate::pg::session::Pinned;
use crate::restore::missing::{MissingDependency, WhyMissing};
use proptest::prelude::*;

fn edited(dump: &str, references: &[(&str, &str, &str)]) -> (String, DumpEditor) {
    let mut omissions = Omissions::default();
    for (kind, name, needed_by) in references {
        let reference = serde_json::json!({"kind": kind, "name": name, "needed_by": needed_by});
        let reference: ExternalReference = serde_json::from_value(reference).unwrap();
        let reference = &reference;
        let why = WhyMissing::Absent;
        assert!(omissions.add(&MissingDependency { reference, why }));
    }
    let key = DigestKey::random().unwrap();
    let script = TransactionScript::new([7; 16], Pinned::default());
    let mut editor = DumpEditor::new(script, omissions, key);
    let mut scan = Scan::new(TableName::parse("public.t"));
    for piece in dump.as_bytes().chunks(7) {
        scan.push_to(piece, &mut editor).unwrap();
    }
    let out = String::from_utf8(std::mem::take(&mut editor.out)).unwrap();
    (out, editor)
}

#[test]
fn statements_pass_as_they_are_but_for_colons() {
    let dump = "--\n-- Name: t; Type: TABLE; Schema: public; Owner: a\n--\n\nCREATE TABLE public.t (\n    a int[] CHECK (a[1:\"N\"] = '{:x}'::int[]), b text DEFAULT ':y'\n);\n\n\
        --\n-- Data for Name: t; Type: TABLE DATA; Schema: public; Owner: a\n--\n\nCOPY public.t (a, b) FROM stdin;\n{}\t:x\n\\.\n\n\nSELECT 1;\n";
    let (out, editor) = edited(dump, &[]);
    assert_eq!(
        out,
        "CREATE TABLE public.t (\n    a int[] CHECK (a[1: \"N\"] = '{:x}'::int[]), b text DEFAULT ':y'\n);\n\
         COPY public.t (a, b) FROM stdin;\n{}\t:x\n\\.\nSELECT 1;\n"
    );
    each(
        [(1, "TABLE t"), (3, "TABLE t"), (6, "TABLE DATA t")],
        |(line, label)| {
            assert_eq!(editor.entry_at(line), Some(label));
        },
    );
    assert_eq!(editor.copied.digests().next().unwrap().1.rows, 1);
}

#[test]
fn an_entry_is_left_out_whole_up_to_what_belongs_to_the_next() {
    let header = |name: &str, kind: &str| {
        format!("--\n-- Name: {name}; Type: {kind}; Schema: public; Owner: a\n--\n\n")
    };
    let dump = [
        &header("t g", "TRIGGER"),
        "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f();\n\n",
        "ALTER TABLE public.t DISABLE TRIGGER g;\n\n\nSET default_tablespace = fast;\n\n",
        &header("TRIGGER g ON t", "COMMENT"),
        "COMMENT ON TRIGGER g ON public.t IS '\n-- Name: x; Type: TABLE; Schema: public; Owner: a\n;';\n",
        &header("i", "INDEX"),
        "CREATE INDEX i ON public.t USING btree (a);\n",
    ]
    .concat();
    let missing = ("function", "public.f()", "trigger g on public.t");
    let (out, editor) = edited(&dump, &[missing]);
    assert_eq!(
        out,
        "SET default_tablespace = fast;\nCREATE INDEX i ON public.t USING btree (a);\n"
    );
    assert_eq!(editor.omitted.len(), 2);
    assert!(editor.omitted[0].starts_with("needs function public.f(): CREATE TRIGGER g"));
    let missing = ("tablespace", "fast", "index public.i");
    let (out, editor) = edited(&dump, &[missing]);
    assert!(out.contains("SET default_tablespace = '';\n") && !out.contains("fast"));
    assert_eq!(editor.omitted, ["tablespace fast"]);
}

#[test]
fn what_others_granted_is_left_out() {
    let dump = "GRANT SELECT ON TABLE public.t TO bob WITH GRANT OPTION;\nSET SESSION AUTHORIZATION bob;\n\
        GRANT SELECT ON TABLE public.t TO carol;\nRESET SESSION AUTHORIZATION;\nGRANT INSERT ON TABLE public.t TO dan;\n";
    let (out, editor) = edited(dump, &[]);
    assert_eq!(out.matches("GRANT").count(), 3, "{out}");
    assert!(out.contains("TO dan") && !out.contains("carol") && !out.contains("SESSION"));
    assert!(editor.omitted[0].starts_with("granted by bob: GRANT SELECT"));
}

#[test]
fn a_long_statement_is_not_held() {
    let long = "x;".repeat(KEPT);
    each([("app", true), ("gone", false)], |(role, kept)| {
        let dump = format!(
            "ALTER TABLE public.t OWNER TO {role};\nCOMMENT ON TABLE public.t IS '{long}';\nSELECT 1;\n"
        );
        let (out, editor) = edited(&dump, &[("role", "gone", "owner of table public.t")]);
        assert!(editor.pending.capacity() < 3 * KEPT);
        assert_eq!(out.contains("OWNER"), kept);
        assert!(out.contains(&format!("IS '{long}';\nSELECT 1;\n")));
    });
    let header = "-- Name: s; Type: SEQUENCE SET; Schema: public; Owner: a\n";
    let dump = format!("COMMENT ON POLICY p ON public.t IS '{long}';\n{header}SELECT 1;\n");
    let (out, _) = edited(&dump, &[("table", "public.x", "policy p on public.t")]);
    assert_eq!(out, "SELECT 1;\n");
}

proptest! {
    /// What goes to psql holds no variable of psql's, and would pass a second time, but for blanks.
    #[test]
    fn any_statements_pass(statements in proptest::collection::vec(proptest::collection::vec(proptest::sample::select(vec![
        ":", "::", ":=", "a", "1", "''", "':a'", "\":b\"", "$$:c$$", "(:x)", "[1:", "]", "\n", " ", "é", "-- :d\n", "/* :e */", " E'\\':'"]), 1..20), 1..4)) {
        let dump: String = statements.iter().map(|statement| format!("SELECT {};\n", statement.concat())).collect();
        let mut open = Lexer::new();
        let ended = dump.bytes().filter_map(|byte| open.push(byte)).count();
        prop_assume!(open.at_rest() && ended > 0);
        let (out, _) = edited(&dump, &[]);
        prop_assert_eq!(edited(&out, &[]).0.replace(' ', ""), out.replace(' ', ""));
        let mut lexer = Lexer::new();
        let mut before = [b' '; 2];
        for byte in out.bytes() {
            let variable = byte.is_ascii_alphanumeric() || byte >= 0x80 || [b'\'', b'"', b'{'].contains(&byte);
            let colon = before == [b' ', b':'] || before[1] == b':' && before[0] != b':';
            prop_assert!(!(variable && colon && lexer.is_plain()), "{}", out);
            before = [if lexer.is_plain() { before[1] } else { b' ' }, if lexer.is_plain() { byte } else { b' ' }];
            lexer.push(byte);
        }
    }
}
