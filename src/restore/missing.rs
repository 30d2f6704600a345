//! What the manifest declares and the target lacks: refused with its remedies, or left out.

use crate::base::error::{Code, Error, Result};
use crate::base::names::quoted;
use crate::base::text::plain;
use crate::base::text::shell_word;
use crate::pg::closure::ExternalReference;
use crate::pg::identifier::{identifier, relation};
use crate::restore::omissions::Omissions;
use crate::restore::run::RestoreOptions;
use std::collections::BTreeSet;

/// One reference that the target does not serve.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MissingDependency<'a> {
    pub(crate) reference: &'a ExternalReference,
    pub(crate) why: WhyMissing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhyMissing {
    Absent,
    /// It needs the tables that need it, so it cannot be there before them.
    RestsOnTheTables,
    /// It is there: an owner for whom the restoring role may not act.
    OwnedForOthers,
}

/// Kinds of which pg_dump has the definition by name.
const RELATIONS: &[&str] = &[
    "foreign_key",
    "table",
    "view",
    "materialized_view",
    "foreign_table",
    "sequence",
];

/// The statement that makes it, or what to do.
fn remedy(MissingDependency { reference, why }: &MissingDependency<'_>) -> String {
    // The manifest may be anybody's: only what is one name may stand in SQL or in a command that is
    // copied, and nothing in a line of its own.
    let name = plain(&reference.name);
    let spelt = identifier(&name).map(|name| quoted(&name));
    let (told, by) = (plain(&reference.told()), plain(&reference.needed_by));
    match (reference.kind.as_str(), spelt) {
        ("role", _) if *why == WhyMissing::OwnedForOthers => {
            format!("restore as a member of the role {name}, or as a superuser")
        }
        ("role", Some(name)) => format!("CREATE ROLE {name} NOLOGIN;"),
        ("schema", Some(name)) => format!("CREATE SCHEMA {name};"),
        ("tablespace", Some(name)) => format!("CREATE TABLESPACE {name} LOCATION '…';"),
        ("extension", _) => {
            format!("install the package of the extension {name} on the target's host")
        }
        ("locale", _) => format!(
            "make the locale {name} on the server's host (Debian: apt-get install locales, \
             dpkg-reconfigure locales)"
        ),
        ("search_path", _) => format!(
            "the search_path of a restore is empty: where it was backed up, ALTER the {by} SET \
             search_path = …, or name the schema in its body, and back it up again"
        ),
        ("partitioned_table", _) => {
            format!("restore with --skip-external where there is no {name}, and attach it by hand")
        }
        _ if *why == WhyMissing::RestsOnTheTables => format!(
            "the {told} itself needs these tables: create it behind them and before the {by}, by \
             hand (docs/what-a-backup-proves.md)"
        ),
        (kind, _) => match relation(&name).filter(|_| RELATIONS.contains(&kind)) {
            Some(table) => format!(
                "bring the {told} first, from its own backup or by pg_dump --schema-only --table={}",
                shell_word(&table.pattern())
            ),
            None => format!("create the {told}"),
        },
    }
}

/// What only something that is left out needs need not be there either: the schema of a trigger's
/// function, where the trigger is left out.
fn leave_out_with<'a>(
    missing: &'a [MissingDependency<'a>],
    refused: &mut Vec<&'a MissingDependency<'a>>,
) {
    let named = |d: &MissingDependency| {
        format!(
            "{} {}",
            d.reference.kind.replace('_', " "),
            d.reference.name
        )
    };
    loop {
        let kept: BTreeSet<String> = refused.iter().map(|d| named(d)).collect();
        let left_out: BTreeSet<String> = missing.iter().map(named).collect();
        let before = refused.len();
        refused.retain(|d| {
            let by = &d.reference.needed_by;
            !left_out.contains(by) || kept.contains(by)
        });
        if refused.len() == before {
            return;
        }
    }
}

