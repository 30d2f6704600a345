//! One line on a terminal while a dump runs; nothing anywhere else.

use crate::base::names::TableName;
use crate::base::text::{bytes, plain, plural, split_at_width, thousands};
use crate::report::print::Talk;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Where a running dump is, for the progress line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub table: Option<TableName>,
    pub rows: u64,
    /// Plaintext bytes so far.
    pub bytes: u64,
}

pub(crate) struct ProgressLine {
    active: bool,
    started: Instant,
    shown: Option<Instant>,
}

const EVERY: Duration = Duration::from_millis(200);

impl ProgressLine {
    pub(crate) fn new(talk: Talk) -> ProgressLine {
        ProgressLine {
            active: talk == Talk::All && std::io::stderr().is_terminal(),
            started: Instant::now(),
            shown: None,
        }
    }

    /// `estimate`: bytes on the server's disk, from the last ANALYZE or VACUUM; 0 where unknown.
    pub(crate) fn show(&mut self, progress: &Progress, estimate: u64) {
        if !self.active || self.shown.is_some_and(|at| at.elapsed() < EVERY) {
            return;
        }
        let now = Instant::now();
        self.shown = Some(now);
        let seconds = (now - self.started).as_secs_f64().max(0.001);
        let rate = progress.bytes as f64 / seconds / (1024.0 * 1024.0);
        let table = match &progress.table {
            Some(table) => format!(
                "{} {} {}",
                plain(&table.to_string()),
                thousands(progress.rows),
                plural(&progress.rows, "row")
            ),
            None => "waiting for pg_dump".into(),
        };
        let share = match (progress.bytes * 100).checked_div(estimate) {
            Some(share) => format!(", about {}%", share.min(99)),
            None => String::new(),
        };
        let done = bytes(progress.bytes);
        let line = format!("{table} | {done}{share} | {rate:.0} MiB/s");
        let width = rustix::termios::tcgetwinsize(std::io::stderr())
            .map_or(0, |size| usize::from(size.ws_col));
        // A terminal of 0 columns is one that nobody told its size.
        let width = if width == 0 { 80 } else { width.max(20) };
        let (line, _) = split_at_width(&line, width - 1);
        let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    }
}

/// Leaves a clean line for whatever is said next.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
