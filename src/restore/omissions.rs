//! What a restore leaves out: statements about what the target lacks, or what is not the backup's.

use crate::base::names::TableName;
use crate::pg::closure::ExternalReference;
use crate::pg::identifier::{Word, identifier, qualified, relation, words};
use crate::restore::missing::{MissingDependency, WhyMissing};
use crate::restore::statement::{Dependent, DependentKind, Statement};
use std::collections::{BTreeMap, BTreeSet};

/// What is declared by the manifest, missing in the target, and can be left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Omissions {
    /// Of whom no privilege is restored.
    grantees: BTreeSet<String>,
    owners: BTreeSet<String>,
    tablespaces: BTreeSet<String>,
    /// With what each needs.
    dependents: BTreeMap<Dependent, String>,
    /// Tables and indexes whose parent is missing, with its name.
    partitions: BTreeMap<TableName, String>,
    /// All settings of a target that is older than the dump, before its first entry; else None, and
    /// no setting is left out.
    settings: Option<BTreeSet<String>>,
}

/// Why a statement is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Omission {
    pub why: String,
    /// The other statements of the same entry of the dump go with it.
    pub entry: bool,
}

impl Omissions {
    /// Notes that what needs this reference is to be left out. False where nothing can be: a
    /// default, a check or a type of the table itself needs it.
    pub(crate) fn add(&mut self, missing: &MissingDependency<'_>) -> bool {
        let reference = missing.reference;
        let (name, by) = (&reference.name, &reference.needed_by);
        if reference.kind == "role" {
            // Where there is no such role, no statement may name it.
            let role_exists = missing.why == WhyMissing::OwnedForOthers;
            let grantees = role_exists || insert(&mut self.grantees, name);
            if !(grantees && insert(&mut self.owners, name)) {
                return false;
            }
        }
        match (dependent(by), reference.kind.as_str()) {
            // A partition's constraint comes with its parent's.
            (Some(object), "partitioned_table") if object.kind == DependentKind::Constraint => {
                return true;
            }
            // Any other is a part of its table's definition.
            (Some(object), kind)
                if object.kind == DependentKind::Constraint && kind != "foreign_key" =>
            {
                return false;
            }
            (Some(object), _) => {
                self.dependents.insert(object, needs(reference));
                return true;
            }
            (None, _) => {}
        }
        match reference.kind.as_str() {
            "role" => by.starts_with("owner of ") || by.starts_with("privileges on "),
            "tablespace" => insert(&mut self.tablespaces, name),
            "partitioned_table" => match by.split_once(' ') {
                Some(("table" | "index", partition)) => match relation(partition) {
                    Some(partition) => {
                        self.partitions.insert(partition, needs(reference));
                        true
                    }
                    None => false,
                },
                _ => false,
            },
            _ => false,
        }
    }

    /// Leaves out each setting of the dump's head that is none of these: where the target does not know
    /// it, it has no effect there.
    pub(crate) fn with_settings_of(self, target: &[String]) -> Omissions {
        let known = target.iter().map(|name| name.to_ascii_lowercase());
        Omissions {
            settings: Some(known.collect()),
            ..self
        }
    }

    /// What is set from here on is set for an object, and must be known.
    pub(crate) fn head_is_over(&mut self) {
        self.settings = None;
    }

    pub(crate) fn find(&self, statement: &Statement) -> Option<Omission> {
        let of_object = |found: Option<&String>| {
            let why = found?.clone();
            Some(Omission { why, entry: true })
        };
        let of_role = |what: &str, role: &String, missing: &BTreeSet<String>| {
            missing.contains(role).then(|| Omission {
                why: format!("{what} {role}"),
                entry: false,
            })
        };
        match statement {
            Statement::Create(object) | Statement::About(object) => {
                of_object(self.dependents.get(object))
            }
            Statement::AttachTable(partition) | Statement::AttachIndex(partition) => {
                of_object(self.partitions.get(partition))
            }
            Statement::OwnerTo(role) => of_role("owner", role, &self.owners),
            Statement::Privileges {
                of_relation: false, ..
            } => Some(Omission {
                why: "privileges on what is not the backup's".into(),
                entry: false,
            }),
            Statement::Privileges { role, .. } => of_role("privileges of", role, &self.grantees),
            Statement::Setting(name) => {
                let unknown = !self.settings.as_ref()?.contains(name);
                unknown.then(|| Omission {
                    why: "a setting that the target does not know".into(),
                    entry: false,
                })
            }
            _ => None,
        }
    }

    pub(crate) fn lacks_tablespace(&self, name: &str) -> bool {
        self.tablespaces.contains(name)
    }
}

/// A name that cannot be read is not left out.
fn insert(names: &mut BTreeSet<String>, name: &str) -> bool {
    let name = identifier(name);
    let known = name.is_some();
    names.extend(name);
    known
}

fn needs(reference: &ExternalReference) -> String {
    format!("needs {}", reference.told())
}