/// Found by nothing but the text of a function that is not missing itself: it may be another thing of
/// that name, and whether the function needs it is seen when it runs.
fn is_guessed(missing: &[MissingDependency<'_>], dependency: &MissingDependency<'_>) -> bool {
    let MissingDependency { reference, .. } = dependency;
    let (kind, by) = (reference.kind.as_str(), &reference.needed_by);
    (kind == "search_path" || RELATIONS.contains(&kind))
        && ["function ", "procedure "]
            .iter()
            .any(|of| by.starts_with(of))
        && !missing.iter().any(|other| other.reference.told() == *by)
}

/// Refuses what is missing, or turns it into what is left out.
pub(crate) fn resolve(
    missing: &[MissingDependency<'_>],
    options: RestoreOptions,
) -> Result<Omissions> {
    let mut omissions = Omissions::default();
    let mut refused: Vec<&MissingDependency<'_>> = Vec::new();
    for dependency in missing {
        if !omissions.add(dependency) && !is_guessed(missing, dependency) {
            refused.push(dependency);
        }
    }
    leave_out_with(missing, &mut refused);
    let skipping_helps = refused.is_empty();
    if !options.skip_external {
        refused = missing.iter().collect();
    }
    let Some(first) = refused.first() else {
        return Ok(omissions);
    };
    let more = match refused.len() {
        1 => String::new(),
        n => format!(" (and {} more)", n - 1),
    };
    let MissingDependency { reference, why } = first;
    let (name, by) = (&reference.name, &reference.needed_by);
    let what = if *why == WhyMissing::OwnedForOthers {
        format!("the restoring role may not act for {name}, the {by}{more}")
    } else {
        let told = reference.told();
        format!("the target has no {told}, which {by} needs{more}")
    };
    let mut remedies: Vec<String> = refused
        .iter()
        .map(|dependency| remedy(dependency))
        .collect();
    remedies.sort();
    remedies.dedup();
    // The host's packages and locales are not the backup's to bring.
    let hosts = |missing: &MissingDependency| {
        ["extension", "locale"].contains(&missing.reference.kind.as_str())
    };
    if options.proof && !refused.iter().all(|dependency| hosts(dependency)) {
        let what = format!("it does not come back by itself: {what}");
        let rest =
            "Take the backup with its prelude, or restore into a database that has the rest:";
        let hint = format!("{rest} {}", remedies.join("; "));
        return Err(Error::new(Code::NotVerified, what).hint(hint));
    }
    if skipping_helps {
        remedies.push(
            "or leave out what needs it (foreign keys, attachments, triggers, policies, rules, owners, privileges, tablespaces): --skip-external".into(),
        );
        if missing
            .iter()
            .any(|dependency| is_guessed(missing, dependency))
        {
            remedies.push(
                "where a function only seems to need it, which is known by the text of its body \
                 alone, --skip-external goes on as well"
                    .into(),
            );
        }
    }
    Err(Error::new(Code::Database, what).hint(remedies.join("\n      ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;

    #[test]
    fn a_hint_holds_no_sql_of_the_manifest() {
        let told = |kind: &str, name: &str| {
            let reference = serde_json::json!({
                "kind": kind, "name": name, "needed_by": "public.a", "status": "", "detail": ""
            });
            let reference: ExternalReference = serde_json::from_value(reference).unwrap();
            remedy(&MissingDependency {
                reference: &reference,
                why: WhyMissing::Absent,
            })
        };
        assert_eq!(told("role", "app"), "CREATE ROLE \"app\" NOLOGIN;");
        assert_eq!(
            told("role", "\"a\"\"; b\""),
            "CREATE ROLE \"a\"\"; b\" NOLOGIN;"
        );
        let hostile = "x SUPERUSER LOGIN PASSWORD 'a'; --";
        each(["role", "tablespace"], |kind| {
            assert!(!told(kind, hostile).contains("CREATE"), "{kind}");
        });
        assert!(!told("function", "f()\nDROP TABLE x;").contains('\n'));
    }
}
