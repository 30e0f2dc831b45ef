//! The `temperance` command as a library: [`run`] takes arguments and streams and gives an exit code, as a number, so that
//! whoever runs it in a process of another kind can read it.
//!
//! Exit codes: 0 done, 1 an asked check failed, 2 an error, 130 interrupted.

mod args;
mod commands;
mod failure;
mod input;
mod observer;
mod output;
mod summary;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};

use clap::Parser;

use args::{Arguments, Command};
use failure::Failure;

pub use observer::{interrupt, stop_on_interrupt};

/// Where a command writes.
pub struct Io<'a> {
    /// Results.
    pub stdout: Box<dyn Write + 'a>,
    /// Messages and errors.
    pub stderr: Box<dyn Write + 'a>,
    /// Whether a person watches standard error: progress is shown then.
    pub watched: bool,
    /// Columns of the text on standard output.
    pub width: usize,
}

impl Io<'static> {
    /// The streams of this process.
    pub fn process() -> Self {
        let width = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        Io {
            stdout: Box::new(std::io::stdout().lock()),
            stderr: Box::new(std::io::stderr()),
            watched: std::io::stderr().is_terminal(),
            width: width.unwrap_or(80),
        }
    }
}

impl Io<'_> {
    /// Says what the parser of arguments says and gives the exit code: help that was asked for is a result, a usage error
    /// is not.
    pub fn usage(&mut self, error: &clap::Error) -> u8 {
        let stream = if error.use_stderr() { &mut self.stderr } else { &mut self.stdout };
        let _ = write!(stream, "{}", error.render());
        if error.use_stderr() { 2 } else { 0 }
    }
}

/// Runs the command with arguments, the first of which is the program's name; gives the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, io: &mut Io<'_>) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return io.usage(&error),
    };
    let outcome = match arguments.command {
        Command::Calibrate(arguments) => commands::calibrate::run(&arguments, io),
        Command::Fit(arguments) => commands::fit::run(&arguments, io),
        Command::Compare(arguments) => commands::compare::run(&arguments, io),
        Command::Apply(arguments) => commands::apply::run(&arguments, io),
        Command::Evaluate(arguments) => commands::evaluate::run(&arguments, io),
        Command::Smoothing(arguments) => commands::smoothing::run(&arguments, io),
        Command::Losses(arguments) => commands::losses::run(&arguments, io),
        Command::Methods(arguments) => commands::methods::run(&arguments, io),
        Command::Metrics(arguments) => commands::metrics::run(&arguments, io),
        Command::Completions(arguments) => commands::completions::run(&arguments, io),
    };
    let outcome = outcome.and_then(|()| io.stdout.flush().map_err(Failure::from));
    match outcome {
        // Whoever reads has read enough.
        Ok(()) | Err(Failure::Closed) => 0,
        Err(Failure::Check(text)) => {
            let _ = writeln!(io.stderr, "{text}");
            1
        }
        Err(Failure::Interrupted) => {
            let _ = writeln!(io.stderr, "{}", observer::INTERRUPTED_TEXT);
            130
        }
        Err(Failure::Error(text)) => {
            let _ = writeln!(io.stderr, "error: {text}");
            2
        }
    }
}
