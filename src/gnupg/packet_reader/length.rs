//! The length octets of a packet, old format and new.

/// How far a body goes: to the packet's end, or to the next length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    Last(u32),
    Partial(u32),
}

impl Length {
    pub(crate) fn min(self, most: usize) -> usize {
        let (Self::Last(n) | Self::Partial(n)) = self;
        most.min(n as usize)
    }

    pub(crate) fn less(self, taken: usize) -> Self {
        match self {
            Self::Last(n) => Self::Last(n - taken as u32),
            Self::Partial(n) => Self::Partial(n - taken as u32),
        }
    }
}

/// `old` is the length type of an old-format header. `None`: there are more octets to come.
pub(crate) fn length(old: Option<u8>, octets: &[u8]) -> Option<Length> {
    Some(match (old, octets) {
        (Some(0), &[n]) | (None, &[n @ 0..=191]) => Length::Last(n.into()),
        (Some(1), &[hi, lo]) => Length::Last(u16::from_be_bytes([hi, lo]).into()),
        (None, &[hi @ 192..=223, lo]) => {
            Length::Last(u32::from(u16::from_be_bytes([hi - 192, lo])) + 192)
        }
        (Some(_), &[a, b, c, d]) | (None, &[255, a, b, c, d]) => {
            Length::Last(u32::from_be_bytes([a, b, c, d]))
        }
        // Any power of two: RFC 4880's least of 512 for the first one would guard nothing.
        (None, &[n @ 224..=254]) => Length::Partial(1 << (n & 0x1f)),
        _ => return None,
    })
}
