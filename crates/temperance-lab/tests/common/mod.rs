//! The real binary, and what it should and should not have done.

use std::process::{Command, Output};

/// `temperance-lab` with arguments.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_temperance-lab"));
    command.args(arguments);
    command
}

/// What it printed, if it went well, and silently so.
#[track_caller]
pub(crate) fn good(output: Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.stderr.is_empty(), "quiet in a pipe: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What it said of what was wrong.
#[track_caller]
pub(crate) fn bad(output: Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}
