//! The command `temperance`, as the Rust binary runs it.

use std::ffi::OsString;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use temperance_cli::Io;

/// How long Python's signals may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// Runs the command on the streams of this process; gives its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> u8 {
    py.detach(|| {
        temperance_cli::stop_on_interrupt();
        temperance_cli::run(arguments, &mut Io::process())
    })
}

/// Runs the command quietly; gives its exit code and what it wrote to standard output and standard error.
#[pyfunction]
pub(crate) fn command(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<(u8, String, String)> {
    let (sender, mut receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut io =
            Io { stdout: Box::new(&mut stdout), stderr: Box::new(&mut stderr), watched: false, width: 80 };
        let code = temperance_cli::run(arguments, &mut io);
        drop(io);
        // Nobody listens any more if Python was interrupted.
        let _ = sender.send((code, stdout, stderr));
    });
    let mut interrupted = None;
    loop {
        let answer;
        (receiver, answer) = py.detach(move || {
            let answer = receiver.recv_timeout(PATIENCE);
            (receiver, answer)
        });
        match (answer, interrupted.take()) {
            (Ok(_), Some(error)) => return Err(error),
            (Ok((code, stdout, stderr)), None) => {
                let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
                return Ok((code, text(stdout), text(stderr)));
            }
            (Err(RecvTimeoutError::Timeout), already) => {
                interrupted = already;
                if let (Err(error), None) = (py.check_signals(), &interrupted) {
                    temperance_cli::interrupt();
                    interrupted = Some(error);
                }
            }
            (Err(RecvTimeoutError::Disconnected), _) => {
                return Err(PyRuntimeError::new_err("the command ended without an answer"));
            }
        }
    }
}
