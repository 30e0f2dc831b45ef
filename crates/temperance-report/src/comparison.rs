//! The numbers of a comparison of methods, as plain structs. Their serde shape is the public JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format::{self, counted, metric};
use crate::model::{Bin, CalibrationMap, Metrics};
use crate::nonfinite;
use crate::words::{capitalised, method_name};

/// Why no output ranks by calibration error.
pub(crate) const NOT_BY_ECE: &str = "Nothing is ranked by ECE: its value depends on the bins, it is above 0 by chance even for a calibrated model, and a \
     calibrator that gives every row the same confidence can bring it to 0. NLL and the Brier score are best for the \
     true probabilities alone.";

/// Several methods on the same rows, each measured on rows it was not fitted on.
///
/// The method `identity` is the uncalibrated model. Methods may stand in any order: they are shown by rising
/// [`criterion`](Comparison::criterion).
///
/// ```
/// use temperance_report::{Comparison, Difference, MethodRow, Metrics};
///
/// let method = |name: &str, nll| MethodRow {
///     name: name.into(),
///     metrics: Metrics::from_iter([("nll", nll)]),
///     ..MethodRow::default()
/// };
/// let comparison = Comparison {
///     source: "logits.npy".into(),
///     criterion: "nll".into(),
///     methods: vec![
///         method("identity", 0.61),
///         MethodRow {
///             to_uncalibrated: Some(Difference { value: -0.12, interval: Some([-0.14, -0.10]) }),
///             ..method("vector", 0.49)
///         },
///     ],
///     recommended: Some("vector".into()),
///     reason: "no simpler method is as good".into(),
///     ..Comparison::default()
/// };
/// let text = comparison.text(80);
/// assert!(text.contains("Vector scaling is recommended: no simpler method is as good."), "{text}");
/// assert_eq!(Comparison::from_json(&comparison.json())?, comparison);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// Where the rows come from, such as `logits.npy`.
    pub source: String,
    /// Rows that every method is measured on.
    pub rows: u64,
    /// Number of classes.
    pub classes: usize,
    /// Parts of the cross-validation; 0 or 1 if the rows were divided once.
    #[serde(default)]
    pub folds: u32,
    /// The metric that ranks: `nll` or `brier`; lower is better.
    pub criterion: String,
    /// Level of all intervals as a fraction: 0.95.
    #[serde(default, with = "nonfinite::one")]
    pub level: f64,
    /// The methods, also those that failed.
    pub methods: Vec<MethodRow>,
    /// Name of the method that is best in the criterion.
    #[serde(default)]
    pub best: Option<String>,
    /// Name of the method to use.
    #[serde(default)]
    pub recommended: Option<String>,
    /// Why, as it follows a colon: `the simplest method that is not measurably worse than the best`.
    #[serde(default)]
    pub reason: String,
    /// How things were computed, by name.
    #[serde(default)]
    pub conventions: BTreeMap<String, String>,
    /// Sentences to show, such as warnings.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Version of the program that computed the numbers.
    #[serde(default)]
    pub version: String,
}

/// What came of one method.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct MethodRow {
    /// Name of the method, such as `structured_matrix`; `identity` is the uncalibrated model.
    pub name: String,
    /// The metrics by name, as in a [`Scorecard`](crate::Scorecard); none of a method that failed.
    #[serde(default)]
    pub metrics: Metrics,
    /// Intervals of the metrics by name, lower and upper end.
    #[serde(default, with = "nonfinite::named_pairs")]
    pub intervals: BTreeMap<String, [f64; 2]>,
    /// The criterion less that of the uncalibrated model, on the same rows: below 0 is better.
    #[serde(default)]
    pub to_uncalibrated: Option<Difference>,
    /// The criterion less that of the best method, on the same rows: 0 for the best.
    #[serde(default)]
    pub to_best: Option<Difference>,
    /// Time to fit once, in seconds.
    #[serde(default, with = "nonfinite::option")]
    pub fit_seconds: Option<f64>,
    /// Time to calibrate all rows, in seconds.
    #[serde(default, with = "nonfinite::option")]
    pub apply_seconds: Option<f64>,
    /// What is unusual about the fits, as in [`CalibratorSummary`](crate::CalibratorSummary).
    #[serde(default)]
    pub flags: Vec<String>,
    /// Why the method could not be fitted or was left out.
    #[serde(default)]
    pub failure: Option<String>,
    /// The bins of the reliability diagram, by rising confidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reliability: Vec<Bin>,
    /// What the method makes of a confidence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<CalibrationMap>,
}

