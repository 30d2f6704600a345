//! Files of settings that are trusted: nobody but us and root could have written them.

use crate::base::error::{Code, Error, Result};
use crate::base::hint::Hint;
use crate::base::text::shell_word;
use crate::process::interruptible;
use std::io::{ErrorKind, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Reads a file of settings, if nobody but us and root could have written it.
pub(crate) fn read_trusted(path: &Path) -> Result<String> {
    let trouble = |action: &str, err: &std::io::Error| {
        let hint = match err.kind() {
            ErrorKind::PermissionDenied => "Run as a user who may read it, or name another file.",
            _ => "Check the path, or name another file.",
        };
        Error::io(Code::Setting, action, path, err).or_hint(hint)
    };
    // Asked of the open file, so that it cannot be swapped between the look and the read.
    let mut file = interruptible::open(path).map_err(|err| trouble("open", &err))?;
    let meta = file.metadata().map_err(|err| trouble("look at", &err))?;
    let shown = path.display();
    let word = shell_word(&shown.to_string());
    if !meta.is_file() {
        return Err(
            Error::new(Code::Setting, format!("`{shown}` is not a regular file"))
                .hint("Name one: its owner and its mode tell who may have written it."),
        );
    }
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(Error::new(
            Code::Setting,
            format!("`{shown}` belongs to uid {}, not to us or root", meta.uid()),
        )
        .hint(Hint::run(format!("chown root {word}"))));
    }
    if meta.mode() & 0o022 != 0 {
        return Err(Error::new(
            Code::Setting,
            format!(
                "others may write `{shown}` (mode {:04o})",
                meta.mode() & 0o7777
            ),
        )
        .hint(Hint::run(format!("chmod go-w {word}"))));
    }
    // The name that was given, and the file behind it where that is a link.
    let real = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    for path in [Ok(path.to_path_buf()), real] {
        let path = path.and_then(std::path::absolute);
        let path = path.map_err(|err| trouble("resolve", &err))?;
        folder(path.parent().unwrap_or(&path))?;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)
        .map_err(|err| trouble("read", &err))?;
    String::from_utf8(bytes)
        .map_err(|_| Error::new(Code::Setting, format!("`{shown}` is not UTF-8 text")))
}

/// Refuses a folder in which somebody else can put another file under the name. In a sticky one, as
/// /tmp is, only a file's owner can.
fn folder(path: &Path) -> Result<()> {
    let trouble = |err| Error::io(Code::Setting, "look at", path, &err);
    let meta = path.metadata().map_err(trouble)?;
    let (mode, owner) = (meta.mode() & 0o7777, meta.uid());
    let shown = path.display();
    let word = shell_word(&shown.to_string());
    let us = rustix::process::geteuid().as_raw();
    if owner != us && owner != 0 {
        let what =
            format!("the folder of settings `{shown}` belongs to uid {owner}, not to us or root");
        return Err(Error::new(Code::Setting, what).hint(Hint::run(format!("chown root {word}"))));
    }
    if mode & 0o022 != 0 && mode & 0o1000 == 0 {
        let what = format!("others may write the folder of settings `{shown}` (mode {mode:04o})");
        return Err(Error::new(Code::Setting, what).hint(Hint::run(format!("chmod go-w {word}"))));
    }
    Ok(())
}
