use super::*;
use crate::base::cases::each;
use crate::gnupg::fixture::Gpg;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn read(pieces: &[&[u8]]) -> Result<Message, FramingError> {
    let mut framing = MessageReader::new();
    for piece in pieces {
        // A failed push must not need to be looked at.
        let _ = framing.push(piece);
    }
    framing.finish()
}

fn pieces<'a>(bytes: &'a [u8], cuts: &[Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    ends.push(bytes.len());
    ends.sort_unstable();
    let starts = [0].into_iter().chain(ends.clone());
    starts
        .zip(&ends)
        .map(|(start, &end)| &bytes[start..end])
        .collect()
}

fn session_key(id: [u8; 8]) -> Vec<u8> {
    let body = [&[3][..], &id, &[18, 0, 0]].concat();
    [&[0x84, body.len() as u8], &body[..]].concat()
}

/// A data packet, its body in partial lengths of the given powers of two and a rest.
fn data(tag: u8, powers: &[u8], rest: u8) -> Vec<u8> {
    let mut packet = vec![0xc0 | tag];
    let mut version = 1;
    for power in powers {
        packet.push(224 | power);
        packet.extend(
            [version]
                .into_iter()
                .chain(std::iter::repeat_n(0, (1 << power) - 1)),
        );
        version = 0;
    }
    packet.push(rest);
    packet.extend(std::iter::repeat_n(version, rest.into()));
    packet
}

fn error(bytes: &[u8]) -> String {
    read(&[bytes]).unwrap_err().to_string()
}

#[test]
fn real_messages() {
    let (one, two) = (Gpg::new(), Gpg::new());
    let exported = two.run(&["--export"], b"").stdout;
    assert!(one.run(&["--import"], &exported).status.success());
    each([0, 1, 100, 511, 512, 8192, 70_000], |size| {
        let sealed = one.encrypt(
            &["--compress-algo", "none", "--recipient", &two.fingerprint],
            &vec![b'x'; size],
        );
        let message = read(&[&sealed]).unwrap();
        let mut ids: Vec<_> = message.recipients.iter().map(KeyId::to_string).collect();
        let mut want = [one.key_id.clone(), two.key_id.clone()];
        ids.sort_unstable();
        want.sort_unstable();
        assert_eq!(ids, want);
        assert_eq!((message.tag, message.bytes), (18, sealed.len() as u64));

        for end in 0..sealed.len() {
            read(&[&sealed[..end]]).unwrap_err();
        }
        for octet in 0..=255 {
            let at = sealed.len() as u64;
            assert_eq!(
                read(&[&sealed, &[octet]]),
                Err(FramingError::Trailing { at })
            );
        }
    });
}

#[test]
fn messages_of_other_make() {
    let gpg = Gpg::new();
    let hidden = gpg.encrypt(&["--throw-keyids"], b"x");
    assert_eq!(read(&[&hidden]).unwrap().recipients, [KeyId([0; 8])]);
    let armored = gpg.encrypt(&["--armor"], b"x");
    assert_eq!(error(&armored), "no OpenPGP packet: byte 0 is 0x2d");
    let no_mdc = gpg.encrypt(&["--rfc2440"], b"x");
    let text = error(&no_mdc);
    assert!(
        text.ends_with("has tag 9: no integrity protection"),
        "{text}"
    );
    let symmetric = gpg.run(
        &[
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "x",
            "--symmetric",
        ],
        b"x",
    );
    assert_eq!(
        error(&symmetric.stdout),
        "a packet of tag 3 at byte 0, where none may be"
    );
}

