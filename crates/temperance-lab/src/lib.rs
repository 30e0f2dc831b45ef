//! The `temperance-lab` command as a library: [`run`] takes arguments and streams and gives an exit code.
//!
//! Exit codes: 0 done, 2 an error, 130 interrupted.

mod args;
mod checkpoint;
mod commands;
mod data;
mod failure;
mod folder;
mod interrupt;
mod model;
mod pictures;
mod predictions;
mod progress;
mod random;
mod record;
mod sac;
mod settings;
mod statistics;
mod study;
mod tensorboard;
mod training;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;

use args::{Arguments, Command};

pub use data::Data;
pub use failure::{Failure, Result};
pub use interrupt::stop_on_interrupt;
pub use model::{Classifier, Output};
pub use predictions::{Predictions, Seen};
pub use record::{COLUMNS, METRICS, Row, column, read as read_metrics};
pub use settings::{ModelKind, OptimizerKind, RateSchedule, Settings, Strength};
pub use temperance_cli::Io;
pub use training::{MODEL, Run, SETTINGS, SUMMARY, Trained, Watcher, gap_bound, prepare, trained};

/// Runs the command with arguments, the first of which is the program's name; gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return io.usage(&error),
    };
    let outcome = match arguments.command {
        Command::Train(arguments) => commands::train::run(&arguments, io),
        Command::Study(arguments) => commands::study::run(&arguments, io),
        Command::Sac(command) => commands::sac::run(&command, io),
    };
    let outcome = outcome.and_then(|()| io.stdout.flush().map_err(Failure::from));
    match outcome {
        // Whoever reads has read enough.
        Ok(()) | Err(Failure::Closed) => 0,
        Err(Failure::Interrupted(text)) => {
            let _ = writeln!(io.stderr, "{text}");
            130
        }
        Err(Failure::Error(text)) => {
            let _ = writeln!(io.stderr, "error: {text}");
            2
        }
    }
}
