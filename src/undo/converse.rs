//! An artifact's rows into temporary tables of one session, and a conversation with that session.
//!
//! ```text
//!  artifact ──feed──▶ gpg ──pipe──▶ tap ──pipe──▶ psql ──▶ answers
//!            hash      decrypts      inflate, hash, scan;     │
//!                                    rows; then the talk ◀────┘
//! ```

use crate::base::error::{Code, Error, Result};
use crate::base::random;
use crate::gnupg::compression::Compression;
use crate::pg;
use crate::pg::connection::Connection;
use crate::pg::encoding::Encoding;
use crate::pg::entries::Entries;
use crate::pg::session::WrittenUnder;
use crate::process::find::Tool;
use crate::process::flow::{Passed, StreamError, Tap};
use crate::process::pipe::pipe;
use crate::process::status_lines::StatusLines;
use crate::report::findings::Findings;
use crate::store::manifest::Manifest;
use crate::undo::answer_reader::AnswerReader;
use crate::undo::compared_table::ComparedTable;
use crate::undo::failure;
use crate::undo::live_tables::{LiveTable, LiveTables};
use crate::undo::load::{Loader, Loads};
use crate::undo::loaded_table::LoadedTable;
use crate::undo::session::{Session, SessionStart, Steps};
use crate::verify::dump_source::{DumpSource, Opened};
use crate::verify::plaintext::{Content, Inflate, plaintext_of};
use crate::verify::with_key::judge_content;
use std::io::PipeWriter;

/// What a verb asks the session. It runs in the pipe's thread, and holds the answers when it comes back.
pub(crate) trait Conversation: Send + 'static {
    /// Receives the random token of the dump, before `talk` is called.
    fn hear_token(&mut self, _token: &[u8]) {}

    /// Called once all rows are loaded, committed into temporary tables and counted, and the artifact
    /// was found to be what was sealed. No transaction is open then; one that is open when it returns is
    /// rolled back. Its own errors are shown as they are; where psql went away, psql's error is shown.
    fn talk(&mut self, session: &mut Session, tables: &[LoadedTable]) -> Passed;
}

/// A conversation that came to its end.
pub(crate) struct Conversed<C> {
    pub conversation: C,
    /// What was proved of the artifact on the way.
    pub findings: Findings,
    /// What the artifact defines.
    pub entries: Entries,
}

/// What a conversation is about.
pub(crate) struct Subject<'a> {
    pub manifest: &'a Manifest,
    pub dump: &'a DumpSource<'a>,
    pub connection: &'a Connection,
    pub live: &'a LiveTables,
    /// Of these, tables that are not in `live` are not loaded.
    pub tables: Vec<ComparedTable>,
}

/// Loads the rows, and runs the conversation. The caller adds to an error what is on disk and in the
/// database.
pub(crate) fn converse<C: Conversation>(
    subject: Subject<'_>,
    conversation: C,
) -> Result<Conversed<C>> {
    let Subject {
        manifest,
        dump,
        connection,
        live,
        tables,
    } = subject;
    let compression = Compression::parse(&manifest.compression)
        .map_err(|why| Error::new(Code::NotVerified, format!("the manifest: {why}")))?;
    // A database without an encoding would refuse to send what is no UTF-8.
    let encoding = Encoding::for_database(&live.session.encoding);
    let under = WrittenUnder {
        encoding,
        lc_monetary: manifest.lc_monetary(),
    };
    let token = hex::encode(random::bytes::<16>()?);
    let (reader, answers) = AnswerReader::new(&token);
    let steps = Steps::default();
    let found = |table: ComparedTable| {
        let live = live.find(&table.name)?.clone();
        Some((table, live))
    };
    let tables: Vec<(ComparedTable, LiveTable)> = tables.into_iter().filter_map(found).collect();
    let tap = LoadTap {
        opened: dump.opened,
        inflate: plaintext_of(compression)?,
        content: Some(Content::new(manifest, &dump.meter)),
        loader: Some(Loader::new(tables, manifest.plaintext.encoding)),
        start: Some(SessionStart {
            token,
            pinned: pg::session::restoring(under, &live.session.user),
            lock_wait: connection.lock_wait,
            answers,
            steps: steps.clone(),
        }),
        manifest: manifest.clone(),
        status: StatusLines::default(),
        findings: Findings::default(),
        entries: Entries::default(),
        conversation,
    };
    let psql = connection.tool(Tool::Psql)?;
    let psql = pg::command::undoer(&psql, connection, encoding);
    let piped = pipe(
        dump.source()?,
        [&dump.spec, &psql],
        tap,
        reader,
        dump.cancel,
    );
    if let Some(error) = failure::of(&piped, &steps, dump.opened) {
        return Err(error);
    }
    match piped.tap {
        Some((tap, Ok(()))) => Ok(Conversed {
            conversation: tap.conversation,
            findings: tap.findings,
            entries: tap.entries,
        }),
        _ => Err(Error::new(
            Code::StageFailed,
            "the stream was not read to its end",
        )),
    }
}

