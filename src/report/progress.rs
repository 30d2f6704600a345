//! One line on a terminal while rows pass; nothing anywhere else.

use crate::base::meter::{End, Meter, Reading};
use crate::base::text::{bytes, plain, plural, split_at_width, thousands};
use crate::report::print::Talk;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Shows what its meter says, until it is dropped.
pub(crate) struct ProgressLine {
    pub meter: Meter,
    /// None where nobody looks.
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

const EVERY: Duration = Duration::from_millis(200);

/// Goes to the start of the terminal's line, and clears it.
pub(crate) const CLEAR: &str = "\r\x1b[K";

impl ProgressLine {
    pub(crate) fn new(talk: Talk) -> ProgressLine {
        let meter = Meter::default();
        let active = talk != Talk::Nothing && std::io::stderr().is_terminal();
        let shown = active.then(|| {
            let (end, ended) = channel();
            let meter = meter.clone();
            // Without a thread there is no line, and all the rest goes on.
            let thread = Builder::new().spawn(move || show(&meter, &ended));
            Some((end, thread.ok()?))
        });
        ProgressLine {
            meter,
            shown: shown.flatten(),
        }
    }
}

/// Leaves a clean line for whatever is said next.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.shown.take() {
            drop(end);
            let _ = thread.join();
        }
    }
}

fn show(meter: &Meter, ended: &Receiver<()>) {
    let mut shown = String::new();
    while ended.recv_timeout(EVERY) == Err(RecvTimeoutError::Timeout) {
        let line = line(&meter.read());
        if line != shown {
            draw(&line);
            shown = line;
        }
    }
    if !shown.is_empty() {
        draw("");
    }
}

fn draw(line: &str) {
    let width =
        rustix::termios::tcgetwinsize(std::io::stderr()).map_or(0, |size| usize::from(size.ws_col));
    // A terminal of 0 columns is one that nobody told its size.
    let width = if width == 0 { 80 } else { width.max(20) };
    let (line, _) = split_at_width(line, width - 1);
    let _ = std::io::stderr().write_all(format!("{CLEAR}{line}").as_bytes());
}

fn line(reading: &Reading) -> String {
    let Some(began) = reading.began.filter(|_| reading.bytes > 0) else {
        return reading.waiting.unwrap_or_default().into();
    };
    let rate = reading.bytes as f64 / began.elapsed().as_secs_f64().max(0.001);
    let table = reading.table.as_ref().map_or(String::new(), |table| {
        let rows = plural(&reading.rows, "row");
        let table = plain(&table.to_string());
        format!("{table} {} {rows} | ", thousands(reading.rows))
    });
    let done = bytes(reading.bytes);
    let share = |all: u64| (reading.bytes * 100).checked_div(all);
    let done = match reading.end {
        End::About(all) => match share(all) {
            Some(share) => format!("{done}, about {}%", share.min(99)),
            None => done,
        },
        End::Exactly(all) => {
            let left = all.saturating_sub(reading.bytes) as f64 / rate;
            let share = share(all).unwrap_or(100);
            format!("{done} of {}, {share}%, {} left", bytes(all), time(left))
        }
        End::Unknown => done,
    };
    let rate = rate / (1024.0 * 1024.0);
    let digits = usize::from(rate < 10.0);
    format!("{table}{done} | {rate:.digits$} MiB/s")
}

fn time(seconds: f64) -> String {
    match seconds as u64 {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7200 => format!("{} min", s / 60),
        s => format!("{} h", s / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::names::TableName;
    use std::time::Instant;

    #[test]
    fn a_rate_and_an_end_in_sight() {
        let seconds = |n| Instant::now().checked_sub(Duration::from_secs(n));
        let reading = Reading {
            waiting: Some("waiting for pg_dump"),
            began: seconds(10),
            table: Some(TableName::parse("public.a").unwrap()),
            rows: 1200,
            bytes: 300 << 20,
            end: End::Exactly(1200 << 20),
        };
        let told = "public.a 1,200 rows | 300.0 MiB of 1.2 GiB, 25%, 30 s left | 30 MiB/s";
        assert_eq!(line(&reading), told);
        let about = Reading {
            end: End::About(1200 << 20),
            began: seconds(300),
            ..reading.clone()
        };
        let told = "public.a 1,200 rows | 300.0 MiB, about 25% | 1.0 MiB/s";
        assert_eq!(line(&about), told);
        // Nobody analysed it.
        let unknown = Reading {
            end: End::About(0),
            ..about
        };
        let told = "public.a 1,200 rows | 300.0 MiB | 1.0 MiB/s";
        assert_eq!(line(&unknown), told);
        let waits = Reading {
            bytes: 0,
            ..reading
        };
        assert_eq!(line(&waits), "waiting for pg_dump");
        assert_eq!(line(&Reading::default()), "");
    }
}
