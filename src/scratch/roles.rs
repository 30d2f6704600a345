//! Who restores into a throw-away cluster, and in whose name.
//!
//! A superuser's SQL is as good as a shell. What nobody vouches for is restored by a role that is
//! none: it owns the database, and is a member of the roles that the dump names, all without any
//! power of their own.

use crate::error::Result;
use crate::names::quoted;
use crate::random;

/// Names that no dump can know: one that named the superuser would be given its rights.
pub(super) struct Names {
    pub superuser: String,
    pub restorer: String,
}

impl Names {
    pub(super) fn random() -> Result<Names> {
        let random = hex::encode(random::bytes::<8>()?);
        Ok(Names {
            superuser: format!("pgseal_super_{random}"),
            restorer: format!("pgseal_restorer_{random}"),
        })
    }

    /// Makes the restorer; `trusted`: with a superuser's rights. Its rows are counted whatever
    /// the row security of the tables.
    pub(super) fn restorer(&self, trusted: bool) -> String {
        let rights = match trusted {
            true => "SUPERUSER",
            false => "NOSUPERUSER",
        };
        format!("CREATE ROLE {} LOGIN BYPASSRLS {rights};\n", self.restorer)
    }

    /// Makes the roles that are not there. A role of the server's own is there, and is not given
    /// to the restorer: some may run programs.
    pub(super) fn roles(&self, names: &[String], database: &str) -> String {
        let restorer = &self.restorer;
        let mut script = String::from("SET client_min_messages = error;\n");
        for name in names {
            let literal = name.replace('\\', "\\\\").replace('\'', "''");
            let role = quoted(name);
            script += &format!(
                "SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = E'{literal}') AS new \\gset\n\
                 \\if :new\n\
                 CREATE ROLE {role} NOLOGIN;\n\
                 GRANT {role} TO {restorer};\n\
                 GRANT CREATE ON DATABASE {database} TO {role};\n\
                 GRANT USAGE, CREATE ON SCHEMA public TO {role};\n\
                 ALTER DEFAULT PRIVILEGES FOR ROLE {restorer} GRANT USAGE, CREATE ON SCHEMAS TO {role};\n\
                 \\endif\n"
            );
        }
        script
    }
}
