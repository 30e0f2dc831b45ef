//! The numbers of a report, as plain structs. Their serde shape is the public JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::nonfinite::{self, Number};

/// A calibrator fitted on one part of the data and judged on the other: all numbers of a report.
///
/// Every metric is a fraction (0.0912, not 9.12 %); losses and entropies are in nats.
///
/// ```
/// use temperance_report::Report;
///
/// let report = Report { source: "logits.npy".into(), ..Report::default() };
/// assert_eq!(Report::from_json(&report.json())?, report);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Report {
    /// Number of classes.
    pub classes: usize,
    /// Rows the calibrator was fitted on.
    pub n_fit: usize,
    /// Held-out rows that [`before`](Report::before) and [`after`](Report::after) are measured on.
    pub n_test: usize,
    /// Where the rows come from, such as `logits.npy` or `the built-in Fashion-MNIST sample`.
    pub source: String,
    /// How the rows were divided, such as `stratified, seed 0, half of the rows fitted`.
    pub split: String,
    /// The model as it is, on the held-out rows.
    pub before: Scorecard,
    /// The calibrated model, on the same rows.
    pub after: Scorecard,
    /// The fitted calibrator.
    pub calibrator: CalibratorSummary,
    /// How things were computed, by name: `ece` to `15 equal-width bins, (lo, hi]; top-label confidence`.
    #[serde(default)]
    pub conventions: BTreeMap<String, String>,
    /// Sentences to show, such as warnings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Version of the program that computed the numbers.
    pub version: String,
}

impl Report {
    /// The report as pretty JSON; numbers that are not finite are the strings `inf`, `-inf` and `nan`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("string keys and plain values always serialize")
    }

    /// Reads what [`Report::json`] wrote.
    ///
    /// # Errors
    /// If the text is not JSON, or a key is missing or has the wrong type.
    pub fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }
}

/// One evaluation: the metrics of some predictions, and the counts behind the figures.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Scorecard {
    /// The metrics by name, in the order they are shown; in JSON they stand beside the other keys.
    #[serde(flatten)]
    pub metrics: Metrics,
    /// The bins of the reliability diagram, by rising confidence.
    #[serde(default)]
    pub reliability: Vec<Bin>,
    /// How the confidence is distributed over right and wrong predictions.
    #[serde(default)]
    pub confidence_histogram: ConfidenceHistogram,
    /// One row per class, in the order of the classes.
    #[serde(default)]
    pub per_class: Vec<ClassRow>,
    /// Intervals of the metrics.
    #[serde(default, skip_serializing_if = "Intervals::is_empty")]
    pub intervals: Intervals,
    /// The CORP reliability diagram: no bins, but the monotone curve that fits the outcomes best.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corp: Option<Corp>,
    /// The smoothed reliability curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smooth: Option<SmoothCurve>,
    /// The error of the predictions that are kept when the least confident ones are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_coverage: Option<RiskCoverage>,
}

/// Intervals of metrics, all at one level and by one method.
///
/// ```
/// use temperance_report::Intervals;
///
/// let intervals = Intervals::new(0.95, "bootstrap, BCa, 2000 replicates", [("ece", [0.011, 0.019])]);
/// assert_eq!(intervals.get("ece"), Some([0.011, 0.019]));
/// assert_eq!(intervals.get("nll"), None);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Intervals {
    /// The level as a fraction: 0.95.
    #[serde(with = "nonfinite::one")]
    pub level: f64,
    /// How they were found, such as `bootstrap over rows, BCa, 2000 replicates`.
    #[serde(default)]
    pub method: String,
    /// Lower and upper end by the name of the metric; a metric without an interval is left out.
    #[serde(with = "nonfinite::named_pairs")]
    pub ends: BTreeMap<String, [f64; 2]>,
}

impl Intervals {
    /// Intervals at a level, by a method.
    pub fn new<S: Into<String>>(
        level: f64,
        method: impl Into<String>,
        ends: impl IntoIterator<Item = (S, [f64; 2])>,
    ) -> Self {
        let ends = ends.into_iter().map(|(name, ends)| (name.into(), ends)).collect();
        Intervals { level, method: method.into(), ends }
    }

    /// Lower and upper end of the interval of a metric.
    pub fn get(&self, metric: &str) -> Option<[f64; 2]> {
        self.ends.get(metric).copied()
    }

    /// Whether there is no interval.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// A CORP reliability diagram (Dimitriadis, Gneiting and Jordan 2021): the monotone curve, by pooling adjacent
/// violators, that is closest to the outcomes.
///
/// All arrays are of the same length, in the order of rising confidence; bands may be empty. The curve is drawn with
/// straight lines from point to point: for a step, give its confidence twice.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Corp {
    /// Confidences, rising, from 0 to 1.
    #[serde(with = "nonfinite::list")]
    pub confidence: Vec<f64>,
    /// The recalibrated probability there: the fraction of predictions that are right, never falling.
    #[serde(with = "nonfinite::list")]
    pub recalibrated: Vec<f64>,
    /// Around the diagonal: lower and upper end of where the curve of a calibrated model would lie.
    #[serde(default, with = "nonfinite::pairs", skip_serializing_if = "Vec::is_empty")]
    pub consistency_band: Vec<[f64; 2]>,
    /// Around the curve: lower and upper end of its interval.
    #[serde(default, with = "nonfinite::pairs", skip_serializing_if = "Vec::is_empty")]
    pub confidence_band: Vec<[f64; 2]>,
    /// Level of the bands as a fraction: 0.9.
    #[serde(default, with = "nonfinite::one")]
    pub level: f64,
}

