use super::*;
use crate::base::cases::each;

#[test]
fn statements_and_whose_they_are() {
    let name = |text: &str| TableName::parse(text).unwrap();
    let chosen = Chosen([name("public.t"), name("s.\"A b\"")].into());
    let mut selection = Selection::new(chosen, &[name("public.other_seq")]);
    each(
        [
            ("SET row_security = off;", true),
            (
                "SELECT pg_catalog.set_config('search_path', '', false);",
                true,
            ),
            ("CREATE TABLE public.t (id int);", true),
            ("CREATE UNLOGGED TABLE s.\"A b\" (id int);", true),
            ("CREATE TABLE public.u (id int);", false),
            ("ALTER TABLE public.u OWNER TO x;", false),
            ("CREATE SEQUENCE public.t_id_seq\n    START WITH 1;", true),
            ("ALTER SEQUENCE public.t_id_seq OWNED BY public.t.id;", true),
            ("CREATE SEQUENCE public.other_seq;", false),
            ("ALTER SEQUENCE public.other_seq OWNER TO x;", false),
            (
                "SELECT pg_catalog.setval('public.t_id_seq', 3, true);",
                true,
            ),
            (
                "SELECT pg_catalog.setval('public.other_seq', 3, true);",
                false,
            ),
            (
                "ALTER TABLE ONLY public.t ALTER COLUMN id SET DEFAULT nextval('public.t_id_seq'::regclass);",
                true,
            ),
            ("COPY public.t (id) FROM stdin;", true),
            ("COPY public.u (id) FROM stdin;", false),
            (
                "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);",
                true,
            ),
            (
                "ALTER TABLE ONLY public.u ADD CONSTRAINT u_pkey PRIMARY KEY (id);",
                false,
            ),
            (
                "ALTER TABLE ONLY public.u ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES public.t(id);",
                false,
            ),
            (
                "CREATE UNIQUE INDEX \"On\" ON s.\"A b\" USING btree (id);",
                true,
            ),
            (
                "CREATE INDEX u_on_t ON ONLY public.u USING btree (id);",
                false,
            ),
            ("COMMENT ON INDEX s.\"On\" IS 'on public.u';", true),
            ("COMMENT ON INDEX public.u_on_t IS 'x';", false),
            ("COMMENT ON COLUMN public.t.id IS 'x';", true),
            ("COMMENT ON CONSTRAINT u_pkey ON public.u IS 'x';", false),
            (
                "ALTER INDEX public.u_pkey ATTACH PARTITION public.t_pkey;",
                true,
            ),
            (
                "ALTER INDEX public.t_pkey ATTACH PARTITION public.u_pkey;",
                false,
            ),
            (
                "ALTER TABLE ONLY public.u ATTACH PARTITION public.t FOR VALUES IN (1);",
                true,
            ),
            (
                "CREATE TRIGGER g BEFORE UPDATE ON public.u FOR EACH ROW EXECUTE FUNCTION public.t();",
                false,
            ),
            ("ALTER TABLE public.t DISABLE TRIGGER g;", true),
            ("CREATE POLICY p ON public.t USING (true);", true),
            (
                "CREATE RULE r AS ON INSERT TO public.u DO ALSO SELECT 1;",
                false,
            ),
            ("CREATE STATISTICS public.st ON a, b FROM public.t;", true),
            ("ALTER STATISTICS public.st OWNER TO x;", true),
            ("ALTER STATISTICS public.other OWNER TO x;", false),
            ("GRANT SELECT(id) ON TABLE public.u TO x;", false),
            ("GRANT SELECT ON TABLE public.t TO x;", true),
            ("REVOKE ALL ON SEQUENCE public.other_seq FROM x;", false),
        ],
        |(sql, takes)| {
            assert_eq!(selection.takes(sql), takes, "{sql}");
        },
    );
}
