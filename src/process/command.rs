//! A command is data: what runs, what `--dry-run` prints, what an error shows and what the
//! manifest records are the same fields.

use crate::base::env::Env;
use crate::base::text::shell_word;
use std::ffi::OsString;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;

/// One external command: absolute program, arguments, and its whole environment.
#[derive(Debug, Clone)]
pub(crate) struct CommandSpec {
    /// The word by which errors name it: `dump`, `encrypt`, `catalog`, …
    pub stage: &'static str,
    pub program: String,
    pub args: Vec<String>,
    /// What the program runs in a container, where it is an engine's client.
    pub inside: Option<Box<Inside>>,
    pub env: Vec<(OsString, OsString)>,
    /// Where it starts; None: where we were started.
    pub dir: Option<&'static str>,
    pub status_prefix: Option<&'static str>,
    pub expected_talk: Option<&'static str>,
    pub quit: Quit,
    /// Its standard input, where nothing is fed to it.
    pub reads: Option<Arc<OwnedFd>>,
    pub stderr_filter: Option<NewStderrFilter>,
}

/// A program in a container.
#[derive(Debug, Clone)]
pub(crate) struct Inside {
    pub program: String,
    pub container: String,
    /// Commands that show how the container fares.
    pub look: Vec<String>,
}

/// How a command is asked to end, before it is killed.
#[derive(Debug, Clone)]
pub(crate) enum Quit {
    /// By these signals, one after the other.
    Signals(&'static [i32]),
    /// By the end of its standard input, in which it reads nothing; then by SIGTERM.
    Lifeline(Option<Box<CommandSpec>>),
    /// By its ender; then by SIGTERM.
    Ender(Box<CommandSpec>),
}

impl Quit {
    /// The command that ends what this one does elsewhere, where it only stands for that.
    pub(crate) fn ender(&self) -> Option<&CommandSpec> {
        match self {
            Quit::Signals(_) => None,
            Quit::Lifeline(ender) => ender.as_deref(),
            Quit::Ender(ender) => Some(ender),
        }
    }
}

/// Decides line by line what is kept of a command's standard error.
pub(crate) trait StderrFilter: Send {
    /// The text to keep of this line, or of what it completes.
    fn line(&mut self, line: &[u8]) -> Option<String>;
    /// What can be told only at the end.
    fn finish(&mut self) -> Option<String>;
}

pub(crate) type NewStderrFilter = fn() -> Box<dyn StderrFilter>;

impl CommandSpec {
    pub(crate) fn new(stage: &'static str, program: &str) -> CommandSpec {
        CommandSpec {
            stage,
            program: program.into(),
            args: Vec::new(),
            inside: None,
            env: Vec::new(),
            dir: None,
            status_prefix: None,
            expected_talk: None,
            quit: Quit::Signals(&[signal_hook::consts::SIGTERM]),
            stderr_filter: None,
            reads: None,
        }
    }

    /// It reads this file, where nothing is fed to it.
    pub(crate) fn reading(self, file: Arc<OwnedFd>) -> CommandSpec {
        CommandSpec {
            reads: Some(file),
            ..self
        }
    }

    /// It is asked to end in this way, instead of by SIGTERM.
    pub(crate) fn stop_with(self, quit: Quit) -> CommandSpec {
        CommandSpec { quit, ..self }
    }

    /// It starts in this folder: another user may not enter ours.
    pub(crate) fn in_dir(self, dir: &'static str) -> CommandSpec {
        CommandSpec {
            dir: Some(dir),
            ..self
        }
    }

    /// Only what the filter lets through is kept of its standard error: the rest may hold rows.
    pub(crate) fn filter_stderr(self, filter: NewStderrFilter) -> CommandSpec {
        CommandSpec {
            stderr_filter: Some(filter),
            ..self
        }
    }

    pub(crate) fn arg(mut self, arg: impl Into<String>) -> CommandSpec {
        self.args.push(arg.into());
        self
    }

    pub(crate) fn args<T: Into<String>>(
        mut self,
        args: impl IntoIterator<Item = T>,
    ) -> CommandSpec {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(
        mut self,
        name: impl Into<OsString>,
        value: impl Into<OsString>,
    ) -> CommandSpec {
        let name = name.into();
        self.env.retain(|(known, _)| *known != name);
        self.env.push((name, value.into()));
        self
    }

    /// Takes from the environment what `allowed` names; a trailing `*` allows a prefix.
    pub(crate) fn inherit(mut self, env: &Env, allowed: &[&str]) -> CommandSpec {
        for (name, value) in env.iter() {
            let Some(text) = name.to_str() else { continue };
            let fits = |rule: &&str| match rule.strip_suffix('*') {
                Some(prefix) => text.starts_with(prefix),
                None => text == *rule,
            };
            if allowed.iter().any(fits) {
                self = self.env(name, value);
            }
        }
        self
    }

    /// Lines of standard error with this prefix are a status protocol, kept apart from the rest.
    pub(crate) fn status_prefix(mut self, prefix: &'static str) -> CommandSpec {
        self.status_prefix = Some(prefix);
        self
    }

    /// A line that it always says, and that would only trouble an operator.
    pub(crate) fn expect_talk(mut self, line: &'static str) -> CommandSpec {
        self.expected_talk = Some(line);
        self
    }

    /// The name of what it is all for.
    pub(crate) fn tool(&self) -> &str {
        let inside = self.inside.as_ref().map(|inside| &inside.program);
        let path = inside.unwrap_or(&self.program);
        path.rsplit('/').next().unwrap_or(path)
    }

    /// Program and arguments, as executed.
    pub(crate) fn argv(&self) -> Vec<String> {
        std::iter::once(&self.program)
            .chain(&self.args)
            .cloned()
            .collect()
    }
}

/// A line that can be pasted into a shell. The environment is not shown: it may hold secrets.
impl fmt::Display for CommandSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<String> = self.argv().iter().map(|arg| shell_word(arg)).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_argv_in_a_shell() {
        let spec = CommandSpec::new("dump", "/usr/bin/pg_dump")
            .arg("--table=\"a\".\"it's\"")
            .arg("plain")
            .arg("");
        assert_eq!(
            spec.to_string(),
            "/usr/bin/pg_dump --table='\"a\".\"it'\\''s\"' plain ''"
        );
        assert_eq!(spec.argv().len(), 4);
    }

    #[test]
    fn only_what_is_allowed_is_inherited() {
        let env = Env::new(
            [("PGHOST", "h"), ("PG", "x"), ("HOME", "/h"), ("HOMER", "d")]
                .map(|(k, v)| (k.into(), v.into())),
        );
        let spec = CommandSpec::new("x", "/x")
            .inherit(&env, &["PG*", "HOME"])
            .env("HOME", "/other");
        let names: Vec<_> = spec.env.iter().collect();
        assert_eq!(names.len(), 3);
        assert!(names.contains(&&("HOME".into(), "/other".into())));
    }
}
