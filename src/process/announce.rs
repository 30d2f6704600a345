//! Who is told of each command as it is started, where somebody is.

use crate::process::command::CommandSpec;
use std::sync::OnceLock;

static LISTENER: OnceLock<fn(&CommandSpec)> = OnceLock::new();

/// From now on, and once: there is one command line in a process.
pub(crate) fn announce_to(listener: fn(&CommandSpec)) {
    let _ = LISTENER.set(listener);
}

pub(crate) fn announce(spec: &CommandSpec) {
    if let Some(listener) = LISTENER.get() {
        listener(spec);
    }
}
