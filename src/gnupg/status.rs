//! What gpg says on `--status-fd`, and when that means success. Neither the exit status nor the
//! status lines are enough alone: each was seen to say yes where the other said no.

/// Why the encryption cannot be trusted, or nothing. `status` are the lines without `[GNUPG:] `;
/// the exit status has been looked at before.
pub(crate) fn encrypted<'a>(
    status: &[String],
    primaries: impl IntoIterator<Item = &'a str>,
) -> Result<(), String> {
    let mut ended = 0;
    let mut considered = std::collections::BTreeSet::new();
    for line in status {
        let mut words = line.split_whitespace();
        match words.next() {
            Some("END_ENCRYPTION") => ended += 1,
            Some("KEY_CONSIDERED") => {
                considered.extend(words.next());
            }
            // The first number is the integrity method: 0 is none.
            Some("BEGIN_ENCRYPTION")
                if words.next() == Some("0") && words.nth(1).is_none_or(|aead| aead == "0") =>
            {
                return Err("gpg encrypted without integrity protection".into());
            }
            Some("FAILURE" | "ERROR" | "INV_RECP" | "NO_RECP") => {
                return Err(format!("gpg reported {line}"));
            }
            _ => {}
        }
    }
    if ended != 1 {
        return Err("gpg did not report the end of the encryption".into());
    }
    let expected: std::collections::BTreeSet<&str> = primaries.into_iter().collect();
    if considered != expected {
        let list = |set: &std::collections::BTreeSet<&str>| {
            set.iter().copied().collect::<Vec<_>>().join(", ")
        };
        return Err(format!(
            "gpg considered the keys {}, not {}",
            list(&considered),
            list(&expected)
        ));
    }
    Ok(())
}

/// Why the decryption cannot be trusted, or nothing. gpg lets plaintext out before it has
/// checked it, so nothing may be used until this has been asked.
pub(crate) fn decrypted(status: &[String]) -> Result<(), String> {
    let has = |word: &str| {
        status
            .iter()
            .any(|l| l.split_whitespace().next() == Some(word))
    };
    for bad in ["BADMDC", "DECRYPTION_FAILED", "NODATA", "FAILURE"] {
        if has(bad) {
            return Err(format!("gpg reported {bad}"));
        }
    }
    // Of several recipients one key is enough; what kept gpg from using another is no fault.
    let other_key = |l: &&String| !l.starts_with("ERROR pkdecrypt_failed ");
    let mut errors = status.iter().filter(|l| l.starts_with("ERROR "));
    if let Some(line) = errors.find(other_key) {
        return Err(format!("gpg reported {line}"));
    }
    for needed in ["DECRYPTION_OKAY", "GOODMDC", "PLAINTEXT"] {
        if !has(needed) {
            return Err(format!("gpg did not report {needed}"));
        }
    }
    Ok(())
}

/// Why gpg could not use a secret key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Locked {
    NoSecretKey,
    BadPassphrase,
    /// The key is protected, and nobody could be asked.
    NobodyToAsk,
    Cancelled,
}

/// The codes are libgpg-error's: the lower 16 bits of the number.
pub(crate) fn locked(status: &[String]) -> Option<Locked> {
    match failed(status, "ERROR pkdecrypt_failed ") {
        Some(code) => reason(code),
        None => {
            let none = status.iter().any(|line| line.starts_with("NO_SECKEY"));
            none.then_some(Locked::NoSecretKey)
        }
    }
}

/// Why gpg could not sign, where it is for the secret key.
pub(crate) fn cannot_sign(status: &[String]) -> Option<Locked> {
    reason(failed(status, "FAILURE sign ")?)
}

fn failed(status: &[String], prefix: &str) -> Option<u32> {
    status.iter().find_map(|line| {
        let number = line.strip_prefix(prefix)?.split_whitespace().next()?;
        Some(number.parse::<u32>().ok()? & 0xffff)
    })
}

fn reason(code: u32) -> Option<Locked> {
    match code {
        11 => Some(Locked::BadPassphrase),
        85 | 86 | 177 => Some(Locked::NobodyToAsk),
        99 | 198 => Some(Locked::Cancelled),
        17 => Some(Locked::NoSecretKey),
        _ => None,
    }
}

/// The subkey that opened the message, and its primary key, where this gpg tells.
pub(crate) fn opened_by(status: &[String]) -> Option<(&str, &str)> {
    let line = status
        .iter()
        .find_map(|l| l.strip_prefix("DECRYPTION_KEY "))?;
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?))
}

