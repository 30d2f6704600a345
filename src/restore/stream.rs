//! Between gpg and psql: inflated, hashed, scanned and edited; and COMMIT only where all of it is
//! what was sealed, gpg says so too, and the target tells the same rows.

use crate::base::error::{Code, Error};
use crate::base::meter::Meter;
use crate::base::names::TableName;
use crate::base::text::counted;
use crate::gnupg::binding::PreludeBinding;
use crate::gnupg::status;
use crate::pg::prelude;
use crate::pg::row_digest::TableDigest;
use crate::process::flow::{Passed, StreamError, Tap};
use crate::process::status_lines::StatusLines;
use crate::report::findings::Findings;
use crate::restore::answers::BeforeCommit;
use crate::restore::composites;
use crate::restore::editor::DumpEditor;
use crate::restore::script::{Transaction, TransactionScript};
use crate::store::manifest::Manifest;
use crate::verify::dump_source::Opened;
use crate::verify::plaintext::{Content, Inflate};
use crate::verify::with_key::{BINDING, Prelude, judge_binding, judge_content};
use std::io::{PipeWriter, Write};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A restored table, held against what was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Compared {
    pub table: TableName,
    pub sealed_rows: u64,
    pub restored_rows: u64,
    pub equal: bool,
}

/// The prelude's SQL, and whether the proof of origin stands and falls with its binding.
pub(crate) struct PreludeText {
    pub prelude: Prelude,
    pub must_be_bound: bool,
}

pub(crate) struct RestoreTap {
    pub opened: Opened,
    pub inflate: Inflate,
    /// None once it was read to its end.
    pub content: Option<Content>,
    pub editor: DumpEditor,
    pub script: TransactionScript,
    pub manifest: Manifest,
    pub prelude: Option<PreludeText>,
    /// The manifest names a prelude, and the caller does without.
    pub without_prelude: bool,
    pub answers: Receiver<BeforeCommit>,
    pub status: StatusLines,
    pub begun: bool,
    pub meter: Meter,
    /// What was proved on the way.
    pub findings: Findings,
    pub compared: Vec<Compared>,
    /// Of the target as it was asked beforehand.
    pub server_started: String,
    pub commit: Commit,
}

/// Whether COMMIT was sent, which is known even where the tap's thread was left behind; clones
/// share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Commit(Arc<Mutex<CommitState>>);

#[derive(Debug, Default)]
struct CommitState {
    sent: Option<Transaction>,
    /// Nobody waits for an answer any more.
    closed: bool,
}

impl Commit {
    fn state(&self) -> MutexGuard<'_, CommitState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Called just before it is sent; fails where it is too late for it.
    fn send(&self, transaction: Transaction) -> Passed {
        let mut state = self.state();
        if state.closed {
            let why = "the restore was given up before COMMIT";
            return Err(StreamError::BrokenPipe(why.into()));
        }
        state.sent = Some(transaction);
        Ok(())
    }

    /// The transaction that COMMIT was sent for; if none, it never will be.
    pub(crate) fn close(&self) -> Option<Transaction> {
        let mut state = self.state();
        state.closed = true;
        state.sent.clone()
    }
}

fn rejected(why: impl std::fmt::Display) -> StreamError {
    let what = format!("the artifact cannot be restored: {why}");
    Error::new(Code::NotVerified, what).into()
}

fn another_server() -> Error {
    let what = "the restore reached another server than the one that was asked beforehand";
    Error::new(Code::Database, what)
        .hint("Name one server: a host name, or a list of hosts, led to two; or it was restarted.")
}

fn changed_later() -> Error {
    let what = "rows of the restored tables were changed again after they had been compared";
    Error::new(Code::NotVerified, what).hint(CHANGES_ROWS)
}

const CHANGES_ROWS: &str =
    "Something in the target changes rows as they come: look for event triggers.";

impl RestoreTap {
    /// The first statements, once it is known that the prelude is the artifact's own.
    fn begin(&mut self) -> Passed {
        // Without gpg's word nothing is known of the bond, and no prelude is restored.
        if !self.without_prelude && self.opened == Opened::Here {
            let binding = self.status.wait_for(|lines| {
                let named = lines.iter().any(|line| line.starts_with("PLAINTEXT "));
                named.then(|| status::literal_name(lines).and_then(PreludeBinding::parse))
            });
            let prelude = self.prelude.as_ref();
            let other = prelude.and_then(|text| text.prelude.binding.as_ref());
            let binding = binding.flatten();
            judge_binding(binding.as_ref(), other, &self.manifest, &mut self.findings);
            let failed = self.findings.failed();
            if !failed.is_empty() {
                return Err(rejected(failed.join("; ")));
            }
        }
        self.editor.insert(
            "the guard of the transaction",
            self.script.raise_guard().as_bytes(),
        );
        if let Some(PreludeText {
            prelude,
            must_be_bound,
        }) = &self.prelude
        {
            if *must_be_bound && !self.findings.proved(BINDING) {
                return Err(crate::restore::run::prelude_unproved().into());
            }
            let parts = prelude::parts(&prelude.sql).map_err(rejected)?;
            self.editor.insert("the prelude", parts.before);
        }
        let settings = self.script.settings();
        self.editor
            .insert("the settings of the session", settings.as_bytes());
        self.begun = true;
        Ok(())
    }

