//! What is known about a fit.

use serde::{Deserialize, Serialize};

/// Something that a fit wants its user to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// The best T lies at or beyond a bound; T is that bound.
    AtBound,
    /// The likelihood grows without end as parameters grow: the labels can be told from the scores without error.
    Separable,
    /// No T makes the model better than saying the same probability for every class.
    WorseThanConstant,
    /// Some classes have no label among the rows: what is said of them comes from the penalty or a default.
    ClassesMissing,
    /// There are fewer rows than the method has numbers to find.
    FewRows,
    /// The fit stopped at its limit of passes: the loss could still fall a little.
    NotConverged,
}

/// What is known about a fitted calibrator.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// Standard error of T, where T is all that was fitted: the sandwich estimate, √(Σw²g²) / Σw·h in β with g
    /// and h the first and second derivative of a row's loss, carried over to T. `None` at a bound.
    pub standard_error: Option<f64>,
    /// 95 % interval of T, symmetric in ln T: T·exp(±1.96·se/T). `None` at a bound.
    pub interval: Option<[f64; 2]>,
    /// Mean negative log-likelihood of the rows as given, nats.
    pub nll_before: f64,
    /// Mean negative log-likelihood of the rows through the calibrator, nats.
    pub nll_after: f64,
    /// Largest absolute derivative of what was minimised (a mean over rows, with its penalty) at the fitted
    /// parameters: 0 at an optimum. `None` where the fit is no descent (counting, pooling).
    pub gradient: Option<f64>,
    /// The second derivative of the mean negative log-likelihood in β = 1/T, where T is all that was fitted.
    pub curvature: Option<f64>,
    /// Passes over the rows.
    pub iterations: u32,
    /// Rows that counted.
    pub rows: u64,
    /// Sum of their weights.
    pub weight: f64,
    /// What the user should know.
    pub flags: Vec<Flag>,
}
