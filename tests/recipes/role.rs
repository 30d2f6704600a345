//! docs/recipes/role.md: what the role may, and what next month's partition does to it.

use crate::support::{Page, Shop};

const NEXT_MONTH: &str = "CREATE TABLE public.orders_2026_12 PARTITION OF public.orders
    FOR VALUES FROM ('2026-12-01') TO ('2027-01-01');
    INSERT INTO public.orders (day, status) VALUES ('2026-12-24', 'open');";

fn page() -> Page {
    Page::open("docs/recipes/role.md")
}

fn with_the_role() -> Shop {
    let shop = Shop::without_a_role();
    let ran = shop.pgseal("backup").run();
    ran.fails(3, &["does not exist"]);
    shop.sql_as("postgres", &page().file("role.sql"));
    shop.pgseal("backup").run().fails(3, &["no SELECT on it"]);
    shop.store_is_empty();
    shop
}

fn backs_up(shop: &Shop, rows: &[&str]) {
    let ran = shop.pgseal("backup").run().exits(0);
    let sealed = shop.sealed(&ran);
    assert_eq!(sealed.rows(), rows);
    shop.pgseal("readiness").run().exits(0);
}

const NOW: [&str; 3] = [
    "public.orders=0",
    "public.orders_2026_11=5",
    "public.order_line=5",
];
const THEN: [&str; 4] = [
    "public.orders=0",
    "public.orders_2026_11=5",
    "public.orders_2026_12=1",
    "public.order_line=5",
];

#[test]
fn a_closed_list_is_open_to_the_next_partition_by_default_privileges() {
    let shop = with_the_role();
    shop.sql_as("shop_owner", &page().file("closed-list.sql"));
    backs_up(&shop, &NOW);
    // The trap.
    shop.sql_as("shop_owner", NEXT_MONTH);
    let stopped = shop.pgseal("guard").args(["--", "true"]).run();
    stopped.fails(
        125,
        &["table `public.orders_2026_12`, a part of `public.orders`, cannot be read"],
    );
    shop.sql("DROP TABLE public.orders_2026_12");

    shop.sql_as("shop_owner", &page().file("default-privileges.sql"));
    shop.sql_as("shop_owner", NEXT_MONTH);
    backs_up(&shop, &THEN);
    // They are of the role that makes it.
    shop.sql("DROP TABLE public.orders_2026_12");
    shop.sql(NEXT_MONTH);
    shop.pgseal("backup").run().fails(3, &["orders_2026_12"]);
}

#[test]
fn preflight_writes_the_closed_list() {
    let shop = with_the_role();
    let told = shop.pgseal("preflight").run().exits(1).stdout;
    let command = told
        .lines()
        .map(str::trim)
        .find(|line| line.starts_with("psql "));
    shop.typed(command.unwrap()).run().exits(0);
    backs_up(&shop, &NOW);
}

#[test]
fn read_all_data_reads_it_but_for_row_security() {
    let shop = with_the_role();
    shop.sql_as("postgres", &page().file("read-all.sql"));
    shop.sql_as("shop_owner", NEXT_MONTH);
    backs_up(&shop, &THEN);
    shop.sql_as(
        "shop_owner",
        "ALTER TABLE public.order_line ENABLE ROW LEVEL SECURITY",
    );
    let ran = shop.pgseal("backup").run();
    ran.fails(3, &["row security"]);
    shop.sql_as("postgres", &page().file("row-security.sql"));
    backs_up(&shop, &THEN);
}

#[test]
fn the_role_may_not_write_and_the_migration_may() {
    let shop = with_the_role();
    shop.sql_as("postgres", &page().file("read-all.sql"));
    let write = shop
        .typed(&shop.here(
            "psql -XqAtc 'DELETE FROM order_line' 'host=db1 dbname=shop user=pgseal_backup'",
        ));
    write.run().exits(1).says(&["permission denied"]);
    let guarded = shop.typed(&shop.here(
        "pgseal guard --run-id before -- \
         psql -XqAtc \"UPDATE orders SET status = 'shipped'\" 'host=db1 dbname=shop user=shop_owner'",
    ));
    guarded.run().exits(0);
    shop.sealed_before_the_write();
    let counted = shop.pgseal("diff").args(["before", "--counts"]).run();
    counted.exits(1);
    shop.pgseal("verify").arg("before").run().exits(0);
}
