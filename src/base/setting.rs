//! Which verb does something with which setting of the command line.

/// Verbs that make a plan of a backup.
const PLANS: [&str; 5] = ["backup", "guard", "preflight", "prove-backup", "readiness"];

/// What a verb takes, its `--help` shows; what it does not, it refuses.
pub(crate) fn takes(verb: &str, option: &str) -> bool {
    let plans = PLANS.contains(&verb);
    let is = |verbs: &[&str]| verbs.contains(&verb);
    match option {
        _ if is(&["completions", "man"]) => false,
        _ if verb == "run-ids" => matches!(option, "--config" | "--store"),
        "--config" | "--quiet" => true,
        // They start nothing.
        "--verbose" => !is(&["list", "operator-package", "prune"]),
        // It prints scripts.
        "--json" => verb != "operator-package",
        "--store" => verb != "prove-mechanism",
        "--timeout" => !is(&["list", "operator-package"]),
        "--gnupg-home" => !is(&["list", "prune"]),
        "--sign-with" | "--signed-by" => {
            !is(&["list", "prune", "prove-mechanism", "operator-package"])
        }
        "--dbname" | "--container" | "--lock-wait" => plans || is(&["diff", "restore", "undo"]),
        "--no-prelude" => plans || is(&["restore", "undo"]),
        "--table" => plans || is(&["diff", "operator-package", "restore", "undo"]),
        "--recipient" => plans || is(&["prove-mechanism", "undo"]),
        "--env-file" | "--compress" => {
            plans || is(&["prove-mechanism", "operator-package", "undo"])
        }
        _ => plans,
    }
}
