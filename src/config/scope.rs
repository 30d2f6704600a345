//! What must come back of the backup: `--require-restorable`, and `[scope]` in the config file.

use crate::base::error::{Code, Error, Result};
use crate::config::file::File;
use crate::config::flags::Settings;
use crate::config::settings::once_each;

/// The default requires nothing and knows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Restorable {
    /// No backup is taken that a restore would miss something of.
    pub required: bool,
    /// Kind and name of what a restore may miss.
    pub known_external: Vec<String>,
}

pub(crate) fn restorable(settings: &Settings, file: &File) -> Result<Restorable> {
    let shown = &file.shown;
    let wrong = |what: String, hint: &str| {
        let what = format!("{shown}: [scope] known_external: {what}");
        Error::new(Code::Setting, what).hint(hint)
    };
    let known = file.scope.known_external.clone().unwrap_or_default();
    let spelt = |known: &&String| matches!(known.split_once(' '), Some((_, name)) if !name.trim().is_empty());
    if let Some(known) = known.iter().find(|known| !spelt(known)) {
        return Err(wrong(
            format!("`{known}` is not a kind and a name"),
            "Spell each as `pgseal readiness` does: \"view public.mine\".",
        ));
    }
    let twice = |known: &String| {
        wrong(
            format!("`{known}` is named twice"),
            "Name each reference once.",
        )
    };
    Ok(Restorable {
        required: settings.require_restorable || file.scope.require_restorable.unwrap_or(false),
        known_external: once_each(known, twice)?,
    })
}
