//! docs/recipes/coding-agent.md: its hook, called as an agent calls it.

use crate::support::{Page, Ran, Shop, WRITE};
use serde_json::{Value, json};

/// What the agent wants to run. An agent passes over every status of its hook but 2.
fn agent(shop: &Shop, hook: &str, command: &str) -> Ran {
    let call = json!({"hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": command}});
    let asked = shop.typed(hook).input(call.to_string().as_bytes()).run();
    if asked.code() != 2 {
        shop.typed(command).run().exits(0);
    }
    asked
}

#[test]
fn the_agent_is_stopped_where_there_is_no_backup() {
    let mut shop = Shop::new();
    let url = shop.here("host=db1 dbname=shop user=shop_owner");
    shop.set("DATABASE_URL", url);
    let page = Page::open("docs/recipes/coding-agent.md");
    let script = page.file("/usr/local/bin/backup-before-write");
    shop.program("backup-before-write", &shop.here(&script));
    let settings: Value = serde_json::from_str(&shop.here(&page.only("json"))).unwrap();
    let entry = &settings["hooks"]["PreToolUse"][0];
    assert_eq!(entry["matcher"], "Bash");
    let hook = entry["hooks"][0]["command"].as_str().unwrap();
    // guard must say no before the agent stops waiting.
    assert_eq!(entry["hooks"][0]["timeout"], 120);
    assert!(script.contains("--timeout 100s "));
    let write = format!("psql -Xqc \"{WRITE}\" \"$DATABASE_URL\"");

    agent(&shop, hook, "ls").exits(0);
    shop.store_is_empty();
    shop.backups_fail();
    agent(&shop, hook, &write).exits(2).says(&["expired"]);
    shop.nothing_was_written();
    shop.backups_work();
    agent(&shop, hook, &write).exits(0);
    shop.sealed_before_the_write();
}

/// The trap, each in a shop of its own: what is not 2 lets the write pass.
#[test]
fn any_other_status_does_not_stop_it() {
    let page = Page::open("docs/recipes/coding-agent.md");
    let script = page.file("/usr/local/bin/backup-before-write");
    let call = b"{\"command\": \"psql\"}";
    let tried = |script: &str, pgseal: bool| {
        let shop = Shop::new();
        shop.backups_fail();
        shop.program("backup-before-write", script);
        if !pgseal {
            std::fs::remove_file(shop.path("bin/pgseal")).unwrap();
        }
        let hook = shop.path("bin/backup-before-write");
        shop.command(&[hook.to_str().unwrap()])
            .input(call)
            .run()
            .code()
    };
    let bare = script.replace(" || exit 2", "");
    assert_eq!(tried(&bare, true), 2);
    assert_eq!(tried(&bare.replace("--refuse-exit 2 ", ""), true), 125);
    assert_eq!(tried(&bare, false), 127);
    assert_eq!(tried(&script, false), 2);
}
