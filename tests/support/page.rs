//! Pages of the documentation, whose blocks are run as they stand there.

use std::path::Path;

pub struct Page {
    name: String,
    text: String,
}

/// What stands between two fences.
#[derive(Debug, Clone)]
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Page {
    /// By its path below the project's top.
    pub fn open(name: &str) -> Page {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = std::fs::read_to_string(&path)
            .unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        let name = name.to_string();
        Page { name, text }
    }

    /// The section below a heading.
    #[track_caller]
    pub fn below(&self, heading: &str) -> Page {
        let found = self.text.split_once(&format!("\n## {heading}\n"));
        let (_, below) = found.unwrap_or_else(|| panic!("{} has no {heading:?}", self.name));
        let text = below.split("\n## ").next().unwrap().to_string();
        let name = format!("{}, {heading}", self.name);
        Page { name, text }
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut found = Vec::new();
        let mut rest = self.text.as_str();
        while let Some((_, after)) = rest.split_once("\n```") {
            let (language, after) = after.split_once('\n').unwrap();
            let (text, after) = after.split_once("\n```").unwrap();
            found.push(Block {
                language: language.to_string(),
                text: text.to_string() + "\n",
            });
            rest = after;
        }
        found
    }

    /// The blocks of one language.
    #[track_caller]
    pub fn of(&self, language: &str) -> Vec<String> {
        let blocks = self.blocks().into_iter();
        let blocks = blocks.filter(|block| block.language == language);
        let blocks: Vec<String> = blocks.map(|block| block.text).collect();
        assert!(!blocks.is_empty(), "{} has no {language}", self.name);
        blocks
    }

    /// The one block of a language.
    #[track_caller]
    pub fn only(&self, language: &str) -> String {
        let mut blocks = self.of(language);
        assert_eq!(blocks.len(), 1, "{}: {language}", self.name);
        blocks.remove(0)
    }

    /// The block that begins so.
    #[track_caller]
    pub fn beginning(&self, words: &str) -> String {
        let mut blocks = self.blocks().into_iter();
        let found = blocks.find(|block| block.text.starts_with(words));
        found
            .unwrap_or_else(|| panic!("{} has no block {words:?}", self.name))
            .text
    }

    /// The block whose first line is a comment with this file's name.
    #[track_caller]
    pub fn file(&self, name: &str) -> String {
        let named = |block: &Block| {
            let first = block.text.lines().find(|line| !line.starts_with("#!"));
            first.is_some_and(|line| {
                let line = line.trim_start_matches(['#', '-', ' ']);
                line == name || line.starts_with(&format!("{name}: "))
            })
        };
        let mut found = self.blocks().into_iter().filter(named);
        let block = found.next();
        assert!(found.next().is_none(), "{} has {name} twice", self.name);
        let block = block.unwrap_or_else(|| panic!("{} has no file {name}", self.name));
        block.text
    }
}
