//! `temperance completions`.

use clap::CommandFactory;

use crate::Io;
use crate::args::{Arguments, CompletionsArguments};
use crate::failure::Result;

pub(crate) fn run(arguments: &CompletionsArguments, io: &mut Io<'_>) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "temperance", &mut script);
    Ok(io.stdout.write_all(&script)?)
}
