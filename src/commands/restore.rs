//! `pgseal restore`: back into a database that has none of these tables.

use crate::base::error::{Code, Error, Result};
use crate::base::meter::Meter;
use crate::base::names::TableName;
use crate::base::text::counted;
use crate::base::version::PGSEAL;
use crate::commands::artifact::{
    self, Risk, check_standard_input, given, require_origin, require_signed, sound,
};
use crate::config::cli;
use crate::config::flags::Settings;
use crate::config::settings::Config;
use crate::pg::closure::ExternalReference;
use crate::process::cancel::Cancel;
use crate::report::findings::Findings;
use crate::report::print::Answer;
use crate::report::proof::Verdict;
use crate::report::restore::{Place, RestoreReport, Rows};
use crate::restore::held_plaintext::held;
use crate::restore::run::{RestoreOptions, RestoreOutcome, Restored, plan, restore};
use crate::restore::selection::Chosen;
use crate::restore::stream::Compared;
use crate::restore::target::TargetDatabase;
use crate::verify::dump_source::{self, DumpSource};
use crate::verify::verification::{Surrounding, Verification, open_surrounding};
use std::collections::BTreeMap;

impl Rows {
    fn of(compared: &Compared, targets: &BTreeMap<TableName, &str>) -> Rows {
        Rows {
            table: compared.table.to_string(),
            target: target(compared, targets),
            rows: compared.restored_rows,
        }
    }
}

impl Place {
    fn of(target: &TargetDatabase) -> Place {
        Place {
            database: target.database.clone(),
            user: target.user.clone(),
            version: target.version.clone(),
        }
    }
}

pub(crate) fn run(
    args: &cli::Restore,
    settings: &Settings,
    config: &Config,
    cancel: &Cancel,
    meter: &Meter,
) -> Result<Answer> {
    if settings.dbname.is_none() {
        return Err(Error::new(
            Code::Usage,
            "restore needs --dbname: the database to restore into",
        )
        .hint("Name a database that has none of these tables, and that was not backed up."));
    }
    check_standard_input(&args.named, args.opening.plaintext)?;
    let given = given(&args.named, args.opening.passphrase_fd, cancel)?;
    let mut verification = sound(&args.named.target, &given, config, cancel)?;
    match args.opening.plaintext {
        _ if args.origin_unproved => {}
        None => require_origin(&verification, Risk::SqlIsRun)?,
        Some(_) => require_signed(&verification, Risk::SqlIsRun)?,
    }
    if settings.no_prelude {
        verification.leave_out_prelude();
    } else if args.opening.plaintext.is_some() && verification.prelude.is_some() {
        return Err(no_prelude_without_the_key());
    }
    let options = RestoreOptions {
        skip_external: args.skip_external,
        older_target: args.older_target,
        proof: false,
        prelude_must_be_bound: !args.origin_unproved && !verification.origin.manifest,
    };
    let manifest = verification.verified()?.manifest.clone();
    let chosen = Chosen::of(&manifest, &settings.tables)?;
    let left = manifest.tables.iter().filter(|table| !table.is_sequence());
    let left = left.map(|table| table.table());
    let left = left.filter(|table| !chosen.holds(table)).count();
    let plan = plan(&manifest, &config.connection, options, chosen, cancel)?;
    let untouched = |error: Error| error.on_disk("nothing was changed: psql was given nothing");
    let (surrounding, dump, key);
    if args.opening.plaintext.is_some() {
        let mut file = dump_source::given().map_err(untouched)?;
        if !args.origin_unproved {
            file = held(&file, &manifest, meter, cancel).map_err(untouched)?;
        }
        surrounding = Surrounding::default();
        dump = DumpSource::decrypted(file, &config.env, meter, cancel)?;
    } else {
        key = artifact::key(config, given.passphrase, meter, cancel)?;
        surrounding = open_surrounding(&mut verification, &key).map_err(untouched)?;
        dump = DumpSource::sealed(verification.verified()?.artifact, &key);
    }
    let restored = match restore(plan, &manifest, surrounding, &dump, &config.connection)? {
        RestoreOutcome::Committed(restored) => *restored,
        RestoreOutcome::Differs(_, error) => return Err(error),
    };
    let (mut notes, targets) = (restored.target.notes(&manifest), manifest.targets());
    if left > 0 {
        notes.push(format!(
            "not asked for, and left as they are: {}; a foreign key of theirs that was dropped is not brought back",
            counted(left, "other table")
        ));
    }
    let report = RestoreReport {
        schema: "pgseal/restore/1",
        pgseal_version: PGSEAL,
        result: Verdict::Pass,
        run_id: verification.subject.run_id(),
        artifact: verification.subject.artifact.display().to_string(),
        target: Place::of(&restored.target),
        prelude: restored.prelude,
        checks: checks(&verification, &restored, NothingCompared::Passes),
        tables: restored
            .tables
            .iter()
            .map(|table| Rows::of(table, &targets))
            .collect(),
        skipped: restored.omitted,
        not_restored: restored.not_restored,
        notes,
    };
    Ok(Answer {
        undelivered: Some("the tables are restored, and committed".into()),
        ..Answer::of(&report)?
    })
}

