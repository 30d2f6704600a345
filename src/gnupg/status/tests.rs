//! What gpg wrote, and what it means.

use super::*;
use crate::base::cases::each;
use proptest::prelude::*;

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

/// As gpg 2.2 wrote them.
#[test]
fn what_keeps_gpg_from_a_secret_key() {
    each(
        [
            ("NO_SECKEY AA", Some(Locked::NoSecretKey)),
            ("ERROR pkdecrypt_failed 67108949", Some(Locked::NobodyToAsk)),
            (
                "ERROR pkdecrypt_failed 67108875",
                Some(Locked::BadPassphrase),
            ),
            // A pinentry that may not open the terminal, or that does not find it.
            ("ERROR pkdecrypt_failed 83918849", Some(Locked::NoAnswer)),
            ("ERROR pkdecrypt_failed 83918929", Some(Locked::NoAnswer)),
            // A file of the agent's that holds no key.
            ("ERROR pkdecrypt_failed 67108919", Some(Locked::NoAnswer)),
            // Changed bytes: of libgcrypt's, and of gpg's.
            ("ERROR pkdecrypt_failed 16777226", None),
            ("ERROR pkdecrypt_failed 33554450", None),
        ],
        |(line, want)| {
            assert_eq!(locked(&lines(line)), want, "{line}");
        },
    );
    let said = "gpg: can't connect to the agent: General error\n\
                gpg: error running '/usr/bin/gpg-agent': exit status 2\n";
    let why = no_agent(said).unwrap();
    assert_eq!(
        why,
        "gpg: error running '/usr/bin/gpg-agent': exit status 2"
    );
    let said = "gpg: can't connect to the gpg-agent: Permission denied\n";
    assert_eq!(no_agent(said), Some(said.trim_end()));
    assert_eq!(no_agent("gpg: decryption failed: No secret key\n"), None);
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

fn any_lines() -> impl Strategy<Value = Vec<String>> {
    let words = prop_oneof![
        "(END_ENCRYPTION|DECRYPTION_OKAY|GOODMDC|PLAINTEXT 62 0 x|BEGIN_ENCRYPTION 2 9|KEY_CONSIDERED (AA|BB) 0)",
        "(BADMDC|DECRYPTION_FAILED|NODATA 1|FAILURE [a-z]{1,3} [0-9]{1,9}|ERROR (pkdecrypt_failed|x) [0-9]{1,11}|INV_RECP 1 A|NO_RECP|BEGIN_ENCRYPTION 0 9( 0)?)",
        "[A-Z_]{0,9}( \\PC{0,4}){0,3}",
    ];
    proptest::collection::vec(words, 0..8)
}

proptest! {
    /// No order of the lines, and nothing that gpg may say besides, turns a "no" into a "yes".
    #[test]
    fn any_status(lines in any_lines(), other in any_lines(), by in any::<proptest::sample::Index>()) {
        let said = |lines: &[String]| (encrypted(lines, ["AA"]).is_ok(), decrypted(lines).is_ok());
        let yes = said(&lines);
        let mut turned = lines.clone();
        turned.rotate_left(by.index(lines.len().max(1)));
        prop_assert_eq!(said(&turned), yes);
        let count = |word: &str| lines.iter().filter(|line| line.split_whitespace().next() == Some(word)).count();
        let bad = ["FAILURE", "INV_RECP", "NO_RECP"].iter().any(|word| count(word) > 0);
        prop_assert!(!yes.0 || count("END_ENCRYPTION") == 1 && count("KEY_CONSIDERED") > 0 && count("ERROR") == 0 && !bad);
        let needed = ["DECRYPTION_OKAY", "GOODMDC", "PLAINTEXT"].iter().all(|word| count(word) > 0);
        let bad = ["BADMDC", "DECRYPTION_FAILED", "NODATA", "FAILURE"].iter().any(|word| count(word) > 0);
        prop_assert!(!yes.1 || needed && !bad);
        for word in ["FAILURE x 1", "ERROR x 1", "INV_RECP 1 A", "NO_RECP", "BEGIN_ENCRYPTION 0 9", "END_ENCRYPTION"] {
            let more = [&lines[..], &[word.to_string()]].concat();
            prop_assert!(!yes.0 || encrypted(&more, ["AA"]).is_err(), "{}", word);
        }
        let more = [lines, other].concat();
        let _ = (locked(&more), cannot_sign(&more), opened_by(&more), literal_name(&more), created(&more), looked_at(&more));
        let _ = no_agent(&more.join("\n"));
    }
}
