//! The `temperance-lab` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut io = temperance_lab::Io::process();
    temperance_lab::stop_on_interrupt();
    ExitCode::from(temperance_lab::run(std::env::args_os(), &mut io))
}
