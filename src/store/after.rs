//! The second mark of a run: where the server stood when `guard`'s COMMAND had ended. What was written
//! between the first and this one may be COMMAND's, what was written later is not.

use crate::pg::mark::Mark;
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "pgseal/after/1";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct After {
    schema: String,
    pub run_id: String,
    /// Of the run's artifact, so that it is no other run's.
    pub sha256: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    pub mark: Mark,
    /// Transactions between the snapshot's xmin and xmax that had ended and wrote rows of the tables;
    /// none where they were not noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Vec<u32>>,
}

impl After {
    pub(crate) fn new(run_id: &str, sha256: &str, created_at: String, mark: Mark) -> After {
        After {
            schema: SCHEMA.into(),
            run_id: run_id.into(),
            sha256: sha256.into(),
            created_at,
            mark,
            ended: None,
        }
    }

    /// Reads one, if it is whole, of a schema that is known here, and of this run.
    pub(crate) fn parse(bytes: &[u8], run_id: &str, sha256: &str) -> Result<After, String> {
        let after: After =
            serde_json::from_slice(bytes).map_err(|err| format!("it is not a mark: {err}"))?;
        if after.schema != SCHEMA {
            let schema = &after.schema;
            return Err(format!(
                "its schema is {schema:?}, this version reads {SCHEMA:?}"
            ));
        }
        if after.run_id != run_id || after.sha256 != sha256 {
            return Err(format!("it is of another run, `{}`", after.run_id));
        }
        after.mark.snapshot().map_err(|error| error.message)?;
        Ok(after)
    }
}
