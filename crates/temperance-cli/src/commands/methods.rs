//! `temperance methods`.

use serde_json::{Value, json};
use temperance::calibrate::{Entry, METHODS};

use crate::Io;
use crate::args::MethodsArguments;
use crate::failure::Result;
use crate::output::{Registry, hanging, parameter_table, parameters_json};

pub(crate) fn run(arguments: &MethodsArguments, io: &mut Io<'_>) -> Result {
    let registry = Registry { entries: METHODS, key: "methods", json, description, list };
    registry.show(arguments.name, arguments.json, io)
}

fn json(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "summary": entry.summary,
        "parameters": parameters_json(entry.parameters),
        "binary": entry.binary,
        "source": entry.source,
    })
}

/// Every method in a few lines, from the simplest to the richest.
fn list(width: usize) -> String {
    let mut text = String::new();
    for entry in METHODS {
        let parameters: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
        text += &format!("{}\n", entry.name);
        text += &hanging("  ", entry.summary, width);
        if !parameters.is_empty() {
            text += &hanging("  parameters: ", &parameters.join(", "), width);
        }
        text.push('\n');
    }
    text + &hanging(
        "",
        "From the simplest to the richest. `temperance methods NAME` has the parameters and the source of one.",
        width,
    )
}

/// All that is known of a method.
fn description(entry: &Entry, width: usize) -> String {
    let mut text = hanging(&format!("{}: ", entry.name), entry.summary, width);
    text.push('\n');
    let classes = if entry.binary {
        "corrects one probability; on more than two classes each class against the rest, or the top label"
    } else {
        "any number"
    };
    text += &hanging("classes        ", classes, width);
    text += &hanging("source         ", entry.source, width);
    text + &parameter_table(entry.parameters, width)
}
