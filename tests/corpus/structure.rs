//! What pg_dump writes of a database's structure, entry by entry.

use crate::support::{bin, cluster, tool};
use std::collections::BTreeSet;
use std::process::Command;

/// What a source has and its target lacks, or the other way round; empty where all is equal.
///
/// What pg_dump writes for these relations of the source, the target must have; and it may have
/// nothing that the source has not.
pub fn differences(
    source: &str,
    target: &str,
    relations: &[String],
    grants: Grants,
) -> Vec<String> {
    let tables: Vec<String> = relations.iter().map(|r| format!("--table={r}")).collect();
    let [dumped, all, came_back] =
        [(source, &tables[..]), (source, &[]), (target, &[])].map(|(db, tables)| {
            let entries = entries(db, tables).into_iter();
            entries
                .map(|entry| grants.of(entry))
                .collect::<BTreeSet<String>>()
        });
    let told = |sign: &str, entry: &String| format!("{sign} {entry}");
    let lost = dumped.difference(&came_back).map(|entry| told("-", entry));
    let new = came_back.difference(&all).map(|entry| told("+", entry));
    lost.chain(new).collect()
}

/// Which are compared.
#[derive(Clone, Copy)]
pub enum Grants {
    All,
    /// The backup told that others granted, too.
    OfOwners,
}

impl Grants {
    fn of(self, entry: String) -> String {
        let Grants::OfOwners = self else {
            return entry;
        };
        let mut by_another = false;
        let kept = entry.lines().filter(|line| {
            by_another |= line.starts_with("SET SESSION AUTHORIZATION ");
            let kept = !by_another;
            by_another &= *line != "RESET SESSION AUTHORIZATION;";
            kept
        });
        kept.collect::<Vec<_>>().join("\n")
    }
}

fn entries(db: &str, tables: &[String]) -> BTreeSet<String> {
    let mut dump = Command::new(bin().join("pg_dump"));
    dump.env_clear()
        .env("PGHOST", &cluster().dir)
        .env("PGUSER", "postgres")
        .args(["--schema-only", "--dbname", db])
        .args(tables);
    split(&String::from_utf8_lossy(&tool(&mut dump, b"")))
}

const METHOD: &str = "SET default_table_access_method = ";

fn split(dump: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut method = "";
    let identities: Vec<[&str; 2]> = dump.lines().filter_map(identity).collect();
    for (at, piece) in dump.split("\n--\n-- Name: ").enumerate() {
        let mut entry: Vec<&str> = Vec::new();
        let mut next = method;
        for line in piece.lines() {
            if let Some(name) = line.strip_prefix(METHOD) {
                // It stands before the entry that it is for.
                next = name;
            } else if !is_setting(line) {
                entry.push(line);
            }
        }
        let is_table = entry
            .first()
            .is_some_and(|line| line.contains("; Type: TABLE;"));
        if is_table {
            // Where a child's columns stand is the server's choice: its parents' come first.
            entry.retain(|line| !line.is_empty());
            // Nobody reads the default of a column that is an identity too.
            let created = entry.iter().find_map(|line| {
                let name = line.strip_prefix("CREATE TABLE ")?;
                name.strip_suffix(" (")
            });
            for line in &mut entry {
                let column = line.trim_start().split(' ').next();
                let column = [created.unwrap_or_default(), column.unwrap_or_default()];
                if identities.contains(&column) {
                    *line = line.split(" DEFAULT ").next().unwrap();
                }
            }
            entry
                .iter_mut()
                .for_each(|line| *line = line.trim_end_matches(','));
            entry[1..].sort_unstable();
            // A partitioned table stores nothing.
            if !entry.iter().any(|line| line.contains("PARTITION BY")) {
                entry.push(method);
            }
        }
        if at > 0 {
            found.insert(entry.join("\n").trim_end().to_string());
        }
        method = next;
    }
    found
}

/// The table and the column.
fn identity(line: &str) -> Option<[&str; 2]> {
    let (table, rest) = line
        .strip_prefix("ALTER TABLE ")?
        .split_once(" ALTER COLUMN ")?;
    Some([table, rest.split_once(" ADD GENERATED ")?.0])
}

fn is_setting(line: &str) -> bool {
    ["SET default_tablespace = ", "\\restrict ", "\\unrestrict "]
        .iter()
        .any(|word| line.starts_with(word))
        || ["--", "-- PostgreSQL database dump complete"].contains(&line)
}

#[test]
fn an_entry_bears_its_access_method() {
    let dump = "x\n--\n-- Name: a; Type: TABLE; Schema: s; Owner: o\n--\n\nCREATE TABLE a;\n\n\nSET default_table_access_method = heap;\n\n--\n-- Name: b; Type: TABLE; Schema: s; Owner: o\n--\n\nCREATE TABLE b;\n\n\n--\n-- PostgreSQL database dump complete\n--\n";
    let found: Vec<String> = split(dump).into_iter().collect();
    assert_eq!(
        found,
        [
            "a; Type: TABLE; Schema: s; Owner: o\nCREATE TABLE a;",
            "b; Type: TABLE; Schema: s; Owner: o\nCREATE TABLE b;\nheap;"
        ]
    );
}
