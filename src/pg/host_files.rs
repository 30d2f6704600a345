//! What a connection says of files of this host, which a container does not see.

use crate::base::env::Env;
use crate::base::error::{Code, Error, Result};
use crate::pg::conninfo::ConnInfo;
use crate::pg::container::{Container, Engine};
use crate::pg::keywords::KEYWORDS;

/// Variables and keywords that name a file of the host, or a service that such a file defines.
const FILES: &[&str] = &[
    "passfile",
    "service",
    "sslcert",
    "sslcrl",
    "sslcrldir",
    "sslkey",
    "sslrootcert",
];
const FILE_VARIABLES: &[&str] = &["PGSERVICEFILE", "PGSYSCONFDIR", "PGLOCALEDIR"];

impl Container {
    /// Refuses what means something else inside than out here, or would stand in a command line.
    pub(crate) fn check(&self, env: &Env, info: Option<&ConnInfo>) -> Result<()> {
        let refused = |what: String, hint: &str| Err(Error::new(Code::Setting, what).hint(hint));
        let of_file = |keyword: &str| FILES.contains(&keyword);
        let variables = KEYWORDS.iter().filter(|keyword| of_file(keyword.name));
        let variables = variables.map(|keyword| keyword.variable);
        let mut variables = variables.chain(FILE_VARIABLES.iter().copied());
        if let Some(set) = variables.find(|name| env.value(name).is_some()) {
            return refused(
                format!(
                    "{set} is set, and the container `{}` does not see files of this host",
                    self.name
                ),
                "Unset it: a password file or TLS files must be in the container, in the home of the user there.",
            );
        }
        if self.engine == Engine::Kubectl && env.value("PGPASSWORD").is_some() {
            return refused(
                "PGPASSWORD is set, and kubectl could only pass it on in a command line".into(),
                "Unset it, and put the password into ~/.pgpass inside the container.",
            );
        }
        // By its name a session is found that must be ended.
        let ours = ["application_name"].into_iter();
        let mut all = FILES.iter().copied().chain(ours);
        let said = all.find(|keyword| info.is_some_and(|info| info.get(keyword).is_some()));
        if said == Some("application_name") {
            return refused(
                "the connection string says `application_name`, which is ours in a container"
                    .into(),
                "Leave it out.",
            );
        }
        if let Some(keyword) = said {
            return refused(
                format!(
                    "the connection string says `{keyword}`, and the container `{}` does not see files of this host",
                    self.name
                ),
                "Leave it out, or run without --container.",
            );
        }
        Ok(())
    }
}
