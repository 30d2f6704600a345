//! What every test stands on: one real server, real keys, a folder of its own, and a look at what
//! is left when it ends.

mod cases;
mod cluster;
mod gpg;
mod keys;
mod page;
mod pgseal;
mod place;
mod ran;
mod shop;
mod strace;
mod terminal;
mod test;

pub use cases::{Cases, each};
pub use cluster::{Session, as_owner, bin, cluster};
pub use gpg::{ECC, Home, PAST, RSA, Ring, SIGN_ONLY, end_agent, gpg, put_down};
pub use keys::{decrypt, keys};
pub use page::Page;
pub use pgseal::{Pgseal, Running};
pub use place::Place;
pub use ran::Ran;
pub use shop::{Shop, WRITE};
pub use strace::{Call, Strace};
pub use terminal::Terminal;
pub use test::{Sealed, Test};

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs a tool of the test itself; what fails is said with all it said.
pub fn tool(command: &mut Command, input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let shown = format!("{command:?}");
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|err| panic!("{program}: {err}; {}", install(&program)));
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    // A tool that ends early is judged by its status, not by the broken pipe.
    let feeder = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    assert!(
        output.status.success(),
        "{shown}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A test without its tool fails; one that was skipped would be a lie in green.
pub fn install(program: &str) -> String {
    let package = match program.rsplit('/').next().unwrap_or(program) {
        "gpg" | "gpgconf" => "gnupg",
        "pgbouncer" => "pgbouncer",
        "jq" => "jq",
        "strace" => "strace",
        "setpriv" | "unshare" | "mount" => "util-linux",
        _ => "postgresql",
    };
    format!("apt-get install {package}")
}

/// Looks again and again, for at most half a minute: the machine may have other work.
pub fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < Duration::from_secs(30), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes, other than this one, that have this text on their command line or in their
/// environment.
pub fn processes(text: &str) -> Vec<String> {
    let me = std::process::id().to_string();
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|b| b.is_ascii_digit()) && *pid != me)
        .filter_map(|pid| {
            let read = |file: &str| {
                let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let line = read("cmdline");
            let found = line.contains(text) || read("environ").contains(text);
            found.then(|| format!("{pid}: {line}"))
        })
        .collect()
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// In front of a run that mounts something of its own.
pub fn unshare() -> &'static [&'static str] {
    if is_root() {
        &["unshare", "--mount"]
    } else {
        &["unshare", "--mount", "--map-root-user"]
    }
}

/// Names in a folder, sorted.
pub fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|err| panic!("{}: {err}", dir.display()));
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(bytes))
}