#[test]
fn refusals() {
    let key = session_key(*b"\x01\x23\x45\x67\x89\xab\xcd\xef");
    let with = |more: &[u8]| [&key, more].concat();
    let whole = with(&data(18, &[], 40));
    each(
        [
            (vec![], "empty, no OpenPGP message"),
            (b"COPY".to_vec(), "no OpenPGP packet: byte 0 is 0x43"),
            (
                key.clone(),
                "no encrypted data packet: the message ends at byte 14",
            ),
            (
                key[..13].to_vec(),
                "truncated at byte 13, inside the packet (tag 1) from byte 0",
            ),
            (
                key[..1].to_vec(),
                "truncated at byte 1, inside the packet (tag 1) from byte 0",
            ),
            (
                whole[..15].to_vec(),
                "truncated at byte 15, inside the packet (tag 18) from byte 14",
            ),
            (
                with(&data(18, &[9, 9], 0)[..1 + 2 * 513]),
                "truncated at byte 1041, inside the packet (tag 18) from byte 14",
            ),
            (
                data(18, &[], 40),
                "no session key packet before the data packet (tag 18) at byte 0",
            ),
            (
                vec![0x87],
                "the packet at byte 0 has no length: a cut in it would not show",
            ),
            (
                vec![0xc1, 0xe9],
                "a session key packet of partial length, at byte 1",
            ),
            (
                vec![0xc1, 20, 6],
                "unsupported version 6 of packet tag 1, at byte 2",
            ),
            (
                with(&[0xd2, 40, 2]),
                "unsupported version 2 of packet tag 18, at byte 16",
            ),
            (
                vec![0xc1, 0],
                "a body of 0 bytes is too short for packet tag 1, at byte 0",
            ),
            (
                with(&data(20, &[2], 30)),
                "a body of 34 bytes is too short for packet tag 20, at byte 14",
            ),
            (
                with(&[0xa7]),
                "the data packet at byte 14 has tag 9: no integrity protection",
            ),
            (
                with(&[0xcb]),
                "a packet of tag 11 at byte 14, where none may be",
            ),
            (with(&[0]), "no OpenPGP packet: byte 14 is 0x00"),
            (
                [&whole[..], &key].concat(),
                "bytes after the end of the message, from byte 56",
            ),
            (
                key.repeat(1001),
                "more than 1000 session key packets, at byte 14000",
            ),
        ],
        |(bytes, want)| {
            assert_eq!(error(&bytes), want);
        },
    );
    assert_eq!(
        read(&[&whole]).unwrap().recipients[0].to_string(),
        "0123456789ABCDEF"
    );
}

proptest! {
    #[test]
    fn any_shape(
        ids in vec(any::<[u8; 8]>(), 1..4),
        tag in prop_oneof![Just(18), Just(20)],
        powers in vec(0..14_u8, 0..6),
        rest in 35..192_u8,
        cuts in vec(any::<Index>(), 0..20),
        end in any::<Index>(),
        extra in any::<u8>(),
    ) {
        let keys = ids.iter().flat_map(|id| session_key(*id));
        let bytes: Vec<u8> = keys.chain(data(tag, &powers, rest)).collect();
        let message = Message {
            recipients: ids.into_iter().map(KeyId).collect(),
            tag,
            bytes: bytes.len() as u64,
        };
        prop_assert_eq!(read(&pieces(&bytes, &cuts)), Ok(message));
        let end = end.index(bytes.len());
        let cut = read(&pieces(&bytes[..end], &cuts));
        prop_assert!(cut.is_err());
        prop_assert_eq!(cut, read(&[&bytes[..end]]));
        prop_assert!(read(&[&bytes, &[extra]]).is_err());
    }

    #[test]
    fn any_bytes(
        keys in 0..3_usize,
        bytes in vec(any::<u8>(), 0..200),
        header in prop_oneof![Just(&b""[..]), Just(&b"\xd2"[..]), Just(&b"\xd4"[..]), Just(&b"\x86"[..])],
        cuts in vec(any::<Index>(), 0..20),
    ) {
        let bytes = [&session_key([7; 8]).repeat(keys), header, &bytes].concat();
        let whole = read(&[&bytes]);
        prop_assert_eq!(&whole, &read(&pieces(&bytes, &cuts)));
        let octets: Vec<_> = bytes.chunks(1).collect();
        prop_assert_eq!(&whole, &read(&octets));
        if let Ok(message) = whole {
            prop_assert_eq!(message.bytes, bytes.len() as u64);
        }
    }
}