/// A difference on the same rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Difference {
    /// The difference.
    #[serde(with = "nonfinite::one")]
    pub value: f64,
    /// Its interval, lower and upper end.
    #[serde(default, with = "nonfinite::option_pair")]
    pub interval: Option<[f64; 2]>,
}

/// What an interval says of a difference.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// The interval contains 0, or there is none.
    Open,
}

impl Difference {
    pub(crate) fn verdict(&self) -> Verdict {
        match self.interval {
            Some([_, upper]) if upper < 0.0 => Verdict::Better,
            Some([lower, _]) if lower > 0.0 => Verdict::Worse,
            _ => Verdict::Open,
        }
    }

    /// The difference with its sign.
    pub(crate) fn signed(&self) -> String {
        let text = metric(self.value);
        if self.value > 0.0 { format!("+{text}") } else { text }
    }
}

impl MethodRow {
    pub(crate) fn is_uncalibrated(&self) -> bool {
        self.name == "identity"
    }
}

impl Comparison {
    /// The comparison as pretty JSON; numbers that are not finite are the strings `inf`, `-inf` and `nan`.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("string keys and plain values always serialize")
    }

    /// Reads what [`Comparison::json`] wrote.
    ///
    /// # Errors
    /// If the text is not JSON, or a key is missing or has the wrong type.
    pub fn from_json(json: &str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
    }

    /// The methods that were measured, best in the criterion first; undefined values last.
    pub(crate) fn ranked(&self) -> Vec<&MethodRow> {
        let mut methods: Vec<&MethodRow> = self.methods.iter().filter(|row| row.failure.is_none()).collect();
        let value = |row: &MethodRow| {
            row.metrics.get(&self.criterion).filter(|x| !x.is_nan()).unwrap_or(f64::INFINITY)
        };
        methods.sort_by(|a, b| value(a).total_cmp(&value(b)));
        methods
    }

    /// The methods that failed, with the reason.
    pub(crate) fn failed(&self) -> Vec<(&MethodRow, String)> {
        let failure = |row| Some((row, format::clean(MethodRow::failure(row)?)));
        self.methods.iter().filter_map(failure).collect()
    }

    pub(crate) fn is_best(&self, row: &MethodRow) -> bool {
        self.best.as_deref() == Some(&row.name)
    }

    pub(crate) fn is_recommended(&self, row: &MethodRow) -> bool {
        self.recommended.as_deref() == Some(&row.name)
    }

    /// The score that does not rank.
    pub(crate) fn other_score(&self) -> &'static str {
        if self.criterion == "brier" { "nll" } else { "brier" }
    }

    /// Which method is recommended: without a full stop.
    pub(crate) fn verdict(&self) -> String {
        match self.recommended.as_deref() {
            Some("identity") => "It is recommended to leave the model uncalibrated".to_owned(),
            Some(name) => format!("{} is recommended", capitalised(&method_name(name))),
            None => "No method is recommended".to_owned(),
        }
    }

    /// Which method is recommended and why, and which is best if that is another.
    pub(crate) fn recommendation(&self) -> String {
        let reason = format::clean(&self.reason);
        let reason = reason.trim().trim_end_matches('.');
        let mut text = match reason {
            "" => format!("{}.", self.verdict()),
            reason => format!("{}: {reason}.", self.verdict()),
        };
        if let Some(best) = self.best.as_ref().filter(|best| self.recommended.as_ref() != Some(best)) {
            let score = crate::words::metric_words(&self.criterion).label;
            text += &match best.as_str() {
                "identity" => format!(" The uncalibrated model has the lowest {score}."),
                best => format!(" The lowest {score} is that of {}.", method_name(best)),
            };
        }
        text
    }

    /// What was compared, in one sentence.
    pub(crate) fn deed(&self) -> String {
        let folds = match self.folds {
            0 | 1 => String::new(),
            folds => format!("; cross-validation in {}", counted(folds.into(), "fold", "folds")),
        };
        let measured = self.methods.iter().filter(|row| row.failure.is_none()).count();
        format!(
            "Compared {} on {}: {}, {}{folds}.",
            counted(measured as u64, "method", "methods"),
            format::clean(&self.source),
            counted(self.rows, "row", "rows"),
            counted(self.classes as u64, "class", "classes"),
        )
    }
}

impl MethodRow {
    fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }
}
