//! Where `diff` and `undo` have the backup's rows from: the secret key here, or a dump that was
//! decrypted elsewhere.

use crate::base::error::{Error, Result};
use crate::base::meter::Meter;
use crate::commands::artifact;
use crate::config::cli::Opening;
use crate::config::settings::Config;
use crate::process::cancel::Cancel;
use crate::verify::decrypt::Decryptor;
use crate::verify::dump_source::{self, DumpSource};
use crate::verify::verification::EncryptedFile;
use std::fs::File;

pub(crate) enum RowSource<'a> {
    /// The secret key on this host.
    Key(Box<Decryptor<'a>>),
    /// A dump that was decrypted elsewhere.
    Dump(File),
}

impl<'a> RowSource<'a> {
    /// `untouched`: what an error says of the database where there is neither key nor dump.
    pub(crate) fn by(
        how: &Opening,
        passphrase: Option<Vec<u8>>,
        untouched: &str,
        config: &Config,
        cancel: &'a Cancel,
        meter: &Meter,
    ) -> Result<RowSource<'a>> {
        let source = match how.plaintext {
            Some(_) => dump_source::given().map(RowSource::Dump),
            None => artifact::key(config, passphrase, meter, cancel)
                .map(|key| RowSource::Key(Box::new(key))),
        };
        source.map_err(|error: Error| error.on_disk(untouched))
    }

    pub(crate) fn dump<'b>(
        &'b self,
        artifact: &'b EncryptedFile,
        config: &Config,
        cancel: &'b Cancel,
        meter: &Meter,
    ) -> Result<DumpSource<'b>> {
        match self {
            RowSource::Key(key) => Ok(DumpSource::sealed(artifact, key)),
            RowSource::Dump(file) => {
                let file = file
                    .try_clone()
                    .map_err(|err| dump_source::unreadable(&err))?;
                DumpSource::decrypted(file, &config.env, meter, cancel)
            }
        }
    }
}
