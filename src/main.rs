//! See the library for everything but this.

use dcs_migration_wait::config::Environment;
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(dcs_migration_wait::run(Environment::of_process()))
}
