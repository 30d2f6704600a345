//! The only room that prints. Data in, text out; nothing is decided here.

use crate::base::error::{Code, Error, Result};
use crate::base::exit::Exit;
use crate::base::text::{is_hostile, plain, shortened};
use crate::process::command::CommandSpec;
use crate::report::progress::CLEAR;
use serde::Serialize;
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::os::fd::AsFd;

/// What a command has to say. Only `render` prints it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// For standard output: the data.
    pub out: String,
    /// The same as JSON, where it has a form of its own.
    pub json: Option<String>,
    /// For standard error: warnings and the summary.
    pub notes: Vec<String>,
    pub exit: Exit,
    /// What to add where `out` could not be delivered.
    pub undelivered: Option<String>,
}

/// Something to print: data with its text beside it.
pub(crate) trait Report: Serialize {
    fn text(&self) -> String;

    fn exit(&self) -> Exit {
        Exit::Yes
    }
}

impl Answer {
    /// A yes, in one form.
    pub(crate) fn yes(out: String) -> Answer {
        Answer {
            out,
            json: None,
            notes: Vec::new(),
            exit: Exit::Yes,
            undelivered: None,
        }
    }

    pub(crate) fn of(report: &impl Report) -> Result<Answer> {
        Ok(Answer {
            json: Some(json_pretty(report)?),
            exit: report.exit(),
            ..Answer::yes(report.text())
        })
    }
}

/// For whom answers and errors are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Json,
}

/// What goes to standard error beside errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Talk {
    /// And each command as it is started.
    Verbose,
    All,
    Nothing,
}

/// Prints an answer. An envelope that does not reach the caller is a failure of its own.
pub(crate) fn answer(answer: &Answer, form: Form, talk: Talk) -> Exit {
    notes(&answer.notes, talk);
    let out = match (form, &answer.json) {
        (Form::Json, Some(json)) => json,
        _ => &answer.out,
    };
    let told = match (write_out(out), &answer.undelivered) {
        (Ok(()), Some(_)) if stdout_was_closed() => Err(rustix::io::Errno::BADF.into()),
        (told, _) => told,
    };
    match told {
        Ok(()) => answer.exit,
        Err(err) => {
            let mut trouble = Error::new(
                Code::Output,
                format!("cannot write to standard output: {err}"),
            )
            .hint("Give it a standard output that can be written to.");
            trouble.disk = answer.undelivered.clone();
            error(&trouble, form)
        }
    }
}

/// Not by `std::io::Stdout`, which takes EBADF for success: so a descriptor that was opened for
/// reading only (`1</dev/null`) would swallow the envelope.
fn write_out(text: &str) -> std::io::Result<()> {
    let stdout = std::io::stdout().as_fd().try_clone_to_owned()?;
    File::from(stdout).write_all(text.as_bytes())
}

/// Rust puts `/dev/null`, open for reading and writing, where a standard descriptor was closed
/// when we started; then every write succeeds and reaches nobody. A shell's `>/dev/null`, which
/// throws the envelope away on purpose, is open for writing only. Who passes one that is open for
/// both cannot be told apart, and is refused too: too often, never too rarely.
fn stdout_was_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};
    let stdout = std::io::stdout();
    let (Ok(ours), Ok(null), Ok(flags)) = (fstat(&stdout), stat("/dev/null"), fcntl_getfl(&stdout))
    else {
        return true;
    };
    ours.st_rdev == null.st_rdev
        && ours.st_mode == null.st_mode
        && flags & OFlags::RWMODE == OFlags::RDWR
}

/// Prints an error for a person or, as JSON, as the last line of standard error.
pub(crate) fn error(error: &Error, form: Form) -> Exit {
    if form == Form::Json {
        let line = serde_json::json!({ "error": {
            "code": error.code.as_str(),
            "message": error.message,
            "hint": error.hints.text(),
            "disk": error.disk,
            "stages": error.stages,
        }});
        note_line(&line.to_string());
    } else {
        for line in error_lines(error) {
            note_line(&line);
        }
    }
    error.exit()
}