/// Between gpg and psql.
pub(crate) struct LoadTap<C> {
    opened: Opened,
    inflate: Inflate,
    /// None once it was read to its end.
    content: Option<Content>,
    /// None once all is loaded.
    loader: Option<Loader>,
    /// None once the session is begun.
    start: Option<SessionStart>,
    manifest: Manifest,
    status: StatusLines,
    findings: Findings,
    entries: Entries,
    conversation: C,
}

fn rejected(why: impl std::fmt::Display) -> StreamError {
    let what = format!("the artifact cannot be compared: {why}");
    Error::new(Code::NotVerified, what).into()
}

impl<C> LoadTap<C> {
    /// Nothing of the artifact is in doubt: its bytes, gpg's word, its content.
    fn judge_artifact(&mut self) -> Passed {
        let content = self
            .content
            .take()
            .ok_or_else(|| rejected("it was read before"))?;
        let lines = self.status.all();
        self.opened
            .judge(&lines, &self.manifest, &mut self.findings);
        judge_content(content, &self.manifest, &mut self.findings);
        match self.findings.failed() {
            failed if failed.is_empty() => Ok(()),
            failed => Err(rejected(failed.join("; "))),
        }
    }
}

impl<C: Conversation> Tap for LoadTap<C> {
    type Stream = Session;

    fn open(
        &mut self,
        to: PipeWriter,
        producer: StatusLines,
    ) -> std::result::Result<Session, StreamError> {
        self.status = producer;
        let start = self
            .start
            .take()
            .ok_or_else(|| rejected("it was opened before"))?;
        start.open(to)
    }

    fn push(&mut self, bytes: &[u8], session: &mut Session) -> Passed {
        let LoadTap {
            inflate,
            content,
            loader,
            entries,
            ..
        } = self;
        inflate.push(bytes, &mut |bytes| {
            // psql would lose the rest of the line.
            if memchr::memchr(0, bytes).is_some() {
                return Err(rejected("it holds a NUL byte"));
            }
            let (Some(content), Some(loader)) = (content.as_mut(), loader.as_mut()) else {
                return Err(rejected("it goes on behind its end"));
            };
            let mut loads = Loads {
                loader,
                session,
                entries,
                how: Ok(()),
            };
            let scanned = content.push(bytes, &mut loads);
            loads.how.and(scanned)
        })
    }

    fn end(&mut self, mut session: Session) -> Passed {
        self.inflate.end()?;
        let token = self.content.as_ref().and_then(Content::token);
        self.conversation.hear_token(token.unwrap_or_default());
        self.judge_artifact()?;
        let loader = self
            .loader
            .take()
            .ok_or_else(|| rejected("it was loaded before"))?;
        let tables = loader.finish(&mut session)?;
        self.conversation.talk(&mut session, &tables)
    }
}
