//! Three errors that users meet, and one of them as JSON.

use super::compare_run;
use crate::support::{Test, keys};

#[test]
fn snapshot_errors() {
    let test = Test::of("CREATE TABLE t (a int)");
    let backup = |table: &str| test.backup(&[table]);
    compare_run("error-table", &backup("public.missing").run());
    let expired = backup("public.t").env("BACKUP_GPG_FPR", &keys().expired);
    compare_run("error-key", &expired.run());
    test.shim_dump("echo 'pg_dump: error: no luck' >&2; exit 3");
    compare_run("error-stage", &backup("public.t").run());
    let json = backup("public.t").arg("--json");
    compare_run("error-stage-json", &json.run());
}
