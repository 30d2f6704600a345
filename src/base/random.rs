//! Random bytes, or an error.

use crate::base::error::{Code, Error, Result};

pub(crate) fn fill(bytes: &mut [u8]) -> Result<()> {
    getrandom::fill(bytes)
        .map_err(|err| Error::new(Code::StageFailed, format!("no random bytes: {err}")))
}

pub(crate) fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    fill(&mut bytes)?;
    Ok(bytes)
}
