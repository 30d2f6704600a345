use super::*;
use crate::base::cases::each;

#[test]
fn what_pg_dump_writes() {
    let table = || TableName::parse("public.t").unwrap();
    let object = |kind, name: &str| Dependent {
        kind,
        name: name.into(),
        table: table(),
    };
    let privileges = |role: &str, of_relation| Statement::Privileges {
        role: role.into(),
        of_relation,
    };
    each(
        [
            (
                "ALTER TABLE ONLY public.t\n    ADD CONSTRAINT \"C on\" FOREIGN KEY (a) REFERENCES o.r(a) ON DELETE SET NULL (a)",
                Statement::Create(object(DependentKind::Constraint, "C on")),
            ),
            (
                "COMMENT ON CONSTRAINT \"C on\" ON public.t IS 'on o.r'",
                Statement::About(object(DependentKind::Constraint, "C on")),
            ),
            (
                "CREATE CONSTRAINT TRIGGER g AFTER INSERT OR UPDATE OF a, \"on\" ON public.t FROM o.r DEFERRABLE FOR EACH ROW WHEN ((new.a > 0)) EXECUTE FUNCTION f()",
                Statement::Create(object(DependentKind::Trigger, "g")),
            ),
            (
                "CREATE UNLOGGED TABLE public.t (\n    a integer\n)",
                Statement::CreateRelation(table()),
            ),
            (
                "CREATE VIEW public.t AS\n SELECT 1",
                Statement::CreateRelation(table()),
            ),
            (
                "ALTER TABLE public.t ENABLE ALWAYS TRIGGER g",
                Statement::About(object(DependentKind::Trigger, "g")),
            ),
            (
                "ALTER TABLE public.t DISABLE RULE r",
                Statement::About(object(DependentKind::Rule, "r")),
            ),
            (
                "CREATE POLICY p ON public.t AS RESTRICTIVE FOR SELECT TO a USING (true)",
                Statement::Create(object(DependentKind::Policy, "p")),
            ),
            (
                "CREATE RULE r AS\n    ON INSERT TO public.t DO ALSO (DELETE FROM o.r; DELETE FROM o.s)",
                Statement::Create(object(DependentKind::Rule, "r")),
            ),
            (
                "ALTER TABLE ONLY o.p ATTACH PARTITION public.t FOR VALUES IN (1)",
                Statement::AttachTable(table()),
            ),
            (
                "ALTER INDEX o.p ATTACH PARTITION public.t",
                Statement::AttachIndex(table()),
            ),
            (
                "ALTER TABLE public.t ALTER COLUMN \"A b\" ADD GENERATED ALWAYS AS IDENTITY (\n)",
                Statement::AddIdentity {
                    table: table(),
                    column: "A b".into(),
                },
            ),
            (
                "ALTER TABLE ONLY public.t ALTER COLUMN a SET DEFAULT 1",
                Statement::Other,
            ),
            (
                "ALTER TABLE public.\"owner to\" OWNER TO \"A b\"",
                Statement::OwnerTo("A b".into()),
            ),
            (
                "ALTER SEQUENCE public.t OWNER TO app",
                Statement::OwnerTo("app".into()),
            ),
            (
                "GRANT SELECT(\"x on TABLE y TO z\"),UPDATE(b) ON TABLE public.t TO PUBLIC WITH GRANT OPTION",
                privileges("public", true),
            ),
            (
                "REVOKE ALL ON SEQUENCE public.t FROM app",
                privileges("app", true),
            ),
            (
                "GRANT ALL ON LANGUAGE plpgsql TO app",
                privileges("app", false),
            ),
            (
                "GRANT ALL ON FUNCTION pg_catalog.plpgsql_call_handler() TO app",
                privileges("app", false),
            ),
            (
                "SET SESSION AUTHORIZATION bob",
                Statement::SessionAuthorization("bob".into()),
            ),
            (
                "RESET SESSION AUTHORIZATION",
                Statement::ResetSessionAuthorization,
            ),
            (
                "SET default_tablespace = \"Fast\"",
                Statement::DefaultTablespace("Fast".into()),
            ),
            ("SET default_tablespace = ''", Statement::Default),
            ("SET default_table_access_method = heap", Statement::Default),
            (
                "ALTER TABLE public.t ENABLE ROW LEVEL SECURITY",
                Statement::RowSecurity,
            ),
            (
                "ALTER TABLE ONLY public.t FORCE ROW LEVEL SECURITY",
                Statement::Other,
            ),
            (
                "CREATE TABLE public.t (owner int)",
                Statement::CreateRelation(table()),
            ),
            (
                "CREATE INDEX \"function\" ON public.t USING btree (begin)",
                Statement::Other,
            ),
            ("SET client_min_messages = warning", Statement::Messages),
            ("SET row_security = off", Statement::Other),
            ("", Statement::Other),
        ],
        |(sql, read_as)| {
            assert_eq!(read(sql), read_as, "{sql}");
        },
    );
}
