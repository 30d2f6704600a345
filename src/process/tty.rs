//! The terminal of this process.

/// The terminal that we were started from, by the first standard stream that is one.
pub(crate) fn terminal() -> Option<String> {
    let name = |tty: rustix::io::Result<std::ffi::CString>| tty.ok()?.into_string().ok();
    name(rustix::termios::ttyname(std::io::stdin(), Vec::new()))
        .or_else(|| name(rustix::termios::ttyname(std::io::stderr(), Vec::new())))
        .or_else(|| name(rustix::termios::ttyname(std::io::stdout(), Vec::new())))
}
