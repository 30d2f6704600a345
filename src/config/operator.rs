//! The operator's package: what is printed, and whose name the backup key bears.

// Their comments are help texts, not Markdown.
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags)]

use crate::base::env::hostname;
use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct OperatorPackage {
    /// RSA of 4096 bits, in place of Ed25519 and Cv25519
    #[arg(long)]
    pub rsa: bool,
    /// The steps that make a signing key, on this host
    #[arg(long)]
    pub signing: bool,
    /// The script of one machine. Without it: which is for which
    #[arg(long, value_enum, conflicts_with = "signing")]
    pub part: Option<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// For the operator's machine: makes the key
    Operator,
    /// For this host: imports the public key and publishes its fingerprint
    Host,
}

/// User id of the key that the operator's package makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator {
    pub name: String,
    pub email: String,
}

impl Default for Operator {
    fn default() -> Operator {
        let host = hostname();
        let plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        let host: String = host.chars().filter(plain).collect();
        let host = if host.is_empty() { "localhost" } else { &host };
        Operator {
            name: "pgseal backup".into(),
            email: format!("pgseal@{host}"),
        }
    }
}

impl Operator {
    /// Both become lines of a parameter block and words of a shell script.
    pub(crate) fn new(name: &Option<String>, email: &Option<String>) -> Result<Operator, String> {
        let mut operator = Operator::default();
        if let Some(name) = name {
            let fits = |c: char| !c.is_control() && !"<>()\"\\".contains(c);
            if name.trim() != name || name.len() < 5 || name.len() > 100 || !name.chars().all(fits)
            {
                return Err(format!(
                    "name {name:?} does not fit a user id: 5 to 100 letters, no <>()\"\\"
                ));
            }
            operator.name = name.clone();
        }
        if let Some(email) = email {
            let fits = |c: char| c.is_ascii_alphanumeric() || "._+-@".contains(c);
            let parts: Vec<&str> = email.split('@').collect();
            let whole = matches!(&parts[..], [user, host] if !user.is_empty() && !host.is_empty());
            if !whole || !email.chars().all(fits) {
                return Err(format!("email {email:?} is not an address"));
            }
            operator.email = email.clone();
        }
        Ok(operator)
    }
}

#[cfg(test)]
mod tests {
    use super::Operator;
    use crate::base::cases::each;

    #[test]
    fn what_fits_a_user_id() {
        let new = |name: &str, email: &str| Operator::new(&Some(name.into()), &Some(email.into()));
        assert!(new("dot-iu-cutter backup", "cutter-backup@example.org").is_ok());
        assert!(new("người giữ khoá", "a@b").is_ok());
        each(
            [
                ("abc", "a@b"),
                ("a\nName-Real: b", "a@b"),
                ("a <b> cd", "a@b"),
                (" abcdef", "a@b"),
                ("abcdef", "a b@c"),
                ("abcdef", "a"),
                ("abcdef", "@c"),
                ("abcdef", "a@b@c"),
                ("abcdef", "$(id)@b"),
            ],
            |(name, email)| {
                assert!(new(name, email).is_err(), "{name:?} {email:?}");
            },
        );
        assert!(Operator::default().email.contains('@'));
    }
}
