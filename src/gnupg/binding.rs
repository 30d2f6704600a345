//! What ties a prelude to its artifact: both literal packets are named after one random token.
//!
//! The name is encrypted with the rest, so who has only the public key can neither read the token
//! nor make another file that bears it; who vouches for the artifact vouches for both.

use crate::base::error::Result;
use crate::base::random;

const NAME: &str = "pgseal-prelude=";
const NONE: &str = "none";

/// What an artifact or a prelude says of the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bond {
    /// The artifact was sealed without one.
    Alone,
    /// By the token that both bear.
    Prelude(String),
}

impl Bond {
    pub(crate) fn new(prelude: bool) -> Result<Bond> {
        match prelude {
            true => Ok(Bond::Prelude(hex::encode(random::bytes::<32>()?))),
            false => Ok(Bond::Alone),
        }
    }

    /// The literal packet's name, of 255 bytes at most.
    pub(crate) fn name(&self) -> String {
        match self {
            Bond::Alone => format!("{NAME}{NONE}"),
            Bond::Prelude(token) => format!("{NAME}{token}"),
        }
    }

    /// None where the name says nothing, as in the first artifacts that there were.
    pub(crate) fn parse(name: &str) -> Option<Bond> {
        match name.strip_prefix(NAME)? {
            NONE => Some(Bond::Alone),
            token => Some(Bond::Prelude(token.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_read() {
        let bonds = [false, true, true].map(|prelude| Bond::new(prelude).unwrap());
        assert_ne!(bonds[1], bonds[2]);
        for bond in bonds {
            let name = bond.name();
            assert!(name.len() <= 255);
            assert_eq!(Bond::parse(&name), Some(bond));
        }
        for name in ["", "orders.sql", "pgseal-prelude"] {
            assert_eq!(Bond::parse(name), None, "{name}");
        }
    }
}
