//! docs/recipes/github-actions.md: its steps, as a runner runs them, but for the upload.

use crate::site::{dbmate_ships, shop};
use crate::support::{Page, Ran, Shop, keys, tool};
use crate::yaml::parsed;
use serde_json::Value;

/// A repository and its settings.
struct Runner {
    shop: Shop,
    steps: Vec<Value>,
    settings: Vec<(&'static str, String)>,
}

impl Runner {
    fn new() -> Runner {
        let mut shop = shop();
        let home = shop.path("home/.gnupg");
        std::fs::remove_dir_all(home).unwrap();
        std::fs::create_dir(shop.path("ops")).unwrap();
        let key = tool(
            keys()
                .secret
                .gpg()
                .args(["--armor", "--export", &keys().good]),
            b"",
        );
        std::fs::write(shop.path("ops/backup-key.asc"), key).unwrap();
        dbmate_ships(&shop);
        let page = Page::open("docs/recipes/github-actions.md");
        let workflow = parsed(&shop, &page.file(".github/workflows/migrate.yml"));
        let steps = workflow["jobs"]["migrate"]["steps"]
            .as_array()
            .unwrap()
            .clone();
        let settings = vec![
            ("vars.BACKUP_GPG_FPR", keys().good.clone()),
            (
                "vars.PGSEAL_DBNAME",
                shop.here("host=db1 dbname=shop user=pgseal_backup"),
            ),
            ("secrets.PGSEAL_PASSWORD", "no-password-is-asked".into()),
            (
                "secrets.DATABASE_URL",
                shop.env["DATABASE_URL"].to_str().unwrap().into(),
            ),
        ];
        // The runner has neither.
        shop.env.remove("PGSEAL_CONFIG");
        shop.env.remove("DATABASE_URL");
        let temp = shop.path("runner");
        std::fs::create_dir(&temp).unwrap();
        shop.set("RUNNER_TEMP", temp);
        Runner {
            shop,
            steps,
            settings,
        }
    }

    /// Step by step, until one fails; what the last one did, and what was to be uploaded.
    fn job(&self) -> (Ran, Vec<String>) {
        let (mut last, mut kept) = (None, Vec::new());
        for step in &self.steps {
            let Some(script) = step["run"].as_str() else {
                if step["uses"]
                    .as_str()
                    .unwrap()
                    .starts_with("actions/upload-artifact@")
                {
                    assert_eq!(step["with"]["path"], "${{ runner.temp }}/pgseal");
                    kept = crate::support::names(&self.shop.path("runner/pgseal"));
                }
                continue;
            };
            let mut run = self.shop.command(&["bash", "-e", "-c", script]);
            for (name, value) in step["env"].as_object().unwrap() {
                let wanted = value.as_str().unwrap();
                let mut settings = self.settings.iter();
                let (_, value) = settings
                    .find(|(name, _)| format!("${{{{ {name} }}}}") == wanted)
                    .unwrap();
                run = run.env(name, value);
            }
            let ran = run.run();
            let failed = ran.code() != 0;
            last = Some(ran);
            if failed {
                break;
            }
        }
        (last.unwrap(), kept)
    }

    fn with_key(&mut self, fingerprint: &str) {
        self.settings[0].1 = fingerprint.into();
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        crate::support::end_agent(&self.shop.path("home/.gnupg"));
    }
}

#[test]
fn the_backup_is_kept_before_the_write() {
    let runner = Runner::new();
    let (ran, kept) = runner.job();
    let ran = ran.exits(0);
    ran.check(ran.stdout.contains("Applied"), "dbmate ran last");
    assert!(kept.contains(&"envelope.json".to_string()), "{kept:?}");
    runner.shop.sealed_in("runner/pgseal");
}

#[test]
fn the_job_ends_where_there_is_no_backup() {
    let mut runner = Runner::new();
    // The file is not of the key in the settings.
    runner.with_key(&keys().second);
    let (ran, kept) = runner.job();
    ran.exits(125).says(&[&keys().second]);
    assert_eq!(kept, [""; 0]);
    runner.shop.nothing_was_written();
}

/// The trap.
#[test]
fn a_pipe_hides_the_failure() {
    let mut runner = Runner::new();
    runner.with_key(&keys().second);
    let script = runner.steps[1]["run"].as_str().unwrap();
    let piped = format!("{} | tee log", script.trim_end());
    runner.steps[1]["run"] = piped.into();
    let (ran, _) = runner.job();
    ran.exits(0);
}
