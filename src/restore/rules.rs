//! Which statements may pass. Anybody with the public key can make an artifact, so a statement
//! passes only where it is one that pg_dump writes, and where what it changes came with the
//! artifact itself.

use super::allowed::{PRELUDE, SETTINGS};
use super::changed::{Kind, Object, creates};
use super::words::{Statement, Word, head, qualified, relation, shown};
use crate::names::TableName;
use std::collections::BTreeSet;

/// What is to be done with a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ruling {
    Pass,
    /// Left out, and told: what it is.
    Skip(String),
    /// Left out with another.
    Aside,
}

/// Which of the two streams a statement stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// Schemas, types, functions, …: what the tables need.
    Prelude,
    Tables,
}

/// What the manifest declares, the target has not, and `--skip-external` leaves out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Missing {
    pub roles: BTreeSet<String>,
    /// They are there, and the restoring role may not act for them.
    pub owners: BTreeSet<String>,
    pub relations: BTreeSet<TableName>,
    pub tablespaces: BTreeSet<String>,
}

#[derive(Debug)]
pub(crate) struct Rules {
    part: Part,
    /// The relations of the manifest.
    scope: BTreeSet<TableName>,
    /// What the stream has created so far.
    created: BTreeSet<Object>,
    /// A partition was not attached: neither are its indexes.
    detached: bool,
    /// In whose name pg_dump goes on granting, where it is not the owner's.
    grantor: Option<String>,
    missing: Missing,
}

impl Rules {
    pub(crate) fn new(
        part: Part,
        scope: impl IntoIterator<Item = TableName>,
        missing: Missing,
    ) -> Rules {
        Rules {
            part,
            scope: scope.into_iter().collect(),
            created: BTreeSet::new(),
            detached: false,
            grantor: None,
            missing,
        }
    }

    pub(crate) fn judge(&mut self, statement: &Statement) -> Result<Ruling, String> {
        let words = &statement.words[..];
        if let Some(ruling) = self.granting(words) {
            return ruling;
        }
        if statement.begins(&["set"]) {
            return self.setting(words);
        }
        if statement.begins(&["select"]) {
            return self.select(words);
        }
        let created = match self.part {
            Part::Tables => self.within(words)?,
            Part::Prelude if PRELUDE.iter().any(|head| statement.begins(head)) => None,
            Part::Prelude => {
                return Err(format!(
                    "it holds a statement that is not pg_dump's: {}",
                    head(words)
                ));
            }
        };
        if let Some(skipped) = self.skipped(words) {
            return Ok(Ruling::Skip(skipped));
        }
        self.created.extend(created);
        Ok(Ruling::Pass)
    }

    /// What one who was granted a privilege granted on stands between `SET SESSION AUTHORIZATION`
    /// and its RESET. It takes a superuser to say that again, so it is left out.
    fn granting(&mut self, words: &[Word]) -> Option<Result<Ruling, String>> {
        match (&self.grantor, words) {
            (None, [set, session, authorization, name])
                if self.part == Part::Tables
                    && set.is("set")
                    && session.is("session")
                    && authorization.is("authorization") =>
            {
                self.grantor = Some(name.name()?.into());
                Some(Ok(Ruling::Aside))
            }
            (None, _) => None,
            (Some(_), [reset, session, authorization])
                if reset.is("reset")
                    && session.is("session")
                    && authorization.is("authorization") =>
            {
                self.grantor = None;
                Some(Ok(Ruling::Aside))
            }
            (Some(grantor), [first, ..]) if first.is("grant") || first.is("revoke") => {
                let what = format!("{}, by {grantor}", shown(words));
                Some(self.within(words).map(|_| Ruling::Skip(what)))
            }
            (Some(grantor), _) => Some(Err(format!(
                "it holds a statement in the name of {grantor} that is no grant: {}",
                head(words)
            ))),
        }
    }

