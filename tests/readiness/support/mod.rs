//! What the tests share.

mod cluster;
mod host;

pub use host::Host;

use std::process::{Command, Output};

pub fn done(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", text(&output));
    String::from_utf8(output.stdout).unwrap()
}

pub fn text(output: &Output) -> String {
    format!(
        "{}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

#[derive(Debug)]
pub struct Report {
    pub json: serde_json::Value,
    pub exit: Option<i32>,
}

impl Report {
    pub fn of(output: &Output) -> Report {
        let json = serde_json::from_slice(&output.stdout);
        let json: serde_json::Value = json.unwrap_or_else(|_| panic!("{}", text(output)));
        Report {
            json,
            exit: output.status.code(),
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

    #[track_caller]
    pub fn says(&self, component: &str, state: &str, words: &[&str]) {
        let told = self.told(component);
        assert_eq!(self.state(component), state, "{told}");
        for word in words {
            assert!(told.contains(word), "{word:?} is not in:\n{told}");
        }
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
