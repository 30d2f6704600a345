//! Which databases a backup's rows may be loaded in: the one that was backed up, a primary, reached
//! without a pooler, by a role that sees every row.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hints;
use crate::base::names::quoted;
use crate::pg;
use crate::pg::connection::Connection;
use crate::store::manifest::Manifest;
use crate::undo::live_tables::{LiveSession, LiveTable, LiveTables};

impl LiveTables {
    /// Refuses where rows cannot be loaded, or would not all be seen.
    pub(crate) fn check(&self, manifest: &Manifest, connection: &Connection) -> Result<()> {
        self.session.check(manifest)?;
        self.session.check_temporary(connection)?;
        self.check_tables(connection)
    }

    /// Refuses a table that the role may not read, or not all of.
    pub(crate) fn check_tables(&self, connection: &Connection) -> Result<()> {
        let mut unfit = self.tables.iter().filter_map(|table| {
            let (what, hints) = self.session.unfit(table, connection)?;
            let what = format!("table `{}` {what} ({})", table.name, self.session.place());
            Some(Error::new(Code::TableUnfit, what).hint(hints))
        });
        unfit.next().map_or(Ok(()), Err)
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
            "the role {user} may not create temporary tables in `{database}`, and the backup's rows \
             are compared in some"
        );
        let grant = format!(
            "GRANT TEMPORARY ON DATABASE {} TO {};",
            quoted(database),
            quoted(user)
        );
        Err(Error::new(Code::Database, what).hint(
            Hints::from("As the owner of the database, or as a superuser:")
                .then(connection.by_hand(&grant)),
        ))
    }

    /// What is wrong, and what mends it.
    fn unfit(&self, table: &LiveTable, connection: &Connection) -> Option<(String, Hints)> {
        let (user, rights) = (quoted(&self.user), table.privileges);
        let by_owner = |sql: &str| {
            Hints::from(format!(
                "As its owner, {}, or as a superuser:",
                quoted(&table.owner)
            ))
            .then(connection.by_hand_as(&table.owner, &self.database, sql))
        };
        if !rights.usage {
            let what = format!("cannot be read: role {user} has no USAGE on its schema");
            let grant = format!(
                "GRANT USAGE ON SCHEMA {} TO {user};",
                quoted(&table.name.schema)
            );
            return Some((what, by_owner(&grant)));
        }
        if !rights.select {
            let what = format!("cannot be read: role {user} has no SELECT on it");
            let grant = format!("GRANT SELECT ON {} TO {user};", table.name.pattern());
            return Some((what, by_owner(&grant)));
        }
        table.row_security.then(|| {
            let what = format!("has row security that would hide rows from role {user}");
            let hint = format!(
                "Connect as a role that sees every row: its owner, {}, where it does not force its row \
                 security upon the owner, or one with BYPASSRLS.",
                quoted(&table.owner)
            );
            (what, Hints::from(hint))
        })
    }
}
