//! What the README shows is run here, as it stands there, but for host names and folders.

use crate::support::{Home, Page, SIGN_ONLY, Test, cluster, decrypt, end_agent, keys, tool};
use std::collections::BTreeSet;
use std::path::Path;

fn readme() -> Page {
    Page::open("README.md")
}

fn shop() -> Test {
    Test::of(
        "CREATE TABLE orders (id int PRIMARY KEY);
         CREATE TABLE order_line (order_id int REFERENCES orders, item text);
         INSERT INTO orders SELECT generate_series(1, 5);
         INSERT INTO order_line SELECT id, 'thing' FROM orders;",
    )
}

#[test]
fn the_first_real_backup() {
    let test = shop();
    let mut export = keys().secret.gpg();
    let key = tool(export.args(["--armor", "--export", &keys().good]), b"");
    std::fs::write(test.dir.join("backup-key.asc"), key).unwrap();
    let home = test.dir.join("fresh");
    let script: String = readme()
        .below("The first real backup")
        .only("sh")
        .lines()
        .filter(|line| !line.starts_with("apt install"))
        .map(|line| line.to_string() + "\n")
        .collect();
    let script = script
        .replace(
            "/var/lib/pgseal",
            test.dir.join("new-store").to_str().unwrap(),
        )
        .replace(
            "host=db1 dbname=shop",
            &cluster().conninfo(&test.db, "postgres"),
        );
    let script = format!(
        "unset BACKUP_GPG_FPR; mkdir -m 700 {home}; export GNUPGHOME={home}\n{script}",
        home = home.display()
    );
    let store = test.dir.join("new-store");
    let ran = test
        .typed(&script)
        .env("PGSEAL_STORE", store)
        .run()
        .exits(0);
    let envelope = ran.envelope();
    let artifact = envelope["artifact_ref"].as_str().unwrap();
    let sql = String::from_utf8(decrypt(Path::new(artifact))).unwrap();
    assert!(sql.contains("COPY public.order_line"));
    end_agent(&home);
}

#[test]
fn nothing_is_written_without_a_backup() {
    let test = shop();
    std::fs::write(test.dir.join("migrate.sql"), "DELETE FROM order_line;").unwrap();
    let script = readme().below("Before a write").only("sh");
    let guarded = || test.typed(&script);
    guarded()
        .env("BACKUP_GPG_FPR", keys().expired.clone())
        .run()
        .exits(125);
    assert_eq!(test.sql("SELECT count(*) FROM order_line"), "5");
    guarded().run().exits(0);
    assert_eq!(test.sql("SELECT count(*) FROM order_line"), "0");
    // Artifact, prelude, manifest and second mark.
    assert_eq!(test.files().len(), 4);
}

#[test]
fn the_envelope_has_these_keys() {
    let shown: serde_json::Value =
        serde_json::from_str(&readme().below("The envelope").only("json")).unwrap();
    let test = shop();
    let ran = test.backup(&["public.orders"]).run().exits(0);
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(&shown), keys(&ran.envelope()));
}

#[test]
fn the_config_file_is_one() {
    let test = shop();
    let home = Home::new(test.path("gnupg"), &keys().public);
    let signer = home.key("signer", SIGN_ONLY, "Expire-Date: 1y");
    let toml = readme()
        .below("Settings")
        .only("toml")
        .replace("/opt/shop/.env", "/nonexistent")
        .replace(
            "host=db1 dbname=shop",
            &cluster().conninfo(&test.db, "postgres"),
        )
        .replace("89ABCDEF0123456789ABCDEF0123456789ABCDEF", &signer);
    let config = test.write("pgseal.toml", &toml);
    super::container::engines(&test);
    let ran = test
        .pgseal("backup")
        .args(["--dry-run", "--config"])
        .arg(config)
        .run()
        .exits(0);
    assert!(ran.stdout.contains("order_line"));
    drop(home);
}

#[test]
fn every_command_is_listed() {
    let listed: BTreeSet<String> = readme()
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("| `pgseal ")?.split(['`', ' ']).next())
        .map(String::from)
        .collect();
    let help = shop().pgseal("--help").run().exits(0).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let known: BTreeSet<String> = commands
        .lines()
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| *word != "help")
        .map(String::from)
        .collect();
    assert_eq!(listed, known);
}
