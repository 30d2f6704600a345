//! What a YAML file says, by the parser that Ansible uses.

use crate::support::Shop;
use serde_json::Value;

pub fn parsed(shop: &Shop, text: &str) -> Value {
    let script = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout)";
    let run = shop.command(&["python", "-c", script]);
    run.input(text.as_bytes()).run().exits(0).json()
}
