//! docs/recipes/sql-migrations.md, psql. dbmate and sqlx are in tests/tools.

use crate::support::{Page, Shop, WRITE};

#[test]
fn a_file_of_sql_is_run_by_psql() {
    let mut shop = Shop::new();
    let url = shop.here("host=db1 dbname=shop user=shop_owner");
    shop.set("DATABASE_URL", url);
    let line = Page::open("docs/recipes/sql-migrations.md").beginning("# psql");
    shop.put("V2__ship.sql", WRITE);
    shop.guards(&line, 125);
    // The trap, and without it.
    shop.put("V2__ship.sql", &format!("SELECT 1/0; {WRITE}"));
    shop.typed(&line).run().exits(3);
    let lenient = line.replace("-v ON_ERROR_STOP=1 ", "");
    assert_ne!(line, lenient);
    shop.typed(&lenient).run().exits(0);
}
