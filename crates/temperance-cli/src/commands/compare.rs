//! `temperance compare`.

use std::time::Instant;

use serde_json::{Value, json};
use temperance::metric::{Interval, Summaries};
use temperance::select::{Candidate, Compared};
use temperance_data::{Dataset, OutputDir};
use temperance_report::{Comparison, Difference, MethodRow, Metrics};

use crate::Io;
use crate::args::{CompareArguments, ComparisonArguments};
use crate::failure::{Failure, Result};
use crate::observer::Watch;
use crate::{output, summary};

impl ComparisonArguments {
    /// The comparison that is asked for, with the groups of the data set.
    pub(crate) fn comparison(&self, dataset: &Dataset) -> Result<temperance::select::Comparison> {
        let comparison = temperance::select::Comparison::new();
        let mut comparison = comparison.criterion(self.rank_by.into()).folds(self.folds)?;
        if !self.methods.is_empty() {
            comparison = comparison.methods(&self.methods)?;
        }
        if let Some(groups) = dataset.groups() {
            comparison = comparison.groups(groups);
        }
        Ok(comparison)
    }
}

pub(crate) fn run(arguments: &CompareArguments, io: &mut Io<'_>) -> Result {
    let measure = &arguments.measure;
    measure.check_names()?;
    let dataset = arguments.input.read(true)?;
    measure.check_top_k(dataset.classes())?;
    let Some(bootstrap) = measure.bootstrap()? else {
        return Err(Failure::error(
            "number of resamplings is 0; expected at least 2: methods are told apart by intervals",
        ));
    };
    let comparison = arguments
        .comparison
        .comparison(&dataset)?
        .evaluation(measure.evaluation()?)
        .bootstrap(bootstrap)
        .seed(measure.seed);
    let watch = Watch::new(io.watched);
    let mut directory = OutputDir::create(&arguments.output.output, arguments.output.force)?;
    let speech = &arguments.output.speech;
    let start = Instant::now();
    let compared = speech.on_threads(|| {
        let clock = || start.elapsed().as_secs_f64();
        let compared = comparison.run_with(dataset.block()?, &watch, &clock);
        compared.map_err(|error| Failure::from(dataset.locate(error)))
    })?;
    let report = report(arguments, &dataset, &compared);
    let files = output::write_report(
        &mut directory,
        "comparison",
        &report.json(),
        &report.html(),
        &report.figures(),
    )?;
    directory.finish()?;
    drop(watch);
    let text = |width: usize| {
        let mut text = report.text(width);
        text.push_str(&output::written(&arguments.output.output, &files));
        text
    };
    speech.say(io, text, || compact(&report, &arguments.output.output))?;
    match &compared.recommended().outcome {
        Ok(outcome) => measure.check(&outcome.measured),
        Err(error) => Err(Failure::error(error)),
    }
}

/// The numbers of the report.
fn report(arguments: &CompareArguments, dataset: &Dataset, compared: &Compared) -> Comparison {
    let identity = compared.candidates.iter().find_map(|candidate| candidate.outcome.as_ref().ok());
    let mut conventions = identity
        .map(|outcome| summary::conventions(&outcome.measured.conventions, dataset))
        .unwrap_or_default();
    let grouped = if dataset.groups().is_some() { "no group in two folds" } else { "stratified by class" };
    let seed = arguments.measure.seed;
    conventions.insert("folds".to_owned(), format!("{}, {grouped}, seed {seed}", compared.folds));
    let given = identity.map(|outcome| &outcome.measured.summaries);
    let reason = format!(
        "the simplest method that is not significantly worse than any other by {}",
        compared.criterion.name().to_uppercase()
    );
    Comparison {
        source: arguments.input.source(),
        rows: identity.map_or(0, |outcome| outcome.measured.rows),
        classes: dataset.classes(),
        folds: compared.folds as u32,
        criterion: compared.criterion.name().to_owned(),
        level: arguments.measure.level,
        methods: compared.candidates.iter().map(|candidate| row(candidate, given)).collect(),
        best: Some(compared.best().method.to_owned()),
        recommended: Some(compared.recommended().method.to_owned()),
        reason,
        conventions,
        notes: summary::notes(dataset),
        version: concat!("temperance ", env!("CARGO_PKG_VERSION")).to_owned(),
    }
}

fn row(candidate: &Candidate, given: Option<&Summaries>) -> MethodRow {
    let name = candidate.method.to_owned();
    let outcome = match &candidate.outcome {
        Ok(outcome) => outcome,
        Err(error) => return MethodRow { name, failure: Some(error.to_string()), ..MethodRow::default() },
    };
    let difference = |interval: &Interval| {
        Some(Difference { value: interval.estimate, interval: Some([interval.lower, interval.upper]) })
    };
    let metrics = outcome.measured.metrics.iter().map(|(name, value)| (name.as_str(), *value));
    let intervals = outcome.intervals.iter();
    MethodRow {
        name,
        metrics: Metrics::from_iter(metrics),
        intervals: intervals.map(|(name, ends)| (name.clone(), [ends.lower, ends.upper])).collect(),
        to_uncalibrated: difference(&outcome.against_identity),
        to_best: difference(&outcome.against_best),
        fit_seconds: Some(outcome.fit_seconds),
        apply_seconds: Some(outcome.apply_seconds),
        flags: summary::flags(&outcome.flags),
        failure: None,
        reliability: summary::bins(&outcome.measured.reliability),
        map: given.map(|given| summary::calibration_map(given, &outcome.measured.summaries)),
    }
}

/// The report without what only figures need.
fn compact(report: &Comparison, output: &std::path::Path) -> Value {
    let mut value = json!(report);
    for method in value["methods"].as_array_mut().into_iter().flatten() {
        if let Some(method) = method.as_object_mut() {
            method.remove("reliability");
            method.remove("map");
        }
    }
    value["output"] = json!(output);
    value
}
