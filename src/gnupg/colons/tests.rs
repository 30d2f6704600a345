use super::*;
use proptest::prelude::*;

const GOOD: &str = "\
tru::1:1700000000:0:3:1:5
pub:-:255:22:AAAAAAAAAAAAAAAA:1700000000:1900000000::-:::scESC:::::ed25519:::0:
fpr:::::::::PRIMARYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA:
uid:-::::1700000000::HASH::backup \\x3a key \\xc3\\xa9::::::::::0:
sub:-:255:18:BBBBBBBBBBBBBBBB:1700000000::::::e:::::cv25519::
fpr:::::::::SUBKEYB:
sub:-:3072:1:CCCCCCCCCCCCCCCC:1700000005:1800000000:::::e::::::23:
fpr:::::::::SUBKEYC:
sub:-:255:22:DDDDDDDDDDDDDDDD:1700000009::::::s:::::ed25519::
fpr:::::::::SUBKEYD:
";

#[test]
fn the_newest_usable_subkey() {
    let keys = keys(GOOD);
    let [key] = &keys[..] else { panic!() };
    assert_eq!(key.user_id, "backup : key é");
    assert!(key.primary.fingerprint.starts_with("PRIMARY"));
    let subkey = key.encryption_subkey(1_750_000_000).unwrap();
    assert_eq!(
        (subkey.fingerprint.as_str(), subkey.algorithm.as_str()),
        ("SUBKEYC", "rsa3072")
    );
    assert_eq!(key.expires_at(subkey), Some(1_800_000_000));
    assert_eq!(subkey.key_id().unwrap().to_string(), "CCCCCCCCCCCCCCCC");
    // Once it has expired, the older one.
    let subkey = key.encryption_subkey(1_850_000_000).unwrap();
    assert_eq!(subkey.fingerprint, "SUBKEYB");
    assert_eq!(key.expires_at(subkey), Some(1_900_000_000));
}

#[test]
fn of_two_made_at_once_the_first() {
    let keys = keys(&GOOD.replace("1700000005:1800000000", "1700000000:"));
    let subkey = keys[0].encryption_subkey(1_750_000_000).unwrap();
    assert_eq!(subkey.fingerprint, "SUBKEYB");
}

#[test]
fn what_makes_a_key_unfit() {
    let now = 1_750_000_000;
    for (from, to, unfit) in [
        ("pub:-", "pub:e", Unfit::Expired),
        ("pub:-", "pub:r", Unfit::Revoked),
        ("pub:-", "pub:i", Unfit::Invalid),
        ("scESC", "scESCD", Unfit::Disabled),
        ("::::::e:", "::::::s:", Unfit::NoEncryptionSubkey),
        (
            "1700000000:1900000000",
            "1700000000:1700000001",
            Unfit::Expired,
        ),
        ("1700000000:1900000000", "1900000000:", Unfit::NotYet),
    ] {
        let text = GOOD.replace(from, to).replace(":::::e:", ":::::s:");
        let text = if unfit == Unfit::NoEncryptionSubkey {
            text
        } else {
            GOOD.replace(from, to)
        };
        assert_eq!(keys(&text)[0].encryption_subkey(now), Err(unfit), "{to}");
    }
}

#[test]
fn what_is_to_be_renewed() {
    let at = |text: &str, now: i64| -> Vec<String> {
        let keys = keys(text);
        let parts = keys[0].expired(KeyUse::Encrypt, now);
        parts.iter().map(|part| part.fingerprint.clone()).collect()
    };
    let primary = "PRIMARYAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert_eq!(at(GOOD, 1_750_000_000), [""; 0]);
    assert_eq!(at(GOOD, 1_850_000_000), ["SUBKEYC"]);
    assert_eq!(at(GOOD, 1_950_000_000), [primary, "SUBKEYC"]);
    // gpg calls its subkeys expired as well, which have a date of their own or none.
    let lasting = GOOD
        .replace("1700000005:1800000000", "1700000005:")
        .replace("sub:-", "sub:e");
    assert_eq!(at(&lasting, 1_950_000_000), [primary]);
}

/// As gpg escapes it.
fn escaped(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b':' | b'\\' | ..0x20 | 0x7f.. => format!("\\x{byte:02x}"),
        _ => char::from(byte).to_string(),
    };
    text.bytes().map(byte).collect()
}

proptest! {
    /// What is written is read, and of several subkeys the newest one that may be used is taken.
    #[test]
    fn any_key(
        name in "\\PC{1,12}|[:\\\\x3a\n]{1,12}",
        disabled: bool,
        subkeys in proptest::collection::vec((
            "[-rednifu]", "[esca]{0,2}", 0..100_i64, proptest::option::of(0..100_i64)), 0..5),
        now in 0..100_i64,
    ) {
        let mut text = format!(
            "pub:-:255:22:AA:0:::-:::sc{}:::::ed25519:::0:\nfpr:::::::::PRIMARY:\nuid:-::::0::H::{}::::::::::0:\n",
            if disabled { "D" } else { "" },
            escaped(&name),
        );
        for (at, (validity, uses, created, expires)) in subkeys.iter().enumerate() {
            let expires = expires.map(|at| at.to_string()).unwrap_or_default();
            text += &format!("sub:{validity}:255:18:BB:{created}:{expires}:::::{uses}:::::cv25519::\nfpr:::::::::{at}:\n");
        }
        let keys = keys(&text);
        prop_assert_eq!(keys.len(), 1);
        let key = &keys[0];
        prop_assert_eq!((&key.user_id, key.subkeys.len(), key.disabled), (&name, subkeys.len(), disabled));
        let fit = |(validity, uses, created, expires): &(String, String, i64, Option<i64>)| {
            !["r", "e", "d", "n", "i"].contains(&&validity[..]) && uses.contains('e')
                && *created <= now && expires.is_none_or(|at| at > now)
        };
        let mut newest: Option<usize> = None;
        for (at, subkey) in subkeys.iter().enumerate() {
            if fit(subkey) && newest.is_none_or(|best| subkeys[best].2 < subkey.2) {
                newest = Some(at);
            }
        }
        let taken = key.encryption_subkey(now).ok().map(|part| part.fingerprint.clone());
        prop_assert_eq!(taken, newest.filter(|_| !disabled).map(|at| at.to_string()));
    }

    #[test]
    fn any_listing(lines in proptest::collection::vec("(pub|sub|fpr|uid|grp|tru)(:[-a-z0-9\\\\]{0,4}){0,20}|\\PC{0,9}", 0..9), now: i64) {
        let text = lines.join("\n");
        let read = keys(&text);
        let begins = lines.iter().filter(|line| *line == "pub" || line.starts_with("pub:"));
        prop_assert_eq!(read.len(), begins.count());
        for key in &read {
            let _ = (key.encryption_subkey(now), key.signing_part(now), key.expired(KeyUse::Sign, now));
        }
        let _ = keygrips(&text);
    }
}
