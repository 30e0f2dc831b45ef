//! The `temperance` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut io = temperance_cli::Io::process();
    temperance_cli::stop_on_interrupt();
    ExitCode::from(temperance_cli::run(std::env::args_os(), &mut io))
}
