//! How a command can end other than well.

use std::io;

use temperance::ErrorKind;
use temperance_data::DataError;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// An error in one line: exit code 2.
    Error(String),
    /// The reader of our output went away: not our business, exit code 0.
    Closed,
    /// Ctrl-C: exit code 130, with what remains.
    Interrupted(String),
}

/// What a command gives.
pub type Result<T = (), E = Failure> = std::result::Result<T, E>;

impl Failure {
    pub(crate) fn error(text: impl ToString) -> Self {
        Failure::Error(text.to_string())
    }

    /// The same with what it is about before it.
    pub(crate) fn of(self, what: &str) -> Self {
        match self {
            Failure::Error(text) => Failure::Error(format!("{what}: {text}")),
            other => other,
        }
    }
}

impl From<temperance::Error> for Failure {
    fn from(error: temperance::Error) -> Self {
        match error.kind() {
            ErrorKind::Interrupted => Failure::Interrupted("interrupted".into()),
            _ => Failure::error(error),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Failure::error(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Closed,
            _ => Failure::Error(format!("cannot write to standard output: {error}")),
        }
    }
}