/// The name in the message's literal packet; None where there is none, or more than one packet.
/// gpg escapes what could be taken for something else, and nothing of ours needs it.
pub(crate) fn literal_name(status: &[String]) -> Option<&str> {
    let mut lines = status.iter().filter_map(|l| l.strip_prefix("PLAINTEXT "));
    let (line, more) = (lines.next()?, lines.next());
    let name = line.splitn(3, ' ').nth(2)?;
    (more.is_none() && !name.is_empty()).then_some(name)
}

/// The fingerprint of a key that was made, with its subkey.
pub(crate) fn created(status: &[String]) -> Option<String> {
    let line = status
        .iter()
        .find_map(|l| l.strip_prefix("KEY_CREATED B "))?;
    Some(line.split_whitespace().next()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    fn lines(text: &str) -> Vec<String> {
        text.split('|').map(String::from).collect()
    }

    #[test]
    fn encryption() {
        let good = "KEY_CONSIDERED AA 0|KEY_CONSIDERED AA 0|BEGIN_ENCRYPTION 2 9|END_ENCRYPTION";
        assert_eq!(encrypted(&lines(good), ["AA"]), Ok(()));
        each(
            [
                (
                    "KEY_CONSIDERED AA 0|BEGIN_ENCRYPTION 2 9",
                    "did not report the end",
                ),
                (
                    "KEY_CONSIDERED BB 0|BEGIN_ENCRYPTION 2 9|END_ENCRYPTION",
                    "BB, not AA",
                ),
                (
                    "KEY_CONSIDERED AA 0|KEY_CONSIDERED BB 0|END_ENCRYPTION",
                    "AA, BB",
                ),
                (
                    "KEY_CONSIDERED AA 0|BEGIN_ENCRYPTION 0 9|END_ENCRYPTION",
                    "integrity",
                ),
                (
                    "KEY_CONSIDERED AA 0|END_ENCRYPTION|FAILURE gpg-exit 1",
                    "FAILURE",
                ),
                ("INV_RECP 10 AA|END_ENCRYPTION", "INV_RECP"),
                (
                    "KEY_CONSIDERED AA 0|END_ENCRYPTION|END_ENCRYPTION",
                    "did not report",
                ),
            ],
            |(text, words)| {
                let said = encrypted(&lines(text), ["AA"]).unwrap_err();
                assert!(said.contains(words), "{said}");
            },
        );
    }

    #[test]
    fn decryption() {
        let good = "BEGIN_DECRYPTION|PLAINTEXT 62 0 |DECRYPTION_OKAY|GOODMDC|END_DECRYPTION";
        assert_eq!(decrypted(&lines(good)), Ok(()));
        // With the key of another recipient.
        let other = format!("NO_SECKEY AA|ERROR pkdecrypt_failed 67108949|{good}");
        assert_eq!(decrypted(&lines(&other)), Ok(()));
        each(
            [
                "PLAINTEXT 62 0 |END_DECRYPTION".to_string(),
                format!("{good}|BADMDC"),
                format!("{good}|NODATA 3"),
                format!("{good}|ERROR proc_pkt.plaintext 89"),
                String::new(),
            ],
            |bad| {
                assert!(decrypted(&lines(&bad)).is_err(), "{bad}");
            },
        );
    }

    #[test]
    fn the_name_of_the_one_literal_packet() {
        let name = |text: &str| literal_name(&lines(text)).map(String::from);
        let line = "PLAINTEXT 62 0 a=b|PLAINTEXT_LENGTH 5|DECRYPTION_OKAY";
        assert_eq!(name(line).as_deref(), Some("a=b"));
        each(
            [
                "",
                "PLAINTEXT 62 0 ",
                "PLAINTEXT 62 0",
                "PLAINTEXT 62 0 a|PLAINTEXT 62 0 a",
            ],
            |none| {
                assert_eq!(name(none), None, "{none}");
            },
        );
    }

    #[test]
    fn what_keeps_gpg_from_signing() {
        let sign = |text: &str| cannot_sign(&lines(text));
        let locked = "KEY_CONSIDERED AA 2|BEGIN_SIGNING H8|FAILURE sign 67108949";
        assert_eq!(sign(locked), Some(Locked::NobodyToAsk));
        let elsewhere = "INV_SGNR 9 AA|FAILURE sign 17";
        assert_eq!(sign(elsewhere), Some(Locked::NoSecretKey));
        assert_eq!(sign("INV_SGNR 9 AA|FAILURE sign 54"), None);
        assert_eq!(sign("SIG_CREATED D 22 8 00 1795620589 AA"), None);
    }

    #[test]
    fn a_new_key() {
        let status = lines("KEY_CONSIDERED X 0|KEY_CREATED B ABCDEF");
        assert_eq!(created(&status).as_deref(), Some("ABCDEF"));
        assert_eq!(created(&lines("KEY_CREATED P ABCDEF")), None);
    }
}
