//! `temperance fit`.

use serde_json::{Value, json};
use temperance::calibrate::{self, Fitted};
use temperance::metric::Conventions;
use temperance::{Error, ErrorKind, Parameter, Parameters, Rows};
use temperance_data::{CalibratorFile, Dataset, OutputDir};
use temperance_report::CalibratorSummary;

use crate::Io;
use crate::args::{FitArguments, MethodArguments};
use crate::failure::{Failure, Result};
use crate::observer::Watch;
use crate::{output, summary};

impl MethodArguments {
    /// Fits the chosen method.
    pub(crate) fn fit(&self, rows: &dyn Rows, watch: &Watch) -> temperance::Result<Fitted> {
        let Some(entry) = calibrate::method(&self.method) else {
            let expected = "the name of a method";
            return Err(Error::new(ErrorKind::Parameter, "method", &self.method, expected));
        };
        let parameters = self.parameter.iter().fold(Parameters::new(), |parameters, (name, value)| {
            parameters.with(name, Parameter::Number(*value))
        });
        (entry.build)(&parameters)?.fit_observed(rows, watch)
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
    }
    value
}

pub(crate) fn run(arguments: &FitArguments, io: &mut Io<'_>) -> Result {
    let dataset = arguments.input.read(false)?;
    let block = dataset.block()?;
    let watch = Watch::new(io.watched);
    let mut output = OutputDir::create(&arguments.output.output, arguments.output.force)?;
    let speech = &arguments.output.speech;
    let fitted = speech.on_threads(|| {
        let fitted = arguments.method.fit(&block, &watch);
        fitted.map_err(|error| Failure::from(dataset.locate(error)))
    })?;
    output.write("calibrator.json", file(&fitted, &dataset)?.to_json().as_bytes())?;
    output.finish()?;
    drop(watch);
    let summary = summary::calibrator(&fitted)?;
    let notes = summary::notes(&dataset);
    let text = |width: usize| {
        let mut text = summary.text(width);
        text.push_str(&temperance_report::notes(&notes, width));
        text.push_str(&output::written(&arguments.output.output, &["calibrator.json"]));
        text
    };
    speech.say(io, text, || {
        json!({
            "classes": dataset.classes(),
            "n_fit": fitted.certificate.rows,
            "calibrator": calibrator_json(&summary),
            "notes": notes,
            "output": arguments.output.output,
        })
    })
}
