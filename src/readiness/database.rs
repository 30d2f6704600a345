//! pg_dump, the server and the target tables.

use crate::backup::gather::HostAnswers;
use crate::base::error::{Code, Error, Result};
use crate::base::few::{Shown, few};
use crate::base::hint::Hints;
use crate::base::names::TableName;
use crate::base::text::counted;
use crate::base::version::Version;
use crate::pg::catalog::{Catalog, Relation, RelationKind};
use crate::pg::connection::Connection;
use crate::pg::fitness::show_tables;
use crate::pg::server::FittingPgDump;
use crate::pg::{self, server};
use crate::process::command::CommandSpec;
use crate::readiness::audit::{Host, first_above, refusal, told, unasked};
use crate::report::matrix::{Evidence, Finding};
use crate::report::proof::TableEstimate;

pub(crate) fn asked(host: &Host) -> Option<CommandSpec> {
    server::catalog_query(&host.config.connection).ok()
}

pub(crate) fn server(host: &Host, catalog: &Result<Catalog>) -> Finding {
    let catalog = match catalog {
        Ok(catalog) => catalog,
        // Without psql nobody can say how the database is.
        Err(error) if error.code == Code::ToolMissing => return unasked(error),
        Err(error) => return unreachable_server(host, error),
    };
    let server = &catalog.server;
    let identifier = server.system_identifier.as_deref();
    let replay = catalog.session.replay.as_ref();
    let standby = replay.map(|replay| format!(", a standby: {replay}"));
    let answer = format!(
        "PostgreSQL {}, {}, encoding {}, system identifier {}, default_transaction_read_only is `{}`{}",
        server.version,
        catalog.place(),
        server.encoding,
        identifier.unwrap_or("not told to this role"),
        catalog.session.default_transaction_read_only,
        standby.unwrap_or_default()
    );
    let evidence = match asked(host) {
        Some(spec) => Evidence::run(&spec, answer),
        None => Evidence::read("the server", answer),
    };
    let passed_over = host.config.connection.passed_over.iter();
    Finding::ready(evidence).with_all(passed_over.map(Evidence::warning))
}

fn unreachable_server(host: &Host, error: &Error) -> Finding {
    let finding = refusal(error);
    // Where the setting was refused, nothing was asked.
    let finding = match asked(host).filter(|_| host.refused("dbname").is_ok()) {
        Some(spec) => finding.with(Evidence::run(&spec, "no usable answer")),
        None => finding,
    };
    if error.code != Code::Database {
        return finding;
    }
    let look = "SHOW default_transaction_read_only";
    let look = host.config.connection.by_hand(look);
    finding.hint(error.hints.clone().then(look))
}

pub(crate) fn pg_dump(host: &Host, answers: &HostAnswers) -> Finding {
    let first = match &answers.pg_dump {
        Ok(version) => version,
        Err(error) => return refusal(error),
    };
    let asked = |tool: &Version, answer| {
        let spec = pg::command::version(&tool.path, &host.config.connection);
        Evidence::run(&spec, answer)
    };
    let connection = &host.config.connection;
    let place = connection.container_name();
    let place = place.map_or(String::new(), |name| format!(" in the container `{name}`"));
    let said = asked(first, format!("pg_dump {}{place}", first.version));
    let unused = connection.container.as_ref().map(|_| on_this_host(host));
    let Ok(catalog) = &answers.catalog else {
        return Finding::unknown(
            "whether it fits the server is not known: the database could not be asked",
        )
        .hint("First the row `database`.")
        .with(said);
    };
    match &answers.fitting {
        Err(error) => refusal(error).with(said),
        Ok(FittingPgDump { version, newer }) => {
            let (ours, server) = (&version.version, &catalog.server.version);
            let answer = format!("pg_dump {ours}{place} for a server {server}");
            let newer = newer
                .as_ref()
                .map(|newer| Evidence::warning(newer.warning()));
            Finding::ready(asked(version, answer)).with_all(unused.into_iter().chain(newer))
        }
    }
}

/// The pg_dump of this host, beside the container's.
fn on_this_host(host: &Host) -> Evidence {
    let here = Connection {
        container: None,
        ..host.config.connection.clone()
    };
    match server::pg_dump(&here, host.cancel) {
        Ok(tool) => {
            let spec = pg::command::version(&tool.path, &here);
            Evidence::run(
                &spec,
                format!("pg_dump {} of this host is not used", tool.version),
            )
        }
        Err(error) => Evidence::read("this host", told(&error)),
    }
}

