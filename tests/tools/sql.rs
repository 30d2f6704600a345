//! docs/recipes/sql-migrations.md, but for psql

use crate::site::{dbmate_does, dbmate_ships, shop};
use crate::support::{Page, WRITE};

fn block(first: &str) -> String {
    Page::open("docs/recipes/sql-migrations.md").beginning(first)
}

#[test]
fn dbmate() {
    let shop = shop();
    dbmate_ships(&shop);
    shop.guards(&block("# dbmate"), 125);
    assert!(shop.path("envelope.json").exists());
    let runs = shop.files();
    shop.typed(&block("# dbmate")).run().exits(0);
    assert_eq!(shop.files(), runs, "nothing was to be done");
    // The trap.
    let shop = crate::site::shop();
    dbmate_does(&shop, "-- migrate:up\nCREATE TABLE a ();\n");
    shop.sql("DROP TABLE orders, order_line");
    let ran = shop.typed(&block("# dbmate")).run();
    ran.exits(125).says(&["public.orders"]);
}

#[test]
fn sqlx() {
    let shop = shop();
    shop.put("migrations/20261101000000_ship.sql", WRITE);
    shop.guards(&block("# sqlx"), 125);
}
