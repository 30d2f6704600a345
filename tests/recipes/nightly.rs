//! docs/recipes/nightly.md: its script, as cron calls it.

use crate::support::{Page, Ran, Shop, keys};

/// The page's script and the line of its crontab, with what cron gives them of an environment.
struct Night {
    shop: Shop,
    settings: Vec<String>,
    command: String,
}

impl Night {
    fn new() -> Night {
        let page = Page::open("docs/recipes/nightly.md");
        let shop = Shop::new();
        let script = page.file("/usr/local/bin/pgseal-nightly");
        shop.program("pgseal-nightly", &shop.here(&script));
        let crontab = shop.here(&page.file("/etc/cron.d/pgseal"));
        let lines = crontab.lines().filter(|line| !line.starts_with('#'));
        let (settings, mut jobs): (Vec<_>, Vec<_>) =
            lines.map(String::from).partition(|line| line.contains('='));
        let job = jobs.pop().unwrap();
        assert_eq!(jobs, [""; 0]);
        // Five fields of time, and the user.
        let command = job.splitn(7, ' ').last().unwrap().to_string();
        let night = Night {
            shop,
            settings,
            command,
        };
        assert_eq!(night.settings.len(), 2);
        night
    }

    fn with(&self, settings: &[String]) -> Ran {
        let home = self.shop.path("home");
        let home = home.display();
        // But for the config file, which is not in /etc here.
        let config = self.shop.path("pgseal.toml");
        let config = config.display();
        let bare = format!(
            "env -i HOME={home} LOGNAME=pgseal SHELL=/bin/sh PATH=/usr/bin:/bin PGSEAL_CONFIG={config}"
        );
        let run = self.shop.typed(&format!(
            "{bare} {} sh -c {}",
            settings.join(" "),
            self.command
        ));
        run.run()
    }

    fn ran(&self) -> Ran {
        self.with(&self.settings)
    }

    #[track_caller]
    fn tells(&self, words: &[&str]) {
        let ran = self.ran().exits(1);
        for word in words {
            ran.check(ran.stdout.contains(word), word);
        }
    }
}

#[test]
fn cron_is_told_only_what_is_wrong() {
    let night = Night::new();
    let shop = &night.shop;
    night.tells(&["there is no backup"]);
    for run in ["old", "new"] {
        shop.pgseal("backup")
            .arg(format!("--run-id={run}"))
            .run()
            .exits(0);
    }
    let manifest = shop.store().join("old.manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let aged = text.replace("\"created_at\": \"20", "\"created_at\": \"19");
    assert_ne!(aged, text);
    std::fs::write(&manifest, aged).unwrap();

    // Nothing is removed in such a night.
    shop.recipient(&keys().expires_soon);
    night.tells(&["expires in"]);
    shop.backups_fail();
    night.tells(&["== pgseal readiness", "backup_key             FAILED"]);
    assert!(manifest.exists());
    shop.backups_work();
    let ran = night.ran().exits(0);
    ran.check(
        ran.stdout.is_empty() && ran.stderr.is_empty(),
        "nothing to be mailed",
    );
    let left = shop.files();
    assert!(
        left.iter().all(|name| name.starts_with("new.")) && left.len() == 3,
        "{left:?}"
    );
    // The trap: its own PATH.
    night.with(&[]).exits(127).says(&["not found"]);

    let artifact = shop.store().join("new.sql.gpg");
    let mut bytes = std::fs::read(&artifact).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&artifact, bytes).unwrap();
    night.tells(&["== pgseal verify new", "[FAIL] sha256"]);
}
