//! What this terminal can show: colour, letters, width.

use crate::base::env::Env;
use crate::base::text::{plain, split_at_width};
use crate::report::row_state::RowState;
use std::io::IsTerminal;
use unicode_width::UnicodeWidthStr;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TerminalStyle {
    pub color: bool,
    pub ascii: bool,
    pub width: usize,
}

const DEFAULT_WIDTH: usize = 100;
const NARROWEST: usize = 40;

impl TerminalStyle {
    pub(crate) fn of_stdout(env: &Env) -> TerminalStyle {
        let stdout = std::io::stdout();
        let columns = rustix::termios::tcgetwinsize(&stdout).map_or(0, |size| size.ws_col);
        let terminal = stdout.is_terminal();
        TerminalStyle::of(env, terminal.then(|| usize::from(columns)))
    }

    /// `columns`: None where it is no terminal, 0 where the terminal does not tell.
    fn of(env: &Env, columns: Option<usize>) -> TerminalStyle {
        let text = |name: &str| {
            let value = env.get(name).unwrap_or_default();
            value.to_string_lossy().to_ascii_lowercase()
        };
        // The first that is set decides, as in setlocale(3).
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].map(text);
        let locale = locale.iter().find(|value| !value.is_empty());
        let utf8 = locale.is_some_and(|l| l.contains("utf-8") || l.contains("utf8"));
        let width = match columns {
            None | Some(0) => DEFAULT_WIDTH,
            Some(columns) => columns.max(NARROWEST),
        };
        TerminalStyle {
            color: columns.is_some() && text("NO_COLOR").is_empty() && text("TERM") != "dumb",
            ascii: !utf8,
            width,
        }
    }

    /// Nothing that moves the cursor, and only letters that the locale has.
    pub(crate) fn safe(&self, text: &str) -> String {
        let text = plain(text);
        if !self.ascii {
            return text;
        }
        let mut out = String::with_capacity(text.len());
        for c in text.chars() {
            match c {
                '→' => out.push_str("->"),
                '…' => out.push_str("..."),
                '–' | '—' => out.push('-'),
                c if c.is_ascii() => out.push(c),
                c => out.extend(c.escape_unicode()),
            }
        }
        out
    }

    /// Padded first: the colour has no width.
    pub(crate) fn state(&self, state: RowState, width: usize) -> String {
        let word = format!("{:<width$}", state.as_str());
        let color = match state {
            RowState::Ready => 32,
            RowState::Missing => 33,
            RowState::Failed => 31,
            RowState::Unknown => 35,
        };
        self.colored(&word, color)
    }

    pub(crate) fn colored(&self, text: &str, color: u8) -> String {
        if self.color {
            format!("\x1b[{color}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    /// Lines of at most the width, the first after `first`, the rest below it.
    pub(crate) fn wrapped(&self, indent: usize, text: &str) -> Vec<String> {
        let most = self.width.saturating_sub(indent).max(20);
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split(' ') {
            let mut word = word;
            let needs = line.width() + usize::from(!line.is_empty()) + word.width();
            if needs > most && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            // What has no space to break at is broken anywhere.
            while word.width() > most {
                let (fits, rest) = split_at_width(word, most);
                lines.push(fits.to_string());
                word = rest;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(vars: &[(&str, &str)]) -> Env {
        Env::new(vars.iter().map(|(k, v)| (k.into(), v.into())))
    }

    #[test]
    fn colour_only_on_a_terminal() {
        let look = |vars: &[(&str, &str)], columns| TerminalStyle::of(&env(vars), columns).color;
        assert!(look(&[("TERM", "xterm")], Some(0)));
        assert!(!look(&[("TERM", "xterm")], None));
        assert!(!look(&[("NO_COLOR", "1")], Some(0)));
        assert!(look(&[("NO_COLOR", "")], Some(0)));
        assert!(!look(&[("TERM", "dumb")], Some(0)));
    }

    #[test]
    fn letters_of_the_locale() {
        let ascii = |vars: &[(&str, &str)]| TerminalStyle::of(&env(vars), Some(80)).ascii;
        assert!(ascii(&[]));
        assert!(ascii(&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")]));
        assert!(!ascii(&[("LC_ALL", ""), ("LANG", "C.UTF-8")]));
        assert!(!ascii(&[("LC_CTYPE", "en_US.utf8"), ("LANG", "C")]));
        let look = TerminalStyle::of(&env(&[]), None);
        assert_eq!(look.safe("a → é\x1b…"), "a -> \\u{e9}\\u{1b}...");
    }

    #[test]
    fn lines_fit() {
        let look = TerminalStyle {
            color: false,
            ascii: true,
            width: 30,
        };
        let text = format!("one two three {} four", "x".repeat(45));
        let lines = look.wrapped(10, &text);
        assert!(lines.iter().all(|line| line.len() <= 20), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), text.replace(' ', ""));
        assert_eq!(look.wrapped(10, ""), [""]);
        let look = TerminalStyle::of(&env(&[]), Some(7));
        assert_eq!(look.width, NARROWEST);
    }
}
