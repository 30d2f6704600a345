//! Rows of the artifact's COPY blocks into temporary tables, as they pass.
//!
//! Only rows reach the server, behind COPY statements of our own making: no statement of the artifact
//! is run, so a forged one can bring wrong rows and nothing else.

use crate::base::error::{Code, Error};
use crate::base::names::{TableName, literal, quoted};
use crate::pg::copy::CopyHeader;
use crate::pg::encoding::Encoding;
use crate::pg::entries::Entries;
use crate::pg::identifier::unquoted;
use crate::pg::lexer::Token;
use crate::pg::scan::{Listener, SqlByte};
use crate::process::flow::{Passed, StreamError};
use crate::undo::compared_table::ComparedTable;
use crate::undo::live_tables::LiveTable;
use crate::undo::loaded_table::{LoadedTable, SharedColumn};
use crate::undo::sealed_types::SealedTypes;
use crate::undo::session::{Mode, Session, Step};
use std::collections::BTreeMap;

/// The rows on their way: which tables they are loaded for.
pub(crate) struct Loader {
    encoding: Encoding,
    types: SealedTypes,
    tables: Vec<Loading>,
    /// By the relation that stored the rows.
    stored: BTreeMap<TableName, usize>,
    /// Rows pass, and are loaded.
    copying: bool,
}

struct Loading {
    loaded: LoadedTable,
    /// Names of the sealed columns as the first of its COPY statements has them, without quotes,
    /// and their names in the temporary table.
    names: Option<BTreeMap<Vec<u8>, String>>,
}

impl Loader {
    /// `tables`: those that are there. Rows of others pass by.
    pub(crate) fn new(tables: Vec<(ComparedTable, LiveTable)>, encoding: Encoding) -> Loader {
        let mut stored = BTreeMap::new();
        let tables = tables
            .into_iter()
            .enumerate()
            .map(|(number, (table, live))| {
                stored.extend(table.stored.iter().cloned().map(|name| (name, number)));
                let loaded = LoadedTable {
                    number,
                    table,
                    live,
                    columns: Vec::new(),
                    gone: Vec::new(),
                    keys: Vec::new(),
                };
                Loading {
                    loaded,
                    names: None,
                }
            });
        Loader {
            encoding,
            types: SealedTypes::default(),
            tables: tables.collect(),
            stored,
            copying: false,
        }
    }

    /// Ends what was loaded, makes the temporary tables of those that had no rows, and counts all of
    /// them for the planner.
    pub(crate) fn finish(mut self, session: &mut Session) -> Result<Vec<LoadedTable>, StreamError> {
        self.end_block(session)?;
        for loading in &mut self.tables {
            if loading.names.is_none() {
                let all = loading.loaded.live.columns.iter();
                let all = all.filter(|column| !column.generated);
                let all: Vec<Vec<u8>> = all.map(|column| column.spelled.clone()).collect();
                loading.create(&all, &self.types, session)?;
            }
        }
        for Loading { loaded, .. } in &self.tables {
            session.begin(Mode::Write)?;
            let step = Step::Rows(format!("it counted the rows of {}", loaded.table.name));
            session.run(step, &format!("ANALYZE {};\nCOMMIT;\n", loaded.sealed()))?;
        }
        let tables = self.tables.into_iter();
        Ok(tables.map(|loading| loading.loaded).collect())
    }

    fn end_block(&mut self, session: &mut Session) -> Passed {
        if std::mem::take(&mut self.copying) {
            session.write(b"COMMIT;\n")?;
            session.wait()?;
        }
        Ok(())
    }

    fn begin_block(
        &mut self,
        header: &CopyHeader,
        table: &TableName,
        session: &mut Session,
    ) -> Passed {
        self.end_block(session)?;
        let at = self.stored.get(table);
        let Some(loading) = at.and_then(|at| self.tables.get_mut(*at)) else {
            return Ok(());
        };
        let raw = header.columns.iter().map(|column| unquoted(column));
        let raw: Vec<Vec<u8>> = raw.collect();
        if loading.names.is_none() {
            loading.create(&raw, &self.types, session)?;
        }
        let names = loading.names.iter().flatten().count();
        let listed = raw
            .iter()
            .map(|name| loading.names.as_ref()?.get(name).map(|n| quoted(n)));
        let listed = listed.collect::<Option<Vec<String>>>();
        let Some(listed) = listed.filter(|listed| listed.len() == names) else {
            let what = format!(
                "the artifact's rows of `{table}` have other columns than those before them"
            );
            return Err(Error::new(Code::NotVerified, what).into());
        };
        let list = match &listed[..] {
            [] => String::new(),
            listed => format!(" ({})", listed.join(", ")),
        };
        session.begin(Mode::Write)?;
        let copy = format!(
            "COPY {}{list} FROM STDIN WITH (ENCODING {});\n",
            loading.loaded.sealed(),
            literal(self.encoding.as_str())
        );
        session.run(Step::Rows(format!("it loaded the rows of {table}")), &copy)?;
        self.copying = true;
        Ok(())
    }
}

impl Loading {
    /// Makes its temporary tables. `sealed`: the names of the sealed columns.
    fn create(&mut self, sealed: &[Vec<u8>], types: &SealedTypes, session: &mut Session) -> Passed {
        let loaded = &mut self.loaded;
        let mut names = BTreeMap::new();
        for column in &loaded.live.columns {
            let spelled = &column.spelled;
            if sealed.contains(spelled) {
                let sealed_type = types.other(&loaded.table.name, spelled, &column.type_name);
                names.insert(spelled.clone(), column.name.clone());
                loaded.columns.push(SharedColumn {
                    live: column.clone(),
                    sealed_type,
                });
            }
        }
        for name in sealed {
            if !names.contains_key(name) {
                names.insert(name.clone(), loaded.gone(loaded.gone.len()));
                loaded.gone.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        loaded.find_keys();
        self.names = Some(names);
        session.begin(Mode::Write)?;
        let step = Step::Names(format!(
            "it made temporary tables for {}",
            loaded.table.name
        ));
        session.run(step, &(loaded.create() + "COMMIT;\n"))
    }
}

/// Follows the scan of one piece of the dump.
pub(crate) struct Loads<'a> {
    pub loader: &'a mut Loader,
    pub session: &'a mut Session,
    pub entries: &'a mut Entries,
    /// What ended it.
    pub how: Passed,
}

impl Loads<'_> {
    fn go_on(&mut self, work: impl FnOnce(&mut Loader, &mut Session) -> Passed) {
        if self.how.is_ok() {
            self.how = work(self.loader, self.session);
        }
    }
}

impl Listener for Loads<'_> {
    fn sql(&mut self, _byte: SqlByte) {
        if self.loader.copying {
            self.go_on(Loader::end_block);
        }
    }

    fn token(&mut self, token: &Token) {
        self.entries.token(token);
        if let Token::Statement(text) = token {
            self.loader.types.statement(text);
        }
    }

    fn copy(&mut self, header: &CopyHeader, table: &TableName) {
        self.go_on(|loader, session| loader.begin_block(header, table, session));
    }

    fn rows(&mut self, bytes: &[u8]) {
        if self.loader.copying {
            self.go_on(|_, session| session.write(bytes));
        }
    }
}
