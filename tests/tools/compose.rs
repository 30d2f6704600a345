//! docs/recipes/docker-compose.md: its compose file; its command is run in tests/containers.rs.

use crate::site::shop;
use crate::support::Page;
use crate::yaml::parsed;

#[test]
fn the_database_has_no_port() {
    let page = Page::open("docs/recipes/docker-compose.md");
    let file = parsed(&shop(), &page.file("compose.yaml"));
    let db = file["services"]["db"].as_object().unwrap();
    assert!(db.contains_key("image") && !db.contains_key("ports"));
    assert!(page.only("sh").contains("docker compose ps -q db"));
}
