//! Refusals and notes for rows that were written after COMMAND had ended, or before the backup.

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
            let many = counted(later, "row");
            let text = format!("at most {many} written after COMMAND had ended{unsure}");
            let hint = "Leave them as they are with --later=keep, or undo them too with --later=overwrite.";
            let of = &table.loaded.table.name;
            refusals.push(Refusal::new(Reason::Later, of, text, hint).rows(later));
        }
    }
}

/// The refusal of rows that an undo would delete although the database had them when the backup was
/// taken: they were in another table then.
pub(crate) fn attached(table: &Planned) -> Option<Refusal> {
    let rows = table.chosen.older;
    if rows == 0 {
        return None;
    }
    let text = format!(
        "{} would be deleted, which were written before the backup, by all that its mark tells, and were \
         in no table of it: a partition was attached since, or another table has its name",
        counted(rows, "row")
    );
    let hint = "Detach the partition, or put the table back, and undo then; or leave what was added: \
                --only=changed --only=gone.";
    let of = &table.loaded.table.name;
    Some(Refusal::new(Reason::Attached, of, text, hint).rows(rows))
}

/// The note on rows that are left as written later, and may be COMMAND's own.
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

/// The refusal where it is not known which rows were written later.
fn unknown(table: &Planned) -> Refusal {
    Refusal::new(
        Reason::LaterUnknown,
        &table.loaded.table.name,
        "nothing tells rows that were written later: no run of guard noted when COMMAND had ended",
        "Look at the plan, and give its number: --plan-sha HEX; or --later=overwrite.",
    )
}
