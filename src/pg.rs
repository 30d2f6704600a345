//! PostgreSQL: the argv of its tools, conninfo, catalog, the plain dump as it passes.

pub(crate) mod catalog;
pub(crate) mod closure;
pub(crate) mod command;
pub(crate) mod connection;
pub(crate) mod conninfo;
pub(crate) mod conninfo_syntax;
pub(crate) mod copy;
pub(crate) mod encoding;
pub(crate) mod fitness;
pub(crate) mod identifier;
pub(crate) mod keywords;
pub(crate) mod lexer;
pub(crate) mod mark;
pub(crate) mod partition_root;
pub(crate) mod place;
pub(crate) mod prelude;
pub(crate) mod row_digest;
pub(crate) mod scan;
pub(crate) mod server;
pub(crate) mod server_error;
pub(crate) mod server_hint;
pub(crate) mod service_file;
pub(crate) mod session;
pub(crate) mod surroundings;
pub(crate) mod table_digest;
pub(crate) mod token;
