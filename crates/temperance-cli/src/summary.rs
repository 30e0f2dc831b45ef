//! From what the library measured and fitted to the numbers of a report.

use temperance::calibrate::{Fitted, Flag};
use temperance::metric::{self, Bin, Bins, Conventions, Interval, Measured, Replicates, Summaries};
use temperance::{Parameter, Parameters, Zeros};
use temperance_data::Dataset;
use temperance_report::{
    CalibrationMap, CalibratorSummary, ClassRow, ConfidenceHistogram, Corp, Intervals, Metrics, RiskCoverage,
    Scorecard, SmoothCurve,
};

use crate::args::MeasureArguments;
use crate::failure::Result;

/// Bars of the confidence histogram.
const BARS: usize = 20;

/// With more classes a report does not hold the bins of each.
const DRAWN_CLASSES: usize = 100;

/// Everything measured, with the names of the classes.
pub(crate) fn scorecard(measured: &Measured, names: &[String]) -> Scorecard {
    let class = |(class, name): (&temperance::metric::ClassSummary, &String)| ClassRow {
        name: name.clone(),
        rows: class.rows,
        predicted: class.predicted,
        recall: class.recall,
        precision: class.precision,
        mean_probability: class.mean_probability,
        frequency: class.frequency,
        ece: class.ece,
        reliability: if names.len() <= DRAWN_CLASSES { bins(&class.reliability) } else { Vec::new() },
    };
    Scorecard {
        metrics: Metrics::from_iter(measured.metrics.iter().map(|(name, value)| (name.as_str(), *value))),
        reliability: bins(&measured.reliability),
        confidence_histogram: histogram(measured),
        per_class: measured.per_class.iter().zip(names).map(class).collect(),
        ..Scorecard::default()
    }
}

fn histogram(measured: &Measured) -> ConfidenceHistogram {
    let edges = (0..=BARS).map(|bar| bar as f64 / BARS as f64).collect();
    let (mut right, mut wrong) = (vec![0.0; BARS], vec![0.0; BARS]);
    let rows = &measured.summaries;
    for row in 0..rows.rows() {
        let bar = ((rows.confidence[row] * BARS as f64) as usize).min(BARS - 1);
        right[bar] += rows.weight[row] * rows.correct[row];
        wrong[bar] += rows.weight[row] * (1.0 - rows.correct[row]);
    }
    ConfidenceHistogram { edges, right, wrong }
}

/// Flags by their names in files.
pub(crate) fn flags(flags: &[Flag]) -> Vec<String> {
    let name = |flag: &Flag| match serde_json::to_value(flag) {
        Ok(serde_json::Value::String(name)) => name,
        other => format!("{other:?}"),
    };
    flags.iter().map(name).collect()
}

/// Bins of a reliability diagram.
pub(crate) fn bins(bins: &Bins) -> Vec<temperance_report::Bin> {
    let bin = |bin: &Bin| temperance_report::Bin {
        lower: bin.lower,
        upper: bin.upper,
        rows: bin.rows,
        weight: bin.weight,
        confidence: bin.confidence(),
        accuracy: bin.accuracy(),
        band: bin.accuracy_interval(),
    };
    bins.bins().iter().map(bin).collect()
}

/// A fitted calibrator with its certificate; the curve is left for the report to fill.
pub(crate) fn calibrator(fitted: &Fitted) -> Result<CalibratorSummary> {
    let certificate = &fitted.certificate;
    let parameters = fitted.calibrator.parameters();
    let is_temperature = fitted.calibrator.method() == "temperature";
    let temperature = if is_temperature { Some(parameters.number("temperature")?) } else { None };
    Ok(CalibratorSummary {
        method: fitted.calibrator.method().to_owned(),
        temperature,
        standard_error: certificate.standard_error,
        interval: certificate.interval,
        flags: flags(&certificate.flags),
        nll_before: certificate.nll_before,
        nll_after: certificate.nll_after,
        gradient: certificate.gradient,
        iterations: certificate.iterations,
        rows: certificate.rows,
        parameters: if is_temperature { Vec::new() } else { shown(&parameters) },
        ..CalibratorSummary::default()
    })
}

