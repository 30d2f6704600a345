//! Who restores into a throw-away cluster, and in whose name.
//!
//! A superuser's SQL is as good as a shell. What nobody vouches for is restored by a role that is
//! none: it owns the database, and is a member of the roles that the dump names, all without any
//! power of their own.

use crate::base::error::Result;
use crate::base::names::literal;
use crate::base::random;

/// Names that no dump can know: one that named the superuser would be given its rights.
pub(crate) struct Names {
    pub superuser: String,
    pub restorer: String,
}

/// What the role that restores may do.
#[derive(Clone, Copy)]
pub(crate) enum Rights {
    Superuser,
    Ordinary,
}

impl Names {
    pub(crate) fn random() -> Result<Names> {
        let random = hex::encode(random::bytes::<8>()?);
        Ok(Names {
            superuser: format!("pgseal_super_{random}"),
            restorer: format!("pgseal_restorer_{random}"),
        })
    }

    /// Makes the restorer. Its rows are counted whatever the row security of the tables.
    pub(crate) fn restorer(&self, rights: Rights) -> String {
        let rights = match rights {
            Rights::Superuser => "SUPERUSER",
            Rights::Ordinary => "NOSUPERUSER",
        };
        format!("CREATE ROLE {} LOGIN BYPASSRLS {rights};\n", self.restorer)
    }

    /// Makes the roles that are not there. A role of the server's own is not given to the
    /// restorer: some may run programs. The names are the manifest's, so anybody's: they are data
    /// here, and the server quotes them.
    pub(crate) fn roles(&self, names: &[String], database: &str) -> String {
        let restorer = &self.restorer;
        let names = literal(&serde_json::json!(names).to_string());
        format!(
            "SET client_min_messages = error;\n\
             SELECT set_config('pgseal.roles', {names}, false);\n\
             DO $$\n\
             DECLARE name text;\n\
             BEGIN\n\
             FOR name IN SELECT DISTINCT * FROM json_array_elements_text(current_setting('pgseal.roles')::json) LOOP\n\
               CONTINUE WHEN name IN ('', 'public', 'none') OR name ~ '^pg_'\n\
                 OR EXISTS (SELECT FROM pg_roles WHERE rolname = name);\n\
               EXECUTE format('CREATE ROLE %I NOLOGIN', name);\n\
               EXECUTE format('GRANT %I TO {restorer}', name);\n\
               EXECUTE format('GRANT CREATE ON DATABASE {database} TO %I', name);\n\
               EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', name);\n\
               EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE {restorer} GRANT USAGE, CREATE ON SCHEMAS TO %I', name);\n\
             END LOOP;\n\
             END $$;\n"
        )
    }

    /// Nothing in a script but SQL.
    pub(crate) fn restricted(&self, script: &str) -> String {
        let token = &self.restorer;
        format!("\\restrict {token}\nSET standard_conforming_strings = on;\n{script}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_data() {
        let names = Names::random().unwrap();
        let hostile = "a'; \\! id\n\0\"".to_string();
        let script = names.roles(&[hostile], "d");
        let expected = r#"set_config('pgseal.roles', '["a''; \\! id\n\u0000\""]', false)"#;
        assert!(script.contains(expected), "{script}");
    }
}
