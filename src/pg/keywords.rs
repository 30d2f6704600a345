//! libpq's connection keywords: the variable that says the same, and what a connection string that
//! is set lets the environment say of it.

/// What a keyword decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// Which server, role or database. The connection string says it alone.
    Identifies,
    /// Which of several hosts. Of one host there is nothing to choose.
    ChoosesHost,
    /// A secret. The environment may add it; a connection string stands on command lines.
    Secret,
    /// How both sides prove who they are: TLS, GSSAPI, a file of passwords.
    Authenticates,
    /// Neither where to nor as whom.
    Harmless,
    /// What we say ourselves.
    Ours,
}

/// One keyword.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub name: &'static str,
    /// Empty where libpq has none.
    pub variable: &'static str,
    pub class: Class,
}

impl Keyword {
    /// Whether it may stand in a connection string of ours.
    pub(crate) fn allowed(&self) -> bool {
        !matches!(self.class, Class::Secret | Class::Ours)
    }
}

const fn keyword(name: &'static str, variable: &'static str, class: Class) -> Keyword {
    Keyword {
        name,
        variable,
        class,
    }
}

use Class::{Authenticates, ChoosesHost, Harmless, Identifies, Ours, Secret};

/// A keyword that a later libpq invents is refused in a connection string until somebody has looked
/// at it. `options` is ours since it would replace the read-only guard in `PGOPTIONS`, and
/// `client_encoding` since all is asked in UTF-8.
pub(crate) const KEYWORDS: &[Keyword] = &[
    keyword("host", "PGHOST", Identifies),
    keyword("hostaddr", "PGHOSTADDR", Identifies),
    keyword("port", "PGPORT", Identifies),
    keyword("user", "PGUSER", Identifies),
    keyword("dbname", "PGDATABASE", Identifies),
    keyword("service", "PGSERVICE", Identifies),
    keyword("target_session_attrs", "PGTARGETSESSIONATTRS", ChoosesHost),
    keyword("load_balance_hosts", "PGLOADBALANCEHOSTS", ChoosesHost),
    keyword("password", "PGPASSWORD", Secret),
    keyword("sslpassword", "", Secret),
    keyword("oauth_client_secret", "", Secret),
    keyword("scram_client_key", "", Secret),
    keyword("scram_server_key", "", Secret),
    keyword("channel_binding", "PGCHANNELBINDING", Authenticates),
    keyword("gssencmode", "PGGSSENCMODE", Authenticates),
    keyword("gsslib", "PGGSSLIB", Authenticates),
    keyword("krbsrvname", "PGKRBSRVNAME", Authenticates),
    keyword("passfile", "PGPASSFILE", Authenticates),
    keyword("require_auth", "PGREQUIREAUTH", Authenticates),
    keyword("requirepeer", "PGREQUIREPEER", Authenticates),
    keyword(
        "ssl_max_protocol_version",
        "PGSSLMAXPROTOCOLVERSION",
        Authenticates,
    ),
    keyword(
        "ssl_min_protocol_version",
        "PGSSLMINPROTOCOLVERSION",
        Authenticates,
    ),
    keyword("sslcert", "PGSSLCERT", Authenticates),
    keyword("sslcompression", "PGSSLCOMPRESSION", Authenticates),
    keyword("sslcrl", "PGSSLCRL", Authenticates),
    keyword("sslcrldir", "PGSSLCRLDIR", Authenticates),
    keyword("sslkey", "PGSSLKEY", Authenticates),
    keyword("sslmode", "PGSSLMODE", Authenticates),
    keyword("sslnegotiation", "PGSSLNEGOTIATION", Authenticates),
    keyword("sslrootcert", "PGSSLROOTCERT", Authenticates),
    keyword("sslsni", "PGSSLSNI", Authenticates),
    keyword("application_name", "PGAPPNAME", Harmless),
    keyword("connect_timeout", "PGCONNECT_TIMEOUT", Harmless),
    keyword("fallback_application_name", "", Harmless),
    keyword("keepalives", "", Harmless),
    keyword("keepalives_count", "", Harmless),
    keyword("keepalives_idle", "", Harmless),
    keyword("keepalives_interval", "", Harmless),
    keyword("tcp_user_timeout", "", Harmless),
    keyword("client_encoding", "PGCLIENTENCODING", Ours),
    keyword("options", "PGOPTIONS", Ours),
];

pub(crate) fn find(name: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|keyword| keyword.name == name)
}
