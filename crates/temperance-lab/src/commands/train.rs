//! `temperance-lab train`.

use std::io::Write;
use std::ops::ControlFlow;

use indicatif::ProgressBar;
use temperance::calibrate::Calibrated;
use temperance::metric::Evaluation;

use crate::Io;
use crate::args::TrainArguments;
use crate::data::Data;
use crate::failure::{Failure, Result};
use crate::predictions::Predictions;
use crate::record::{self, Row};
use crate::training::{Run, Trained, Watcher, prepare};
use crate::{interrupt, progress};

pub(crate) fn run(arguments: &TrainArguments, io: &mut Io<'_>) -> Result {
    let settings = arguments.settings()?;
    let data = Data::read(&settings)?;
    let run = Run::new(&settings, &data, &arguments.output)?;
    prepare(&arguments.output, &settings, arguments.manner.resume, arguments.manner.force)?;
    let mut bar = Bar::new(io.watched);
    let trained = run.train(&mut bar);
    bar.0.finish_and_clear();
    let Trained { validation, test, .. } = trained?;
    if arguments.manner.quiet {
        return Ok(());
    }
    if arguments.manner.json {
        let summary = std::fs::read_to_string(arguments.output.join(crate::training::SUMMARY))
            .map_err(|error| Failure::Error(error.to_string()))?;
        write!(io.stdout, "{summary}")?;
        return Ok(());
    }
    let before = test.measure()?;
    let scaled = scaled(&validation, &test)?;
    let out = &mut io.stdout;
    writeln!(
        out,
        "{}: {} for {} epoch{} on {} examples of {} classes\n",
        settings.data,
        settings.loss,
        settings.epochs,
        if settings.epochs == 1 { "" } else { "s" },
        data.train.rows(),
        data.classes
    )?;
    writeln!(out, "{:<34}{:>12}{:>16}", "test", "as it is", "temperature")?;
    let after =
        |name: &str| scaled.as_ref().and_then(|(_, measured)| measured.metric(name)).unwrap_or(f64::NAN);
    let shown = |value: f64| if value.is_nan() { "none".to_owned() } else { format!("{value:.4}") };
    for (label, name, value) in [
        ("NLL (nats)", "nll", before.nll),
        ("accuracy", "accuracy", before.accuracy),
        ("ECE", "ece", before.ece),
        ("entropy (nats)", "mean_entropy", before.entropy),
    ] {
        writeln!(out, "{label:<34}{value:>12.4}{:>16}", shown(after(name)))?;
    }
    let temperature = scaled.as_ref().map_or("none".into(), |(temperature, _)| format!("{temperature:.4}"));
    writeln!(out, "{:<34}{:>12}{temperature:>16}", "T, fitted on the validation part", "1")?;
    writeln!(out, "{:<34}{:>12.4}", "logit gap (label less others)", before.gap)?;
    writeln!(out, "{:<34}{:>12.4}", "class separation R²", before.separation)?;
    writeln!(
        out,
        "\nWritten to {0}: metrics.csv, TensorBoard events, model.bpk, and train, validation and test.npz with logits,\n\
         labels and features. Next: temperance calibrate --logits {0}/validation.npz --test-logits {0}/test.npz",
        arguments.output.display()
    )?;
    Ok(())
}

/// The temperature of the validation part and what it makes of the test part; nothing if there is no optimum.
fn scaled(
    validation: &Predictions,
    test: &Predictions,
) -> Result<Option<(f64, temperance::metric::Measured)>> {
    // All validation rows of one class have no temperature either; the run is done all the same.
    let Ok(Some(temperature)) = validation.temperature() else { return Ok(None) };
    let measured = Evaluation::new()
        .named(&["nll", "accuracy", "ece", "mean_entropy"])?
        .measure(&Calibrated::new(&test.block()?, &temperature))?;
    Ok(Some((temperature.temperature(), measured)))
}

/// Progress on a terminal.
struct Bar(ProgressBar);

impl Bar {
    fn new(watched: bool) -> Self {
        Bar(progress::bar(watched, None, "step {pos}/{len} {bar:20} {eta} left  {msg}"))
    }
}

impl Watcher for Bar {
    fn step(&mut self, step: u64, steps: u64) -> ControlFlow<()> {
        self.0.set_length(steps);
        self.0.set_position(step);
        if interrupt::interrupted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn measured(&mut self, row: &Row) {
        let value = |name| record::value(row, name);
        let bound = value("gap_bound");
        let bound = if bound.is_finite() { format!(" of {bound:.2}") } else { String::new() };
        self.0.set_message(format!(
            "loss {:.4}, gap {:.2}{bound}, |g| {:.1e}; validation NLL {:.4}, accuracy {:.4}, ECE {:.4}, H {:.3}",
            value("train_loss"),
            value("train_gap"),
            value("gradient_norm"),
            value("validation_nll"),
            value("validation_accuracy"),
            value("validation_ece"),
            value("validation_entropy"),
        ));
    }
}
