//! Behind gpg: the ciphertext's framing is read, its bytes are hashed and written.

use crate::base::error::{Code, Error};
use crate::gnupg::packet_reader::{FramingError, MessageReader};
use crate::process::flow::{Sink, StreamError};
use crate::store::partial::Partial;
use sha2::{Digest, Sha256};

pub(crate) struct ArtifactSink {
    pub framing: MessageReader,
    pub hash: Sha256,
    pub partial: Partial,
}

impl ArtifactSink {
    pub(crate) fn new(partial: Partial) -> ArtifactSink {
        ArtifactSink {
            framing: MessageReader::new(),
            hash: Sha256::new(),
            partial,
        }
    }
}

impl Sink for ArtifactSink {
    fn push(&mut self, bytes: &[u8]) -> Result<(), StreamError> {
        self.framing.push(bytes).map_err(framing)?;
        self.hash.update(bytes);
        Ok(self.partial.write(bytes)?)
    }
}

pub(crate) fn framing(err: FramingError) -> Error {
    Error::new(
        Code::StageFailed,
        format!("gpg's output is not the message that was asked for: {err}"),
    )
    .hint("Look for lines in /etc/gnupg/gpg.conf that change what gpg writes.")
}
