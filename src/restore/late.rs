//! The parts of a late file, each until the tables that it needs have been created.

use crate::base::names::TableName;
use crate::pg::prelude::late::Part;
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(crate) struct LateParts {
    waiting: Vec<Part>,
    created: BTreeSet<String>,
}

impl LateParts {
    pub(crate) fn new(waiting: Vec<Part>) -> LateParts {
        LateParts {
            waiting,
            created: BTreeSet::new(),
        }
    }

    pub(crate) fn created(&mut self, table: &TableName) {
        if !self.waiting.is_empty() {
            self.created.insert(table.pattern());
        }
    }

    /// Takes those that wait no longer, in their order.
    pub(crate) fn ready(&mut self) -> Vec<Vec<u8>> {
        let ready = |part: &mut Part| part.behind.is_subset(&self.created);
        let ready = self.waiting.extract_if(.., ready);
        ready.map(|part| part.sql).collect()
    }

    /// Fails where some still wait at the end of the dump.
    pub(crate) fn done(&self) -> Result<(), String> {
        let lacking = self.waiting.iter().flat_map(|part| &part.behind);
        let lacking = lacking.filter(|table| !self.created.contains(*table));
        let lacking: BTreeSet<&str> = lacking.map(String::as_str).collect();
        if self.waiting.is_empty() {
            return Ok(());
        }
        let lacking: Vec<&str> = lacking.into_iter().collect();
        let lacking = lacking.join(", ");
        Err(format!(
            "its late file needs {lacking}, which it does not create"
        ))
    }
}
