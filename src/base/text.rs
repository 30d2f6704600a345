//! Text that is safe and readable on a terminal.

use std::fmt::Display;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Control characters, which could move the cursor or forge a line, as `\u{…}`. Names come from
/// the database and from gpg, and are nobody's friends.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_hostile(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// A control character, or one of the marks that reorder text (Unicode TR 36), end a line, or are not
/// seen at all.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// How wide the column of table names is.
pub(crate) const TABLE: usize = 48;

/// Plain text in a column of a terminal, where a letter of Chinese takes two places and an accent of
/// its own none.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let text = plain(text);
    let left = width.saturating_sub(text.width());
    text + &" ".repeat(left)
}

/// What fits into so many places of a terminal, and the rest.
pub(crate) fn split_at_width(text: &str, most: usize) -> (&str, &str) {
    let mut used = 0;
    let over = |c: &(usize, char)| {
        used += c.1.width().unwrap_or(0);
        used > most
    };
    let at = text.char_indices().find(over);
    text.split_at(at.map_or(text.len(), |(at, _)| at))
}

/// As many letters as may be shown of what can be very long.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// The last line that is not empty, as programs put there why they failed.
pub(crate) fn last_line(text: &str) -> Option<&str> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// `1 234 567`, with thin groups of three.
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 table`, `2 tables`.
pub(crate) fn counted<N: Display + PartialEq + From<u8>>(n: N, one: &str) -> String {
    let many = plural(&n, one);
    format!("{n} {many}")
}

/// The word for so many, whose plural has an `s`.
pub(crate) fn plural<N: PartialEq + From<u8>>(n: &N, one: &str) -> String {
    if *n == N::from(1) {
        one.into()
    } else {
        format!("{one}s")
    }
}

/// `12 B`, `3.4 KiB`, `5.6 MiB`, …
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return match unit {
                "B" => format!("{n} B"),
                _ => format!("{value:.1} {unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// The known word nearest to a misspelt one, if any is near.
pub(crate) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|k| (strsim::jaro_winkler(word, k), k))
        .filter(|(score, _)| *score > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// One word as a POSIX shell reads it back.
pub(crate) fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    let wrap = |text: &str| format!("'{}'", text.replace('\'', "'\\''"));
    // An option keeps its name outside the quotes, as people write it.
    match word.split_once('=') {
        Some((name, value)) if name.starts_with("--") && name.chars().all(plain) => {
            format!("{name}={}", wrap(value))
        }
        _ => wrap(word),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use proptest::prelude::*;

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        assert_eq!(
            plain("a\x1b[2Jb\r\n\tc\u{9b}\u{202e}é"),
            "a\\u{1b}[2Jb\\u{d}\\n\\tc\\u{9b}\\u{202e}é"
        );
    }

    #[test]
    fn marks_that_reorder_or_hide_are_shown() {
        for mark in
            "\u{61c}\u{200b}\u{200f}\u{2028}\u{2029}\u{202a}\u{2066}\u{2069}\u{feff}".chars()
        {
            assert_eq!(plain(&mark.to_string()), mark.escape_unicode().to_string());
        }
        // Joiners are letters' own.
        assert_eq!(plain("a\u{200d}b\u{200c}c"), "a\u{200d}b\u{200c}c");
    }

    #[test]
    fn columns_are_of_a_terminals_places() {
        each(
            [
                ("abc", "abc  |"),
                ("表", "表   |"),
                ("e\u{301}", "e\u{301}    |"),
            ],
            |(text, want)| {
                assert_eq!(padded(text, 5) + "|", want);
            },
        );
        assert_eq!(padded("longer", 5), "longer");
    }

    #[test]
    fn numbers() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(0), "0");
        assert_eq!(counted(0_usize, "run"), "0 runs");
        assert_eq!(counted(1_u64, "run"), "1 run");
        assert_eq!(counted(2_usize, "public key"), "2 public keys");
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
    }

    /// What a POSIX shell makes of one word.
    fn unquoted(word: &str) -> Option<String> {
        let (mut out, mut rest) = (String::new(), word);
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            match c {
                '\'' => {
                    let (inside, after) = rest.split_once('\'')?;
                    out += inside;
                    rest = after;
                }
                '\\' => {
                    let next = rest.chars().next()?;
                    out.push(next);
                    rest = &rest[next.len_utf8()..];
                }
                c if c.is_whitespace() || "|&;<>()$`\"*?[#~!{}".contains(c) => return None,
                c => out.push(c),
            }
        }
        Some(out)
    }

    proptest! {
        #[test]
        fn any_word_for_a_shell(word in "\\PC{0,12}|(--[a-z=]{0,5})?[ '\\\\$\"\n-]{0,9}") {
            let shown = shell_word(&word);
            prop_assert!(!shown.is_empty());
            prop_assert_eq!(unquoted(&shown), Some(word));
        }

        #[test]
        fn any_text_on_a_terminal(text in "[\\s\\S]{0,20}", most in 0..30_usize) {
            let shown = plain(&text);
            prop_assert!(!shown.contains(|c: char| c.is_control()));
            prop_assert_eq!(plain(&shown), shown.clone());
            let (head, tail) = split_at_width(&shown, most);
            prop_assert_eq!(format!("{head}{tail}"), shown.clone());
            prop_assert!(head.width() <= most || shown.width() == 0);
            prop_assert!(shortened(&text, most).chars().count() <= most + 1);
        }
    }
}
