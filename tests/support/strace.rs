//! The system calls of a run, by strace.

use super::{Pgseal, Ran, install};
use std::path::{Path, PathBuf};

/// A call that ended, of the run or of any child.
#[derive(Debug, Clone)]
pub struct Call {
    pub name: String,
    /// As strace writes them, a path behind each descriptor.
    pub args: String,
    /// `0`, or `-1 EIO (…)`.
    pub result: String,
    /// Lines of the trace: a call that ends on a later one met others on the way.
    pub began: usize,
    pub ended: usize,
}

/// A trace of a run: what of it is to be seen, or to fail, by strace's own options.
pub struct Strace {
    log: PathBuf,
    options: Vec<String>,
}

impl Strace {
    pub fn new(dir: &Path, options: &[&str]) -> Strace {
        assert!(which::which("strace").is_ok(), "{}", install("strace"));
        Strace {
            log: dir.join("trace"),
            options: options.iter().map(|option| (*option).into()).collect(),
        }
    }

    pub fn run(&self, run: Pgseal<'_>) -> (Ran, Vec<Call>) {
        let mut words = vec!["strace", "--follow-forks", "-qq", "--seccomp-bpf"];
        words.extend(["--decode-fds=path", "--string-limit=200000", "--output"]);
        words.push(self.log.to_str().unwrap());
        words.extend(self.options.iter().map(String::as_str));
        words.push("--");
        let ran = run.through(&words).run();
        let trace = std::fs::read(&self.log).unwrap();
        (ran, calls(&String::from_utf8_lossy(&trace)))
    }
}

fn calls(trace: &str) -> Vec<Call> {
    let mut open: Vec<(&str, Call)> = Vec::new();
    let mut calls = Vec::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((pid, text)) = line.split_once(' ') else {
            continue;
        };
        let text = text.trim_start();
        if let Some(text) = text.strip_suffix(" <unfinished ...>") {
            let (name, args) = text.split_once('(').unwrap();
            let (name, args) = (name.to_string(), args.to_string());
            let (result, began, ended) = (String::new(), at, at);
            let call = Call {
                name,
                args,
                result,
                began,
                ended,
            };
            open.push((pid, call));
            continue;
        }
        let (call, rest) = match text.strip_prefix("<... ") {
            Some(rest) => {
                let began = open.iter().position(|(of, _)| *of == pid).unwrap();
                (
                    open.remove(began).1,
                    rest.split_once(" resumed>").unwrap().1,
                )
            }
            None => {
                let Some((name, rest)) = text.split_once('(') else {
                    continue;
                };
                let (name, args, result) = (name.to_string(), String::new(), String::new());
                (
                    Call {
                        name,
                        args,
                        result,
                        began: at,
                        ended: at,
                    },
                    rest,
                )
            }
        };
        let Some((args, result)) = rest.rsplit_once(" = ") else {
            continue;
        };
        let args = call.args.clone() + args.trim_end().strip_suffix(')').unwrap_or(args);
        let result = result.to_string();
        calls.push(Call {
            args,
            result,
            ended: at,
            ..call
        });
    }
    calls
}