fn no_prelude_without_the_key() -> Error {
    let what = "the run has a prelude, which --plaintext does not bring";
    Error::new(Code::Input, what)
        .on_disk("nothing was changed: psql was not started")
        .hint(
            "Restore without it, where the database has the schemas, types and functions: --no-prelude.\n      \
             Nothing but its secret key tells whose a prelude is: else decrypt it there, read it, and run it by \
             hand before.",
        )
}

/// The configured table that it is, or is a part of.
pub(crate) fn target(compared: &Compared, targets: &BTreeMap<TableName, &str>) -> String {
    let target = targets.get(&compared.table).copied();
    target.unwrap_or_default().into()
}

/// What it means where no table holds rows, as a partitioned one without partitions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NothingCompared {
    /// Nothing was proved.
    Fails,
    /// There was nothing to bring back.
    Passes,
}

/// What was proved before, and what restoring added.
pub(crate) fn checks(
    verification: &Verification,
    restored: &Restored,
    nothing_compared: NothingCompared,
) -> Findings {
    let mut checks = verification.findings.clone();
    checks.extend(&restored.findings);
    if restored.tables.is_empty() && nothing_compared == NothingCompared::Passes {
        checks.record_not_checked("restored", &format!("{NO_ROWS}: nothing to compare"));
    } else {
        checks.record("restored", equal(&restored.tables));
    }
    for ExternalReference {
        kind,
        name,
        needed_by,
    } in &restored.unknown
    {
        let detail = format!("not looked up: {kind} {name}, which {needed_by} needs");
        checks.record_not_checked("reference", &detail);
    }
    checks
}

const NO_ROWS: &str = "no table holds rows";

/// Nothing compared is no pass.
pub(crate) fn equal(tables: &[Compared]) -> std::result::Result<String, String> {
    let differ = tables.iter().filter(|table| !table.equal);
    let differ: Vec<String> = differ.map(|table| table.table.to_string()).collect();
    let rows: u64 = tables.iter().map(|table| table.restored_rows).sum();
    match (tables.len(), &differ[..]) {
        (0, _) => Err(NO_ROWS.into()),
        (n, []) => Ok(format!(
            "{} in {}, each equal to what was sealed, before it was committed",
            counted(rows, "row"),
            counted(n, "table")
        )),
        _ => Err(format!("differs: {}", differ.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_table_that_differs_is_a_no() {
        let table = |name: &str, equal| Compared {
            table: TableName::parse(name).unwrap(),
            sealed_rows: 1,
            restored_rows: 1,
            equal,
        };
        assert!(equal(&[]).is_err());
        assert!(equal(&[table("a.b", true)]).is_ok());
        let said = equal(&[table("a.b", true), table("a.c", false)]);
        assert_eq!(said, Err("differs: a.c".into()));
    }
}
