//! A file of the caller's that gets an envelope: whole under its name, or as it was.

use crate::base::error::{Code, Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Made beforehand beside the file that it is to be, so that a folder that cannot be written is
/// known in time. Removed when it is dropped.
#[derive(Debug)]
pub(crate) struct EnvelopeFile {
    fresh: NamedTempFile,
    path: PathBuf,
}

impl EnvelopeFile {
    pub(crate) fn create(path: &Path) -> Result<EnvelopeFile> {
        let trouble = |err| {
            Error::io(Code::Input, "write", path, &err)
                .hint("Name a file in a folder that you may write: --envelope-file FILE.")
        };
        match path.symlink_metadata() {
            Ok(there) if !there.is_file() => {
                let what = format!("`{}` is not a regular file", path.display());
                return Err(Error::new(Code::Input, what)
                    .hint("Name a file: it is replaced by the envelope's, mode 0600."));
            }
            _ => {}
        }
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let fresh = tempfile::Builder::new()
            .prefix(".pgseal-envelope-")
            .tempfile_in(folder);
        Ok(EnvelopeFile {
            fresh: fresh.map_err(trouble)?,
            path: path.into(),
        })
    }

    /// On disk under its name, in the place of an older one.
    pub(crate) fn write(mut self, line: &str) -> Result<()> {
        let trouble = |err| Error::io(Code::Input, "write", &self.path, &err);
        let file = self.fresh.as_file_mut();
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .map_err(trouble)?;
        let kept = self.fresh.persist(&self.path);
        kept.map_err(|err| Error::io(Code::Input, "write", &self.path, &err.error))?;
        Ok(())
    }
}
