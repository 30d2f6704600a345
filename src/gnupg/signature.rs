//! Whether gpg's status lines prove that a detached signature was made by a trusted key. gpg exits 0
//! for a revoked key, for two signatures in one file and for a changed line end.

use crate::gnupg::colons::{Key, day};
use std::fmt;

/// A signature that proves who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proof {
    /// Primary fingerprint of the trusted key.
    pub signer: String,
    /// Seconds since 1970.
    pub made: i64,
    /// When the key expired, if it has expired since.
    pub expired: Option<i64>,
}

/// Why a signature proves nothing. Reads on after "the signature".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Why {
    Unreadable,
    Several(usize),
    Bad,
    UnknownKey(String),
    Foreign(String),
    Revoked,
    Expired,
    KeyExpiredBefore { made: i64, expired: i64 },
    InFuture(i64),
    Class(String),
    WeakHash,
    Trouble(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::Unreadable => f.write_str("cannot be read: gpg found none in its file"),
            Why::Several(n) => write!(f, "is not alone: its file has {n}"),
            Why::Bad => f.write_str("does not fit these bytes: they were changed, or are others"),
            Why::UnknownKey(id) => {
                write!(
                    f,
                    "is by {id}, a key that is not trusted, nor in the keyring"
                )
            }
            Why::Foreign(fpr) => write!(f, "is by {fpr}, a key that is not trusted"),
            Why::Revoked => f.write_str("is by a key that is revoked"),
            Why::Expired => f.write_str("has expired"),
            Why::KeyExpiredBefore { made, expired } => write!(
                f,
                "was made on {}, after its key expired on {}",
                day(*made),
                day(*expired)
            ),
            Why::InFuture(made) => write!(
                f,
                "was made in the future, on {}, by this host's clock",
                day(*made)
            ),
            Why::Class(class) => write!(f, "is of class {class}, not 00: it lets bytes change"),
            Why::WeakHash => f.write_str("rests on MD5, SHA-1 or RIPEMD-160, which can be forged"),
            Why::Trouble(line) => write!(f, "could not be checked: gpg reported {line}"),
        }
    }
}

/// Status lines that say how one signature came out: gpg writes one of them for each.
const RESULTS: &[&str] = &[
    "GOODSIG",
    "EXPSIG",
    "EXPKEYSIG",
    "REVKEYSIG",
    "BADSIG",
    "ERRSIG",
];
/// What gpg reports beside a good signature where something else was wrong, such as bytes behind it.
const TROUBLE: &[&str] = &["NODATA", "UNEXPECTED", "FAILURE", "ERROR"];
/// Numbers of MD5, SHA-1 and RIPEMD-160 in OpenPGP.
const WEAK_HASHES: &[&str] = &["1", "2", "3"];

