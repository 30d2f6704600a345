//! docs/recipes/ansible.md

use crate::site::{dbmate_ships, shop};
use crate::support::{Page, Ran, Shop};

fn site() -> Shop {
    let mut shop = shop();
    let page = Page::open("docs/recipes/ansible.md").file("migrate.yml");
    let home = shop.path("home");
    shop.put(
        "migrate.yml",
        &page.replace("/root", home.to_str().unwrap()),
    );
    shop.put(
        "hosts",
        "[migrations]\nlocalhost ansible_connection=local\n",
    );
    shop.set("LC_ALL", "C.UTF-8");
    shop.set("ANSIBLE_NOCOLOR", "1");
    shop
}

const PLAY: &str = "ansible-playbook -i hosts migrate.yml";

/// Ansible tells all on standard output.
#[track_caller]
fn tells(ran: &Ran, words: &[&str]) {
    for word in words {
        ran.check(ran.stdout.contains(word), word);
    }
}

#[test]
fn a_backup_or_no_migration() {
    let shop = site();
    dbmate_ships(&shop);
    let ran = shop.guards(PLAY, 2);
    tells(&ran, &["changed=1", "failed=0"]);
}

#[test]
fn a_failed_migration_is_looked_at_and_fails_the_play() {
    let shop = site();
    dbmate_ships(&shop);
    let fails = "-- migrate:up\nSELECT 1/0;\n-- migrate:down\n";
    shop.put("db/migrations/20261102000000_fail.sql", fails);
    shop.backups_fail();
    let ran = shop.typed(PLAY).run().exits(2);
    tells(&ran, &["There is no backup, so nothing was run", "expired"]);
    shop.nothing_was_written();
    shop.backups_work();
    let ran = shop.typed(PLAY).run().exits(2);
    tells(
        &ran,
        &[
            "division by zero",
            "public.orders_2026_11",
            "The backup is migrate-",
        ],
    );
    shop.sealed_before_the_write();

    // The trap: without its last task the play ends well.
    let page = std::fs::read_to_string(shop.path("migrate.yml")).unwrap();
    let (rescued, _) = page
        .split_once("        - name: The migration failed\n")
        .unwrap();
    shop.put("migrate.yml", rescued);
    let ran = shop.typed(PLAY).run().exits(0);
    tells(&ran, &["rescued=1"]);
}
