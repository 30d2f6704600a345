//! What ties a prelude to its artifact. The artifact's literal packet is named after the SHA-256
//! of the prelude's ciphertext, so who vouches for the artifact's bytes vouches for the prelude's.

use crate::pipeline::Halt;
use crate::watch::Watch;
use std::sync::mpsc::Receiver;
use std::time::Duration;

const NAME: &str = "pgseal-prelude-sha256=";
const NONE: &str = "none";

/// What an artifact says of its prelude.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bond {
    /// It was sealed without one.
    Alone,
    /// By the SHA-256 of its ciphertext.
    Prelude(String),
}

impl Bond {
    fn name(&self) -> String {
        match self {
            Bond::Alone => format!("{NAME}{NONE}"),
            Bond::Prelude(sha256) => format!("{NAME}{sha256}"),
        }
    }

    /// None where the name says nothing, as in the first artifacts that there were.
    pub(crate) fn parse(name: &str) -> Option<Bond> {
        match name.strip_prefix(NAME)? {
            NONE => Some(Bond::Alone),
            sha256 => Some(Bond::Prelude(sha256.into())),
        }
    }
}

/// The hash of a prelude that is sealed meanwhile.
pub(crate) struct Awaited {
    from: Option<Receiver<String>>,
    watch: Watch,
}

const STEP: Duration = Duration::from_millis(20);

impl Awaited {
    /// `watch` must tell where the prelude fails. None: there will be none.
    pub(crate) fn new(from: Option<Receiver<String>>, watch: &Watch) -> Awaited {
        let watch = watch.clone();
        Awaited { from, watch }
    }

    /// The literal packet's name, as soon as it is known.
    pub(super) fn name(&self) -> Result<String, Halt> {
        let Some(from) = &self.from else {
            return Ok(Bond::Alone.name());
        };
        while self.watch.stop().is_none() {
            if let Ok(sha256) = from.recv_timeout(STEP) {
                return Ok(Bond::Prelude(sha256).name());
            }
        }
        Err(Halt::Pipe("the prelude was not sealed".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn what_is_said_is_what_is_read() {
        for bond in [Bond::Alone, Bond::Prelude("ab".repeat(32))] {
            let name = bond.name();
            assert!(name.len() <= 255, "a literal packet's name is short");
            assert_eq!(Bond::parse(&name), Some(bond));
        }
        for name in ["", "orders.sql", "pgseal-prelude"] {
            assert_eq!(Bond::parse(name), None, "{name}");
        }
    }

    #[test]
    fn a_prelude_that_failed_is_not_waited_for() {
        let (tell, told) = channel();
        let watch = Watch::none().with_limit(Some(Duration::from_millis(50)));
        let awaited = Awaited::new(Some(told), &watch);
        assert!(awaited.name().is_err());
        tell.send("ab".repeat(32)).unwrap();
    }
}
