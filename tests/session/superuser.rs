//! The role that initdb made: PostgreSQL records nothing that depends on it, and elsewhere it has
//! another name.

use crate::restore::forge::{Prints, prove};
use crate::support::Test;

#[test]
fn what_it_may_is_an_external_reference() {
    let test = Test::new();
    let owner = format!("owner_{}", test.db);
    test.sql(&format!(
        "CREATE ROLE {owner}; CREATE SCHEMA s; CREATE TYPE s.mood AS ENUM ('ok');
         CREATE FUNCTION s.f() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1';
         CREATE TABLE s.policed (id serial); CREATE TABLE s.granted (m s.mood DEFAULT 'ok', n int DEFAULT s.f());
         CREATE TABLE s.columned (id int, x int); CREATE TABLE s.neither (id int);
         ALTER SCHEMA s OWNER TO {owner}; ALTER TYPE s.mood OWNER TO {owner}; ALTER FUNCTION s.f OWNER TO {owner};
         ALTER TABLE s.policed OWNER TO {owner}; ALTER TABLE s.granted OWNER TO {owner};
         ALTER TABLE s.columned OWNER TO {owner}; ALTER TABLE s.neither OWNER TO {owner};
         SET ROLE {owner}; CREATE POLICY p ON s.policed TO postgres; CREATE POLICY q ON s.policed TO PUBLIC;
         GRANT USAGE ON SCHEMA s TO postgres; GRANT USAGE ON TYPE s.mood TO postgres;
         GRANT EXECUTE ON FUNCTION s.f TO postgres; GRANT SELECT ON s.granted TO postgres;
         GRANT UPDATE (x) ON s.columned TO postgres; GRANT USAGE ON SEQUENCE s.policed_id_seq TO postgres;
         GRANT SELECT ON s.neither TO PUBLIC; RESET ROLE;
         INSERT INTO s.policed DEFAULT VALUES; INSERT INTO s.granted DEFAULT VALUES"
    ));
    let tables = ["s.policed", "s.granted", "s.columned", "s.neither"];
    let ran = test.backup(&tables).run().exits(0);
    let sealed = test.sealed(&ran);
    let references = sealed.manifest["external_references"].as_array().unwrap();
    let needs = references
        .iter()
        .filter(|r| r["kind"] == "role" && r["name"] == "postgres")
        .map(|r| r["needed_by"].as_str().unwrap());
    assert_eq!(
        needs.collect::<Vec<_>>(),
        [
            "policy p on s.policed",
            "privileges on function s.f()",
            "privileges on schema s",
            "privileges on sequence s.policed_id_seq",
            "privileges on table s.columned",
            "privileges on table s.granted",
            "privileges on type s.mood",
        ]
    );
    let kept = test.write("envelope.json", &ran.stdout);
    let envelope = format!("--envelope={}", kept.display());
    prove(&test, &sealed.path).run().exits(0);
    let ran = prove(&test, &sealed.path).arg(envelope).run().exits(0);
    let ran = ran.prints(&["PROVE_RESTORE: PASS"]);
    ran.check(!ran.stdout.contains("left out"), "all of it came back");
    test.sql(&format!("DROP OWNED BY {owner} CASCADE; DROP ROLE {owner}"));
}
