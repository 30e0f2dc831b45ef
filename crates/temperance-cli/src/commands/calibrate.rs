//! `temperance calibrate`: split, fit, measure before and after, report.

use serde_json::{Value, json};
use temperance::calibrate::{Calibrated, Fitted, TemperatureScaling};
use temperance::metric::{Evaluation, Measured};
use temperance::select::{Split, SplitRule};
use temperance::{Rows, Subset};
use temperance_data::{Dataset, OutputDir};
use temperance_report::Report;

use super::fit::{self, Choice};
use crate::Io;
use crate::args::{CalibrateArguments, InputArguments, SplitName};
use crate::failure::{Failure, Result};
use crate::observer::Watch;
use crate::{input, output, summary};

/// Points of the curve of the loss against T, and how far it reaches beyond the optimum and T = 1.
const CURVE: (usize, f64) = (41, 2.0);

pub(crate) fn run(arguments: &CalibrateArguments, io: &mut Io<'_>) -> Result {
    arguments.measure.check_names()?;
    let dataset = arguments.input.read(true)?;
    arguments.measure.check_top_k(dataset.classes())?;
    let test = read_test(arguments)?;
    let evaluation = arguments.measure.evaluation()?;
    let watch = Watch::new(io.watched);
    let mut directory = OutputDir::create(&arguments.output.output, arguments.output.force)?;
    let speech = &arguments.output.speech;
    let outcome = speech.on_threads(|| match &test {
        Some(test) => {
            let comparison = arguments.comparison.comparison(&dataset)?.seed(arguments.measure.seed);
            let split = "all rows of the input fitted, the test files measured".to_owned();
            let (fit_rows, test_rows) = (dataset.block()?, test.block()?);
            let locate = |error| Failure::from(dataset.locate(error));
            let choice = arguments.method.choose(fit_rows, &comparison, &watch).map_err(locate)?;
            let fit_on = Part { rows: &fit_rows, dataset: &dataset, groups: None };
            let groups = input::counted_groups(test)?;
            let measure_on = Part { rows: &test_rows, dataset: test, groups };
            work(arguments, &evaluation, &choice, fit_on, measure_on, split, &watch)
        }
        None => {
            let block = dataset.block()?;
            let (rule, words) = match arguments.split {
                SplitName::Sequential => (SplitRule::Sequential, "sequential".to_owned()),
                SplitName::Stratified => {
                    let seed = arguments.measure.seed;
                    match dataset.groups() {
                        Some(groups) => {
                            (SplitRule::Grouped { groups, seed }, format!("by groups, seed {seed}"))
                        }
                        None => (SplitRule::Stratified { seed }, format!("stratified by class, seed {seed}")),
                    }
                }
            };
            let locate = |error| Failure::from(dataset.locate(error));
            let split = Split::new(&block.targets(), arguments.fit_fraction, rule).map_err(locate)?;
            let words = format!("{words}, {} of the rows fitted", arguments.fit_fraction);
            let comparison = arguments.comparison.comparison(&dataset)?.seed(arguments.measure.seed);
            let choice =
                arguments.method.choose(block, &comparison.within(&split.fit), &watch).map_err(locate)?;
            let groups = dataset.groups().map(|groups| split.test.iter().map(|&row| groups[row]).collect());
            let fit_rows = Subset::new(block, split.fit)?;
            let test_rows = Subset::new(block, split.test)?;
            let fit_on = Part { rows: &fit_rows, dataset: &dataset, groups: None };
            let measure_on = Part { rows: &test_rows, dataset: &dataset, groups };
            work(arguments, &evaluation, &choice, fit_on, measure_on, words, &watch)
        }
    })?;
    let Outcome { fitted, after, report } = outcome;

    directory.write("calibrator.json", fit::file(&fitted, &dataset)?.to_json().as_bytes())?;
    let mut files = vec!["calibrator.json".to_owned()];
    files.extend(output::write_report(
        &mut directory,
        "report",
        &report.json(),
        &report.html(),
        &report.figures(),
    )?);
    directory.finish()?;
    drop(watch);
    let text = |width: usize| {
        let mut text = report.text(width);
        text.push_str(&output::written(&arguments.output.output, &files));
        text
    };
    speech.say(io, text, || compact(&report, &arguments.output.output))?;
    arguments.measure.check(&after)
}

/// Rows, and the data set that knows where they come from.
struct Part<'a> {
    rows: &'a dyn Rows,
    dataset: &'a Dataset,
    /// The groups of the rows that count, where intervals need them.
    groups: Option<Vec<u64>>,
}

struct Outcome {
    fitted: Fitted,
    after: Measured,
    report: Report,
}

fn read_test(arguments: &CalibrateArguments) -> Result<Option<Dataset>> {
    let CalibrateArguments { test_logits, test_probabilities, test_labels, test_soft_labels, .. } = arguments;
    if test_logits.is_none() && test_probabilities.is_none() {
        let CalibrateArguments { test_weights, test_groups, .. } = arguments;
        let described = [test_labels, test_soft_labels, test_weights, test_groups];
        let alone = described.iter().any(|file| file.is_some());
        return if alone {
            Err(Failure::error("test scores are missing; expected --test-logits or --test-probabilities"))
        } else {
            Ok(None)
        };
    }
    if arguments.input.is_empty() {
        return Err(Failure::error(
            "scores to fit on are missing; expected FILE, --logits or --probabilities",
        ));
    }
    let input = InputArguments {
        file: None,
        logits: test_logits.clone(),
        probabilities: test_probabilities.clone(),
        labels: test_labels.clone(),
        soft_labels: test_soft_labels.clone(),
        weights: arguments.test_weights.clone(),
        groups: arguments.test_groups.clone(),
        ..arguments.input.clone()
    };
    input.read(false).map(Some)
}

