//! What a reader, a writer, an owner and a superuser can do: all of it is said beforehand.

use super::{backup_kept, undo};
use crate::restore::forge::content;
use crate::support::{Cases, Test};

const MADE: &str = "CREATE TABLE a (id int PRIMARY KEY, t text, at timestamptz);
    INSERT INTO a SELECT g, 'x' FROM generate_series(1, 5) g;
    CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.at := now(); RETURN NEW; END$$;
    CREATE TRIGGER touch BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION touch();";

const CHANGED: &str = "UPDATE a SET t = 'bad' WHERE id = 1";
const GONE: &str = "DELETE FROM a WHERE id = 2";
const OFF: &[&str] = &["--triggers=off"];

struct Case {
    role: &'static str,
    grants: &'static str,
    /// What a write did.
    write: &'static str,
    args: &'static [&'static str],
    /// What is said to be missing.
    missing: Option<&'static str>,
}

#[test]
fn roles() {
    let case = |role, grants, write, args, missing| Case {
        role,
        grants,
        write,
        args,
        missing,
    };
    let all_of_it = "SELECT, INSERT, UPDATE, DELETE";
    let cases = [
        case("reader", "SELECT", CHANGED, &[][..], Some("lacks UPDATE")),
        case("reader", "SELECT", "SELECT 1", &[], None),
        case(
            "inserter",
            "SELECT, INSERT",
            GONE,
            &[],
            Some("UPDATE or DELETE"),
        ),
        case("writer", "SELECT, INSERT, DELETE", GONE, &[], None),
        case(
            "writer",
            all_of_it,
            CHANGED,
            OFF,
            Some("rights of its owner"),
        ),
        case("owner", "", CHANGED, OFF, None),
        case("postgres", "", CHANGED, OFF, None),
    ];
    let mut all = Cases::new();
    for case in cases {
        let Case {
            role,
            grants,
            write,
            args,
            missing,
        } = case;
        all.check((role, grants, write), || {
            let test = Test::of(MADE);
            let name = match role {
                "postgres" => "postgres".to_string(),
                role => format!("{role}_{}", test.db),
            };
            if role != "postgres" {
                test.sql(&format!("CREATE ROLE {name} LOGIN"));
            }
            match role {
                "postgres" => {}
                "owner" => drop(test.sql(&format!("ALTER TABLE a OWNER TO {name}"))),
                _ => drop(test.sql(&format!("GRANT {grants} ON a TO {name}"))),
            }
            backup_kept(&test, &["public.a"]);
            let before = content(&test.db);
            test.sql(&format!(
                "ALTER TABLE a DISABLE TRIGGER touch; {write}; ALTER TABLE a ENABLE TRIGGER touch"
            ));
            let damage = content(&test.db);
            let plan = || undo(&test).args(args.iter().copied()).env("PGUSER", &name);
            let apply = || plan().args(["--apply", "--later=overwrite"]);
            match missing {
                Some(words) => {
                    let ran = plan().arg("--json").run().exits(3);
                    let told = ran.json();
                    assert_eq!(told["refusals"][0]["reason"], "privilege");
                    apply()
                        .run()
                        .fails(3, &[words, "nothing was changed in the tables"]);
                    assert_eq!(content(&test.db), damage);
                }
                None => {
                    plan().run().exits(0);
                    apply().run().exits(0);
                    assert_eq!(content(&test.db), before);
                }
            }
            if role != "postgres" {
                test.sql(&format!(
                    "REASSIGN OWNED BY {name} TO postgres; DROP OWNED BY {name}; DROP ROLE {name}"
                ));
            }
        });
    }
}
