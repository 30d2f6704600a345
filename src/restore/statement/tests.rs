use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

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
            (
                "SET Row_security = off",
                Statement::Setting("row_security".into()),
            ),
            ("SET LOCAL row_security = off", Statement::Other),
            ("", Statement::Other),
        ],
        |(sql, read_as)| {
            assert_eq!(read(sql), read_as, "{sql}");
        },
    );
}

proptest! {
    /// Whatever its names hold, and wherever it is cut.
    #[test]
    fn any_names_in_a_statement(schema in "[^\0]{1,6}", name in "[^\0]{1,6}", object in "[^\0]{1,6}", cut in any::<proptest::sample::Index>()) {
        let table = TableName { schema, name };
        let (shown, quoted) = (table.pattern(), crate::base::names::quoted(&object));
        let of = |kind| Dependent { kind, name: object.clone(), table: table.clone() };
        let cases = [
            (format!("CREATE TABLE {shown} (\n    a int"), Statement::CreateRelation(table.clone())),
            (format!("ALTER TABLE ONLY {shown}\n    ADD CONSTRAINT {quoted} CHECK (("), Statement::Create(of(DependentKind::Constraint))),
            (format!("CREATE TRIGGER {quoted} BEFORE INSERT ON {shown} FOR EACH ROW WHEN ("), Statement::Create(of(DependentKind::Trigger))),
            (format!("CREATE POLICY {quoted} ON {shown} USING ("), Statement::Create(of(DependentKind::Policy))),
            (format!("CREATE RULE {quoted} AS\n    ON INSERT TO {shown} DO"), Statement::Create(of(DependentKind::Rule))),
            (format!("COMMENT ON CONSTRAINT {quoted} ON {shown} IS '"), Statement::About(of(DependentKind::Constraint))),
            (format!("ALTER TABLE {shown} DISABLE TRIGGER {quoted}"), Statement::About(of(DependentKind::Trigger))),
            (format!("ALTER TABLE {shown} OWNER TO {quoted}"), Statement::OwnerTo(object.clone())),
            (format!("GRANT SELECT({quoted}) ON TABLE {shown} TO {quoted}"), Statement::Privileges { role: object.clone(), of_relation: true }),
            (format!("SET SESSION AUTHORIZATION {quoted}"), Statement::SessionAuthorization(object.clone())),
            (format!("ALTER TABLE ONLY {shown} ATTACH PARTITION {shown} FOR VALUES"), Statement::AttachTable(table.clone())),
        ];
        for (text, want) in cases {
            let mut end = cut.index(text.len() + 1);
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            let _ = read(&text[..end]);
            prop_assert_eq!(read(&text), want, "{}", text);
        }
    }
}
