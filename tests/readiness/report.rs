//! What `readiness --json` said.

use crate::support::{Ran, each};

#[derive(Debug)]
pub struct Report {
    pub json: serde_json::Value,
    pub exit: i32,
}

impl Report {
    pub fn of(ran: &Ran) -> Report {
        Report {
            json: ran.json(),
            exit: ran.code(),
        }
    }

    fn row(&self, component: &str) -> &serde_json::Value {
        let rows = self.json["rows"].as_array().unwrap();
        rows.iter()
            .find(|row| row["component"] == component)
            .unwrap()
    }

    pub fn state(&self, component: &str) -> &str {
        self.row(component)["state"].as_str().unwrap()
    }

    /// Evidence and hint, as text.
    pub fn told(&self, component: &str) -> String {
        let row = self.row(component);
        let evidence = row["evidence"].as_array().unwrap().iter();
        let answers: Vec<&str> = evidence.map(|e| e["answer"].as_str().unwrap()).collect();
        format!(
            "{}\n{}",
            answers.join("\n"),
            row["hint"].as_str().unwrap_or_default()
        )
    }

    pub fn hint(&self, component: &str) -> String {
        let hint = self.row(component)["hint"].as_str();
        hint.unwrap_or_default().to_string()
    }

    #[track_caller]
    pub fn says(&self, component: &str, state: &str, words: &[&str]) {
        let told = self.told(component);
        assert_eq!(self.state(component), state, "{told}");
        each(words, |word| {
            assert!(told.contains(word), "{word:?} is not in:\n{told}");
        });
    }

    pub fn verdict(&self) -> String {
        let keys = [
            "backup_mechanism",
            "backup_key",
            "backup_runner",
            "f4_status",
            "secrets_exposed",
            "g3",
        ];
        keys.map(|key| self.json["verdict"][key].as_str().unwrap())
            .join(" ")
    }
}