    fn setting(&self, words: &[Word]) -> Result<Ruling, String> {
        let refused = || {
            Err(format!(
                "it holds a setting that is not pg_dump's: {}",
                head(words)
            ))
        };
        let [_, name, equals, value @ ..] = words else {
            return refused();
        };
        let known = name.name().filter(|name| SETTINGS.contains(name));
        let (Some(name), true, [value]) = (known, equals.mark('='), value) else {
            return refused();
        };
        let fixed = match name {
            "client_encoding" => *value == Word::Text("UTF8".into()),
            "standard_conforming_strings" => value.is("on"),
            _ => true,
        };
        if !fixed {
            return refused();
        }
        let space = value.name().filter(|_| name == "default_tablespace");
        Ok(
            match space.filter(|space| self.missing.tablespaces.contains(*space)) {
                Some(space) => Ruling::Skip(format!("tablespace {space}")),
                None => Ruling::Pass,
            },
        )
    }

    /// The two calls that pg_dump makes. `setval` lasts though a transaction be rolled back, so
    /// only of a sequence that was created here.
    fn select(&self, words: &[Word]) -> Result<Ruling, String> {
        let refused = || Err(format!("it holds a query: {}", head(words)));
        let [_, schema, dot, function, open, arguments @ .., close] = words else {
            return refused();
        };
        let catalog = schema.is("pg_catalog") && dot.mark('.');
        if !(catalog && open.mark('(') && close.mark(')')) {
            return refused();
        }
        let text = |word: &Word, wanted: &str| *word == Word::Text(wanted.into());
        match arguments {
            [name, c1, value, c2, local] if function.is("set_config") => {
                let commas = c1.mark(',') && c2.mark(',');
                match commas && text(name, "search_path") && text(value, "") && local.is("false") {
                    true => Ok(Ruling::Pass),
                    false => refused(),
                }
            }
            [Word::Text(name), c1, value @ .., c2, called] if function.is("setval") => {
                let number = matches!(value, [Word::Number(_)])
                    || matches!(value, [Word::Mark('-'), Word::Number(_)]);
                let called = called.is("true") || called.is("false");
                let ours = relation(name)
                    .is_some_and(|name| self.created.contains(&(Kind::Sequence, name)));
                match c1.mark(',') && c2.mark(',') && number && called && ours {
                    true => Ok(Ruling::Pass),
                    false => refused(),
                }
            }
            _ => refused(),
        }
    }

    /// What a statement of the dump creates; what it changes must have come with the dump.
    fn within(&self, words: &[Word]) -> Result<Option<Object>, String> {
        let created = creates(words, |object| self.created.contains(object))?;
        match &created {
            Some((Kind::Table, name)) if !self.scope.contains(name) => Err(format!(
                "it creates `{name}`, which the manifest does not name"
            )),
            _ => Ok(created),
        }
    }

