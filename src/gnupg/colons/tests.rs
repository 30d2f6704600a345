use super::*;

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
