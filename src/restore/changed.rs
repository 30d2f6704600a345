//! Whether a statement is one of pg_dump's, word by word, and what it changes came with the dump
//! itself.

use super::allowed::TABLES;
use super::words::{Word, head, qualified};
use crate::names::TableName;

/// What an object is: an index may not be changed as a table, though both are relations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Table,
    Sequence,
    Index,
    Statistics,
}

pub(super) type Object = (Kind, TableName);

/// What the statement creates, if it may pass; `ours` tells what was created before.
pub(super) fn creates(
    words: &[Word],
    ours: impl Fn(&Object) -> bool,
) -> Result<Option<Object>, String> {
    let found = |ours: &dyn Fn(&Object) -> bool| {
        let forms = TABLES.iter();
        forms
            .map(|form| reads(form, words, ours))
            .find_map(|read| read)
    };
    found(&ours).ok_or_else(|| match found(&|_| true) {
        Some(_) => format!("it changes what it did not create: {}", head(words)),
        None => format!(
            "it holds a statement that is not pg_dump's: {}",
            head(words)
        ),
    })
}

/// What it creates, where it has this form.
fn reads(form: &str, words: &[Word], ours: &dyn Fn(&Object) -> bool) -> Option<Option<Object>> {
    let form: Vec<&str> = form.split_whitespace().collect();
    let mut reader = Reader {
        ours,
        table: None,
        index: None,
        made: None,
    };
    if !reader.fits(&form, words) {
        return None;
    }
    let Reader {
        table, index, made, ..
    } = reader;
    let index = index.zip(table).map(|(name, table)| {
        let schema = table.schema;
        (Kind::Index, TableName { schema, name })
    });
    Some(made.or(index))
}

struct Reader<'a> {
    ours: &'a dyn Fn(&Object) -> bool,
    table: Option<TableName>,
    /// The name of a new index, without its schema.
    index: Option<String>,
    made: Option<Object>,
}

impl Reader<'_> {
    fn fits(&mut self, form: &[&str], words: &[Word]) -> bool {
        let Some((token, form)) = form.split_first() else {
            return words.is_empty();
        };
        if *token == "[" {
            let end = form.iter().position(|token| *token == "]");
            let (inner, rest) = form.split_at(end.unwrap_or(form.len()));
            let rest = rest.get(1..).unwrap_or_default();
            return self.fits(&[inner, rest].concat(), words) || self.fits(rest, words);
        }
        let next = form.first().copied().unwrap_or_default();
        self.takes(token, next, words)
            .is_some_and(|n| self.fits(form, &words[n..]))
    }

    /// How many words stand for this token of a form.
    fn takes(&mut self, token: &str, next: &str, words: &[Word]) -> Option<usize> {
        let first = words.first();
        match token {
            "REST" => Some(words.len()),
            "CLAUSE" => {
                let end = outermost(words, |word| word.mark(','));
                (end == words.len()).then_some(end)
            }
            ".." => Some(outermost(words, |word| keyword(next, word))),
            "(..)" => group(words),
            "OPTIONS" => {
                let plain = |word: &&Word| {
                    matches!(word, Word::Bare(_) | Word::Number(_) | Word::Mark('-'))
                };
                Some(words.iter().take_while(plain).count())
            }
            "NUMBER" => match words {
                [Word::Number(_), ..] => Some(1),
                [Word::Mark('-'), Word::Number(_), ..] => Some(2),
                _ => None,
            },
            "TEXT" => matches!(first?, Word::Text(_) | Word::Escaped).then_some(1),
            "NAME" => first?.name().map(|_| 1),
            "NEW-INDEX" => {
                self.index = Some(first?.name()?.into());
                Some(1)
            }
            "OTHER" => object(words, next).map(|_| 3),
            "TABLE" => {
                let (_, table) = self.known(Kind::Table, words, next)?;
                self.table = Some(table);
                Some(3)
            }
            "SEQUENCE" => self.known(Kind::Sequence, words, next).map(|_| 3),
            "INDEX" => self.known(Kind::Index, words, next).map(|_| 3),
            "STATISTICS" => self.known(Kind::Statistics, words, next).map(|_| 3),
            "NEW-TABLE" => self.makes(Kind::Table, words, next),
            "NEW-SEQUENCE" => self.makes(Kind::Sequence, words, next),
            "NEW-STATISTICS" => self.makes(Kind::Statistics, words, next),
            _ => keyword(token, first?).then_some(1),
        }
    }

    fn known(&self, kind: Kind, words: &[Word], next: &str) -> Option<Object> {
        let object = (kind, object(words, next)?);
        (self.ours)(&object).then_some(object)
    }

    fn makes(&mut self, kind: Kind, words: &[Word], next: &str) -> Option<usize> {
        self.made = Some((kind, object(words, next)?));
        Some(3)
    }
}