/// A clap error, which knows its own text and stream.
pub(crate) fn usage(err: &clap::Error, form: Form) -> Exit {
    // Help and version are answers, on standard output.
    if !err.use_stderr() {
        return match err.print() {
            Ok(()) => Exit::Yes,
            Err(_) => Exit::Local,
        };
    }
    if form == Form::Json {
        let text = err.to_string();
        let text = text.trim_start_matches("error: ");
        let lines = text.lines().map(str::trim);
        let told = lines.take_while(|line| !line.starts_with("Usage:"));
        let message: Vec<&str> = told.filter(|line| !line.is_empty()).collect();
        let message = message.join(" ");
        return error(
            &Error::new(Code::Usage, message).hint("See `pgseal --help`."),
            form,
        );
    }
    let _ = err.print();
    Exit::Usage
}

pub(crate) fn notes(notes: &[String], talk: Talk) {
    if talk != Talk::Nothing {
        for note in notes {
            note_line(note);
        }
    }
}

/// A command that is being started, as `--verbose` tells it.
pub(crate) fn started(spec: &CommandSpec) {
    let clear = if std::io::stderr().is_terminal() {
        CLEAR
    } else {
        ""
    };
    note_line(&format!("{clear}run: {}", plain(&spec.to_string())));
}

fn note_line(line: &str) {
    // Standard error may be closed, and there is nowhere else to say so.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

fn error_lines(error: &Error) -> Vec<String> {
    let mut lines = vec![format!("error: {}", plain(&error.message))];
    let width = error
        .stages
        .iter()
        .map(|s| s.stage.len())
        .max()
        .unwrap_or(0);
    for stage in &error.stages {
        let label = format!("{}:", stage.stage);
        lines.push(format!(
            "  {label:<w$} {}  -> {}",
            shortened(&plain(&stage.command), COMMAND_SHOWN),
            plain(&stage.ended),
            w = width + 1
        ));
        lines.extend(
            stage
                .said
                .iter()
                .map(|said| format!("      {}", plain(said.trim()))),
        );
    }
    lines.extend(error.disk.iter().map(|disk| format!("  {}", plain(disk))));
    let hints = error.hints.lines();
    if !hints.is_empty() {
        let hints: Vec<String> = hints.iter().map(|hint| plain(hint)).collect();
        lines.push(format!("hint: {}", hints.join("\n      ")));
    }
    lines
}

/// A command line of 40 tables is no help at 3 a.m.; the whole of it is in `--dry-run`.
const COMMAND_SHOWN: usize = 160;

pub(crate) fn warnings(warnings: &[String]) -> Vec<String> {
    warnings
        .iter()
        .map(|warning| format!("warning: {}", plain(warning)))
        .collect()
}

fn json_error(err: serde_json::Error) -> Error {
    Error::new(Code::Output, format!("cannot write JSON: {err}"))
}

/// Exactly one line.
pub(crate) fn json_line<T: Serialize>(data: &T) -> Result<String> {
    Ok(harmless(serde_json::to_string(data).map_err(json_error)?) + "\n")
}

pub(crate) fn json_pretty<T: Serialize>(data: &T) -> Result<String> {
    Ok(harmless(serde_json::to_string_pretty(data).map_err(json_error)?) + "\n")
}

/// The same values, with nothing in them that a terminal obeys: serde_json escapes only ASCII's. All
/// such characters are of one UTF-16 unit.
fn harmless(json: String) -> String {
    let escapes = |c: char| c > '~' && is_hostile(c);
    if !json.contains(escapes) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if escapes(c) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_moves_no_cursor() {
        let text = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{feff}é\n";
        let line = json_line(&text).unwrap();
        assert_eq!(line, "\"a\\u001b\\u007f\\u009b\\u202e\\ufeffé\\n\"\n");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
