//! A passphrase that must be found nowhere.

use crate::base::error::Result;
use crate::base::random;
use crate::base::text::counted;
use crate::process::cancel::Cancel;
use crate::report::proof::Exposed;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A random passphrase, and when it was made: no file older than it can hold it.
pub(crate) struct Canary {
    text: String,
    born: SystemTime,
}

/// Where was looked, and what came of it.
pub(crate) struct Search {
    pub exposed: Exposed,
    pub places: Vec<String>,
    found_in: Vec<String>,
}

/// More than this in one folder is not searched, and said so.
const MOST_FILES: usize = 200_000;
const PIECE: usize = 1024 * 1024;

impl Canary {
    pub(crate) fn new() -> Result<Canary> {
        // Clocks of file systems are coarse: a little early searches more, never less.
        let born = SystemTime::now() - std::time::Duration::from_secs(2);
        Ok(Canary {
            text: format!("canary-{}", hex::encode(random::bytes::<16>()?)),
            born,
        })
    }

    /// For gpg's standard input, and nothing else.
    pub(crate) fn secret(&self) -> &str {
        &self.text
    }

    /// For what is made after the proof was.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        text.contains(&self.text)
    }

    pub(crate) fn search_text(&self, place: &str, text: &str) -> Search {
        let found = self.is_in(text);
        Search {
            exposed: if found { Exposed::Found } else { Exposed::None },
            places: vec![place.into()],
            found_in: if found {
                vec![place.into()]
            } else {
                Vec::new()
            },
        }
    }

    /// Files of ours below these folders that changed since the canary was made. A folder that
    /// is not there holds nothing.
    pub(crate) fn search(&self, folders: &[PathBuf], cancel: &Cancel) -> Result<Search> {
        let mut search = Search {
            exposed: Exposed::None,
            places: Vec::new(),
            found_in: Vec::new(),
        };
        for folder in folders {
            let (mut seen, mut read) = (0, 0);
            self.walk(folder, &mut seen, &mut read, &mut search, cancel)?;
            let files = counted(read, "file");
            let place = format!("{} ({files} changed since)", folder.display());
            search.places.push(place);
        }
        Ok(search)
    }

    /// In pieces that overlap, so that a large file is searched like any other.
    fn is_in_file(&self, path: &Path, cancel: &Cancel) -> std::io::Result<bool> {
        let wanted = self.text.as_bytes();
        let mut file = std::fs::File::open(path)?;
        let (mut window, mut kept) = (vec![0; PIECE], 0);
        // Whoever stopped it is told by the caller.
        while cancel.stop().is_none() {
            let n = file.read(&mut window[kept..])?;
            if n == 0 {
                return Ok(false);
            }
            let end = kept + n;
            if memchr::memmem::find(&window[..end], wanted).is_some() {
                return Ok(true);
            }
            kept = end.min(wanted.len() - 1);
            window.copy_within(end - kept..end, 0);
        }
        Ok(false)
    }

    fn walk(
        &self,
        path: &Path,
        seen: &mut usize,
        read: &mut usize,
        search: &mut Search,
        cancel: &Cancel,
    ) -> Result<()> {
        cancel.check()?;
        let Ok(meta) = path.symlink_metadata() else {
            return Ok(());
        };
        let us = rustix::process::geteuid().as_raw();
        *seen += 1;
        if *seen > MOST_FILES {
            search.unknown();
        } else if meta.is_dir() {
            match std::fs::read_dir(path) {
                Ok(entries) => {
                    for entry in entries {
                        match entry {
                            Ok(entry) => self.walk(&entry.path(), seen, read, search, cancel)?,
                            Err(_) => search.unknown(),
                        }
                    }
                }
                // Gone since it was seen.
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
                // Nobody but its owner can have put a file of ours there.
                Err(_) if meta.uid() != us => {}
                Err(_) => search.unknown(),
            }
        } else if meta.is_file()
            && meta.uid() == us
            && meta.modified().is_ok_and(|at| at >= self.born)
        {
            match self.is_in_file(path, cancel) {
                Ok(found) => {
                    *read += 1;
                    if found {
                        search.exposed = Exposed::Found;
                        search.found_in.push(path.display().to_string());
                    }
                }
                // Gone since the folder was read.
                Err(err) if err.kind() == std::io::ErrorKind::NotFound => {}
                Err(_) => search.unknown(),
            }
        }
        cancel.check()
    }
}

impl Search {
    fn unknown(&mut self) {
        if self.exposed == Exposed::None {
            self.exposed = Exposed::Unknown;
        }
    }

    pub(crate) fn add(&mut self, other: Search) {
        self.exposed = match (self.exposed, other.exposed) {
            (Exposed::Found, _) | (_, Exposed::Found) => Exposed::Found,
            (Exposed::Unknown, _) | (_, Exposed::Unknown) => Exposed::Unknown,
            _ => Exposed::None,
        };
        self.places.extend(other.places);
        self.found_in.extend(other.found_in);
    }

    pub(crate) fn detail(&self) -> String {
        match self.exposed {
            Exposed::None => format!("searched {}", self.places.join("; ")),
            Exposed::Found => format!("FOUND in {}", self.found_in.join(", ")),
            Exposed::Unknown => format!(
                "not all could be searched (unreadable or too many): {}",
                self.places.join("; ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_is_there() {
        let canary = Canary::new().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let folders = [dir.path().to_path_buf()];
        std::fs::create_dir(dir.path().join("deep")).unwrap();
        std::fs::write(dir.path().join("deep/a"), "nothing").unwrap();
        let search = || canary.search(&folders, &Cancel::none()).unwrap();
        assert_eq!(search().exposed, Exposed::None);
        let text = format!("x{}y", canary.secret());
        std::fs::write(dir.path().join("deep/b"), &text).unwrap();
        assert_eq!(search().exposed, Exposed::Found);
        assert!(search().detail().contains("deep/b"));
        assert!(canary.search(&folders, &Cancel::raised()).is_err());
        assert_eq!(canary.search_text("out", &text).exposed, Exposed::Found);
        assert_eq!(canary.search_text("out", "").exposed, Exposed::None);
    }
}
