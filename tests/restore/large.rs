//! Values that are larger than any buffer.

use super::forge::{Prints, prove};
use crate::support::Test;

/// PostgreSQL takes a field of up to 1 GiB, and a row of COPY text is one line.
#[test]
fn a_field_of_200_megabytes() {
    let test = Test::of(
        "CREATE TABLE a (id int PRIMARY KEY, big text);
         ALTER TABLE a ALTER big SET STORAGE EXTERNAL;
         INSERT INTO a SELECT 1, string_agg(md5(n::text), '') FROM generate_series(1, 6553600) n;
         INSERT INTO a VALUES (2, 'small')",
    );
    let ran = test.backup(&["public.a"]).run().exits(0);
    let path = ran.envelope()["artifact_ref"].as_str().unwrap().to_string();
    prove(&test, &path)
        .run()
        .exits(0)
        .prints(&["PROVE_RESTORE: PASS", "2 rows in 1 table, each equal"]);
}