/// `table constraint c on public.t`, `policy "P" on public.t`, as `pg_identify_object` tells it.
fn dependent(needed_by: &str) -> Option<Dependent> {
    let words = words(needed_by);
    let words = match &words[..] {
        [table, rest @ ..] if table.is("table") && rest.len() == 6 => rest,
        words => words,
    };
    match words {
        [Word::Bare(kind), name, on, table @ ..] if on.is("on") && table.len() == 3 => {
            Some(Dependent {
                kind: DependentKind::parse(kind)?,
                name: name.identifier()?.to_string(),
                table: qualified(table)?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::cases::each;
    use crate::restore::statement::read;

    fn add(omissions: &mut Omissions, kind: &str, name: &str, needed_by: &str) -> bool {
        let reference = serde_json::json!({"kind": kind, "name": name, "needed_by": needed_by});
        omissions.add(&MissingDependency {
            reference: &serde_json::from_value(reference).unwrap(),
            why: WhyMissing::Absent,
        })
    }

    fn omissions(references: &[(&str, &str, &str)]) -> Omissions {
        let mut omissions = Omissions::default();
        for (kind, name, needed_by) in references {
            assert!(add(&mut omissions, kind, name, needed_by), "{needed_by}");
        }
        omissions
    }

    #[test]
    fn what_needs_what_is_missing() {
        let omissions = omissions(&[
            (
                "foreign_key",
                "public.users",
                "table constraint \"C\" on public.t",
            ),
            ("function", "public.f()", "trigger g on public.t"),
            ("table", "public.members", "policy p on public.\"T on\""),
            ("role", "boss", "owner of table public.t"),
            ("role", "\"it's me\"", "privileges on table public.t"),
            ("partitioned_table", "public.p", "table public.t"),
            ("partitioned_table", "public.p_pkey", "index public.t_pkey"),
            (
                "partitioned_table",
                "public.p",
                "table constraint t_pkey on public.t",
            ),
            ("tablespace", "fast", "table public.t"),
        ]);
        each(
            [
                (
                    "ALTER TABLE ONLY public.t ADD CONSTRAINT \"C\" FOREIGN KEY (a) REFERENCES public.users(a)",
                    Some("needs table public.users"),
                ),
                (
                    "COMMENT ON CONSTRAINT \"C\" ON public.t IS 'x'",
                    Some("needs table public.users"),
                ),
                (
                    "CREATE TRIGGER g BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()",
                    Some("needs function public.f()"),
                ),
                (
                    "CREATE TRIGGER h BEFORE INSERT ON public.t FOR EACH ROW EXECUTE FUNCTION public.f()",
                    None,
                ),
                (
                    "CREATE POLICY p ON public.\"T on\" USING (true)",
                    Some("needs table public.members"),
                ),
                ("CREATE POLICY p ON public.t USING (true)", None),
                (
                    "ALTER TABLE ONLY public.p ATTACH PARTITION public.t DEFAULT",
                    Some("needs table public.p"),
                ),
                (
                    "ALTER INDEX public.p_pkey ATTACH PARTITION public.t_pkey",
                    Some("needs table public.p_pkey"),
                ),
                ("ALTER TABLE public.t OWNER TO boss", Some("owner boss")),
                (
                    "GRANT ALL ON TABLE public.t TO \"it's me\"",
                    Some("privileges of it's me"),
                ),
                (
                    "GRANT ALL ON TABLE public.t TO boss",
                    Some("privileges of boss"),
                ),
                (
                    "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
                    Some("privileges on what is not the backup's"),
                ),
            ],
            |(sql, why)| {
                let found = omissions.find(&read(sql)).map(|omission| omission.why);
                assert_eq!(found.as_deref(), why, "{sql}");
            },
        );
        assert!(omissions.lacks_tablespace("fast"));
    }

    #[test]
    fn a_setting_is_left_out_at_the_head_alone_and_where_it_is_unknown() {
        let find = |omissions: &Omissions, sql| omissions.find(&read(sql)).is_some();
        let (known, unknown) = ("SET timezone = 'UTC'", "SET transaction_timeout = 0");
        let mut older = Omissions::default().with_settings_of(&["TimeZone".into()]);
        assert!(!find(&older, known) && find(&older, unknown));
        older.head_is_over();
        assert!(!find(&older, unknown) && !find(&Omissions::default(), unknown));
    }

    #[test]
    fn what_the_table_itself_needs_stays() {
        each(
            [
                ("type", "table public.t"),
                ("table", "table public.t"),
                ("function", "default value for public.t.x"),
                ("function", "table constraint c on public.t"),
                ("role", "public.t"),
                ("partitioned_table", "view public.v"),
            ],
            |(kind, by)| {
                let added = add(&mut Omissions::default(), kind, "public.x", by);
                assert!(!added, "{kind} {by}");
            },
        );
    }
}
