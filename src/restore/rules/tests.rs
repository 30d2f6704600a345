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
