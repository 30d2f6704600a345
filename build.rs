//! What `--version` tells of a build: the commit, the target, the features.

#![allow(clippy::print_stdout)] // A build script talks to cargo on standard output.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let commit = of_package().or_else(of_checkout);
    let commit = commit.unwrap_or_else(|| "unknown".into());
    let target = std::env::var("TARGET").unwrap_or_default();
    let features = match std::env::var_os("CARGO_FEATURE_ISAL") {
        Some(_) => "isal",
        None => "none",
    };
    println!("cargo:rustc-env=PGSEAL_COMMIT={commit}");
    println!("cargo:rustc-env=PGSEAL_TARGET={target}");
    println!("cargo:rustc-env=PGSEAL_FEATURES={features}");
}

/// What `cargo package` put into the archive.
fn of_package() -> Option<String> {
    let text = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\": \"")?;
    Some(rest.split_once('"')?.0.to_string())
}

/// What is checked out. Sources that lie within somebody else's repository are not its commit.
fn of_checkout() -> Option<String> {
    let out = Command::new("git")
        .args(["rev-parse", "--show-prefix", "HEAD"])
        .args(["--git-path", "HEAD", "--git-path", "logs/HEAD"])
        .output();
    let out = out.ok().filter(|out| out.status.success())?;
    let text = String::from_utf8(out.stdout).ok()?;
    let mut lines = text.lines();
    let at_its_root = lines.next()?.is_empty();
    let commit = lines.next().filter(|_| at_its_root)?.to_string();
    // The log of HEAD grows with every commit and checkout.
    for path in lines.filter(|path| std::path::Path::new(path).exists()) {
        println!("cargo:rerun-if-changed={path}");
    }
    Some(commit)
}
