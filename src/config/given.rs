//! The settings of this command line, for hints that are commands of ours.

use crate::base::hint::Given;
use crate::config::flags::Settings;
use std::fmt::Display;
use std::path::PathBuf;

/// As they were given. The connection string was looked at before: it holds no secret.
pub(crate) fn given(settings: &Settings) -> Given {
    let mut given = Vec::new();
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let text = |value: &dyn Display| value.to_string();
    let mut add = |option, values: Vec<String>| {
        given.extend(values.into_iter().map(|value| (option, value)));
    };
    let one = |value: Option<String>| value.into_iter().collect();
    add("--config", one(path(&settings.config)));
    add("--store", one(path(&settings.store)));
    add("--gnupg-home", one(path(&settings.gnupg_home)));
    add("--dbname", one(settings.dbname.clone()));
    add("--container", one(settings.container.clone()));
    add("--table", settings.tables.iter().map(|t| text(t)).collect());
    add(
        "--recipient",
        settings.recipients.iter().map(|r| text(r)).collect(),
    );
    add("--env-file", one(path(&settings.env_file)));
    add(
        "--sign-with",
        settings.sign_with.iter().map(|k| text(k)).collect(),
    );
    add(
        "--signed-by",
        settings.signed_by.iter().map(|k| text(k)).collect(),
    );
    Given(given)
}
