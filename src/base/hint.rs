//! What to do about a refusal, as data: a sentence for a person, or a command for a shell.

use crate::base::setting::takes;
use crate::base::text::{plain, shell_word};

/// One line of a hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// A sentence.
    Say(String),
    /// A command line that a shell runs as it stands.
    Run(String),
    /// A command line of ours, to which the settings of this run are still to be added.
    Pgseal(PgsealCommand),
}

impl Hint {
    pub(crate) fn say(text: impl Into<String>) -> Hint {
        Hint::Say(text.into())
    }

    pub(crate) fn run(command: impl Into<String>) -> Hint {
        Hint::Run(command.into())
    }

    /// A verb of ours and its own arguments, an option's value in joined form.
    pub(crate) fn pgseal(words: &[&str]) -> Hint {
        Hint::Pgseal(PgsealCommand {
            words: words.iter().map(|word| (*word).to_string()).collect(),
            note: None,
        })
    }

    /// Says behind a command of ours what it is for.
    pub(crate) fn note(self, note: &'static str) -> Hint {
        match self {
            Hint::Pgseal(command) => Hint::Pgseal(PgsealCommand {
                note: Some(note),
                ..command
            }),
            hint => hint,
        }
    }
}

/// A command line of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PgsealCommand {
    words: Vec<String>,
    note: Option<&'static str>,
}

impl PgsealCommand {
    /// As a shell reads it, with what its verb takes of the settings that were given.
    fn line(&self, given: &Given) -> String {
        let verb = self.words.first().map_or("", String::as_str);
        let named = |option: &str| {
            let mut words = self.words.iter();
            words.any(|word| word.split('=').next() == Some(option))
        };
        let given = given.0.iter();
        let given = given.filter(|(option, _)| takes(verb, option) && !named(option));
        let given = given.map(|(option, value)| format!("{option}={value}"));
        let words = ["pgseal".to_string()].into_iter();
        let words = words.chain(self.words.iter().cloned()).chain(given);
        let words: Vec<String> = words.map(|word| shell_word(&word)).collect();
        let note = self
            .note
            .map_or(String::new(), |note| format!("  # {note}"));
        words.join(" ") + &note
    }
}

/// The settings of this command line, as option and value. What the environment or the config file
/// says is not among them: it holds for the next run as well.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Given(pub Vec<(&'static str, String)>);

impl Given {
    pub(crate) fn without(&self, option: &str) -> Given {
        let rest = self.0.iter().filter(|(name, _)| *name != option);
        Given(rest.cloned().collect())
    }
}

/// What to do, line by line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hints(Vec<Hint>);

impl Hints {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn then(mut self, more: impl Into<Hints>) -> Hints {
        self.0.extend(more.into().0);
        self
    }

    /// With the settings that were given in each command of ours.
    pub(crate) fn completed(self, given: &Given) -> Hints {
        let hints = self.0.into_iter().map(|hint| match hint {
            Hint::Pgseal(command) => Hint::Run(command.line(given)),
            hint => hint,
        });
        Hints(hints.collect())
    }

    /// Sentences and commands, a line each, whatever stands in the names that they hold.
    pub(crate) fn lines(&self) -> Vec<String> {
        let lines = self.0.iter().map(|hint| match hint {
            Hint::Say(text) | Hint::Run(text) => plain(text),
            Hint::Pgseal(command) => plain(&command.line(&Given::default())),
        });
        lines.collect()
    }

    /// The lines as one text; `None` where there are none.
    pub(crate) fn text(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.lines().join("\n"))
    }

    /// The lines as a script: a sentence is a comment.
    pub(crate) fn script(&self) -> Option<String> {
        let lines = self.0.iter().zip(self.lines());
        let lines = lines.map(|(hint, line)| match hint {
            Hint::Say(_) => format!("# {line}"),
            Hint::Run(_) | Hint::Pgseal(_) => line,
        });
        (!self.is_empty()).then(|| lines.collect::<Vec<_>>().join("\n"))
    }
}

impl From<Hint> for Hints {
    fn from(hint: Hint) -> Hints {
        Hints(vec![hint])
    }
}

impl From<Vec<Hint>> for Hints {
    fn from(hints: Vec<Hint>) -> Hints {
        Hints(hints)
    }
}

/// A text is a sentence a line.
impl From<&str> for Hints {
    fn from(text: &str) -> Hints {
        Hints(text.lines().map(|line| Hint::say(line.trim())).collect())
    }
}

impl From<String> for Hints {
    fn from(text: String) -> Hints {
        Hints::from(text.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_of_ours_has_what_was_given_and_its_verb_takes() {
        let given = |option: &'static str, value: &str| (option, value.to_string());
        let given = Given(vec![
            given("--config", "/etc/my config"),
            given("--store", "/s"),
            given("--gnupg-home", "it's"),
            given("--dbname", "host=/x dbname=y"),
            given("--table", "a.b"),
            given("--sign-with", "OLD"),
        ]);
        let all = "--config='/etc/my config' --store=/s --gnupg-home='it'\\''s'";
        for (words, want) in [
            (
                &["list"][..],
                "pgseal list --config='/etc/my config' --store=/s".to_string(),
            ),
            (
                &["backup", "--dry-run"],
                format!(
                    "pgseal backup --dry-run {all} --dbname='host=/x dbname=y' --table=a.b --sign-with=OLD"
                ),
            ),
            (
                &["sign", "RUN_ID", "--sign-with=NEW"],
                format!("pgseal sign RUN_ID --sign-with=NEW {all}"),
            ),
            (
                &["prune", "--store=/other"],
                "pgseal prune --store=/other --config='/etc/my config'".into(),
            ),
        ] {
            let hints = Hints::from(Hint::pgseal(words)).completed(&given);
            assert_eq!(hints.text(), Some(want));
        }
        let bare = Hints::from(Hint::pgseal(&["list"]).note("what is there"));
        assert_eq!(bare.text().unwrap(), "pgseal list  # what is there");
    }

    #[test]
    fn a_sentence_is_a_comment_in_a_script() {
        let hints = Hints::from("Do this.\n      Or that:").then(Hint::run("chmod go-w /x"));
        assert_eq!(hints.text().unwrap(), "Do this.\nOr that:\nchmod go-w /x");
        let script = "# Do this.\n# Or that:\nchmod go-w /x";
        assert_eq!(hints.script().unwrap(), script);
        assert_eq!(Hints::default().script(), None);
        // A name of two lines makes no command of the second.
        let hints = Hints::from(Hint::run("psql --command='\"a\nrm b\"'"));
        assert_eq!(hints.script().unwrap().lines().count(), 1);
    }
}
