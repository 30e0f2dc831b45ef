//! `temperance losses`.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use temperance::loss::{Entry, LOSSES};

use crate::Io;
use crate::args::LossesArguments;
use crate::failure::Result;
use crate::output::{Registry, hanging, parameter_table, parameters_json};

pub(crate) fn run(arguments: &LossesArguments, io: &mut Io<'_>) -> Result {
    let registry = Registry { entries: LOSSES, key: "losses", json, description, list };
    registry.show(arguments.name, arguments.json, io)
}

fn json(entry: &Entry) -> Value {
    let Entry { name, summary, formula, source, soft_labels, teacher, .. } = entry;
    let neutral = entry
        .neutral
        .map(|given| given.iter().map(|&(name, value)| (name, value)).collect::<BTreeMap<_, _>>());
    json!({
        "name": name,
        "summary": summary,
        "formula": formula,
        "parameters": parameters_json(entry.parameters),
        "soft_labels": soft_labels,
        "teacher": teacher,
        "cross_entropy_with": neutral,
        "source": source,
    })
}

/// Every loss in a few lines.
fn list(width: usize) -> String {
    let mut text = String::new();
    for entry in LOSSES {
        let parameters: Vec<&str> = entry.parameters.iter().map(|parameter| parameter.name).collect();
        text += &format!("{}\n", entry.name);
        text += &hanging("  ", entry.summary, width);
        text += &hanging("  loss = ", entry.formula, width);
        text += &hanging("  parameters: ", &parameters.join(", "), width);
        text.push('\n');
    }
    text + &hanging("", "`temperance losses NAME` has the parameters and the source of one.", width)
}

/// All that is known of a loss.
fn description(entry: &Entry, width: usize) -> String {
    let yes_or_no = |yes| if yes { "yes" } else { "no" };
    let mut text = hanging(&format!("{}: ", entry.name), entry.summary, width);
    text.push('\n');
    text += &hanging("loss           ", entry.formula, width);
    text += &hanging("soft labels    ", yes_or_no(entry.soft_labels), width);
    text += &hanging("teacher        ", yes_or_no(entry.teacher), width);
    let plain = match entry.neutral {
        None => "never".to_owned(),
        Some([]) => "by default".to_owned(),
        Some(given) => {
            given.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
        }
    };
    text += &hanging("cross-entropy  ", &plain, width);
    text += &hanging("source         ", entry.source, width);
    text + &parameter_table(entry.parameters, width)
}