    fn write(&mut self, to: &mut PipeWriter) -> Passed {
        let written = to.write_all(&self.editor.out);
        self.editor.out.clear();
        written.map_err(StreamError::broken)
    }

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

    fn compare(&mut self, told: &[TableDigest]) -> Passed {
        let sealed = self.editor.copied.digests();
        let compared = sealed.enumerate().map(|(at, (table, sealed))| {
            let restored = told.get(at).copied().unwrap_or_default();
            Compared {
                table: table.clone(),
                sealed_rows: sealed.rows,
                restored_rows: restored.rows,
                equal: at < told.len() && sealed == restored,
            }
        });
        self.compared = compared.collect();
        let differ = self.compared.iter().filter(|table| !table.equal);
        let differ: Vec<String> = differ.map(Compared::difference).collect();
        if differ.is_empty() {
            return Ok(());
        }
        let what = format!(
            "what was restored is not what was sealed: {}",
            differ.join("; ")
        );
        Err(Error::new(Code::NotVerified, what)
            .hint(CHANGES_ROWS)
            .into())
    }
}

impl Compared {
    fn difference(&self) -> String {
        let (table, sealed) = (&self.table, self.sealed_rows);
        let restored = counted(self.restored_rows, "row");
        if sealed == self.restored_rows {
            format!("`{table}` has {restored} as sealed, and other values in them")
        } else {
            format!("`{table}` has {restored} in the target, {sealed} were sealed")
        }
    }
}

impl Tap for RestoreTap {
    type Stream = PipeWriter;

    fn open(
        &mut self,
        mut to: PipeWriter,
        producer: StatusLines,
    ) -> Result<PipeWriter, StreamError> {
        self.status = producer;
        let begin = self.script.begin();
        self.editor
            .insert("the beginning of the transaction", begin.as_bytes());
        self.write(&mut to)?;
        Ok(to)
    }

    fn push(&mut self, bytes: &[u8], to: &mut PipeWriter) -> Passed {
        if !self.begun {
            self.begin()?;
        }
        let RestoreTap {
            inflate,
            content,
            editor,
            ..
        } = self;
        inflate.push(bytes, &mut |bytes| {
            // psql would lose the rest of the line.
            if memchr::memchr(0, bytes).is_some() {
                return Err(rejected("it holds a NUL byte"));
            }
            if let Some(content) = content {
                content.push(bytes, editor)?;
            }
            let written = to.write_all(&editor.out);
            editor.out.clear();
            written.map_err(StreamError::broken)
        })
    }

    fn end(&mut self, mut to: PipeWriter) -> Passed {
        self.inflate.end()?;
        self.judge_artifact()?;
        self.editor.late().map_err(rejected)?;
        self.editor.compare();
        if let Some(text) = &self.prelude {
            let parts = prelude::parts(&text.prelude.sql).map_err(rejected)?;
            self.editor.insert("the end of the prelude", parts.after);
        }
        let done = self.script.done(
            self.editor.copied.tables(),
            &composites::moved(&self.manifest),
        );
        self.editor
            .insert("the end of the transaction", done.as_bytes());
        self.write(&mut to)?;
        self.meter
            .wait_for("the server builds indexes, and compares");
        // Where psql ends without an answer, it is the cause.
        let before = self.answers.recv();
        let before = before.map_err(|_| StreamError::BrokenPipe("psql ended".into()))?;
        self.compare(&before.tables)?;
        before.check_settings()?;
        composites::check(before.moved.as_deref(), &self.manifest)?;
        let transaction = before.transaction;
        if transaction.sent.server_started != self.server_started {
            return Err(another_server().into());
        }
        if before.changes != transaction.changes {
            return Err(changed_later().into());
        }
        let commit = self.script.commit(&transaction.sent.id);
        self.commit.send(transaction)?;
        self.editor.insert("COMMIT", commit.as_bytes());
        self.write(&mut to)
    }
}
