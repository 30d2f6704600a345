//! One host a test: nine tables, settings, and the homes of the host and of the operator. Everything
//! is real; shims only break things.

use super::{BACKUP_RUNNER, Report};
use crate::support::{ECC, Home, Ran, Ring, Test};
use std::ops::{Deref, DerefMut};

pub struct Host {
    // Before the test, which looks for what is left: their agents end with them.
    pub gnupg: Home,
    pub operator: Home,
    test: Test,
}

impl Deref for Host {
    type Target = Test;

    fn deref(&self) -> &Test {
        &self.test
    }
}

impl DerefMut for Host {
    fn deref_mut(&mut self) -> &mut Test {
        &mut self.test
    }
}

impl Host {
    /// Like the seed's: the nine tables are there, the key is not.
    pub fn new() -> Host {
        let mut test = Test::cutter();
        // Without the keys that a test has.
        std::fs::remove_dir_all(test.path("gnupg")).unwrap();
        let home = |name: &str| Home::new(test.path(name), &Ring::new());
        let (gnupg, operator) = (home("gnupg"), home("operator"));
        let env_file = test.write(".env", "");
        let config = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/cutter/pgseal.toml");
        let config = std::fs::read_to_string(config).unwrap();
        let config = config
            .replace(
                "/var/lib/cutter/backups",
                &test.store().display().to_string(),
            )
            .replace("/opt/incomex/docker/.env", &env_file.display().to_string());
        let config = test.write("pgseal.toml", &config);
        test.set("PGSEAL_CONFIG", config);
        test.set("LANG", "C.UTF-8");
        for told_by_the_config in ["PGSEAL_STORE", "BACKUP_GPG_FPR"] {
            test.env.remove(told_by_the_config);
        }
        Host {
            gnupg,
            operator,
            test,
        }
    }

    /// With a key that can be used, and a seam that holds.
    pub fn ready() -> Host {
        let host = Host::new();
        let fpr = host.key(ECC, "Expire-Date: 2y");
        host.publish(&fpr);
        host.seam(&["/usr/bin/python3", BACKUP_RUNNER, "accept"]);
        host
    }

    pub fn config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path("pgseal.toml")).unwrap();
        assert!(text.contains(from), "{text}");
        self.write("pgseal.toml", &text.replacen(from, to, 1));
    }

    pub fn seam(&self, argv: &[&str]) {
        let text = std::fs::read_to_string(self.path("pgseal.toml")).unwrap();
        self.write(
            "pgseal.toml",
            &format!("{text}\n[seam]\ncommand = {argv:?}\n"),
        );
    }

    pub fn publish(&self, fpr: &str) {
        self.write(".env", &format!("BACKUP_GPG_FPR={fpr}\n"));
    }

    /// Makes a key where the operator is; its public part comes here. Its fingerprint.
    pub fn key(&self, shape: &str, dates: &str) -> String {
        let fpr = self.operator.key("test key", shape, dates);
        self.gnupg.import(&self.operator.export(&fpr));
        fpr
    }

    /// PATH with these programs alone.
    pub fn only(&mut self, programs: &[&str]) {
        for program in programs {
            let real = format!("/usr/bin/{program}");
            std::os::unix::fs::symlink(real, self.path("bin").join(program)).unwrap();
        }
        let bin = self.path("bin");
        self.set("PATH", bin);
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.pgseal(args[0]).args(&args[1..]).run()
    }

    pub fn readiness(&self) -> Report {
        Report::of(&self.run(&["readiness", "--json"]))
    }
}
