//! `temperance smoothing`.

use std::fmt::Write;

use serde_json::{Value, json};
use temperance::loss::Convention;
use temperance::loss::theory::{self, Library};

use crate::Io;
use crate::args::SmoothingArguments;
use crate::failure::Result;

/// Libraries by the meaning of their ε, with others that share it.
const LIBRARIES: [(Library, &str); 4] = [
    (Library::Torch, "PyTorch, Keras, optax, timm"),
    (Library::Fairseq, "fairseq since 2021, flax, tensor2tensor"),
    (Library::OpenNmt, "OpenNMT (K without the padding)"),
    (Library::ClassyVision, "ClassyVision"),
];

pub(crate) fn run(arguments: &SmoothingArguments, io: &mut Io<'_>) -> Result {
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
    let equivalents = LIBRARIES.map(|(to, users)| (to, users, from.convert(classes, epsilon, to).ok()));
    if arguments.json {
        let number = |value: f64| {
            if value.is_finite() { json!(value) } else { json!(value.to_string()) }
        };
        let equivalents: serde_json::Map<String, Value> =
            equivalents.iter().map(|(to, _, epsilon)| (to.name().to_owned(), json!(epsilon))).collect();
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
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<34} {value}");
    };
    line("classes K", classes.to_string());
    line("smoothing ε", format!("{epsilon} ({}: {meaning})", convention.name()));
    line("target of the label", format!("{:.6}", target.label));
    line("target of each other class", format!("{:.6}", target.other));
    line("optimal logit gap", format!("{gap:.4}"));
    line("minimum loss (entropy of target)", format!("{minimum:.4} nats"));
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
    for (library, users, epsilon) in equivalents {
        let epsilon = epsilon.map_or_else(|| "none (above 1)".to_owned(), |e| format!("ε = {e:.6}"));
        let _ = writeln!(text, "  {:<13} {epsilon:<18} {users}", library.name());
    }
    Ok(io.stdout.write_all(text.as_bytes())?)
}
