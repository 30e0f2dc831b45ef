//! `temperance fit`.

use std::time::Instant;

use serde_json::{Value, json};
use temperance::calibrate::{self, Fitted};
use temperance::metric::Conventions;
use temperance::select::Comparison;
use temperance::{Block, Error, ErrorKind, Parameter, Parameters, Rows};
use temperance_data::{CalibratorFile, Dataset, OutputDir};
use temperance_report::CalibratorSummary;

use crate::Io;
use crate::args::{AUTO, FitArguments, MethodArguments};
use crate::failure::{Failure, Result};
use crate::observer::Watch;
use crate::{output, summary};

/// A method to fit, and what is to be said of its choice.
pub(crate) struct Choice {
    entry: &'static calibrate::Entry,
    parameters: Parameters,
    pub(crate) notes: Vec<String>,
}

impl Choice {
    /// Fits the method.
    pub(crate) fn fit(&self, rows: &dyn Rows, watch: &Watch) -> temperance::Result<Fitted> {
        (self.entry.build)(&self.parameters)?.fit_observed(rows, watch)
    }
}

/// The method of that name.
fn named(method: &str) -> temperance::Result<&'static calibrate::Entry> {
    let unknown = || Error::new(ErrorKind::Parameter, "method", method, "the name of a method");
    calibrate::method(method).ok_or_else(unknown)
}

impl MethodArguments {
    /// The method that is asked for; for `auto`, the one that `comparison` recommends for the rows of `block`.
    pub(crate) fn choose(
        &self,
        block: Block<'_>,
        comparison: &Comparison,
        watch: &Watch,
    ) -> temperance::Result<Choice> {
        let parameters = self.parameter.iter().fold(Parameters::new(), |parameters, (name, value)| {
            parameters.with(name, Parameter::Number(*value))
        });
        if self.method != AUTO {
            return Ok(Choice { entry: named(&self.method)?, parameters, notes: Vec::new() });
        }
        if let Some((name, _)) = parameters.iter().next() {
            let expected = "none: auto compares methods with their defaults";
            return Err(Error::new(ErrorKind::Parameter, "parameter", format!("{name:?}"), expected));
        }
        let compared = comparison.run_with(block, watch, &|| 0.0)?;
        let method = compared.recommended().method;
        let of = compared.candidates.iter().filter(|candidate| candidate.outcome.is_ok()).count();
        let note = format!(
            "method auto: {method} is the simplest of {of} methods that is not significantly worse than any other by \
             {} in {}-fold cross-validation",
            compared.criterion.name().to_uppercase(),
            compared.folds
        );
        Ok(Choice { entry: named(method)?, parameters, notes: vec![note] })
    }
}

/// The file of a fitted calibrator.
pub(crate) fn file(fitted: &Fitted, dataset: &Dataset) -> Result<CalibratorFile> {
    let words = "softmax of the calibrated logits; natural logarithms, nats".to_owned();
    let conventions = Conventions::from([("probabilities".to_owned(), words)]);
    let conventions = summary::conventions(&conventions, dataset);
    Ok(CalibratorFile::new(
        fitted.calibrator.as_ref(),
        Some(fitted.certificate.clone()),
        dataset.classes(),
        dataset.class_names(),
        dataset.zeros_rule(),
        conventions,
    )?)
}

/// The calibrator of a fit as commands print it.
pub(crate) fn calibrator_json(summary: &CalibratorSummary) -> Value {
    let mut value = json!(summary);
    if let Some(object) = value.as_object_mut() {
        object.remove("curve");
        object.remove("map");
    }
    value
}

pub(crate) fn run(arguments: &FitArguments, io: &mut Io<'_>) -> Result {
    let dataset = arguments.input.read(false)?;
    let block = dataset.block()?;
    let watch = Watch::new(io.watched);
    let mut output = OutputDir::create(&arguments.output.output, arguments.output.force)?;
    let speech = &arguments.output.speech;
    let start = Instant::now();
    let (fitted, mut notes) = speech.on_threads(|| {
        let locate = |error| Failure::from(dataset.locate(error));
        let comparison = arguments.comparison.comparison(&dataset)?.seed(arguments.seed);
        let choice = arguments.method.choose(block, &comparison, &watch).map_err(locate)?;
        let fitted = choice.fit(&block, &watch).map_err(locate)?;
        Ok((fitted, choice.notes))
    })?;
    let fit_seconds = start.elapsed().as_secs_f64();
    output.write("calibrator.json", file(&fitted, &dataset)?.to_json().as_bytes())?;
    output.finish()?;
    drop(watch);
    let summary = summary::calibrator(&fitted)?;
    notes.extend(summary::notes(&dataset));
    let text = |width: usize| {
        let mut text = summary.text(width);
        text.push_str(&temperance_report::notes(&notes, width));
        text.push_str(&output::written(&arguments.output.output, &["calibrator.json"]));
        text
    };
    let time = |mut object: Value| {
        if arguments.timing {
            object["fit_seconds"] = json!(fit_seconds);
        }
        object
    };
    speech.say(io, text, || {
        time(json!({
            "classes": dataset.classes(),
            "n_fit": fitted.certificate.rows,
            "calibrator": calibrator_json(&summary),
            "notes": notes,
            "output": arguments.output.output,
        }))
    })
}
