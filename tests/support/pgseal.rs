//! One run of pgseal: its words, its environment, and how it ends.

use super::{Place, Ran};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// No run of these tests takes longer, though some make large keys; one that does hangs.
const HANGS: Duration = Duration::from_secs(120);

pub struct Pgseal<'t> {
    place: &'t Place,
    wrapper: Vec<String>,
    program: PathBuf,
    args: Vec<OsString>,
    env: BTreeMap<String, OsString>,
    input: Option<Vec<u8>>,
    stdout: Option<Stdio>,
}

impl<'t> Pgseal<'t> {
    pub(super) fn new(place: &'t Place) -> Pgseal<'t> {
        Pgseal {
            place,
            wrapper: Vec::new(),
            program: env!("CARGO_BIN_EXE_pgseal").into(),
            args: Vec::new(),
            env: place.env.clone(),
            input: None,
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

    /// On standard input, where there is nothing without this.
    pub fn input(mut self, bytes: &[u8]) -> Self {
        self.input = Some(bytes.to_vec());
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
            .current_dir(&self.place.dir)
            .stdin(
                self.input
                    .as_ref()
                    .map_or_else(Stdio::null, |_| Stdio::piped()),
            )
            .stdout(self.stdout.unwrap_or_else(Stdio::piped))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|err| panic!("{shown}: {err}"));
        if let (Some(mut stdin), Some(bytes)) = (child.stdin.take(), self.input) {
            // It may end without reading all of it.
            std::thread::spawn(move || drop(stdin.write_all(&bytes)));
        }
        let stdout = child.stdout.take().map(reader);
        let stderr = child.stderr.take().map(reader);
        Running {
            place: self.place,
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
    place: &'t Place,
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

    /// The most memory that it held, in kB, looked at until it ends.
    pub fn peak(&mut self) -> u64 {
        let mut peak = 0;
        while !self.is_over() {
            let status =
                std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes =
                line.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
            peak = peak.max(kilobytes.unwrap_or(0));
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
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
        self.place.heard(&ran);
        ran
    }
}