fn work(
    arguments: &CalibrateArguments,
    evaluation: &Evaluation,
    choice: &Choice,
    fit_on: Part<'_>,
    measure_on: Part<'_>,
    split: String,
    watch: &Watch,
) -> Result<Outcome> {
    let dataset = fit_on.dataset;
    let locate_fit = |error| Failure::from(dataset.locate(error));
    let locate_test = |error| Failure::from(measure_on.dataset.locate(error));
    if measure_on.dataset.classes() != dataset.classes() {
        let (test, fit) = (measure_on.dataset.classes(), dataset.classes());
        return Err(Failure::Error(format!(
            "number of test classes is {test}; expected the {fit} classes fitted"
        )));
    }
    let fitted = choice.fit(fit_on.rows, watch).map_err(locate_fit)?;
    let before = evaluation.measure_with(measure_on.rows, watch).map_err(locate_test)?;
    let calibrated = Calibrated::new(measure_on.rows, fitted.calibrator.as_ref());
    let after = evaluation.measure_with(&calibrated, watch).map_err(locate_test)?;
    let replicates = match arguments.measure.bootstrap()? {
        None => None,
        Some(bootstrap) => {
            let bootstrap = match &measure_on.groups {
                Some(groups) => bootstrap.groups(groups),
                None => bootstrap,
            };
            Some(bootstrap.run_with(evaluation, &[&before.summaries, &after.summaries], watch)?)
        }
    };

    let mut calibrator = summary::calibrator(&fitted)?;
    if let Some(temperature) = calibrator.temperature {
        calibrator.curve = curve(fit_on.rows, temperature).map_err(locate_fit)?;
    }
    calibrator.map = Some(summary::calibration_map(&before.summaries, &after.summaries));
    let names = summary::class_names(dataset.class_names(), dataset.classes());
    let scorecard = |measured: &Measured, model| {
        let mut scorecard = summary::scorecard(measured, &names);
        scorecard.intervals = summary::intervals_of(replicates.as_ref(), model, &arguments.measure);
        summary::curves(&mut scorecard, &measured.summaries, arguments.measure.seed);
        scorecard
    };
    let mut notes = choice.notes.clone();
    notes.extend(summary::notes(dataset));
    for note in summary::notes(measure_on.dataset) {
        // The same data set if nothing else is measured.
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    if arguments.input.is_empty() {
        let text = "no file was given: this is the built-in sample, the outputs of a small network for the \
                    10000 test images of Fashion-MNIST";
        notes.insert(0, text.to_owned());
    }
    let mut conventions = summary::conventions(&after.conventions, dataset);
    let interval = "95 %, from the sandwich standard error, symmetric in ln T";
    conventions.insert("interval".to_owned(), interval.to_owned());
    conventions.insert("band".to_owned(), "95 % Wilson interval of the accuracy of a bin".to_owned());
    let report = Report {
        classes: dataset.classes(),
        n_fit: fitted.certificate.rows as usize,
        n_test: before.rows as usize,
        source: arguments.input.source(),
        split,
        before: scorecard(&before, 0),
        after: scorecard(&after, 1),
        calibrator,
        conventions,
        notes,
        version: concat!("temperance ", env!("CARGO_PKG_VERSION")).to_owned(),
    };
    Ok(Outcome { fitted, after, report })
}

/// Mean loss of the fitted rows at temperatures in equal ratios around the optimum and 1.
fn curve(rows: &dyn Rows, temperature: f64) -> temperance::Result<Vec<[f64; 2]>> {
    let (points, margin) = CURVE;
    let (low, high) = (temperature.min(1.0) / margin, temperature.max(1.0) * margin);
    let step = (high / low).ln() / (points - 1) as f64;
    let mut temperatures: Vec<f64> = (0..points).map(|i| low * (step * i as f64).exp()).collect();
    temperatures.push(temperature);
    temperatures.sort_by(f64::total_cmp);
    let losses = TemperatureScaling::new().curve(rows, &temperatures)?;
    Ok(temperatures.into_iter().zip(losses).map(|(t, nll)| [t, nll]).collect())
}

/// The report without what only figures need.
fn compact(report: &Report, output: &std::path::Path) -> Value {
    let mut value = json!(report);
    let mut intervals = serde_json::Map::new();
    for name in ["before", "after"] {
        if let Some(side) = value[name].as_object_mut() {
            for heavy in
                ["reliability", "confidence_histogram", "per_class", "corp", "smooth", "risk_coverage"]
            {
                side.remove(heavy);
            }
            intervals.extend(side.remove("intervals").map(|found| (name.to_owned(), found)));
        }
    }
    value["intervals"] = Value::Object(intervals);
    value["calibrator"] = fit::calibrator_json(&report.calibrator);
    value["output"] = json!(output);
    value
}
