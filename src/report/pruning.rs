//! What a pruning does to the store's runs.

use crate::base::exit::Exit;
use crate::base::text::{bytes, counted, plain};
use crate::report::listing::{Line, age};
use crate::report::print::Report;
use crate::report::scope::{by_scope, heading};
use crate::store::manifest::RunScope;
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Pruning {
    pub schema: &'static str,
    pub pgseal_version: &'static str,
    pub store: String,
    /// False: nothing was removed, this is what would be.
    pub applied: bool,
    pub keep: Vec<Kept>,
    pub remove: Vec<Line>,
    /// Not complete, or damaged, so not ours to judge: left where they are.
    pub reported: Vec<Line>,
    /// Where no run verifies, those dated in the future aside.
    pub unverified: Vec<RunScope>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Kept {
    pub why: &'static str,
    pub run: Line,
}

/// What becomes of a run.
struct Told<'a> {
    what: &'static str,
    run: &'a Line,
    why: String,
}

impl Told<'_> {
    fn text(&self) -> String {
        let Told { what, run, why } = self;
        let age = run.age_seconds.map_or_else(|| "?".into(), age);
        let size = bytes(run.size_bytes);
        let id = plain(&run.run_id);
        format!("  {what:<12} {id}  {age}, {size}{}\n", plain(why))
    }
}

impl Report for Pruning {
    fn exit(&self) -> Exit {
        match self.unverified[..] {
            [] => Exit::Yes,
            _ => Exit::No,
        }
    }

    fn text(&self) -> String {
        let mut all: Vec<Told> = Vec::new();
        all.extend(self.reported.iter().map(|run| Told {
            what: "left alone",
            why: format!(
                ": {}, {}",
                run.state.as_str(),
                run.detail.as_deref().unwrap_or_default()
            ),
            run,
        }));
        all.extend(self.remove.iter().map(|run| Told {
            what: if self.applied {
                "removed"
            } else {
                "would remove"
            },
            run,
            why: String::new(),
        }));
        all.extend(self.keep.iter().map(|kept| Told {
            what: "kept",
            run: &kept.run,
            why: format!(": {}", kept.why),
        }));
        let mut out = String::new();
        for group in by_scope(all.iter(), |told| told.run) {
            out += &group.heading;
            out.extend(group.members.into_iter().map(Told::text));
        }
        let freed = self.remove.iter().map(|run| run.size_bytes).sum();
        let count = self.remove.len();
        out += &match (count, self.applied) {
            (0, _) => "nothing to remove\n".to_string(),
            (n, true) => format!("{} removed, {} freed\n", counted(n, "run"), bytes(freed)),
            (n, false) => format!(
                "{} and {} would be removed; nothing was, give --apply\n",
                counted(n, "run"),
                bytes(freed)
            ),
        };
        for scope in &self.unverified {
            let what = heading(scope, &[]);
            out += &format!("no run verifies of {what}  take a new backup of it\n");
        }
        out
    }
}
