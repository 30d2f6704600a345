//! See the library: everything is there.

fn main() -> std::process::ExitCode {
    pgseal::run(std::env::args_os(), std::env::vars_os())
}