    /// What `--skip-external` leaves out: statements that need what is declared and missing.
    fn skipped(&mut self, words: &[Word]) -> Option<String> {
        let after = |keywords: &[&str]| {
            let found = words.windows(keywords.len()).position(|window| {
                window
                    .iter()
                    .zip(keywords)
                    .all(|(word, keyword)| word.is(keyword))
            });
            found.map(|at| &words[at + keywords.len()..])
        };
        let role = |rest: Option<&[Word]>, missing: &[&BTreeSet<String>]| {
            let name = rest?.first()?.name()?;
            let is = missing.iter().any(|roles| roles.contains(name));
            is.then(|| name.to_string())
        };
        let relation = |rest: Option<&[Word]>| {
            let name = qualified(rest?)?;
            self.missing.relations.contains(&name).then_some(name)
        };
        let shown = shown(words);
        let first = words.first()?;
        if first.is("alter") {
            let owner = after(&["owner", "to"]);
            if let Some(name) = role(owner, &[&self.missing.roles, &self.missing.owners]) {
                return Some(format!("owner {name}: {shown}"));
            }
            if let Some(name) = relation(after(&["references"]))
                && after(&["foreign", "key"]).is_some()
            {
                return Some(format!("foreign key to {name}: {shown}"));
            }
            if after(&["attach", "partition"]).is_some()
                && let Some(name) = relation(after(&["only"]))
            {
                self.detached = true;
                return Some(format!("partition of {name}: {shown}"));
            }
            // Its index goes the way of the parent that is not there.
            let attached = after(&["attach", "partition"]).is_some();
            if attached
                && self.detached
                && let Some(name) = after(&["alter", "index"]).and_then(qualified)
                && !self.created.contains(&(Kind::Index, name.clone()))
            {
                return Some(format!("partition of {name}: {shown}"));
            }
        }
        let (word, privilege) = match first {
            word if word.is("grant") => ("to", true),
            word if word.is("revoke") => ("from", true),
            _ => ("", false),
        };
        let roles = [&self.missing.roles];
        let name = privilege.then(|| role(after(&[word]), &roles)).flatten()?;
        Some(format!("privileges of {name}: {shown}"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::statement::read;
    use super::*;

    fn table(name: &str) -> TableName {
        TableName::parse(name).unwrap()
    }

    fn judge(sql: &[&str]) -> Result<Ruling, String> {
        let missing = Missing {
            roles: ["app".to_string()].into(),
            owners: ["boss".to_string()].into(),
            relations: [table("public.users")].into(),
            tablespaces: ["fast".to_string()].into(),
        };
        let mut rules = Rules::new(Part::Tables, [table("public.a")], missing);
        let mut last = Ok(Ruling::Pass);
        for sql in sql {
            last = rules.judge(&read(sql.as_bytes()).unwrap());
        }
        last
    }

    const CREATE: &str = "CREATE TABLE public.a (x int)";

    #[test]
    fn what_pg_dump_writes_passes() {
        for sql in [
            "SET statement_timeout = 0",
            "SET client_encoding = 'UTF8'",
            "SET default_tablespace = ''",
            "SELECT pg_catalog.set_config('search_path', '', false)",
            "ALTER TABLE public.a OWNER TO postgres",
            "ALTER TABLE ONLY public.a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES public.a(x)",
            "GRANT SELECT ON TABLE public.a TO reader",
            "COPY public.a (x) FROM stdin",
        ] {
            assert_eq!(judge(&[CREATE, sql]), Ok(Ruling::Pass), "{sql}");
        }
        let sequence = "CREATE SEQUENCE public.\"a's\" START WITH 1";
        let setval = "SELECT pg_catalog.setval('public.\"a''s\"', 7, true)";
        assert_eq!(judge(&[sequence, setval]), Ok(Ruling::Pass));
        let identity = "ALTER TABLE public.a ALTER COLUMN x ADD GENERATED ALWAYS AS IDENTITY ( SEQUENCE NAME public.s START WITH 1)";
        let setval = "SELECT pg_catalog.setval('public.s', -7, false)";
        assert_eq!(judge(&[CREATE, identity, setval]), Ok(Ruling::Pass));
    }

    #[test]
    fn the_rest_is_refused() {
        for sql in [
            "BEGIN",
            "COMMIT",
            "END",
            "ROLLBACK",
            "ABORT",
            "SAVEPOINT a",
            "RELEASE a",
            "START TRANSACTION",
            "CREATE RULE r AS ON INSERT TO public.other DO INSTEAD NOTHING",
            "CREATE TRIGGER t BEFORE INSERT ON public.other FOR EACH ROW EXECUTE FUNCTION public.f()",
            "CREATE POLICY p ON public.other USING (true)",
            "CREATE UNIQUE INDEX i ON ONLY public.other USING btree (a)",
            "ALTER INDEX public.other_pkey SET (fillfactor = 10)",
            "COMMENT ON TABLE public.other IS 'x'",
            "COMMENT ON CONSTRAINT c ON public.other IS 'x'",
            "PREPARE TRANSACTION 'x'",
            "COMMIT PREPARED 'x'",
            "RESET SESSION AUTHORIZATION",
            "SET ROLE postgres",
            "RESET ALL",
            "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
            "SET TRANSACTION READ ONLY",
            "SET LOCAL statement_timeout = 0",
            "SET client_encoding = 'SJIS'",
            "SET standard_conforming_strings = off",
            "SET session_replication_role = replica",
            "SET search_path = x",
            "SELECT pg_catalog.set_config('client_encoding', '', false)",
            "SELECT pg_catalog.setval('public.other', 7, true)",
            "SELECT pg_catalog.setval('public.a', (SELECT 1), true)",
            "SELECT pg_catalog.pg_terminate_backend(1)",
            "SELECT 1",
            "DO $$ BEGIN END $$",
            "CREATE TABLE public.b (x int)",
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS ''",
            "ALTER TABLE public.b OWNER TO x",
            "ALTER TABLE IF EXISTS public.a OWNER TO x",
            "GRANT postgres TO me",
            "GRANT ALL ON SCHEMA public TO me",
            "GRANT ALL ON TABLE public.b TO me",
            "DROP TABLE public.a",
            "TRUNCATE public.a",
            "INSERT INTO public.a VALUES (1)",
            "CALL p()",
            "EXECUTE p",
            "LOAD 'x'",
            "LOCK TABLE public.a",
            "VACUUM",
            "CHECKPOINT",
        ] {
            assert!(judge(&[CREATE, sql]).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_others_granted_is_left_out() {
        let bob = "SET SESSION AUTHORIZATION bob";
        let reset = "RESET SESSION AUTHORIZATION";
        let grant = "GRANT SELECT ON TABLE public.a TO carol";
        let skipped = judge(&[CREATE, bob, grant]);
        assert!(matches!(skipped, Ok(Ruling::Skip(what)) if what.ends_with("by bob")));
        assert_eq!(judge(&[CREATE, bob, grant, reset]), Ok(Ruling::Aside));
        assert_eq!(judge(&[CREATE, bob, reset, grant]), Ok(Ruling::Pass));
        for sql in [
            CREATE,
            bob,
            "COPY public.a (x) FROM stdin",
            "SET statement_timeout = 0",
            "GRANT SELECT ON TABLE public.other TO carol",
            "GRANT postgres TO carol",
        ] {
            assert!(judge(&[CREATE, bob, sql]).is_err(), "{sql}");
        }
    }

    #[test]
    fn what_was_not_created_stays_foreign() {
        let setval = "SELECT pg_catalog.setval('public.v', 999, true)";
        let check = "ALTER TABLE public.a ADD CONSTRAINT v CHECK (true)";
        let unique = "ALTER TABLE public.a ADD CONSTRAINT v UNIQUE (x)";
        // Left out, it makes no index either.
        let skipped = "ALTER TABLE public.a ADD CONSTRAINT v EXCLUDE (x WITH =) WHERE (foreign key references public.users)";
        let other = "ALTER TABLE public.v ALTER COLUMN a TYPE int USING 0";
        let index = "ALTER INDEX public.v ALTER COLUMN 1 SET STATISTICS 1";
        for (first, second) in [
            (check, setval),
            (check, other),
            (check, index),
            (unique, setval),
            (unique, other),
            (skipped, index),
        ] {
            assert!(judge(&[CREATE, first]).is_ok(), "{first}");
            assert!(
                judge(&[CREATE, first, second]).is_err(),
                "{first}; {second}"
            );
        }
        assert_eq!(judge(&[CREATE, unique, index]), Ok(Ruling::Pass));
    }

    #[test]
    fn a_name_is_what_the_server_reads() {
        for (made, named) in [
            ("\"\\166\"", "E'public.\"\\166\"'"),
            ("\"a'b\"", "$$public.\"a''b\"$$"),
        ] {
            let sequence = format!("CREATE SEQUENCE public.{made}");
            let setval = format!("SELECT pg_catalog.setval({named}, 999, true)");
            assert!(judge(&[&sequence, &setval]).is_err(), "{setval}");
        }
    }

    #[test]
    fn only_what_is_missing_is_skipped() {
        for sql in [
            "ALTER TABLE public.a OWNER TO app",
            "ALTER TABLE public.a OWNER TO boss",
            "ALTER TABLE ONLY public.a ADD CONSTRAINT f FOREIGN KEY (x) REFERENCES public.users(id)",
            "GRANT SELECT ON TABLE public.a TO app",
            "REVOKE SELECT ON TABLE public.a FROM app",
            "ALTER TABLE ONLY public.users ATTACH PARTITION public.a FOR VALUES IN (1)",
            "SET default_tablespace = fast",
        ] {
            assert!(
                matches!(judge(&[CREATE, sql]), Ok(Ruling::Skip(_))),
                "{sql}"
            );
        }
    }
}
