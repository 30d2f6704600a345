//! The shop of the recipes, with the tools of others on PATH.

use crate::support::{Ran, Shop, WRITE, cluster};
use std::path::Path;

pub fn shop() -> Shop {
    let mut shop = Shop::new();
    let tools = std::env::var("PGSEAL_TOOLS");
    let tools =
        tools.unwrap_or_else(|_| panic!("PGSEAL_TOOLS is not set: run scripts/test --recipes"));
    let path = format!("{}:{tools}:/usr/bin:/bin", shop.path("bin").display());
    shop.set("PATH", path);
    let url = format!(
        "postgres://{}@localhost/{}?host={}",
        shop.here("shop_owner"),
        shop.db,
        cluster().dir.display()
    );
    shop.set("DATABASE_URL", url);
    shop.set("PYTHONDONTWRITEBYTECODE", "1");
    let bridge = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/backup_runner.py");
    std::fs::copy(bridge, shop.path("backup_runner.py")).unwrap();
    let folder = shop.dir.clone();
    shop.set("PYTHONPATH", folder);
    shop
}

/// A migration of dbmate that ships the orders.
pub fn dbmate_ships(shop: &Shop) {
    dbmate_does(shop, &format!("-- migrate:up\n{WRITE}\n"));
}

pub fn dbmate_does(shop: &Shop, up: &str) {
    let text = format!("{up}-- migrate:down\n");
    shop.put("db/migrations/20261101000000_ship.sql", &text);
}

/// What was printed has the envelope, which proves the backup.
#[track_caller]
pub fn prints_the_envelope(shop: &Shop, ran: &Ran) {
    let line = ran
        .stdout
        .lines()
        .find(|line| line.contains("artifact_ref"));
    let envelope: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
    shop.write("kept.json", line.unwrap());
    let artifact = envelope["artifact_ref"].as_str().unwrap();
    let verify = shop
        .pgseal("verify")
        .args([artifact, "--envelope", "kept.json"]);
    let told = verify.run().exits(0);
    told.check(
        told.stdout.contains("[ ok ] origin:"),
        "its origin must be proved",
    );
}