/// Parameters in short: a number as it is, a list by its length.
fn shown(parameters: &Parameters) -> Vec<(String, String)> {
    let text = |value: &Parameter| match value {
        Parameter::Number(value) => format!("{value}"),
        Parameter::Numbers(values) if values.len() <= 3 => {
            values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ")
        }
        Parameter::Numbers(values) => format!("{} numbers", values.len()),
    };
    parameters.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// Intervals of the metrics of one model, for a report.
pub(crate) fn intervals(intervals: &[(String, Interval)], measure: &MeasureArguments) -> Intervals {
    let method = format!(
        "{} bootstrap over rows, {} resamplings, seed {}",
        measure.interval.words(),
        measure.bootstrap,
        measure.seed
    );
    let ends = intervals.iter().map(|(name, interval)| (name.as_str(), [interval.lower, interval.upper]));
    Intervals::new(measure.level, method, ends)
}

/// Intervals of one of the models that were resampled.
pub(crate) fn intervals_of(
    replicates: Option<&Replicates>,
    model: usize,
    measure: &MeasureArguments,
) -> Intervals {
    let Some(replicates) = replicates else { return Intervals::default() };
    let of =
        |name: &&'static str| replicates.interval(model, name).map(|interval| ((*name).to_owned(), interval));
    intervals(&replicates.names().iter().filter_map(of).collect::<Vec<_>>(), measure)
}

/// Points of the curves that rows are thinned to.
const POINTS: usize = 60;

/// What calibration makes of a confidence: rows by given confidence, in parts of equal weight; of each part the mean
/// of the calibrated confidence and its 10 % and 90 % quantile.
pub(crate) fn calibration_map(before: &Summaries, after: &Summaries) -> CalibrationMap {
    let mut order: Vec<usize> = (0..before.rows()).collect();
    order.sort_by(|&a, &b| before.confidence[a].total_cmp(&before.confidence[b]));
    let mut map = CalibrationMap::default();
    for part in order.chunks(order.len().div_ceil(POINTS).max(1)) {
        let mean = |column: &[f64]| part.iter().map(|&row| column[row]).sum::<f64>() / part.len() as f64;
        let mut calibrated: Vec<f64> = part.iter().map(|&row| after.confidence[row]).collect();
        calibrated.sort_by(f64::total_cmp);
        let at = |share: f64| calibrated[((calibrated.len() - 1) as f64 * share).round() as usize];
        map.given.push(mean(&before.confidence));
        map.calibrated.push(mean(&after.confidence));
        map.band.push([at(0.1), at(0.9)]);
    }
    if map.band.iter().all(|[low, high]| high - low < 0.01) {
        map.band.clear();
    }
    map
}

/// What is drawn without bins: CORP with bands, the smoothed curve, risk and coverage.
pub(crate) fn curves(scorecard: &mut Scorecard, rows: &Summaries, seed: u64) {
    /// Resamplings behind the bands, and their level.
    const BANDS: (usize, f64) = (200, 0.9);
    let corp = metric::Corp::of(rows);
    // A step is two points of one height.
    let ends = corp.blocks().iter().flat_map(|block| [block.lower, block.upper]);
    let at: Vec<f64> = ends.collect();
    let (replicates, level) = BANDS;
    scorecard.corp = Some(Corp {
        recalibrated: at.iter().map(|&p| corp.at(p)).collect(),
        consistency_band: metric::Corp::consistency_band(rows, &at, level, replicates, seed),
        confidence_band: metric::Corp::confidence_band(rows, &at, level, replicates, seed),
        confidence: at,
        level,
    });
    let smooth = metric::SmoothReliability::of(rows);
    scorecard.smooth = Some(SmoothCurve {
        confidence: smooth.confidence,
        accuracy: smooth.rate,
        density: smooth.density,
        bandwidth: Some(smooth.width),
        ..SmoothCurve::default()
    });
    let points = metric::RiskCoverage::of(rows).points();
    let wrong = points.last().map_or(0.0, |point| point.1);
    let kept = thinned(&points);
    scorecard.risk_coverage = Some(RiskCoverage {
        // Whoever refuses every error first has none left until the right ones are used up.
        oracle: kept.iter().map(|(coverage, _)| ((coverage - (1.0 - wrong)) / coverage).max(0.0)).collect(),
        risk: kept.iter().map(|point| point.1).collect(),
        coverage: kept.iter().map(|point| point.0).collect(),
    });
}

/// Points at about equal steps of coverage, the last of all among them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    const STEPS: f64 = 150.0;
    let mut next = 0.0;
    let mut kept = Vec::new();
    for (index, point) in points.iter().enumerate() {
        if point.0 >= next || index + 1 == points.len() {
            kept.push(*point);
            next = point.0 + 1.0 / STEPS;
        }
    }
    kept
}

/// What was taken for what, and what probabilities of 0 were taken for.
pub(crate) fn notes(dataset: &Dataset) -> Vec<String> {
    let mut notes = dataset.notes().to_vec();
    if dataset.holds_probabilities() {
        let values = dataset.values();
        let zeros = (0..values.len()).filter(|&at| values.get(at) == 0.0).count();
        let mut note = "the scores are probabilities: their logarithms count as logits".to_owned();
        if zeros > 0 && dataset.zeros_rule() == Zeros::Clip {
            note.push_str(&format!(
                "; {zeros} of {} are 0 and count as {:e}, which weighs heavily in NLL and in T",
                values.len(),
                Zeros::CLIP as f32
            ));
        }
        notes.push(note);
    }
    notes
}

/// The names of the classes, their indices where they have none.
pub(crate) fn class_names(names: Option<&[String]>, classes: usize) -> Vec<String> {
    names.map_or_else(|| (0..classes).map(|class| class.to_string()).collect(), <[String]>::to_vec)
}

/// The conventions in force, with what the scores of the data set are taken for.
pub(crate) fn conventions(measured: &Conventions, dataset: &Dataset) -> Conventions {
    let scores = if dataset.holds_probabilities() {
        let zero = match dataset.zeros_rule() {
            Zeros::Clip => "counts as 1.1754944e-38 (clip)",
            Zeros::Error => "is an error (error)",
            Zeros::Infinite => "counts as 0, its logarithm as -inf (infinite)",
        };
        format!("probabilities, taken as given; where ln p is needed a zero {zero}")
    } else {
        "logits; probabilities are their softmax".to_owned()
    };
    let mut conventions = measured.clone();
    conventions.insert("scores".to_owned(), scores);
    conventions
}