/// A reliability curve by kernel smoothing (Błasiok and Nakkiran 2023), over a grid of confidences.
///
/// All arrays are of the same length, in the order of rising confidence; the band may be empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SmoothCurve {
    /// Confidences, rising, from 0 to 1.
    #[serde(with = "nonfinite::list")]
    pub confidence: Vec<f64>,
    /// Smoothed fraction of predictions of this confidence that are right.
    #[serde(with = "nonfinite::list")]
    pub accuracy: Vec<f64>,
    /// Density of the confidence there, in any unit: only its shape is drawn.
    #[serde(with = "nonfinite::list")]
    pub density: Vec<f64>,
    /// Lower and upper end of the interval of the accuracy.
    #[serde(default, with = "nonfinite::pairs", skip_serializing_if = "Vec::is_empty")]
    pub band: Vec<[f64; 2]>,
    /// Level of the band as a fraction: 0.95.
    #[serde(default, with = "nonfinite::one")]
    pub level: f64,
    /// Width of the kernel, in confidence.
    #[serde(default, with = "nonfinite::option", skip_serializing_if = "Option::is_none")]
    pub bandwidth: Option<f64>,
}

/// The error of the predictions that are kept when the least confident ones are refused.
///
/// All arrays are of the same length, in the order of rising coverage; the oracle may be empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RiskCoverage {
    /// Fractions of the predictions that are kept, rising, above 0 to 1.
    #[serde(with = "nonfinite::list")]
    pub coverage: Vec<f64>,
    /// Fraction of the kept predictions that are wrong.
    #[serde(with = "nonfinite::list")]
    pub risk: Vec<f64>,
    /// The same if all wrong predictions were refused first: no order of refusal does better.
    #[serde(default, with = "nonfinite::list", skip_serializing_if = "Vec::is_empty")]
    pub oracle: Vec<f64>,
}

/// What a calibrator makes of a confidence.
///
/// All arrays are of the same length, in the order of rising confidence; the band may be empty.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CalibrationMap {
    /// Confidences before calibration, rising, from 0 to 1.
    #[serde(with = "nonfinite::list")]
    pub given: Vec<f64>,
    /// The confidence after calibration: of a calibrator that sees more than the confidence, the mean or median of
    /// the rows there.
    #[serde(with = "nonfinite::list")]
    pub calibrated: Vec<f64>,
    /// Lower and upper end of where most rows lie there, such as their 10 % and 90 % quantile; empty if the calibrated
    /// confidence depends on nothing but the given one.
    #[serde(default, with = "nonfinite::pairs", skip_serializing_if = "Vec::is_empty")]
    pub band: Vec<[f64; 2]>,
}

/// An ordered map from a metric's name to its value.
///
/// Known names get a plain label and a direction when shown: `accuracy`, `top_5` (any `top_k`), the scores `nll`
/// and `brier` with their parts (`corp_mcb`, `corp_dsc`, `corp_unc`, `murphy_reliability`, `murphy_resolution`,
/// `murphy_uncertainty`), calibration errors (`ece`, `mce`, `rmsce`, `ece_equal_mass`, `ece_sweep`, `smooth_ece`,
/// `kde_ece`, `l2_debiased`, `mmce`, `skce`, `classwise_ece` and more), `aurc`, `eaurc`, `mean_confidence`,
/// `mean_entropy`, `overconfidence`, `underconfidence`. Others are shown under their name.
///
/// ```
/// use temperance_report::Metrics;
///
/// let mut metrics = Metrics::from_iter([("accuracy", 0.86), ("nll", 0.61)]);
/// metrics.insert("accuracy", 0.87);
/// assert_eq!(metrics.get("accuracy"), Some(0.87));
/// assert_eq!(metrics.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["accuracy", "nll"]);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics(Vec<(String, f64)>);

impl Metrics {
    /// Sets a metric; a new name goes to the end, a known one keeps its place.
    pub fn insert(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.0.push((name, value)),
        }
    }

    /// The value of a metric.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|&(_, value)| value)
    }

    /// Names and values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// How many metrics there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no metric.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<S: Into<String>> FromIterator<(S, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (S, f64)>>(metrics: I) -> Self {
        let mut collected = Metrics::default();
        collected.extend(metrics);
        collected
    }
}

