//! The rows of a foreign key's two tables as they will be when an undo is done, as queries.

use crate::base::names::{TableName, quoted, text_array};
use crate::undo::final_rows::{CHOSEN, PLACE, all, meets, restored};
use crate::undo::live_tables::ForeignKey;
use crate::undo::lost_keys::Event;
use crate::undo::planned::Planned;

/// A key, and which of its two tables are undone.
pub(crate) struct Reference<'a> {
    pub key: &'a ForeignKey,
    pub from: Option<&'a Planned>,
    pub to: Option<&'a Planned>,
    /// All that are undone.
    pub tables: &'a [Planned],
}

impl Reference<'_> {
    /// The referring rows as they will be.
    pub(crate) fn children(&self) -> String {
        let key = self.key;
        match (self.from, self.referring_part()) {
            (None, _) => self.beyond(&key.from, &key.referring(), &key.from_columns),
            (Some(table), None) => all(&table.loaded, &key.from_columns),
            (Some(table), Some(part)) => of_part(table, &key.from_columns, part),
        }
    }

    /// The referenced rows as they will be.
    pub(crate) fn parents(&self) -> String {
        let key = self.key;
        let part = |table: &Planned| part_of(table, &key.to, key.to_part.as_deref());
        let Some(table) = self.to else {
            let parts = self.partitions(&key.to);
            let parts =
                parts.map(|part| format!("\nUNION ALL\n{}", all(&part.loaded, &key.to_columns)));
            let parts: String = parts.collect();
            return self.beyond(&key.to, &key.referenced(), &key.to_columns) + &parts;
        };
        match part(table) {
            None => all(&table.loaded, &key.to_columns),
            Some(takes) => of_part(table, &key.to_columns, takes),
        }
    }

    /// The referring rows as they are, without those that were added and are to go.
    pub(crate) fn left(&self) -> String {
        let key = self.key;
        let Some(table) = self.from else {
            return self.beyond(&key.from, &key.referring(), &key.from_columns);
        };
        format!(
            "SELECT {} FROM {} AS l WHERE NOT EXISTS (SELECT FROM {} AS d WHERE {CHOSEN} \
             AND d.action = 'added' AND {})",
            named(&key.from_columns, "l"),
            key.referring(),
            table.loaded.diff(),
            meets(&table.loaded)
        )
    }

    /// Where the key is that of a partition alone: which rows are the partition's.
    fn referring_part(&self) -> Option<&str> {
        part_of(self.from?, &self.key.from, self.key.from_part.as_deref())
    }

    /// Of a table that is not undone. Its inheritance children are none of the key's, and a partition
    /// that is undone is looked at by itself.
    /// `from`: the table, behind FROM.
    fn beyond(&self, table: &TableName, from: &str, columns: &[String]) -> String {
        let names = named(columns, "o");
        let undone = self.partitions(table).map(|part| {
            format!(
                " AND o.tableoid OPERATOR(pg_catalog.<>) ALL \
                 (SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree({}))",
                part.loaded.live.oid
            )
        });
        let undone: String = undone.collect();
        format!("SELECT {names} FROM {from} AS o WHERE true{undone}")
    }

    /// Of these tables, the partitions of one that is not undone as a whole.
    fn partitions<'a>(&'a self, of: &'a TableName) -> impl Iterator<Item = &'a Planned> {
        let tables = self.tables.iter();
        tables.filter(|table| table.loaded.live.partition_of.contains(of))
    }

    /// Keys that rows of the referenced table have now and will not have.
    pub(crate) fn gone_keys(&self, table: &Planned, event: Event) -> String {
        let (key, loaded) = (self.key, &table.loaded);
        let which = match event {
            Event::Deleted => "d.action = 'added'".to_string(),
            Event::Swapped => "d.swapped".to_string(),
            Event::Updated if !generated(table, &key.to_columns) => format!(
                "d.action = 'changed' AND NOT d.swapped AND d.columns OPERATOR(pg_catalog.&&) {}",
                text_array(&key.to_columns)
            ),
            // The comparison is without columns that the server computes.
            Event::Updated => {
                let [new, old] = ["n", "l"].map(|row| named(&key.to_columns, row));
                format!(
                    "d.action = 'changed' AND NOT d.swapped AND NOT EXISTS (SELECT FROM ({}) AS n \
                     WHERE n.{} = d.ctid AND ROW({new})::record OPERATOR(pg_catalog.*=) ROW({old})::record)",
                    restored(loaded, "true"),
                    loaded.free(PLACE),
                )
            }
        };
        let part = if loaded.live.name == key.to {
            String::new()
        } else {
            format!(
                " AND l.tableoid IN (SELECT relid::pg_catalog.oid FROM pg_catalog.pg_partition_tree({}))",
                key.to_oid
            )
        };
        format!(
            "SELECT {} FROM {} AS d JOIN {} AS l ON {} WHERE {CHOSEN} AND {which}{part}",
            named(&key.to_columns, "l"),
            loaded.diff(),
            loaded.live.from(),
            meets(loaded)
        )
    }

    /// Whether ON UPDATE CASCADE writes to the row `c` what it is to have: its key is spelled otherwise since,
    /// 1.00 for 1.0, and is equal.
    pub(crate) fn rewritten(&self, table: &Planned) -> String {
        let (key, loaded) = (self.key, &table.loaded);
        let new = loaded.free("pgseal_new");
        let text = |columns, alias| format!("ROW({})::pg_catalog.text", named(columns, alias));
        format!(
            "EXISTS (SELECT FROM (SELECT {}, {} AS {new} FROM {} AS d JOIN {} AS l ON {} JOIN ({}) AS n \
             ON n.{} = d.ctid WHERE {CHOSEN} AND d.action = 'changed' AND NOT d.swapped) AS p \
             WHERE {} AND p.{new} OPERATOR(pg_catalog.=) {})",
            named(&key.to_columns, "l"),
            text(&key.to_columns, "n"),
            loaded.diff(),
            loaded.live.from(),
            meets(loaded),
            restored(loaded, "true"),
            loaded.free(PLACE),
            key.on(),
            text(&key.from_columns, "c"),
        )
    }

    /// Rows that come back, as `c`, for which the server looks for what they refer to.
    pub(crate) fn back(&self, from: &Planned) -> String {
        let columns = &self.key.from_columns;
        let part = self.referring_part();
        // A row that moves to the partition is new to its key.
        let which = if part.is_some() || generated(from, columns) {
            "true".to_string()
        } else {
            format!(
                "(d.action = 'gone' OR d.swapped OR d.columns OPERATOR(pg_catalog.&&) {})",
                text_array(columns)
            )
        };
        let whole = columns
            .iter()
            .map(|name| format!("c.{} IS NOT NULL", quoted(name)));
        // Of MATCH FULL a row refers with all of them, or is none.
        let or = if self.key.full { " OR " } else { " AND " };
        let whole = format!("({})", whole.collect::<Vec<_>>().join(or));
        let takes = part.map(|takes| format!("({takes}) IS NOT FALSE"));
        let conditions: Vec<String> = [whole].into_iter().chain(takes).collect();
        format!(
            "({}) AS c WHERE {}",
            restored(&from.loaded, &which),
            conditions.join(" AND ")
        )
    }
}

fn part_of<'a>(table: &Planned, name: &TableName, takes: Option<&'a str>) -> Option<&'a str> {
    takes.filter(|_| table.loaded.live.name != *name)
}

fn of_part(table: &Planned, columns: &[String], takes: &str) -> String {
    let every = table.loaded.live.columns.iter();
    let every: Vec<String> = every.map(|column| column.name.clone()).collect();
    format!(
        "SELECT {} FROM ({}) AS w WHERE ({takes}) IS NOT FALSE",
        named(columns, "w"),
        all(&table.loaded, &every)
    )
}

fn generated(table: &Planned, names: &[String]) -> bool {
    let mut columns = table.loaded.live.columns.iter();
    columns.any(|column| column.generated && names.contains(&column.name))
}

fn named(columns: &[String], alias: &str) -> String {
    let names = columns
        .iter()
        .map(|name| format!("{alias}.{}", quoted(name)));
    names.collect::<Vec<_>>().join(", ")
}
