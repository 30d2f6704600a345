//! A table of cases, of which every one is tried.

use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Collects the cases that fail, and fails with all of them when it goes.
#[derive(Default)]
pub struct Cases {
    failed: Vec<String>,
}

impl Cases {
    pub fn new() -> Cases {
        Cases::default()
    }

    /// Runs one case. What it asserts fails the test later, not now.
    pub fn check(&mut self, name: impl Debug, case: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(case)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            let text = text.unwrap_or("it panicked");
            self.failed.push(format!("--- {name:?}\n{text}"));
        }
    }
}

/// Tries every case of a table.
pub fn each<T: Debug>(table: impl IntoIterator<Item = T>, mut case: impl FnMut(T)) {
    let mut cases = Cases::new();
    for row in table {
        let name = format!("{row:?}");
        cases.check(format_args!("{name}"), || case(row));
    }
}

impl Drop for Cases {
    /// Where the test fails already, the harness has shown each case as it failed.
    fn drop(&mut self) {
        if self.failed.is_empty() || std::thread::panicking() {
            return;
        }
        panic!(
            "{} cases failed:\n{}",
            self.failed.len(),
            self.failed.join("\n")
        );
    }
}

#[test]
fn every_case_that_fails_is_told() {
    let ran = catch_unwind(|| {
        each([1, 2, 3], |n| assert_eq!(n, 2, "not two"));
    });
    let told = ran.unwrap_err();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.starts_with("2 cases failed:\n--- 1\n"), "{told}");
    assert!(
        told.contains("--- 3\n") && !told.contains("--- 2"),
        "{told}"
    );
}