impl<S: Into<String>> Extend<(S, f64)> for Metrics {
    fn extend<I: IntoIterator<Item = (S, f64)>>(&mut self, metrics: I) {
        for (name, value) in metrics {
            self.insert(name, value);
        }
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(name, value)| (name, Number(value))))
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Metrics;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("metrics by name")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
                let mut metrics = Metrics::default();
                while let Some((name, Number(value))) = map.next_entry::<String, _>()? {
                    metrics.insert(name, value);
                }
                Ok(metrics)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

/// One bin of a reliability diagram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Bin {
    /// Lower edge, as a confidence from 0 to 1.
    #[serde(with = "nonfinite::one")]
    pub lower: f64,
    /// Upper edge, as a confidence from 0 to 1.
    #[serde(with = "nonfinite::one")]
    pub upper: f64,
    /// Rows in the bin.
    pub rows: u64,
    /// Their total weight; the number of rows if they are not weighted.
    #[serde(with = "nonfinite::one")]
    pub weight: f64,
    /// Mean confidence of the rows; none for an empty bin.
    #[serde(default, with = "nonfinite::option")]
    pub confidence: Option<f64>,
    /// Fraction of the rows predicted right; none for an empty bin.
    #[serde(default, with = "nonfinite::option")]
    pub accuracy: Option<f64>,
    /// 95 % interval of the accuracy, lower and upper end.
    #[serde(default, with = "nonfinite::option_pair")]
    pub band: Option<[f64; 2]>,
}

/// How confidence is distributed, separately for right and wrong predictions.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ConfidenceHistogram {
    /// Edges of the bins, one more than there are bins, as confidences from 0 to 1.
    #[serde(with = "nonfinite::list")]
    pub edges: Vec<f64>,
    /// Weight of the right predictions in each bin.
    #[serde(with = "nonfinite::list")]
    pub right: Vec<f64>,
    /// Weight of the wrong predictions in each bin.
    #[serde(with = "nonfinite::list")]
    pub wrong: Vec<f64>,
}

/// What happens to the rows of one class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ClassRow {
    /// Name of the class.
    pub name: String,
    /// Rows whose label is this class.
    pub rows: u64,
    /// Rows predicted to be this class.
    pub predicted: u64,
    /// Fraction of the rows of this class that are predicted right; none without rows.
    #[serde(default, with = "nonfinite::option")]
    pub recall: Option<f64>,
    /// Fraction of the predictions of this class that are right; none without predictions.
    #[serde(default, with = "nonfinite::option")]
    pub precision: Option<f64>,
    /// Mean probability given to this class over all rows.
    #[serde(with = "nonfinite::one")]
    pub mean_probability: f64,
    /// Fraction of all rows whose label is this class.
    #[serde(with = "nonfinite::one")]
    pub frequency: f64,
    /// Calibration error of this class's probability over all rows, whatever was predicted.
    #[serde(with = "nonfinite::one")]
    pub ece: f64,
    /// Bins of all rows by the probability given to this class, rising: mean probability as `confidence`, the fraction
    /// of rows whose label is this class as `accuracy`. Empty if they are not to be drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<Bin>,
}

/// A fitted calibrator of any method and how well the data determine it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CalibratorSummary {
    /// Name of the method, such as `temperature` or `structured_matrix`. Methods of the library are shown under their
    /// names in words ("structured matrix scaling"), others under the name given here.
    pub method: String,
    /// The temperature T that divides the logits; none if the method has no such number.
    #[serde(default, with = "nonfinite::option")]
    pub temperature: Option<f64>,
    /// Standard error of the temperature, if the fit has one.
    #[serde(default, with = "nonfinite::option")]
    pub standard_error: Option<f64>,
    /// 95 % interval of the temperature, lower and upper end.
    #[serde(default, with = "nonfinite::option_pair")]
    pub interval: Option<[f64; 2]>,
    /// What is unusual about the fit: `at_bound`, `separable`, `worse_than_constant`, `classes_missing`, `few_rows`,
    /// `not_converged`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Mean negative log-likelihood of the fitting rows as given, in nats.
    #[serde(with = "nonfinite::one")]
    pub nll_before: f64,
    /// Mean negative log-likelihood of the fitting rows through the calibrator, in nats.
    #[serde(with = "nonfinite::one")]
    pub nll_after: f64,
    /// Slope of the loss at the fitted parameters, about 0 at an optimum; none if the fit is no descent.
    #[serde(default, with = "nonfinite::option")]
    pub gradient: Option<f64>,
    /// Iterations of the solver; 0 if it needs none.
    pub iterations: u32,
    /// Rows the calibrator was fitted on.
    pub rows: u64,
    /// Pairs of T and the mean negative log-likelihood of the fitting rows (nats), T rising in equal ratios; empty
    /// without a temperature.
    #[serde(default, with = "nonfinite::pairs")]
    pub curve: Vec<[f64; 2]>,
    /// What was fitted, in short, by name: `weights` to `10 × 10`, `regularisation` to `0.01`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<(String, String)>,
    /// What the calibrator makes of a confidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<CalibrationMap>,
}
