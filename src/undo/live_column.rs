//! A column of a live table, and how rows of the backup are read for it.
//!
//! A domain may have got another check since, and an enum may have lost a label: the column is as it
//! was, and does not take what it held. So rows are loaded with a domain's base type, and a label as
//! text; whether the type takes them is asked by `constraints`.

use crate::base::names::{TableName, quoted, text_array};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LiveColumn {
    pub name: String,
    /// `attnum`
    pub number: i16,
    /// The name in the dump's encoding.
    #[serde(deserialize_with = "from_hex")]
    pub spelled: Vec<u8>,
    /// As `format_type` writes it for a search path of `pg_catalog` alone, and so does pg_dump.
    #[serde(rename = "type")]
    pub type_name: String,
    pub not_null: bool,
    /// It or its type has a DEFAULT; an identity and a generated column have none.
    pub default: bool,
    pub identity: Option<Identity>,
    /// GENERATED ALWAYS AS … STORED: pg_dump writes no values of it.
    pub generated: bool,
    /// Its expression.
    pub generation: Option<String>,
    /// Where its type is one that may change without the column.
    pub loose: Option<LooseType>,
    /// That belongs to it.
    pub sequence: Option<TableName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Identity {
    Always,
    ByDefault,
}

/// A type that is a domain or an enum, or an array of such.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct LooseType {
    /// In which rows are loaded and compared.
    #[serde(rename = "type")]
    pub base: String,
    /// An array: what is said of values is said of its elements.
    pub elements: bool,
    /// Of an enum.
    pub labels: Option<Vec<String>>,
    pub domains: Vec<Domain>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Domain {
    pub name: TableName,
    pub not_null: bool,
    /// It is the type of an array's elements, and not the array's own.
    pub of_element: bool,
    pub checks: Vec<DomainCheck>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DomainCheck {
    pub name: String,
    /// Over `VALUE`.
    pub expression: String,
    /// It calls a function of which nobody knows what it answers later.
    pub volatile: bool,
}

fn from_hex<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    hex::decode(String::deserialize(from)?).map_err(D::Error::custom)
}

impl LiveColumn {
    pub(crate) fn quoted(&self) -> String {
        quoted(&self.name)
    }

    /// An INSERT must give it a value: it, or the domain that is its type, is NOT NULL, and nothing gives one.
    pub(crate) fn required(&self) -> bool {
        let mut domains = self.loose.iter().flat_map(|loose| &loose.domains);
        let not_null = self.not_null || domains.any(|domain| domain.not_null && !domain.of_element);
        not_null && !self.given()
    }

    /// An INSERT that leaves it out gives it a value.
    pub(crate) fn given(&self) -> bool {
        self.default || self.identity.is_some()
    }

    /// A value that was loaded, in the column's type as far as it is not taken on assignment. A label
    /// that the enum does not have is NULL: it is refused elsewhere.
    pub(crate) fn cast(&self, value: &str) -> String {
        match self.loose.as_ref().and_then(|loose| loose.unknown(value)) {
            None => value.into(),
            Some(unknown) => format!(
                "CASE WHEN NOT {unknown} THEN {value}::{} END",
                self.type_name
            ),
        }
    }
}

impl LooseType {
    /// Whether a value holds a label that the enum does not have.
    pub(crate) fn unknown(&self, value: &str) -> Option<String> {
        let labels = text_array(self.labels.as_ref()?);
        let test = format!("v.value OPERATOR(pg_catalog.<>) ALL ({labels})");
        Some(any(value, self.elements, &test))
    }
}

impl Domain {
    /// Whether a value breaks the domain's constraint, an expression over `VALUE`.
    pub(crate) fn broken(&self, value: &str, expression: &str) -> String {
        any(value, self.of_element, &format!("NOT ({expression})"))
    }
}

/// Whether the test holds for a value, or for one of its elements.
fn any(value: &str, elements: bool, test: &str) -> String {
    let values = if elements {
        format!("pg_catalog.unnest({value})")
    } else {
        format!("(VALUES ({value}))")
    };
    format!("EXISTS (SELECT FROM {values} AS v(value) WHERE {test})")
}
