//! A dump on its way to psql: each statement passed on or left out, rows passed on and digested.

use crate::base::names::TableName;
use crate::pg::lexer::{KEPT, Token};
use crate::pg::row_digest::{DigestKey, RowDigest, TableDigest};
use crate::pg::scan::{Listener, copied};
use crate::restore::omissions::{Omission, Omissions};
use crate::restore::script::TransactionScript;
use crate::restore::statement::{self, Statement};

/// What may be read in a report of a statement that was left out.
const SHOWN: usize = 160;

/// Where an entry of the dump begins in psql's input, for errors that name a line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    line: u64,
    label: String,
}

/// A table's COPY statement and the rows behind it.
#[derive(Debug)]
struct Copied {
    table: TableName,
    /// As the statement lists them, in parentheses.
    columns: String,
    rows: RowDigest,
}

#[derive(Debug)]
pub(crate) struct DumpEditor {
    script: TransactionScript,
    omissions: Omissions,
    key: DigestKey,
    /// For psql, to be taken by the caller.
    pub out: Vec<u8>,
    /// Lines that psql has been given.
    lines: u64,
    /// The statement so far, with the white space before it.
    pending: Vec<u8>,
    /// A long statement, of which the head was enough to decide.
    decided: Option<bool>,
    /// The last byte was a `:` outside of strings, which psql could take for a variable.
    colon: bool,
    entries: Vec<Entry>,
    /// The rest of this entry is left out with its first statement.
    entry_omitted: bool,
    /// Who grants, where it is not the owner: what follows takes a superuser to repeat.
    grantor: Option<String>,
    copied: Vec<Copied>,
    /// How many tables psql has been asked to tell again.
    compared: usize,
    /// What was left out, and why.
    pub omitted: Vec<String>,
}

impl DumpEditor {
    pub(crate) fn new(
        script: TransactionScript,
        omissions: Omissions,
        key: DigestKey,
    ) -> DumpEditor {
        DumpEditor {
            script,
            omissions,
            key,
            out: Vec::new(),
            lines: 0,
            pending: Vec::new(),
            decided: None,
            colon: false,
            entries: Vec::new(),
            entry_omitted: false,
            grantor: None,
            copied: Vec::new(),
            compared: 0,
            omitted: Vec::new(),
        }
    }

    /// Text of our own, which is no entry of the dump.
    pub(crate) fn insert(&mut self, label: &str, text: &[u8]) {
        self.begin_entry(label.into());
        self.write(text);
    }

    fn begin_entry(&mut self, label: String) {
        let line = self.lines + 1;
        self.entries.push(Entry { line, label });
    }

    fn write(&mut self, text: &[u8]) {
        self.lines += memchr::memchr_iter(b'\n', text).count() as u64;
        self.out.extend_from_slice(text);
    }

    /// The entry that this line of psql's input belongs to.
    pub(crate) fn entry_at(&self, line: u64) -> Option<&str> {
        let after = self.entries.partition_point(|entry| entry.line <= line);
        let entry = self.entries.get(after.checked_sub(1)?)?;
        Some(&entry.label)
    }

    /// Asks for the tables that have passed and were not told yet.
    pub(crate) fn compare(&mut self) {
        let tables = self.copied.iter();
        let tables: Vec<_> = tables.map(|c| (&c.table, c.columns.as_str())).collect();
        if tables.len() > self.compared {
            let text = self.script.compare(self.compared, &tables);
            self.compared = self.copied.len();
            self.insert("the comparison of the rows", text.as_bytes());
        }
    }

    /// The tables whose rows have passed.
    pub(crate) fn tables(&self) -> impl Iterator<Item = &TableName> {
        self.copied.iter().map(|copied| &copied.table)
    }

    /// What the artifact held, by table in its order.
    pub(crate) fn digests(&self) -> impl Iterator<Item = (&TableName, TableDigest)> {
        let copied = self.copied.iter();
        copied.map(|copied| (&copied.table, copied.rows.digest()))
    }

    /// Whether the statement goes on to psql.
    fn decide(&mut self, text: &[u8]) -> bool {
        let text = String::from_utf8_lossy(text);
        let statement = statement::read(&text);
        match &statement {
            // What triggers of the target say could hold a row; the prelude has been run.
            Statement::Messages => return false,
            Statement::Default => {
                self.entry_omitted = false;
                return true;
            }
            Statement::DefaultTablespace(name) => {
                self.entry_omitted = false;
                if self.omissions.lacks_tablespace(name) {
                    // Else the last one that was set would hold.
                    self.write(b"SET default_tablespace = '';\n");
                    self.omitted.push(format!("tablespace {name}"));
                    return false;
                }
                return true;
            }
            Statement::SessionAuthorization(role) => self.grantor = Some(role.clone()),
            Statement::ResetSessionAuthorization => self.grantor = None,
            statement if statement.hides_rows() => self.compare(),
            _ => {}
        }
        let switches = matches!(
            statement,
            Statement::SessionAuthorization(_) | Statement::ResetSessionAuthorization
        );
        if self.entry_omitted || switches {
            return false;
        }
        let by_another = self.grantor.as_ref().map(|grantor| Omission {
            why: format!("granted by {grantor}"),
            entry: false,
        });
        match by_another.or_else(|| self.omissions.find(&statement)) {
            Some(Omission { why, entry }) => {
                self.omitted.push(format!("{why}: {}", shown(&text)));
                self.entry_omitted = entry;
                false
            }
            None => true,
        }
    }
}

