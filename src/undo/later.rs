//! What is known of when rows were written, and speaks against an undo.

use crate::base::text::counted;
use crate::config::undo::Later;
use crate::undo::choose::Chosen;
use crate::undo::plan::Request;
use crate::undo::planned::Planned;
use crate::undo::refusal::{Reason, Refusal};

pub(crate) fn look(tables: &[Planned], request: &Request, refusals: &mut Vec<Refusal>) {
    match (request.options.later, &request.later) {
        (Later::Refuse, _) => {}
        (Later::Keep, None) => {
            let table = tables.iter().max_by_key(|table| table.chosen.rows());
            refusals.extend(table.map(unknown));
            return;
        }
        _ => return,
    }
    for table in tables {
        let Chosen {
            later,
            surely_later,
            ..
        } = table.chosen;
        if later > 0 {
            let unsure = match later - surely_later {
                0 => String::new(),
                n => format!("; of {n} it is not sure, for transactions were open then"),
            };
            refusals.push(Refusal {
                reason: Reason::Later,
                table: table.loaded.table.name.to_string(),
                by: None,
                rows: Some(later),
                text: format!(
                    "at most {} written after COMMAND had ended{unsure}",
                    counted(later, "row")
                ),
                hint: Some("Leave them as they are with --later=keep, or undo them too with --later=overwrite.".into()),
            });
        }
    }
}

/// Rows that would go although the backup's database had them: they were in another table then.
pub(crate) fn attached(table: &Planned) -> Option<Refusal> {
    let rows = table.chosen.older;
    (rows > 0).then(|| Refusal {
        reason: Reason::Attached,
        table: table.loaded.table.name.to_string(),
        by: None,
        rows: Some(rows),
        text: format!(
            "{} would be deleted, which were written before the backup, by all that its mark tells, and were \
             in no table of it: a partition was attached since, or another table has its name",
            counted(rows, "row")
        ),
        hint: Some(
            "Detach the partition, or put the table back, and undo then; or leave what was added: \
             --only=changed --only=gone."
                .into(),
        ),
    })
}

/// Rows that are left as written later, and may be COMMAND's own.
pub(crate) fn kept_unsure(table: &Planned) -> Option<String> {
    let rows = table.chosen.kept_unsure;
    (rows > 0).then(|| {
        format!(
            "{}: {} kept as written later may be COMMAND's: transactions were open when it ended",
            table.loaded.table.name,
            counted(rows, "row")
        )
    })
}

/// The rows that were written later cannot be left alone.
fn unknown(table: &Planned) -> Refusal {
    Refusal {
        reason: Reason::LaterUnknown,
        table: table.loaded.table.name.to_string(),
        by: None,
        rows: None,
        text: "nothing tells rows that were written later: no run of guard noted when COMMAND had ended"
            .into(),
        hint: Some("Look at the plan, and give its number: --plan-sha HEX; or --later=overwrite.".into()),
    }
}