/// `status` are the lines without `[GNUPG:] `; `trusted` is the listing of the keys that count.
pub(crate) fn judge(status: &[String], trusted: &[Key], now: i64) -> Result<Proof, Why> {
    let words = |line: &'_ String| -> Vec<String> { line.split(' ').map(String::from).collect() };
    let of = |wanted: &[&str]| -> Vec<Vec<String>> {
        let lines = status.iter().map(words);
        lines.filter(|line| wanted.contains(&&*line[0])).collect()
    };
    match of(&["NEWSIG"]).len() {
        0 => return Err(Why::Unreadable),
        1 => {}
        n => return Err(Why::Several(n)),
    }
    let results = of(RESULTS);
    let [result] = &results[..] else {
        return Err(Why::Unreadable);
    };
    let key_expired = match &*result[0] {
        "GOODSIG" => false,
        "EXPKEYSIG" => true,
        "REVKEYSIG" => return Err(Why::Revoked),
        "EXPSIG" => return Err(Why::Expired),
        "BADSIG" => return Err(Why::Bad),
        // ERRSIG, whose sixth field is 9 where the public key is missing.
        _ if result.get(6).is_some_and(|code| code == "9") => {
            return Err(Why::UnknownKey(result.get(7).unwrap_or(&result[1]).clone()));
        }
        _ => return Err(Why::Trouble(result.join(" "))),
    };
    if let Some(line) = of(TROUBLE).first() {
        return Err(Why::Trouble(line.join(" ")));
    }
    let valid = of(&["VALIDSIG"]);
    let [valid] = &valid[..] else {
        return Err(Why::Unreadable);
    };
    let [_, signed_by, _, made, _, _, _, _, hash, class, primary] = &valid[..] else {
        return Err(Why::Unreadable);
    };
    let made = made.parse().map_err(|_| Why::Unreadable)?;
    if class != "00" {
        return Err(Why::Class(class.clone()));
    }
    if WEAK_HASHES.contains(&hash.as_str()) {
        return Err(Why::WeakHash);
    }
    let key = trusted
        .iter()
        .find(|key| key.primary.fingerprint == *primary);
    let part = key.and_then(|key| Some((key, key.part(signed_by)?)));
    let Some((key, part)) = part else {
        return Err(Why::Foreign(primary.clone()));
    };
    if made > now {
        return Err(Why::InFuture(made));
    }
    // By the listing: gpg's KEYEXPIRED lines are of all parts of the key, and do not say of which.
    let expired = match (key_expired, key.expires_at(part)) {
        (false, _) => None,
        (true, None) => return Err(Why::Unreadable),
        (true, Some(expired)) if made >= expired => {
            return Err(Why::KeyExpiredBefore { made, expired });
        }
        (true, at) => at,
    };
    Ok(Proof {
        signer: primary.clone(),
        made,
        expired,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::gnupg::colons;

    const STATUS: &str = include_str!("../../fixtures/signatures/status.txt");
    const KEYS: &str = include_str!("../../fixtures/signatures/keys.txt");
    const GOOD: &str = "149BE9779C2BA3A43C22CFB1696F792DC0165B43";
    const STRANGER: &str = "B8247F38DD7CC0DD6C6B678E29780E69F964FCEA";
    /// 2026-01-01.
    const NOW: i64 = 1_767_225_600;
    const DAY_15: i64 = 1_579_046_400;
    const DAY_61: i64 = 1_583_020_800;

    fn lines(case: &str) -> Vec<String> {
        let mut sections = STATUS.split("== ").filter_map(|text| text.split_once('\n'));
        let (_, lines) = sections.find(|(name, _)| *name == case).unwrap();
        lines.lines().map(String::from).collect()
    }

    fn trusted() -> Vec<Key> {
        let mut keys = colons::keys(KEYS);
        keys.retain(|key| key.primary.fingerprint != STRANGER);
        keys
    }

    fn proof(signer: &str, made: i64, expired: Option<i64>) -> Result<Proof, Why> {
        let signer = signer.into();
        Ok(Proof {
            signer,
            made,
            expired,
        })
    }

    #[test]
    fn what_gpg_said() {
        let expired = "796A71D013ECC8CA23507DE935DD83D6C01495A0";
        each(
            [
                ("good", proof(GOOD, DAY_15, None)),
                (
                    "subkey",
                    proof("9616918AFD41144FFC0FCF645EF5FA97EA4BCE04", DAY_15, None),
                ),
                ("expired-key", proof(expired, DAY_15, Some(1_580_428_800))),
                // Its first subkey had expired before; the second, which signed, had not.
                (
                    "rotated",
                    proof(
                        "F057081A7C63C9B952C083C4207820E6E97909CA",
                        DAY_61,
                        Some(1_586_649_600),
                    ),
                ),
                (
                    "expired-key-signed-after",
                    Err(Why::KeyExpiredBefore {
                        made: DAY_61,
                        expired: 1_580_428_800,
                    }),
                ),
                // The subkey had not expired yet.
                (
                    "primary-expired-first",
                    Err(Why::KeyExpiredBefore {
                        made: DAY_61,
                        expired: 1_580_515_200,
                    }),
                ),
                ("revoked", Err(Why::Revoked)),
                ("revoked-subkey", Err(Why::Revoked)),
                ("bad", Err(Why::Bad)),
                ("two", Err(Why::Several(2))),
                ("text-mode", Err(Why::Class("01".into()))),
                ("expired-signature", Err(Why::Expired)),
                ("future", Err(Why::InFuture(2_210_198_400))),
                ("sha1", Err(Why::WeakHash)),
                ("stranger", Err(Why::Foreign(STRANGER.into()))),
                (
                    "unknown",
                    Err(Why::UnknownKey(
                        "5ADE88802AD0E6564FE92C1569A53E3BE3B4BC06".into(),
                    )),
                ),
                ("empty", Err(Why::Unreadable)),
                ("garbage", Err(Why::Unreadable)),
                ("truncated", Err(Why::Unreadable)),
                ("trailing", Err(Why::Trouble("NODATA 3".into()))),
                ("clear-signed", Err(Why::Unreadable)),
            ],
            |(case, want)| {
                assert_eq!(judge(&lines(case), &trusted(), NOW), want, "{case}");
            },
        );
        let cases = STATUS.matches("== ").count();
        assert_eq!(cases, 21, "each case of the file is in the table");
    }

    #[test]
    fn without_a_line_or_with_one_more_nothing_is_proved() {
        let good = lines("good");
        each(["NEWSIG", "GOODSIG", "VALIDSIG"], |word| {
            let (these, rest): (Vec<_>, Vec<_>) = good
                .iter()
                .cloned()
                .partition(|line| line.starts_with(word));
            assert!(judge(&rest, &trusted(), NOW).is_err(), "no {word}");
            let twice = [&good[..], &these].concat();
            assert!(judge(&twice, &trusted(), NOW).is_err(), "two {word}");
        });
        each(
            [
                "BADSIG 696F792DC0165B43 good",
                "ERROR verify 1",
                "FAILURE x 1",
            ],
            |more| {
                let more = [&good[..], &[more.to_string()]].concat();
                assert!(judge(&more, &trusted(), NOW).is_err(), "{more:?}");
            },
        );
        assert!(judge(&good, &[], NOW).is_err(), "nobody is trusted");
        assert!(
            judge(&good, &trusted(), DAY_15 - 1).is_err(),
            "in the future"
        );
        assert!(judge(&good, &trusted(), DAY_15).is_ok());
        // The user id is the owner's to choose.
        let named = good
            .iter()
            .map(|line| line.replace(" good", " good VALIDSIG NEWSIG"));
        let named: Vec<String> = named.collect();
        assert_eq!(judge(&named, &trusted(), NOW), proof(GOOD, DAY_15, None));
    }
}
