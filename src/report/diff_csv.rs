//! The rows of a diff as CSV: one line for each column that is told of a row.

use crate::base::text::plain;
use crate::report::diff::{DiffReport, DiffedRow, Field};
use serde_json::Value;
use std::io::{IsTerminal, stdout};

const HEAD: &str = "table,action,key,column,then,now\n";

/// Who reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A program: values are as they are.
    Program,
    /// A person: what would move the cursor is escaped.
    Terminal,
}

impl Reader {
    pub(crate) fn of_output() -> Reader {
        if stdout().is_terminal() {
            Reader::Terminal
        } else {
            Reader::Program
        }
    }
}

/// A NULL is empty, an empty text is `""`.
pub(crate) fn csv(report: &DiffReport, reader: Reader) -> String {
    let out = whole(report);
    match reader {
        Reader::Program => out,
        Reader::Terminal => {
            let lines = out.split('\n').map(plain);
            lines.collect::<Vec<_>>().join("\n")
        }
    }
}

fn whole(report: &DiffReport) -> String {
    let mut out = HEAD.to_string();
    for table in &report.tables {
        for row in &table.rows {
            let start = [
                field(&table.table),
                field(row.action.as_str()),
                field(&key(&row.key)),
            ];
            for rest in rest(row) {
                let line: Vec<String> = start.iter().cloned().chain(rest).collect();
                out += &(line.join(",") + "\n");
            }
        }
    }
    out
}

/// An object, so that it can be read again whatever stands in it; in the key's order.
fn key(fields: &[Field]) -> String {
    let fields = fields.iter().map(|field| {
        let value = field.value.clone().map_or(Value::Null, Value::String);
        format!("{}:{value}", Value::String(field.column.clone()))
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// Column, then, now.
fn rest(row: &DiffedRow) -> Vec<[String; 3]> {
    let value = |field: &Field| field.value.as_deref().map_or(String::new(), field_or_empty);
    let none = String::new;
    match (&row.then, &row.now) {
        (Some(then), Some(now)) => {
            let pairs = then.iter().zip(now);
            let lines = pairs.map(|(then, now)| [field(&then.column), value(then), value(now)]);
            lines.collect()
        }
        (Some(then), None) => {
            let then = then.iter();
            then.map(|then| [field(&then.column), value(then), none()])
                .collect()
        }
        (None, Some(now)) => {
            let now = now.iter();
            now.map(|now| [field(&now.column), none(), value(now)])
                .collect()
        }
        (None, None) => match &row.columns {
            Some(columns) => {
                let columns = columns.iter();
                columns.map(|name| [field(name), none(), none()]).collect()
            }
            None => vec![[none(), none(), none()]],
        },
    }
}

fn field_or_empty(text: &str) -> String {
    if text.is_empty() {
        return "\"\"".into();
    }
    field(text)
}

fn field(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_read_back() {
        for (text, csv) in [
            ("a", "a"),
            ("", "\"\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"\n", "\"say \"\"x\"\"\n\""),
            (" a", "\" a\""),
        ] {
            assert_eq!(field_or_empty(text), csv);
        }
    }
}
