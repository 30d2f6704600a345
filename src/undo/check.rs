//! Which databases a backup's rows may be loaded in: the one that was backed up, a primary, reached
//! without a pooler, by a role that sees every row.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hints;
use crate::base::names::quoted;
use crate::pg;
use crate::pg::connection::Connection;
use crate::store::manifest::Manifest;
use crate::undo::live_tables::{LiveSession, LiveTable, LiveTables};
use std::collections::BTreeMap;

impl LiveTables {
    /// Refuses where rows cannot be loaded, or would not all be seen.
    pub(crate) fn check(&self, manifest: &Manifest, connection: &Connection) -> Result<()> {
        self.session.check(manifest)?;
        self.session.check_temporary(connection)?;
        self.check_tables(connection)
    }

    /// Refuses tables that the role may not read, or not all of.
    pub(crate) fn check_tables(&self, connection: &Connection) -> Result<()> {
        let unfit = self.tables.iter();
        let unfit = unfit.filter_map(|table| Some((table, self.session.unfit(table)?)));
        let unfit: Vec<(&LiveTable, String)> = unfit.collect();
        let told = unfit.iter();
        let told = told.map(|(table, what)| format!("table `{}` {what}", table.name));
        let (told, place) = (told.collect::<Vec<_>>(), self.session.place());
        let what = match &told[..] {
            [] => return Ok(()),
            [one] => format!("{one} ({place})"),
            many => format!(
                "{} tables cannot be compared ({place}): {}",
                many.len(),
                many.join("; ")
            ),
        };
        let mut hints = self.grants(connection);
        for (table, _) in unfit {
            if table.row_security {
                hints = hints.then(sees_every_row(table).as_str());
            }
        }
        Err(Error::new(Code::TableUnfit, what).hint(hints))
    }

    /// All rights that the role lacks to read them, in one statement for each owner.
    fn grants(&self, connection: &Connection) -> Hints {
        let user = quoted(&self.session.user);
        let mut grants: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for table in &self.tables {
            let rights = table.privileges;
            let schema = quoted(&table.name.schema);
            let lacks = [
                (!rights.usage, format!("USAGE ON SCHEMA {schema}")),
                (
                    !rights.select,
                    format!("SELECT ON {}", table.name.pattern()),
                ),
            ];
            let lacks = lacks.into_iter().filter(|(lacks, _)| *lacks);
            for sql in lacks.map(|(_, right)| format!("GRANT {right} TO {user};")) {
                let list = grants.entry(&table.owner).or_default();
                if !list.contains(&sql) {
                    list.push(sql);
                }
            }
        }
        let grants = grants.into_iter();
        grants.fold(Hints::default(), |hints, (owner, sql)| {
            let who = format!("As the owner, {}, or as a superuser:", quoted(owner));
            let run = connection.by_hand_as(owner, &self.session.database, &sql.join(" "));
            hints.then(who.as_str()).then(run)
        })
    }
}

impl LiveSession {
    /// Refuses a pooler, a standby and another database.
    pub(crate) fn check(&self, manifest: &Manifest) -> Result<()> {
        pg::session::check_options(self.options.as_deref())?;
        let (place, server) = (self.place(), &manifest.server);
        let (here, mark) = (&self.mark, manifest.mark.as_ref());
        if here.in_recovery {
            let what = format!("the server that answered is a standby ({place})");
            return Err(Error::new(Code::Database, what).hint(
                "Ask its primary. On a standby no temporary table can be made: there, restore into a \
                 side database and compare, see docs/undo-by-hand.md.",
            ));
        }
        let other_cluster = |known: &Option<String>| {
            let pair = known.as_ref().zip(here.system_identifier.as_ref());
            pair.is_some_and(|(known, here)| known != here)
        };
        let other = other_cluster(&server.system_identifier)
            || mark.is_some_and(|mark| other_cluster(&mark.system_identifier))
            || mark.is_some_and(|mark| mark.database_oid != here.database_oid)
            || mark.is_none() && server.database != self.database;
        if other {
            let what = format!(
                "this is not the database that was backed up ({place}; the backup is of `{}`)",
                server.database
            );
            return Err(Error::new(Code::Database, what).hint(
                "Name the database that the backup was taken of: --dbname. A copy of it, restored \
                 or cloned, is another one.",
            ));
        }
        Ok(())
    }

    fn check_temporary(&self, connection: &Connection) -> Result<()> {
        if self.temporary {
            return Ok(());
        }
        let (user, database) = (&self.user, &self.database);
        let what = format!(
            "the role {} may not create temporary tables in `{database}`, and the backup's rows \
             are compared in some",
            quoted(user)
        );
        let grant = format!(
            "GRANT TEMPORARY ON DATABASE {} TO {};",
            quoted(database),
            quoted(user)
        );
        let owner = &self.database_owner;
        let who = format!(
            "As the owner of the database, {}, or as a superuser:",
            quoted(owner)
        );
        Err(Error::new(Code::Database, what)
            .hint(Hints::from(who).then(connection.by_hand_as(owner, database, &grant))))
    }

    fn unfit(&self, table: &LiveTable) -> Option<String> {
        let (user, rights) = (quoted(&self.user), table.privileges);
        if !rights.usage {
            return Some(format!(
                "cannot be read: role {user} has no USAGE on its schema"
            ));
        }
        if !rights.select {
            return Some(format!("cannot be read: role {user} has no SELECT on it"));
        }
        let hides = || format!("has row security that would hide rows from role {user}");
        table.row_security.then(hides)
    }
}

fn sees_every_row(table: &LiveTable) -> String {
    format!(
        "Connect as a role that sees every row: its owner, {}, where it does not force its row \
         security upon the owner, or one with BYPASSRLS.",
        quoted(&table.owner)
    )
}