pub(crate) fn tables(host: &Host, catalog: &Result<Catalog>) -> Finding {
    let tables = match &host.config.tables {
        Ok(tables) => tables,
        Err(error) => return refusal(error).hint(name_them(host)),
    };
    let catalog = match catalog {
        Ok(catalog) => catalog,
        Err(error) => {
            let why = format!("the database could not be asked: {}", told(error));
            return Finding::unknown(why).hint(first_above());
        }
    };
    let Some(spec) = asked(host) else {
        return Finding::unknown("psql is gone");
    };
    let problems = catalog.problems(tables);
    let rows = few(&catalog.relations, |a, b| a.target == b.target).into_iter();
    let rows = rows.map(|shown| match shown {
        Shown::One(rel) => Evidence::read("pg_class", described(rel, tables.get(rel.target))),
        Shown::Rest(rest) => {
            let of = rest.first().and_then(|rel| tables.get(rel.target));
            let of = of.map_or(String::new(), |of| format!(" of {of}"));
            Evidence::read("pg_class", format!("and {} more parts{of}", rest.len()))
        }
    });
    let Some(first) = problems.first() else {
        let parts = catalog.relations.len() - tables.len();
        let answer = format!(
            "{}{}, all of them there and readable",
            counted(tables.len(), "table"),
            match parts {
                0 => String::new(),
                1 => " and 1 partition or child".into(),
                n => format!(" and {n} partitions or children"),
            }
        );
        return Finding::ready(Evidence::run(&spec, answer)).with_all(rows);
    };
    let whats: Vec<&str> = problems.iter().map(|p| p.what.as_str()).collect();
    let place = catalog.place();
    let why = match problems.len() {
        1 => format!("{} ({place})", first.what),
        n => format!("{n} tables are unfit ({place}): {}", whats.join("; ")),
    };
    let finding = if problems.iter().all(|problem| problem.absent) {
        Finding::missing(why)
    } else {
        Finding::failed(why)
    };
    finding
        .with(Evidence::run(
            &spec,
            format!("{} of {} are unfit", problems.len(), tables.len()),
        ))
        .with_all(rows)
        .hint(catalog.remedies(&problems, &host.config.connection))
}

pub(crate) fn estimates(host: &Host, catalog: &Result<Catalog>) -> Vec<TableEstimate> {
    let (Ok(tables), Ok(catalog)) = (&host.config.tables, catalog) else {
        return Vec::new();
    };
    let of_target = |(at, table): (usize, &TableName)| {
        let parts = catalog.relations.iter().filter(|rel| rel.target == at);
        let mut parts = parts.map(|rel| (rel.rows_estimate, rel.bytes_estimate));
        let first = parts.next()?;
        let (rows, bytes) = parts.fold(first, |all, part| (all.0 + part.0, all.1 + part.1));
        Some(TableEstimate {
            table: table.to_string(),
            rows,
            bytes,
        })
    };
    tables.iter().enumerate().filter_map(of_target).collect()
}

fn name_them(host: &Host) -> Hints {
    Hints::from("What is there:")
        .then(show_tables(&host.config.connection))
        .then(host.set(
            "scope",
            "Name the tables of the write with --table, or",
            "tables = [\"SCHEMA.TABLE\"]",
        ))
}

fn described(rel: &Relation, target: Option<&TableName>) -> String {
    let name = &rel.table;
    let part = match target {
        Some(target) if target != name => format!(", part of {target}"),
        _ => String::new(),
    };
    let no = |yes: bool, what: &str| {
        if yes {
            what.to_string()
        } else {
            format!("no {what}")
        }
    };
    let size = match rel.kind {
        RelationKind::Partitioned => String::new(),
        _ => format!(
            ", about {} in {}",
            counted(rel.rows_estimate, "row"),
            counted(rel.bytes_estimate, "byte")
        ),
    };
    format!(
        "{name}: {}{part}, {}, {}, {}{size}",
        rel.kind.as_str(),
        no(rel.select, "SELECT"),
        no(rel.usage, "schema USAGE"),
        if rel.row_security {
            "row security hides rows"
        } else {
            "no row security for this role"
        }
    )
}
