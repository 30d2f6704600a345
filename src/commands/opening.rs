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

pub(crate) enum Opened<'a> {
    Here(Box<Decryptor<'a>>),
    Elsewhere(File),
}

impl<'a> Opened<'a> {
    /// `untouched`: what is known where there is neither.
    pub(crate) fn by(
        how: &Opening,
        passphrase: Option<Vec<u8>>,
        untouched: &str,
        config: &Config,
        cancel: &'a Cancel,
        meter: &Meter,
    ) -> Result<Opened<'a>> {
        let opened = match how.plaintext {
            Some(_) => dump_source::given().map(Opened::Elsewhere),
            None => artifact::key(config, passphrase, meter, cancel)
                .map(|key| Opened::Here(Box::new(key))),
        };
        opened.map_err(|error: Error| error.on_disk(untouched))
    }

    pub(crate) fn dump<'b>(
        &'b self,
        artifact: &'b EncryptedFile,
        config: &Config,
        cancel: &'b Cancel,
        meter: &Meter,
    ) -> Result<DumpSource<'b>> {
        match self {
            Opened::Here(key) => Ok(DumpSource::sealed(artifact, key)),
            Opened::Elsewhere(file) => {
                let file = file
                    .try_clone()
                    .map_err(|err| dump_source::unreadable(&err))?;
                DumpSource::decrypted(file, &config.env, meter, cancel)
            }
        }
    }
}
