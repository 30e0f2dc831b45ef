//! From what the library measured and fitted to the numbers of a report.

use temperance::Zeros;
use temperance::calibrate::Fitted;
use temperance::metric::{Bin, Conventions, Measured};
use temperance_data::Dataset;
use temperance_report::{CalibratorSummary, ClassRow, ConfidenceHistogram, Metrics, Scorecard};

use crate::failure::Result;

/// Bars of the confidence histogram.
const BARS: usize = 20;

/// Everything measured, with the names of the classes.
pub(crate) fn scorecard(measured: &Measured, names: &[String]) -> Scorecard {
    let bin = |bin: &Bin| temperance_report::Bin {
        lower: bin.lower,
        upper: bin.upper,
        rows: bin.rows,
        weight: bin.weight,
        confidence: bin.confidence(),
        accuracy: bin.accuracy(),
        band: bin.accuracy_interval(),
    };
    let class = |(class, name): (&temperance::metric::ClassSummary, &String)| ClassRow {
        name: name.clone(),
        rows: class.rows,
        predicted: class.predicted,
        recall: class.recall,
        precision: class.precision,
        mean_probability: class.mean_probability,
        frequency: class.frequency,
        ece: class.ece,
        reliability: Vec::new(),
    };
    Scorecard {
        metrics: Metrics::from_iter(measured.metrics.iter().map(|(name, value)| (name.as_str(), *value))),
        reliability: measured.reliability.bins().iter().map(bin).collect(),
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

/// A fitted temperature with its certificate; the curve is left for the report to fill.
pub(crate) fn calibrator(fitted: &Fitted) -> Result<CalibratorSummary> {
    let certificate = &fitted.certificate;
    let flag = |flag| match serde_json::to_value(flag) {
        Ok(serde_json::Value::String(name)) => name,
        other => format!("{other:?}"),
    };
    Ok(CalibratorSummary {
        method: fitted.calibrator.method().to_owned(),
        temperature: fitted.calibrator.parameters().number("temperature").ok(),
        standard_error: certificate.standard_error,
        interval: certificate.interval,
        flags: certificate.flags.iter().map(flag).collect(),
        nll_before: certificate.nll_before,
        nll_after: certificate.nll_after,
        gradient: certificate.gradient,
        iterations: certificate.iterations,
        rows: certificate.rows,
        ..CalibratorSummary::default()
    })
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
