//! How a command can end other than well.

use std::io;

use temperance::ErrorKind;
use temperance_data::{DataError, DataErrorKind};

/// Why a command stopped.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An asked check failed: exit code 1.
    Check(String),
    /// An error in one line: exit code 2.
    Error(String),
    /// The reader of our output went away: not our business, exit code 0.
    Closed,
    /// Ctrl-C: exit code 130.
    Interrupted,
}

pub(crate) type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn error(text: impl ToString) -> Self {
        Failure::Error(text.to_string())
    }
}

impl From<temperance::Error> for Failure {
    fn from(error: temperance::Error) -> Self {
        match error.kind() {
            ErrorKind::Interrupted => Failure::Interrupted,
            _ => Failure::error(error),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        match error.kind() {
            DataErrorKind::Core(core) if core.kind() == ErrorKind::Interrupted => Failure::Interrupted,
            _ => Failure::error(error),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            kind => Failure::Error(format!("cannot write to standard output: {kind}")),
        }
    }
}
