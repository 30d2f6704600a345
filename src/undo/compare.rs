//! The differences between a live table and the backup, row by row.
//!
//! Rows meet by their key in a FULL JOIN, and are compared by `*=`, byte by byte: so it takes types
//! that have no equality (json, xml, point), and tells 1.0 from 1.00. Without a key, equal rows meet
//! one to one, and what is left over is gone or added.

use crate::base::names::literal;
use crate::process::flow::{Passed, StreamError};
use crate::undo::loaded_table::{Key, KeyColumn, LoadedTable};
use crate::undo::session::{Session, Step};
use serde::Deserialize;

/// Numbers of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Counts {
    /// Loaded from the backup.
    pub then: u64,
    /// In the live table.
    pub now: u64,
    pub changed: u64,
    pub gone: u64,
    pub added: u64,
}

impl Counts {
    pub(crate) fn differ(&self) -> u64 {
        self.changed + self.gone + self.added
    }

    /// Whether each row met at most one other, so that the sealed rows are unique by the key too.
    fn add_up(&self) -> bool {
        let same = |all: u64, others: u64| all.checked_sub(others);
        let sealed = same(self.then, self.changed + self.gone);
        sealed.is_some() && sealed == same(self.now, self.changed + self.added)
    }
}

/// What `pg_temp.pgseal_diff_n` now holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    pub counts: Counts,
    /// The key by which rows met. None where there is no usable one, or the sealed rows are not unique by
    /// any: then they are compared as a multiset.
    pub key: Option<Key>,
}

/// Fills `pg_temp.pgseal_diff_n` anew, in the transaction that is open, a read-only one too:
///
/// | column | is |
/// |---|---|
/// | `action` | `changed`, `gone` or `added` |
/// | `columns` | of a changed row, the names of the columns that differ |
/// | `sealed` | the backup's row, of type `pg_temp.pgseal_row_n`; NULL for `added` |
/// | `live` | the live row, likewise; NULL for `gone` |
/// | `xmin_live` | of the live row: who wrote it |
/// | `kept`, `swapped` | for undo: NULL, and false |
///
/// A value of it is `(d.sealed)."name"`.
pub(crate) fn compare(session: &mut Session, table: &LoadedTable) -> Result<Compared, StreamError> {
    for key in &table.keys {
        fill(session, table, &by_key(table, key))?;
        let counts = count(session, table)?;
        if counts.add_up() && (counts.gone < 2 || !gone_twice(session, table, key)?) {
            let key = Some(key.clone());
            return Ok(Compared { counts, key });
        }
    }
    fill(session, table, &by_content(table))?;
    let counts = count(session, table)?;
    Ok(Compared { counts, key: None })
}

/// Whether sealed rows that met no live one are not unique by the key: it is newer than they are.
fn gone_twice(session: &mut Session, table: &LoadedTable, key: &Key) -> Result<bool, StreamError> {
    let columns = key.columns.iter().map(KeyColumn::of_sealed);
    let columns: Vec<String> = columns.collect();
    let query = format!(
        "SELECT pg_catalog.to_json(EXISTS (SELECT FROM {} AS d WHERE d.action = 'gone' GROUP BY {} \
         HAVING pg_catalog.count(*) > 1))",
        table.diff(),
        columns.join(", ")
    );
    session.one(step(table), &query)
}

fn step(table: &LoadedTable) -> Step {
    Step::Rows(format!("it compared {}", table.table.name))
}

fn fill(session: &mut Session, table: &LoadedTable, select: &str) -> Passed {
    let diff = table.diff();
    let sql = format!(
        "DELETE FROM {diff};\n\
         INSERT INTO {diff} (action, columns, sealed, live, xmin_live)\n{select};\n"
    );
    session.run(step(table), &sql)
}

fn count(session: &mut Session, table: &LoadedTable) -> Result<Counts, StreamError> {
    let (diff, sealed, live) = (table.diff(), table.sealed(), table.live.from());
    let actions = ["changed", "gone", "added"].map(|action| {
        format!("'{action}', pg_catalog.count(*) FILTER (WHERE action = '{action}')")
    });
    let query = format!(
        "SELECT pg_catalog.json_build_object('then', (SELECT pg_catalog.count(*) FROM {sealed}), \
         'now', (SELECT pg_catalog.count(*) FROM {live}), {}) FROM {diff}",
        actions.join(", ")
    );
    session.one(step(table), &query)
}

