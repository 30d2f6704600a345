//! What must hold whatever goes wrong, tried case by case: each stage in each way, each system call
//! on the store, the order on disk, and no secret anywhere. docs/reliability.md has the figures.

mod calls;
mod order;
mod secrets;
mod stages;

/// A table of docs/reliability.md, for scripts/soak.
#[allow(clippy::print_stdout)]
fn print(rows: impl IntoIterator<Item = Vec<String>>) {
    for row in rows {
        println!("| {} |", row.join(" | "));
    }
}

/// Whether all cases are to be tried, as scripts/soak does, or a part of them, as a test has time for.
fn all() -> bool {
    std::env::var_os("PGSEAL_FAULTS").is_some_and(|value| value == "all")
}
