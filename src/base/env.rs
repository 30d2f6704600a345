//! The environment of this process, as data.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// The environment as it was when we started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Env(BTreeMap<OsString, OsString>);

impl Env {
    pub(crate) fn new(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Env {
        Env(vars.into_iter().collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The same without some of its variables.
    pub(crate) fn without(&self, gone: impl Fn(&OsStr) -> bool) -> Env {
        let kept = self.0.iter().filter(|(name, _)| !gone(name));
        Env(kept.map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(k, v)| (k.as_os_str(), v.as_os_str()))
    }

    /// Set and not empty.
    pub(crate) fn value(&self, name: &str) -> Option<&OsStr> {
        self.get(name).filter(|v| !v.is_empty())
    }
}

/// This host's name.
pub(crate) fn hostname() -> String {
    let uname = rustix::system::uname();
    uname.nodename().to_string_lossy().into_owned()
}
