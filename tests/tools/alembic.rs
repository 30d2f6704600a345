//! docs/recipes/alembic.md

use crate::site::{prints_the_envelope, shop};
use crate::support::{Page, Shop, WRITE};

/// By guard only, as `alembic init` would have made it.
const BARE: &str = "
import os
from alembic import context
from sqlalchemy import create_engine

with create_engine(os.environ['DATABASE_URL']).connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
";

fn site(env: &str, write: &str) -> Shop {
    let mut shop = shop();
    let url = shop.env["DATABASE_URL"].to_str().unwrap();
    let url = url.replace("postgres://", "postgresql+psycopg://");
    shop.set("DATABASE_URL", url);
    shop.put("alembic.ini", "[alembic]\nscript_location = migrations\n");
    shop.put("migrations/env.py", env);
    let step = format!(
        "from alembic import op\nrevision = 'a1'\ndown_revision = None\ndef upgrade():\n    op.execute(\"{write}\")\n"
    );
    shop.put("migrations/versions/a1.py", &step);
    shop
}

fn page() -> Page {
    Page::open("docs/recipes/alembic.md")
}

#[test]
fn guard_in_front() {
    let shop = site(BARE, WRITE);
    shop.guards(&page().only("sh"), 125);
    let runs = shop.files();
    shop.typed(&page().only("sh")).run().exits(0);
    assert_eq!(shop.files(), runs, "nothing was to be done");
}

#[test]
fn env_py_refuses() {
    let shop = site(&page().file("migrations/env.py"), WRITE);
    let ran = shop.guards("alembic upgrade head", 1);
    prints_the_envelope(&shop, &ran);
}

#[test]
fn developers_have_none() {
    let shop = site(&page().file("migrations/env.py"), WRITE);
    let run = shop
        .typed("alembic upgrade head")
        .env("MIGRATE_WITHOUT_BACKUP", "1");
    run.run().exits(0);
    shop.store_is_empty();
}

/// The trap: its backup waits for the lock of the step that it comes behind.
#[test]
fn on_version_apply_comes_too_late() {
    let env = page().file("migrations/env.py");
    let hooked = env.replace("        back_up()\n", "").replace(
        "target_metadata=target_metadata",
        "on_version_apply=lambda **_: back_up()",
    );
    assert!(hooked.contains("on_version_apply") && hooked.matches("back_up()").count() == 2);
    let mut shop = site(&hooked, "ALTER TABLE public.orders ADD COLUMN note text");
    let waits = std::fs::read_to_string(shop.path("pgseal.toml")).unwrap() + "lock_wait = '1s'\n";
    shop.write("pgseal.toml", &waits);
    shop.set("LC_ALL", "C");
    let ran = shop.typed("alembic upgrade head").run().exits(1);
    ran.says(&["LOCK TABLE public.orders", "raise --lock-wait"]);
    shop.store_is_empty();
}
