//! Standard error of a child: its status protocol, and the tail of the rest.

use crate::process::command::CommandSpec;
use crate::process::output::Output;
use crate::process::status_lines::StatusLines;
use std::io::Read;

const TEXT_KEPT: usize = 64 * 1024;
const STATUS_KEPT: usize = 1024 * 1024;

/// What a child wrote to its standard error.
#[derive(Debug, Default)]
pub(crate) struct Stderr {
    pub status: Vec<String>,
    pub text: String,
}

/// Reads standard error to its end: status lines as they pass, and the tail of the rest.
pub(crate) fn read(mut pipe: Output, spec: &CommandSpec, status: &StatusLines) -> Stderr {
    let (prefix, expected) = (spec.status_prefix, spec.expected_talk);
    let mut filter = spec.stderr_filter.map(|new| new());
    let (mut stderr, mut line) = (Vec::new(), Vec::new());
    let mut status_bytes = 0;
    // The rest of a line that was too long is kept as text, whatever it looks like.
    let mut within_line = false;
    let mut take = |line: &mut Vec<u8>, stderr: &mut Vec<u8>| {
        let rest_of_line = within_line;
        within_line = !line.ends_with(b"\n");
        let text = prefix.and_then(|prefix| line.strip_prefix(prefix.as_bytes()));
        match text.filter(|_| !rest_of_line) {
            Some(text) if status_bytes + text.len() <= STATUS_KEPT => {
                status_bytes += text.len();
                let text = String::from_utf8_lossy(text);
                status.push(text.trim_end().to_string());
            }
            Some(_) => {}
            None if expected.is_some_and(|said| line.trim_ascii_end() == said.as_bytes()) => {}
            None => match &mut filter {
                None => stderr.extend_from_slice(line),
                Some(_) if rest_of_line => {}
                Some(filter) => {
                    let kept = filter.line(line.trim_ascii_end());
                    stderr.extend(kept.into_iter().flat_map(|text| (text + "\n").into_bytes()));
                }
            },
        }
        line.clear();
        if stderr.len() > 2 * TEXT_KEPT {
            stderr.drain(..stderr.len() - TEXT_KEPT);
        }
    };
    let mut buffer = [0; 8192];
    while let Ok(n @ 1..) = pipe.read(&mut buffer) {
        for piece in buffer[..n].split_inclusive(|b| *b == b'\n') {
            line.extend_from_slice(piece);
            if piece.ends_with(b"\n") || line.len() > TEXT_KEPT {
                take(&mut line, &mut stderr);
            }
        }
    }
    if !line.is_empty() {
        take(&mut line, &mut stderr);
    }
    if let Some(text) = filter.and_then(|mut filter| filter.finish()) {
        stderr.extend((text + "\n").into_bytes());
    }
    let tail = stderr.len().saturating_sub(TEXT_KEPT);
    status.close();
    Stderr {
        status: status.all(),
        text: String::from_utf8_lossy(&stderr[tail..]).into_owned(),
    }
}
