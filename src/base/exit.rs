//! The documented exit codes. A script may rely on them; nothing else exits.

/// What the process says to its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Yes.
    Yes,
    /// The answer is no: it was looked at.
    No,
    /// The command line is wrong.
    Usage,
    /// Cannot start, or could not look: a tool, key, table, setting or the database is missing or
    /// unfit.
    Unfit,
    /// A stage failed while it ran.
    Stage,
    /// Local file trouble: the store, the disk, a name, a lock, standard output.
    Local,
    /// `guard` did not get as far as its COMMAND, which never ran: 125, or what it was told.
    NotRun(u8),
    /// `guard`'s COMMAND ended with this status.
    Command(u8),
    /// `guard`'s COMMAND was ended by this signal.
    CommandKilled(i32),
    /// Ended by this signal, after clean-up.
    Signal(i32),
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Yes => 0,
            Exit::No => 1,
            Exit::Usage => 2,
            Exit::Unfit => 3,
            Exit::Stage => 4,
            Exit::Local => 5,
            Exit::NotRun(status) | Exit::Command(status) => status,
            Exit::Signal(n) | Exit::CommandKilled(n) => 128u8.saturating_add(n.clamp(0, 127) as u8),
        }
    }
}
