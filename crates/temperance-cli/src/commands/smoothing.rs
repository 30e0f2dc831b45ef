//! `temperance smoothing`.

use std::fmt::{Display, Write};

use serde_json::{Value, json};
use temperance::loss::theory::{self, Target};
use temperance::loss::{Convention, Library};

use crate::Io;
use crate::args::SmoothingArguments;
use crate::failure::Result;

pub(crate) fn run(arguments: &SmoothingArguments, io: &mut Io<'_>) -> Result {
    match arguments.convert {
        Some(to) => convert(arguments, to, io),
        None => describe(arguments, io),
    }
}

/// The ε of one library in another.
fn convert(arguments: &SmoothingArguments, to: Library, io: &mut Io<'_>) -> Result {
    let SmoothingArguments { classes, epsilon, from, .. } = *arguments;
    let target = from.target(classes, epsilon)?;
    let converted = from.convert(classes, epsilon, to)?;
    let (convention, own) = from.convention(epsilon)?;
    let gap = theory::optimal_gap(convention, classes, own)?;
    let minimum = theory::minimum_loss(convention, classes, own)?;
    if arguments.json {
        let side = |library: Library, epsilon: f64| json!({ "library": library.name(), "epsilon": epsilon, "summary": library.summary() });
        let object = json!({
            "classes": classes,
            "from": side(from, epsilon),
            "to": side(to, converted),
            "target": { "label": target.label, "other": target.other },
            "optimal_gap": number(gap),
            "minimum_loss": minimum,
        });
        return Ok(writeln!(io.stdout, "{object:#}")?);
    }
    let mut text = line("classes K", classes);
    text += &line(&format!("ε of {}", from.name()), epsilon);
    text += &line(&format!("ε of {}, same target", to.name()), converted);
    text += &optimum(&target, gap, minimum);
    text.push('\n');
    for library in [from, to] {
        let _ = writeln!(text, "{}: {}", library.name(), library.summary());
    }
    Ok(io.stdout.write_all(text.as_bytes())?)
}

/// What the ε of a convention asks for, and its equivalents everywhere.
fn describe(arguments: &SmoothingArguments, io: &mut Io<'_>) -> Result {
    let SmoothingArguments { classes, epsilon, .. } = *arguments;
    let convention = Convention::from(arguments.convention);
    let target = theory::target(convention, classes, epsilon)?;
    let gap = theory::optimal_gap(convention, classes, epsilon)?;
    let minimum = theory::minimum_loss(convention, classes, epsilon)?;
    let printed = theory::printed_gap(classes, epsilon)?;
    let from = match convention {
        Convention::Uniform => Library::Torch,
        Convention::Others => Library::Fairseq,
    };
    // An ε above 1 has no equivalent.
    let equivalents = Library::ALL.map(|to| (to, from.convert(classes, epsilon, to).ok()));
    if arguments.json {
        let equivalents: serde_json::Map<String, Value> =
            equivalents.iter().map(|(to, epsilon)| (to.name().to_owned(), json!(epsilon))).collect();
        let object = json!({
            "classes": classes,
            "epsilon": epsilon,
            "convention": convention.name(),
            "target": { "label": target.label, "other": target.other },
            "optimal_gap": number(gap),
            "minimum_loss": minimum,
            "printed_gap": number(printed),
            "equivalent_epsilon": equivalents,
        });
        return Ok(writeln!(io.stdout, "{object:#}")?);
    }
    let meaning = match convention {
        Convention::Uniform => "ε/K on every class",
        Convention::Others => "ε/(K-1) on the wrong classes",
    };
    let mut text = line("classes K", classes);
    text += &line("smoothing ε", format!("{epsilon} ({}: {meaning})", convention.name()));
    text += &optimum(&target, gap, minimum);
    text.push_str("\nOften printed as the gap, log((1-ε)(K-1)/ε): ");
    let _ = match convention {
        Convention::Uniform => writeln!(
            text,
            "{printed:.4}.\nThat belongs to the convention `others`; with ε/K on every class the gap is\n\
             log(1 + K(1-ε)/ε)."
        ),
        Convention::Others => writeln!(text, "{printed:.4}.\nThis is the convention it belongs to."),
    };
    text.push_str("\nThe same target elsewhere:\n");
    for (library, epsilon) in equivalents {
        let epsilon = epsilon.map_or_else(|| "none (above 1)".to_owned(), |e| format!("ε = {e:.6}"));
        let _ = writeln!(text, "  {:<13} {epsilon}", library.name());
    }
    text.push_str("\n`--convert LIBRARY` says what else differs.\n");
    Ok(io.stdout.write_all(text.as_bytes())?)
}

fn optimum(target: &Target, gap: f64, minimum: f64) -> String {
    [
        line("target of the label", format!("{:.6}", target.label)),
        line("target of each other class", format!("{:.6}", target.other)),
        line("optimal logit gap", format!("{gap:.4}")),
        line("minimum loss (entropy of target)", format!("{minimum:.4} nats")),
    ]
    .concat()
}

fn line(name: &str, value: impl Display) -> String {
    format!("{name:<34} {value}\n")
}

/// A number, or the name of one that JSON lacks.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { json!(value.to_string()) }
}
