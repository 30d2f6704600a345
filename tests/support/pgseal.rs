//! One run of pgseal: its words, its environment, what came of it.

use super::Test;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No run of these tests takes longer; one that does hangs.
const HANGS: Duration = Duration::from_secs(60);

pub struct Pgseal<'t> {
    test: &'t Test,
    wrapper: Vec<String>,
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<String, OsString>,
    stdout: Option<Stdio>,
}

impl<'t> Pgseal<'t> {
    pub(super) fn new(test: &'t Test, env: BTreeMap<String, OsString>) -> Pgseal<'t> {
        Pgseal {
            test,
            wrapper: Vec::new(),
            program: env!("CARGO_BIN_EXE_pgseal").into(),
            args: Vec::new(),
            env,
            stdout: None,
        }
    }

    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    pub fn args<T: Into<OsString>>(mut self, args: impl IntoIterator<Item = T>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn table(self, name: &str) -> Self {
        self.arg(format!("--table={name}"))
    }

    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    pub fn unset(mut self, name: &str) -> Self {
        self.env.remove(name);
        self
    }

    /// A command that ends by becoming pgseal, put in front.
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|word| (*word).to_string()).collect();
        self
    }

    /// A shell that does something first; `"$@"` is pgseal and its arguments.
    pub fn shell(self, script: &str) -> Self {
        self.through(&["bash", "-c", script, "bash"])
    }

    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = Some(stdout.into());
        self
    }

    pub fn start(mut self) -> Running<'t> {
        let mut words: Vec<OsString> = self.wrapper.iter().map(Into::into).collect();
        words.push(self.program.into());
        words.append(&mut self.args);
        let shown = format!("{words:?}");
        let mut child = Command::new(&words[0])
            .args(&words[1..])
            .env_clear()
            .envs(&self.env)
            .current_dir(&self.test.dir)
            .stdin(Stdio::null())
            .stdout(self.stdout.unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("{shown}: {err}"));
        let stdout = child.stdout.take().map(reader);
        let stderr = child.stderr.take().map(reader);
        Running {
            test: self.test,
            shown,
            child,
            stdout,
            stderr,
        }
    }

    pub fn run(self) -> Ran {
        self.start().wait()
    }
}

fn reader(mut from: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

pub struct Running<'t> {
    test: &'t Test,
    shown: String,
    child: Child,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

impl Running<'_> {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn wait(mut self) -> Ran {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if since.elapsed() > HANGS {
                let _ = self.child.kill();
                panic!("it hangs: {}", self.shown);
            }
            std::thread::sleep(Duration::from_millis(3));
        };
        let text = |from: Option<JoinHandle<Vec<u8>>>| {
            let bytes = from.map(|thread| thread.join().unwrap());
            String::from_utf8(bytes.unwrap_or_default()).unwrap()
        };
        let ran = Ran {
            shown: self.shown,
            status,
            stdout: text(self.stdout),
            stderr: text(self.stderr),
            took: since.elapsed(),
        };
        self.test.heard(&ran);
        ran
    }
}

pub struct Ran {
    shown: String,
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ran {
    pub fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| -self.status.signal().unwrap_or(0))
    }

    fn whole(&self) -> String {
        format!(
            "{}\n{}\n--- stdout\n{}--- stderr\n{}",
            self.shown, self.status, self.stdout, self.stderr
        )
    }

    #[track_caller]
    pub fn check(&self, holds: bool, what: &str) {
        assert!(holds, "{what}\n{}", self.whole());
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Ran {
        self.check(self.code() == code, &format!("the status must be {code}"));
        self
    }

    /// It failed as it should: nothing on standard output, one error, and all these words in it.
    #[track_caller]
    pub fn fails(self, code: i32, words: &[&str]) -> Ran {
        let ran = self.exits(code);
        ran.check(ran.stdout.is_empty(), "standard output must be empty");
        let errors = ran
            .stderr
            .lines()
            .filter(|line| line.starts_with("error: "));
        ran.check(errors.count() == 1, "there must be one line of error");
        ran.says(words)
    }

    #[track_caller]
    pub fn says(self, words: &[&str]) -> Ran {
        for word in words {
            self.check(self.stderr.contains(word), &format!("it must say {word:?}"));
        }
        self
    }

    /// It sealed a backup: one line, four keys.
    #[track_caller]
    pub fn envelope(&self) -> Value {
        self.check(self.code() == 0, "the status must be 0");
        self.check(
            self.stdout.ends_with('\n') && self.stdout.matches('\n').count() == 1,
            "there must be one line",
        );
        let envelope: Value = serde_json::from_str(&self.stdout).unwrap();
        let keys: Vec<&String> = envelope.as_object().unwrap().keys().collect();
        let four = ["artifact_ref", "gpg_fpr", "sha256", "size_bytes"];
        self.check(keys == four, "there must be four keys");
        envelope
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|err| panic!("{err}\n{}", self.whole()))
    }
}
