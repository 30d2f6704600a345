//! pg_dump, the server, the target tables, and what a restore of them would miss.

use crate::backup::gather::HostAnswers;
use crate::base::error::{Code, Error, Result};
use crate::base::few::{Shown, few, joined};
use crate::base::names::TableName;
use crate::base::version::Version;
use crate::pg::catalog::{Catalog, Relation, RelationKind};
use crate::pg::closure::Closure;
use crate::pg::fitness::Problem;
use crate::pg::server::FittingPgDump;
use crate::pg::{self, server};
use crate::process::command::{CommandSpec, shell_word};
use crate::readiness::audit::{Host, refusal, told, unasked};
use crate::report::matrix::{Evidence, Finding};

fn asked(host: &Host) -> Option<CommandSpec> {
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
    let answer = format!(
        "PostgreSQL {}, database `{}` ({}), role `{}`, system identifier {}, \
         default_transaction_read_only is `{}`{}",
        server.version,
        server.database,
        server.encoding,
        catalog.session.user,
        identifier.unwrap_or("not told to this role"),
        catalog.session.default_transaction_read_only,
        if catalog.session.in_recovery {
            ", a standby in recovery"
        } else {
            ""
        }
    );
    let evidence = match asked(host) {
        Some(spec) => Evidence::run(&spec, answer),
        None => Evidence::read("the server", answer),
    };
    Finding::ready(evidence)
}

fn unreachable_server(host: &Host, error: &Error) -> Finding {
    let finding = refusal(error);
    let finding = match asked(host) {
        Some(spec) => finding.with(Evidence::run(&spec, "no usable answer")),
        None => finding,
    };
    match (&error.hint, error.code) {
        (Some(hint), Code::Database) => finding.hint(format!(
            "# {}\n{}",
            hint.replace('\n', " "),
            psql(host, "SHOW default_transaction_read_only")
        )),
        _ => finding,
    }
}

/// One statement by hand, over the configured connection.
fn psql(host: &Host, sql: &str) -> String {
    let to = host.config.connection.conninfo.as_ref();
    let to = to.map(|info| format!(" {}", shell_word(&format!("--dbname={info}"))));
    format!(
        "psql --no-psqlrc{} --command={}",
        to.unwrap_or_default(),
        shell_word(sql)
    )
}

pub(crate) fn pg_dump(host: &Host, answers: &HostAnswers) -> Finding {
    let first = match &answers.pg_dump {
        Ok(version) => version,
        Err(error) => return refusal(error),
    };
    let asked = |tool: &Version, answer| {
        let spec = pg::command::version(&tool.path, &host.config.env);
        Evidence::run(&spec, answer)
    };
    let said = asked(first, format!("pg_dump {}", first.version));
    let Ok(catalog) = &answers.catalog else {
        return Finding::unknown(
            "whether it fits the server is not known: the database could not be asked",
        )
        .hint("# First the row `database`.")
        .with(said);
    };
    match &answers.fitting {
        Err(error) => refusal(error).with(said),
        Ok(FittingPgDump { version, newer }) => {
            let (ours, server) = (&version.version, &catalog.server.version);
            let answer = format!("pg_dump {ours} for a server {server}");
            let newer = newer.as_ref().map(Evidence::warning);
            Finding::ready(asked(version, answer)).with_all(newer)
        }
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
            return Finding::unknown(why).hint(host.first_above());
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
            "{} tables{}, all of them there and readable",
            tables.len(),
            match parts {
                0 => String::new(),
                n => format!(" and {n} partitions or children"),
            }
        );
        return Finding::ready(Evidence::run(&spec, answer)).with_all(rows);
    };
    let whats: Vec<&str> = problems.iter().map(|p| p.what.as_str()).collect();
    let why = match problems.len() {
        1 => first.what.clone(),
        n => format!("{n} tables are unfit: {}", whats.join("; ")),
    };
    let finding = if problems.iter().all(|problem| problem.absent) {
        Finding::missing(why)
    } else {
        Finding::failed(why)
    };
    let mends: Vec<String> = problems.iter().map(|p| mend(host, p)).collect();
    finding
        .with(Evidence::run(
            &spec,
            format!("{} of {} are unfit", problems.len(), tables.len()),
        ))
        .with_all(rows)
        .hint(mends.join("\n"))
}

fn name_them(host: &Host) -> String {
    let file = host.config_file();
    format!(
        "# Name them in {file}:  [scope]  tables = [\"schema.table\"], or give --table; to choose:\n{}",
        psql(host, "\\dt *.*")
    )
}

/// A problem's mend is SQL, or a sentence.
fn mend(host: &Host, problem: &Problem) -> String {
    if problem.mend.ends_with(';') && problem.mend.starts_with("GRANT") {
        format!(
            "{}  # as the owner or a superuser",
            psql(host, &problem.mend)
        )
    } else {
        format!("# {}", problem.mend.replace('\n', " "))
    }
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
            ", about {} rows in {} bytes",
            rel.rows_estimate, rel.bytes_estimate
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

/// Of the tables that are there: a restore into an empty database.
pub(crate) fn closure(host: &Host, closure: &Result<Closure>) -> Finding {
    if let Err(error) = host.refused("dbname").and(host.config.tables.clone()) {
        let why = format!("there is nothing to ask for: {}", error.message);
        return Finding::unknown(why).hint(host.first_above());
    }
    let closure = match closure {
        Ok(closure) => closure,
        Err(error) => return unasked(error),
    };
    if !closure.missing.is_empty() {
        let missing: Vec<String> = closure.missing.iter().map(ToString::to_string).collect();
        let why = format!("not there to be asked: {}", missing.join(", "));
        return Finding::unknown(why).hint(host.first_above());
    }
    let listed = |items: Vec<String>| {
        if items.is_empty() {
            "nothing".to_string()
        } else {
            joined(&items, ", ")
        }
    };
    let needed = closure.objects.iter();
    let needed = listed(needed.map(|n| format!("{} {}", n.kind, n.name)).collect());
    let (missed, from_host) = closure.missed();
    let from_host = from_host.iter();
    let mut from_host: Vec<String> = from_host
        .map(|r| format!("{} {}", r.kind, r.name))
        .collect();
    from_host.dedup();
    let from_host = listed(from_host);
    let opaque: Vec<Evidence> = closure
        .objects
        .iter()
        .filter(|object| object.opaque)
        .map(|object| {
            Evidence::warning(format!(
                "the body of {} is text: what it names is not tracked by the server",
                object.name
            ))
        })
        .collect();
    let evidence = [
        Evidence::read("pg_depend", format!("needed first: {needed}")),
        Evidence::read(
            "pg_depend",
            format!("needed of the cluster or host: {from_host}"),
        ),
    ];
    let finding = match (missed.is_empty(), asked(host)) {
        (true, Some(spec)) => Finding::ready(Evidence::run(
            &spec,
            "a restore into an empty database misses nothing beyond what the cluster has",
        )),
        (true, None) => Finding::unknown("psql is gone"),
        (false, _) => {
            let missed = missed.iter().map(|r| {
                if r.needed_by.is_empty() {
                    format!("{} {}", r.kind, r.name)
                } else {
                    format!("{} {} ({})", r.kind, r.name, r.needed_by)
                }
            });
            let missed: Vec<String> = missed.collect();
            Finding::failed(format!("a restore would miss: {}", joined(&missed, "; "))).hint(
                "# Add the tables that these belong to, or know that they are not in the backup. \
                 It does not stop one.",
            )
        }
    };
    finding.with_all(evidence).with_all(opaque)
}
