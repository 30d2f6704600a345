//! What the scripts do on a host without Rust: they look for it first, and say what to do.
//!
//! Nothing here is downloaded: apt-get, curl and rustup are scripts of this test.

use crate::support::{Cases, Place};

/// What a bare host has, but for what a case puts beside it.
const TOOLS: [&str; 14] = [
    "awk", "bash", "cat", "chmod", "dirname", "env", "head", "id", "mkdir", "mktemp", "rm", "sed",
    "sh", "sort",
];

struct Host {
    place: Place,
}

impl Host {
    fn bare() -> Host {
        let place = Place::new();
        std::fs::create_dir(place.path("tools")).unwrap();
        for tool in TOOLS {
            let real = which::which_in(tool, Some("/usr/bin:/bin"), "/").unwrap();
            std::os::unix::fs::symlink(real, place.path("tools").join(tool)).unwrap();
        }
        let host = Host { place };
        host.program("apt-get", "exit 0");
        host.program("apt-cache", "echo '  Candidate: (none)'");
        host.program("sudo", "exit 1");
        host.program("setpriv", "exit 1");
        host.program("curl", "exit 6");
        host
    }

    /// Each says that it ran.
    fn program(&self, name: &str, script: &str) {
        let log = self.place.path("log");
        let log = log.display();
        self.place
            .script(name, &format!("echo \"{name} $*\" >>{log}\n{script}"));
    }

    /// What curl brings, with all of a download but the network.
    fn rustup(&self) {
        let rustup = made("$HOME/.cargo/bin", "1.95.0");
        self.program("curl", &format!("cat <<'SCRIPT'\n{rustup}\nSCRIPT"));
    }

    /// What was started, and the end: status, standard error and output.
    fn need_cargo(&self) -> (String, i32, String) {
        let root = env!("CARGO_MANIFEST_DIR");
        let script =
            format!("set -euo pipefail; cd {root}; . scripts/lib.sh; need_cargo; cargo --version");
        let path = |name: &str| self.place.path(name).display().to_string();
        let ran = self
            .place
            .command(&["/bin/bash", "-c", &script])
            .env("PATH", format!("{}:{}", path("bin"), path("tools")))
            .env("HOME", path("."))
            .unset("CARGO_HOME")
            .run();
        let log = std::fs::read_to_string(self.place.path("log")).unwrap_or_default();
        (log, ran.code(), format!("{}{}", ran.stderr, ran.stdout))
    }
}

/// A cargo of some version, made by another script.
fn made(folder: &str, version: &str) -> String {
    format!(
        "mkdir -p {folder}; printf '#!/bin/sh\\necho cargo {version}\\n' >{folder}/cargo.new; \
         chmod +x {folder}/cargo.new; cat {folder}/cargo.new >{folder}/cargo; chmod +x {folder}/cargo"
    )
}

#[test]
fn rust_is_looked_for_first() {
    let mut cases = Cases::new();
    cases.check("there", || {
        let host = Host::bare();
        host.place.script("cargo", "echo cargo 99.0.0");
        let (log, code, said) = host.need_cargo();
        assert_eq!((log.as_str(), code), ("", 0), "{said}");
    });
    cases.check("from Debian", || {
        let host = Host::bare();
        host.program("apt-cache", "echo '  Candidate: 1.96.0+dfsg1-1~deb12u2'");
        let bin = host.place.path("bin");
        let make = made(&bin.display().to_string(), "1.96.0");
        host.program("apt-get", &format!("[ \"$1\" = update ] || {{ {make}; }}"));
        let as_root = crate::support::is_root();
        if !as_root {
            host.program("sudo", "shift; exec \"$@\"");
        }
        let (log, code, said) = host.need_cargo();
        assert_eq!(code, 0, "{said}");
        assert!(log.contains("--no-remove cargo-web"), "{log}");
        assert!(!log.contains("curl"), "{log}");
        assert!(
            said.contains("Installing Rust: the package cargo-web, 1.96.0"),
            "{said}"
        );
    });
    cases.check("by rustup, where Debian's is too old", || {
        let host = Host::bare();
        host.program("apt-cache", "echo '  Candidate: 1.85.0'");
        host.rustup();
        let (log, code, said) = host.need_cargo();
        assert_eq!(code, 0, "{said}");
        assert!(log.contains("https://sh.rustup.rs"), "{log}");
        assert!(!log.contains("--no-remove cargo-web"), "{log}");
        assert!(said.contains("Installing Rust by rustup, into "), "{said}");
        assert!(said.ends_with("cargo 1.95.0\n"), "{said}");
    });
    cases.check("by rustup, where the system's is too old", || {
        let host = Host::bare();
        host.place.script("cargo", "echo cargo 1.63.0");
        host.rustup();
        let (log, code, said) = host.need_cargo();
        assert_eq!(code, 0, "{said}");
        assert!(!log.contains("apt"), "{log}");
        assert!(said.ends_with("cargo 1.95.0\n"), "{said}");
    });
    cases.check("by the rustup that is there", || {
        let host = Host::bare();
        host.place.script("cargo", "echo cargo 1.80.0");
        let bin = host.place.path("bin");
        host.program("rustup", &made(&bin.display().to_string(), "1.95.0"));
        let (log, code, said) = host.need_cargo();
        assert_eq!(
            (log.as_str(), code),
            ("rustup update stable\n", 0),
            "{said}"
        );
    });
    cases.check("not to be had", || {
        let host = Host::bare();
        let (log, code, said) = host.need_cargo();
        assert_eq!(code, 3, "{said}");
        assert!(!log.contains("install"), "{log}");
        for words in [
            "rustup could not be fetched",
            "Rust 1.",
            "| sh -s -- -y",
            "apt-get install cargo-web",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    });
    cases.check("not to be had, and too old", || {
        let host = Host::bare();
        host.place.script("cargo", "echo cargo 1.63.0");
        let (_, code, said) = host.need_cargo();
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("there is cargo 1.63.0"), "{said}");
    });
}
