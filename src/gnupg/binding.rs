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
pub(crate) enum PreludeBinding {
    /// The artifact was sealed without one.
    Alone,
    /// By the token that both bear.
    Prelude(String),
}

impl PreludeBinding {
    /// A new one, for an artifact and its prelude.
    pub(crate) fn random() -> Result<PreludeBinding> {
        Ok(PreludeBinding::Prelude(hex::encode(random::bytes::<32>()?)))
    }

    /// The literal packet's name, of 255 bytes at most.
    pub(crate) fn name(&self) -> String {
        match self {
            PreludeBinding::Alone => format!("{NAME}{NONE}"),
            PreludeBinding::Prelude(token) => format!("{NAME}{token}"),
        }
    }

    /// None where the name says nothing, as in the first artifacts that there were.
    pub(crate) fn parse(name: &str) -> Option<PreludeBinding> {
        match name.strip_prefix(NAME)? {
            NONE => Some(PreludeBinding::Alone),
            token => Some(PreludeBinding::Prelude(token.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn what_is_said_is_what_is_read() {
        let random = || PreludeBinding::random().unwrap();
        let bonds = [PreludeBinding::Alone, random(), random()];
        assert_ne!(bonds[1], bonds[2]);
        each(bonds, |binding| {
            let name = binding.name();
            assert!(name.len() <= 255);
            assert_eq!(PreludeBinding::parse(&name), Some(binding));
        });
        each(["", "orders.sql", "pgseal-prelude"], |name| {
            assert_eq!(PreludeBinding::parse(name), None, "{name}");
        });
    }
}
