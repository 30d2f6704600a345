//! docs/recipes/kubernetes.md: the commands of its containers, as the kubelet starts them.

use crate::site::{dbmate_ships, shop};
use crate::support::{Page, Ran, Shop, end_agent, keys, tool};
use crate::yaml::parsed;
use serde_json::Value;

struct Pod {
    shop: Shop,
    spec: Value,
}

impl Pod {
    fn new() -> Pod {
        let shop = shop();
        dbmate_ships(&shop);
        // The volumes; the store's top is open to a group, as fsGroup makes it.
        for (name, mode) in [
            ("volume", 0o2775),
            ("backup-key", 0o755),
            ("pod-tmp", 0o1777),
        ] {
            std::fs::create_dir(shop.path(name)).unwrap();
            shop.mode(&shop.path(name), mode);
        }
        let key = tool(keys().secret.gpg().args(["--armor", "--export"]), b"");
        std::fs::write(shop.path("backup-key/backup-key.asc"), key).unwrap();
        let text = Page::open("docs/recipes/kubernetes.md").file("migrate.yaml");
        let spec = parsed(&shop, &text)["spec"].clone();
        assert_eq!(spec["backoffLimit"], 0);
        let spec = spec["template"]["spec"].clone();
        assert_eq!(spec["restartPolicy"], "Never");
        Pod { shop, spec }
    }

    /// A path of the pod, in the test's folder.
    fn here(&self, text: &str) -> String {
        let path = |name: &str| self.shop.path(name).display().to_string();
        self.shop
            .here(text)
            .replace("/store", &path("volume"))
            .replace("/tmp/gnupg", &path("pod-tmp/gnupg"))
            .replace("/backup-key/", &format!("{}/", path("backup-key")))
    }

    fn container(&self, container: &Value) -> Ran {
        let words = |key: &str| container[key].as_array().into_iter().flatten();
        let argv: Vec<String> = words("command")
            .chain(words("args"))
            .map(|word| self.here(word.as_str().unwrap()))
            .collect();
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut run = self
            .shop
            .command(&argv)
            .unset("DATABASE_URL")
            .unset("PGSEAL_CONFIG");
        for variable in words("env") {
            let name = variable["name"].as_str().unwrap();
            run = match (name, variable["value"].as_str()) {
                (_, Some(value)) => run.env(name, self.here(value)),
                ("DATABASE_URL", None) => run.env(name, &self.shop.env["DATABASE_URL"]),
                (_, None) => run.env(name, "no-password-is-asked"),
            };
        }
        run.run()
    }

    /// The init container, and only where that ends with 0 the other.
    fn start(&self) -> Vec<Ran> {
        let containers =
            ["initContainers", "containers"].map(|key| self.spec[key].as_array().unwrap());
        let mut all = Vec::new();
        for container in containers.into_iter().flatten() {
            all.push(self.container(container));
            if all[all.len() - 1].code() != 0 {
                break;
            }
        }
        all
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        end_agent(&self.shop.path("pod-tmp/gnupg"));
    }
}

#[test]
fn an_init_container_is_in_front_of_the_migration() {
    let pod = Pod::new();
    pod.shop.backups_fail();
    let mut ran = pod.start();
    assert_eq!(ran.len(), 1);
    ran.remove(0).exits(125).says(&["expired"]);
    pod.shop.nothing_was_written();
    pod.shop.backups_work();
    let ran = pod.start();
    assert_eq!(ran.len(), 2, "{}", ran[0].whole());
    ran[0].envelope();
    pod.shop.sealed_in("volume/shop");
}

/// The trap of the volume.
#[test]
fn the_top_of_a_volume_is_no_store() {
    let pod = Pod::new();
    let mut init = pod.spec["initContainers"][0].clone();
    init["env"][1]["value"] = "/store".into();
    pod.container(&init)
        .exits(125)
        .says(&["its group may write the store"]);
}
