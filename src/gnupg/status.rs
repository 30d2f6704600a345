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
    /// The agent, its pinentry or a card could not be asked, or did not answer as it should.
    NoAnswer,
}

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
        number.parse::<u32>().ok()
    })
}

/// Numbers are libgpg-error's: who reports it in the upper byte, the code in the lower 16 bits, of
/// which the highest marks an error of the system.
fn reason(number: u32) -> Option<Locked> {
    const AGENT: u32 = 4;
    const PINENTRY: u32 = 5;
    const CARD: u32 = 6;
    const ASSUAN: u32 = 15;
    let source = number >> 24 & 0x7f;
    match number & 0xffff {
        11 => Some(Locked::BadPassphrase),
        85 | 86 | 177 => Some(Locked::NobodyToAsk),
        99 | 198 => Some(Locked::Cancelled),
        17 => Some(Locked::NoSecretKey),
        code if code & 0x8000 != 0 => Some(Locked::NoAnswer),
        // What is wrong with the message is reported by gpg itself, or by libgcrypt.
        _ => [AGENT, PINENTRY, CARD, ASSUAN]
            .contains(&source)
            .then_some(Locked::NoAnswer),
    }
}

/// The line of gpg's standard error that says why it could not ask its agent.
pub(crate) fn no_agent(stderr: &str) -> Option<&str> {
    const TELLING: [&str; 5] = [
        "gpg: error running ",
        "gpg: failed to start agent ",
        "gpg: failed to start gpg-agent ",
        "gpg: can't connect to the agent: ",
        "gpg: can't connect to the gpg-agent: ",
    ];
    let lines = || stderr.lines().map(str::trim);
    let mut found = TELLING
        .iter()
        .filter_map(|start| lines().find(|line| line.starts_with(start)));
    found.next()
}

/// Whether gpg looked at the message at all.
pub(crate) fn looked_at(status: &[String]) -> bool {
    let word = |line: &String| line.starts_with("BEGIN_DECRYPTION") || line.starts_with("NODATA");
    status.iter().any(word)
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
mod tests;
