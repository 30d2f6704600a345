//! A dotenv file, of which one value is read and no other is kept.

use crate::base::error::{Code, Error, Result};
use crate::config::trusted::read_trusted;
use std::path::Path;

pub(crate) const VARIABLE: &str = "BACKUP_GPG_FPR";

/// The value of BACKUP_GPG_FPR, `None` where the file does not set it.
pub(crate) fn read(path: &Path) -> Result<Option<String>> {
    let text = read_trusted(path)?;
    value(&text).map_err(|why| {
        Error::new(Code::Setting, format!("{}: {why}", path.display())).hint(format!(
            "Leave one line {VARIABLE}=<fingerprint> in the file."
        ))
    })
}

/// Errors name a line number only: any other text of the file may be somebody's secret.
fn value(text: &str) -> std::result::Result<Option<String>, String> {
    let mut found: Option<String> = None;
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        let line = line.strip_prefix("export ").map_or(line, str::trim_start);
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        if key.trim_end() != VARIABLE {
            continue;
        }
        let value = unquoted(value.trim()).ok_or(format!(
            "line {}: the value of {VARIABLE} has an open quote or text behind it",
            at + 1
        ))?;
        match &found {
            Some(before) if *before != value => {
                return Err(format!("{VARIABLE} is set twice, to two values"));
            }
            _ => found = Some(value),
        }
    }
    Ok(found)
}

fn unquoted(value: &str) -> Option<String> {
    let comment = |rest: &str| rest.trim_start().is_empty() || rest.trim_start().starts_with('#');
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote) {
            let (inside, rest) = inner.split_once(quote)?;
            return comment(rest).then(|| inside.to_string());
        }
    }
    let end = value.find(" #").unwrap_or(value.len());
    let value = value[..end].trim_end();
    Some(if value.starts_with('#') { "" } else { value }.to_string())
}

#[cfg(test)]
mod tests {
    use super::{VARIABLE, value};
    use crate::base::cases::each;
    use proptest::prelude::*;

    #[test]
    fn reads_one_value() {
        each(
            [
                ("", None),
                ("# BACKUP_GPG_FPR=x\nOTHER=BACKUP_GPG_FPR=y\n", None),
                ("BACKUP_GPG_FPR=abc", Some("abc")),
                (
                    "A=b\r\nexport BACKUP_GPG_FPR = \"ab c\" # why\r\n",
                    Some("ab c"),
                ),
                ("BACKUP_GPG_FPR='abc'\nBACKUP_GPG_FPR=abc\n", Some("abc")),
                ("BACKUP_GPG_FPR=abc # comment", Some("abc")),
                ("BACKUP_GPG_FPR=", Some("")),
                ("MY_BACKUP_GPG_FPR=x\nBACKUP_GPG_FPR_OLD=y", None),
            ],
            |(text, expected)| {
                assert_eq!(value(text).unwrap().as_deref(), expected, "{text:?}");
            },
        );
        each(
            [
                "BACKUP_GPG_FPR=a\nBACKUP_GPG_FPR=b",
                "BACKUP_GPG_FPR=\"a",
                "BACKUP_GPG_FPR='a' b",
            ],
            |text| {
                assert!(value(text).is_err(), "{text:?}");
            },
        );
    }

    const OTHERS: &str = "((export )?[A-Z_]{1,9}=['\"]?hunter2[ -~]{0,9}|# ?[ -~]{0,9}|[ -~]{0,9})";

    proptest! {
        #[test]
        fn any_value_among_others(before in OTHERS, after in OTHERS, wanted in "[ -~&&[^\"']]{0,12}", quote in "[\"']", end in "\r?\n") {
            let file = format!("{before}{end}{VARIABLE}={quote}{wanted}{quote} # x{end}{after}");
            if !before.contains(VARIABLE) && !after.contains(VARIABLE) {
                prop_assert_eq!(value(&file), Ok(Some(wanted)));
            }
        }

        #[test]
        fn any_file_keeps_its_secrets(lines in proptest::collection::vec(prop_oneof![
            OTHERS.prop_map(String::from),
            "BACKUP_GPG_FPR ?= ?['\"]?hunter2['\" #]{0,3}",
            "export BACKUP_GPG_FPR=['\"]?[a-z]{0,2}['\"]?"
        ], 0..5)) {
            if let Err(why) = value(&lines.join("\n")) {
                prop_assert!(!why.contains("hunter2"), "{}", why);
            }
        }
    }
}