impl Listener for DumpEditor {
    fn sql(&mut self, byte: u8, plain: bool) {
        // psql puts in its variables where a name or a quote stands right behind a colon. A blank
        // keeps it from that, and means nothing to the server.
        if self.colon && !matches!(byte, b':' | b'=') {
            self.pending.push(b' ');
        }
        self.colon = plain && byte == b':' && !self.colon;
        self.pending.push(byte);
        if self.pending.len() >= KEPT {
            let pending = std::mem::take(&mut self.pending);
            let keep = match self.decided {
                Some(keep) => keep,
                None => self.decide(pending.trim_ascii_start()),
            };
            self.decided = Some(keep);
            if keep {
                self.write(&pending);
            }
        }
    }

    fn token(&mut self, token: &Token) {
        let pending = std::mem::take(&mut self.pending);
        match token {
            Token::Command(_) => {}
            Token::Comment(text) => {
                if let Some(label) = label(text) {
                    self.entry_omitted = false;
                    self.begin_entry(label);
                }
            }
            Token::Statement(text) => {
                let decided = self.decided.take();
                let keep = decided.unwrap_or_else(|| self.decide(text));
                if keep {
                    let text = match decided {
                        Some(_) => &pending[..],
                        None => pending.trim_ascii_start(),
                    };
                    self.write(text);
                    self.write(b"\n");
                }
                if let Some((table, columns)) = copied(text) {
                    let rows = RowDigest::new(self.key);
                    self.copied.push(Copied {
                        table,
                        columns: columns.into(),
                        rows,
                    });
                }
            }
        }
    }

    fn rows(&mut self, bytes: &[u8]) {
        self.write(bytes);
        if let Some(copied) = self.copied.last_mut() {
            copied.rows.push(bytes);
        }
    }
}

/// `-- Name: t c; Type: FK CONSTRAINT; Schema: public; Owner: app` → `FK CONSTRAINT t c`. From
/// its end: a name may hold anything but a line's end.
fn label(comment: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(comment);
    let rest = text
        .strip_prefix("-- Name: ")
        .or_else(|| text.strip_prefix("-- Data for Name: "))?;
    let (rest, _) = rest.rsplit_once("; Schema: ")?;
    let (name, kind) = rest.rsplit_once("; Type: ")?;
    Some(format!("{kind} {name}"))
}

/// One line of bounded length.
fn shown(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pg::closure::ExternalReference;
    use crate::pg::scan::Scan;

    fn edited(dump: &str, references: &[(&str, &str, &str)]) -> (String, DumpEditor) {
        let mut omissions = Omissions::default();
        for (kind, name, needed_by) in references {
            let reference = serde_json::json!({"kind": kind, "name": name, "needed_by": needed_by});
            let reference: ExternalReference = serde_json::from_value(reference).unwrap();
            assert!(omissions.add(&reference, false));
        }
        let key = DigestKey::random().unwrap();
        let script = TransactionScript::new([7; 16], String::new());
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
        for (line, label) in [(1, "TABLE t"), (3, "TABLE t"), (6, "TABLE DATA t")] {
            assert_eq!(editor.entry_at(line), Some(label));
        }
        assert_eq!(editor.digests().next().unwrap().1.rows, 1);
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
        for (role, kept) in [("app", true), ("gone", false)] {
            let dump = format!(
                "ALTER TABLE public.t OWNER TO {role};\nCOMMENT ON TABLE public.t IS '{long}';\nSELECT 1;\n"
            );
            let (out, editor) = edited(&dump, &[("role", "gone", "owner of table public.t")]);
            assert!(editor.pending.capacity() < 3 * KEPT);
            assert_eq!(out.contains("OWNER"), kept);
            assert!(out.contains(&format!("IS '{long}';\nSELECT 1;\n")));
        }
        let header = "-- Name: s; Type: SEQUENCE SET; Schema: public; Owner: a\n";
        let dump = format!("COMMENT ON POLICY p ON public.t IS '{long}';\n{header}SELECT 1;\n");
        let (out, _) = edited(&dump, &[("table", "public.x", "policy p on public.t")]);
        assert_eq!(out, "SELECT 1;\n");
    }
}