/// With a third part it would be another object: the first part would name the database.
fn object(words: &[Word], next: &str) -> Option<TableName> {
    let dotted = words.get(3).is_some_and(|word| word.mark('.'));
    qualified(words).filter(|_| !dotted || next == ".")
}

fn keyword(token: &str, word: &Word) -> bool {
    token.split('|').any(|token| match word {
        Word::Bare(text) => text == token,
        Word::Mark(mark) => token.chars().eq([*mark]),
        _ => false,
    })
}

/// Where the first of these words stands that is in no parentheses; else how many words there are.
fn outermost(words: &[Word], wanted: impl Fn(&Word) -> bool) -> usize {
    let mut depth = 0_usize;
    let at = words.iter().position(|word| {
        let found = depth == 0 && wanted(word);
        match word {
            Word::Mark('(' | '[') => depth += 1,
            Word::Mark(')' | ']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        found
    });
    at.unwrap_or(words.len())
}

/// The words of a pair of parentheses.
fn group(words: &[Word]) -> Option<usize> {
    let (first, rest) = words.split_first()?;
    let end = outermost(rest, |word| word.mark(')'));
    (first.mark('(') && end < rest.len()).then_some(end + 2)
}

#[cfg(test)]
mod tests {
    use super::super::statement::read;
    use super::*;

    /// Of a dump that has made the table `public.t`, its index `i`, the sequence `s`, and
    /// statistics `x`.
    fn made(sql: &str) -> Result<Option<Object>, String> {
        let ours = [
            (Kind::Table, "t"),
            (Kind::Table, "u"),
            (Kind::Sequence, "s"),
            (Kind::Index, "i"),
            (Kind::Statistics, "x"),
        ];
        let ours = ours.map(|(kind, name)| of(kind, name));
        let words = read(sql.as_bytes()).unwrap().words;
        creates(&words, |object| ours.contains(object))
    }

    fn of(kind: Kind, name: &str) -> Object {
        let schema = "public".to_string();
        let name = name.to_string();
        (kind, TableName { schema, name })
    }

    #[test]
    fn what_pg_dump_writes() {
        for sql in [
            "COPY public.t  FROM stdin",
            "COPY public.t (a, \"B\") FROM stdin",
            "CREATE TRIGGER g BEFORE INSERT OR UPDATE OF a, b ON public.t FOR EACH ROW WHEN ((new.a > 0)) EXECUTE FUNCTION public.f('x', 'y')",
            "CREATE CONSTRAINT TRIGGER g AFTER INSERT ON public.t FROM other.r DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION f()",
            "CREATE POLICY p ON public.t AS RESTRICTIVE FOR SELECT TO a, b USING ((x > 0)) WITH CHECK (true)",
            "CREATE RULE r AS ON UPDATE TO public.t WHERE (old.a > 0) DO INSTEAD UPDATE other.v SET a = 1, b = 2",
            "ALTER TABLE ONLY public.t ADD CONSTRAINT c CHECK ((a = ANY (ARRAY[1, 2]))) NOT VALID",
            "ALTER TABLE ONLY public.t ADD CONSTRAINT c FOREIGN KEY (a, b) REFERENCES o.r(a, b) ON DELETE SET NULL (a)",
            "ALTER TABLE ONLY public.t ADD CONSTRAINT c NOT NULL a NOT VALID",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT (ARRAY[1, 2])[1]",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT ARRAY[1, 2]",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET NOT NULL",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET STATISTICS -1",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET STORAGE EXTERNAL",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET COMPRESSION lz4",
            "ALTER TABLE ONLY public.t ALTER COLUMN a SET (n_distinct=5, n_distinct_inherited=6)",
            "ALTER TABLE ONLY other.p ATTACH PARTITION public.t FOR VALUES FROM (0, 'a') TO (10, MAXVALUE)",
            "ALTER TABLE ONLY other.p ATTACH PARTITION public.t FOR VALUES WITH (modulus 2, remainder 0)",
            "ALTER TABLE ONLY other.p ATTACH PARTITION public.t DEFAULT",
            "ALTER TABLE public.t CLUSTER ON i",
            "ALTER TABLE ONLY public.t REPLICA IDENTITY FULL",
            "ALTER TABLE ONLY public.t REPLICA IDENTITY USING INDEX i",
            "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE ONLY public.t FORCE ROW LEVEL SECURITY",
            "ALTER TABLE public.t DISABLE TRIGGER g",
            "ALTER TABLE public.t ENABLE ALWAYS TRIGGER g",
            "ALTER TABLE public.t ENABLE REPLICA RULE r",
            "ALTER TABLE public.t SET ACCESS METHOD heap",
            "ALTER TABLE public.t OWNER TO \"a b\"",
            "ALTER TABLE public.s OWNER TO a",
            "ALTER SEQUENCE public.s OWNER TO a",
            "ALTER SEQUENCE public.s OWNED BY public.t.id",
            "ALTER INDEX other.p ATTACH PARTITION public.i",
            "ALTER INDEX public.i ALTER COLUMN 1 SET STATISTICS 100",
            "ALTER INDEX public.i DEPENDS ON EXTENSION e",
            "ALTER TRIGGER g ON public.t DEPENDS ON EXTENSION e",
            "ALTER STATISTICS public.x SET STATISTICS 100",
            "ALTER STATISTICS public.x OWNER TO a",
            "ALTER PUBLICATION p ADD TABLE ONLY public.t",
            "ALTER PUBLICATION p ADD TABLE ONLY public.t (a, b) WHERE ((a > 0))",
            "COMMENT ON TABLE public.t IS E'a\\b'",
            "COMMENT ON COLUMN public.t.a IS 'a'",
            "COMMENT ON INDEX public.i IS 'a'",
            "COMMENT ON SEQUENCE public.s IS 'a'",
            "COMMENT ON STATISTICS public.x IS 'a'",
            "COMMENT ON RULE r ON public.t IS 'a'",
            "SECURITY LABEL FOR p ON TABLE public.t IS 'a'",
            "SECURITY LABEL FOR p ON COLUMN public.t.a IS 'a'",
            "GRANT SELECT(a),INSERT(b) ON TABLE public.t TO r WITH GRANT OPTION",
            "REVOKE ALL ON TABLE public.t FROM r",
            "GRANT ALL ON SEQUENCE public.s TO PUBLIC",
        ] {
            assert_eq!(made(sql), Ok(None), "{sql}");
        }
        for (sql, kind) in [
            ("CREATE TABLE public.n ()", Kind::Table),
            (
                "CREATE UNLOGGED TABLE public.n (a int) INHERITS (public.a, public.b) WITH (fillfactor='50')",
                Kind::Table,
            ),
            (
                "CREATE TABLE public.n (a int, b int GENERATED ALWAYS AS ((a + 1)) STORED) PARTITION BY RANGE (a, b)",
                Kind::Table,
            ),
            (
                "CREATE TABLE public.n OF public.type (a WITH OPTIONS NOT NULL)",
                Kind::Table,
            ),
            ("CREATE TABLE public.n OF public.type", Kind::Table),
            (
                "CREATE SEQUENCE public.n AS integer START WITH 1 INCREMENT BY -1 NO MINVALUE NO MAXVALUE CACHE 1 CYCLE",
                Kind::Sequence,
            ),
            (
                "ALTER TABLE public.t ALTER COLUMN a ADD GENERATED BY DEFAULT AS IDENTITY ( SEQUENCE NAME public.n START WITH -1 UNLOGGED )",
                Kind::Sequence,
            ),
            (
                "CREATE INDEX n ON ONLY public.t USING btree (a, (b + 1)) WHERE (a > 0)",
                Kind::Index,
            ),
            (
                "CREATE UNIQUE INDEX n ON public.t USING btree (a) INCLUDE (b)",
                Kind::Index,
            ),
            (
                "ALTER TABLE ONLY public.t ADD CONSTRAINT n PRIMARY KEY (a, b)",
                Kind::Index,
            ),
            (
                "ALTER TABLE ONLY public.t ADD CONSTRAINT n UNIQUE NULLS NOT DISTINCT (a)",
                Kind::Index,
            ),
            (
                "ALTER TABLE ONLY public.t ADD CONSTRAINT n EXCLUDE USING gist (a WITH =, b WITH &&) WHERE ((a > 0))",
                Kind::Index,
            ),
            (
                "CREATE STATISTICS public.n (ndistinct, mcv) ON a, EXTRACT(year FROM d), (b + 1) FROM public.t",
                Kind::Statistics,
            ),
        ] {
            assert_eq!(made(sql), Ok(Some(of(kind, "n"))), "{sql}");
        }
    }

    #[test]
    fn what_changes_another_object() {
        for sql in [
            "COPY public.t FROM '/etc/passwd'",
            "COPY public.t FROM PROGRAM 'id' WHERE (a) IS DISTINCT FROM stdin",
            "CREATE TABLE public.n AS SELECT 1",
            "CREATE TABLE public.n (a) AS WITH d AS (DELETE FROM public.v RETURNING *) SELECT * FROM d",
            "CREATE TABLE public.n WITH (fillfactor=50) AS EXECUTE v",
            "CREATE TABLE public.n PARTITION OF public.v DEFAULT",
            "CREATE TABLE IF NOT EXISTS public.n (a int)",
            "CREATE TABLE other.public.n (a int)",
            "CREATE SEQUENCE public.n OWNED BY public.v.id",
            "CREATE SEQUENCE IF NOT EXISTS public.v",
            "CREATE INDEX IF NOT EXISTS v ON public.t USING btree (a)",
            "CREATE INDEX ON public.t USING btree (a)",
            "CREATE INDEX n ON public.s USING btree (a)",
            "CREATE RULE \"_RETURN\" AS ON SELECT TO public.t DO INSTEAD SELECT 1",
            "CREATE RULE r AS ON INSERT TO public.v DO ALSO DELETE FROM public.t",
            "CREATE TRIGGER g BEFORE UPDATE OF a ON public.v FROM public.t EXECUTE FUNCTION f()",
            "CREATE STATISTICS public.n ON (EXTRACT(year FROM public.t)), b FROM public.v",
            "ALTER TABLE public.i ALTER COLUMN a TYPE int USING 0",
            "ALTER TABLE public.i OWNER TO a",
            "ALTER TABLE public.t ALTER COLUMN a TYPE int USING 0",
            "ALTER TABLE public.t.v OWNER TO a",
            "ALTER TABLE IF EXISTS public.t OWNER TO a",
            "ALTER TABLE public.t OWNER TO a, ADD COLUMN b int",
            "ALTER TABLE public.t ADD CONSTRAINT c CHECK (true), INHERIT public.v",
            "ALTER TABLE public.t ADD COLUMN IF NOT EXISTS a int GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.v)",
            "ALTER TABLE public.t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME public.n OWNED BY public.v.a)",
            "ALTER TABLE public.t INHERIT public.v",
            "ALTER TABLE public.t ATTACH PARTITION public.v DEFAULT",
            "ALTER TABLE public.t DETACH PARTITION public.v",
            "ALTER TABLE public.t RENAME TO v",
            "ALTER TABLE public.t SET SCHEMA v",
            "ALTER SEQUENCE public.i OWNER TO a",
            "ALTER SEQUENCE public.s OWNED BY public.v.id",
            "ALTER SEQUENCE public.s RESTART",
            "ALTER INDEX public.t OWNER TO a",
            "ALTER INDEX public.i ATTACH PARTITION public.v",
            "ALTER INDEX public.i RENAME TO v",
            "ALTER PUBLICATION p SET TABLE ONLY public.t",
            "ALTER PUBLICATION p DROP TABLE public.t",
            "ALTER PUBLICATION p ADD TABLE ONLY public.t, public.v",
            "ALTER PUBLICATION p ADD TABLE ONLY public.t WHERE (true), TABLES IN SCHEMA v",
            "ALTER STATISTICS public.t SET STATISTICS 1",
            "COMMENT ON FUNCTION public.t IS 'a'",
            "COMMENT ON COLUMN public.t.v.a IS 'a'",
            "COMMENT ON TABLE public.i IS 'a'",
            "COMMENT ON CONSTRAINT c ON DOMAIN public.t IS 'a'",
            "COMMENT ON TRIGGER g ON public.v IS 'public.t'",
            "SECURITY LABEL FOR p ON FUNCTION public.t IS 'a'",
            "SECURITY LABEL ON TABLE public.t IS 'a'",
            "GRANT ALL ON TABLE public.t, public.v TO PUBLIC",
            "GRANT ALL ON public.t TO PUBLIC",
            "GRANT SELECT(a) ON TABLE public.v TO PUBLIC",
            "REVOKE ALL ON TABLE public.t, public.v FROM PUBLIC",
            "REVOKE ALL ON SEQUENCE public.s, public.v FROM PUBLIC",
            "GRANT ALL ON ALL TABLES IN SCHEMA public TO PUBLIC",
        ] {
            assert!(made(sql).is_err(), "{sql}");
        }
        // A constraint that has no index makes nothing.
        let check = "ALTER TABLE public.t ADD CONSTRAINT v CHECK (true)";
        assert_eq!(made(check), Ok(None));
    }

    #[test]
    fn why_it_is_refused() {
        let why = |sql: &str| made(sql).unwrap_err();
        assert!(why("ALTER TABLE public.v OWNER TO a").contains("did not create"));
        assert!(why("DROP TABLE public.t").contains("not pg_dump's"));
    }
}