/// The values of a live row `l` and of a sealed one `s` in the columns that both have.
struct Rows {
    live: Vec<String>,
    sealed: Vec<String>,
}

fn rows(table: &LoadedTable) -> Rows {
    let columns = table.columns.iter();
    Rows {
        live: columns.clone().map(|column| column.of_live("l")).collect(),
        sealed: columns
            .map(|column| format!("s.{}", column.live.quoted()))
            .collect(),
    }
}

fn row(values: &[String]) -> String {
    format!("ROW({})", values.join(", "))
}

fn by_key(table: &LoadedTable, key: &Key) -> String {
    let Rows { live, sealed } = rows(table);
    let rows = sealed.iter().zip(&live);
    let differs = table.columns.iter().zip(rows);
    let differs = differs.map(|(column, (sealed, live))| {
        let name = literal(&column.live.name);
        format!(
            "CASE WHEN NOT ROW({sealed})::record OPERATOR(pg_catalog.*=) ROW({live})::record \
             THEN {name}::pg_catalog.text END"
        )
    });
    let differs: Vec<String> = differs.collect();
    let on: Vec<String> = key.columns.iter().map(KeyColumn::same).collect();
    let (row_live, row_sealed, row_type) = (row(&live), row(&sealed), table.row_type());
    format!(
        "SELECT CASE WHEN s.ctid IS NULL THEN 'added' WHEN l.ctid IS NULL THEN 'gone' ELSE 'changed' END,\n\
         CASE WHEN s.ctid IS NOT NULL AND l.ctid IS NOT NULL \
         THEN pg_catalog.array_remove(ARRAY[{}], NULL) END,\n\
         CASE WHEN s.ctid IS NOT NULL THEN {row_sealed}::{row_type} END,\n\
         CASE WHEN l.ctid IS NOT NULL THEN {row_live}::{row_type} END,\n\
         l.xmin\n\
         FROM {} AS l FULL JOIN {} AS s ON {}\n\
         WHERE s.ctid IS NULL OR l.ctid IS NULL OR NOT {row_sealed}::record OPERATOR(pg_catalog.*=) {row_live}::record",
        differs.join(", "),
        table.live.from(),
        table.sealed(),
        on.join(" AND "),
    )
}

/// The comparison without a key. Rows of one text are numbered, and meet by the text's hash and the number;
/// only these and the rows' places are sorted.
fn by_content(table: &LoadedTable) -> String {
    let Rows { live, sealed } = rows(table);
    // `place`: names and values.
    let numbered = |row: &str, from: &str, place: [&str; 2]| {
        let [name, value] = place;
        format!(
            "(SELECT {name}, hash, pg_catalog.row_number() OVER (PARTITION BY hash) AS nth FROM \
             (SELECT {value}, pg_catalog.sha256(pg_catalog.convert_to({row}::pg_catalog.text, \
             pg_catalog.getdatabaseencoding())) AS hash FROM {from}) AS h)"
        )
    };
    let (row_live, row_sealed, row_type) = (row(&live), row(&sealed), table.row_type());
    let from_live = format!("{} AS l", table.live.from());
    let from_sealed = format!("{} AS s", table.sealed());
    format!(
        "SELECT 'gone', NULL::pg_catalog.text[], {row_sealed}::{row_type}, NULL::{row_type}, NULL::pg_catalog.xid\n\
         FROM {from_sealed} WHERE s.ctid IN (SELECT a.at FROM {0} AS a LEFT JOIN {1} AS b \
         ON a.hash = b.hash AND a.nth = b.nth WHERE b.hash IS NULL)\n\
         UNION ALL\n\
         SELECT 'added', NULL, NULL, {row_live}::{row_type}, l.xmin\n\
         FROM {from_live} WHERE (l.tableoid, l.ctid) IN (SELECT b.part, b.at FROM {1} AS b LEFT JOIN {0} AS a \
         ON a.hash = b.hash AND a.nth = b.nth WHERE a.hash IS NULL)",
        numbered(&row_sealed, &from_sealed, ["at", "s.ctid AS at"]),
        numbered(
            &row_live,
            &from_live,
            ["part, at", "l.tableoid AS part, l.ctid AS at"]
        ),
    )
}
