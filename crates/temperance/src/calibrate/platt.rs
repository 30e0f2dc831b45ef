//! Platt scaling: log-odds times a slope, plus an intercept.

use super::binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, finite, reduction,
    switch,
};
use super::logistic::{self, Regression};
use super::{Entry, ParameterEntry};
use crate::error::Result;
use crate::parameters::{Parameter, Parameters};

const PRIORS: ParameterEntry =
    ParameterEntry { name: "priors", domain: "0 or 1 (Platt's targets)", default: 0.0 };

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "platt",
    summary: "multiplies log-odds by a slope and adds an intercept, fitted by maximum likelihood",
    source: "Platt 1999, Probabilistic Outputs for Support Vector Machines",
    parameters: &[REDUCTION, PRIORS],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name, PRIORS.name])?;
        let method = PlattScaling { priors: switch(parameters, &PRIORS)? };
        Ok(Box::new(Multiclass::new(method, reduction(parameters)?)))
    },
    load: |parameters| {
        Reduced::load(ENTRY.name, parameters, &Platt::NAMES, |own| Ok(Box::new(Platt::read(own)?)))
    },
};

/// Platt scaling: σ(a·s + b) of log-odds s.
///
/// The mean log-loss is convex in a and b and is minimised by Newton's method. Rows may be weighted, targets soft. A
/// negative a is possible: the model then ranks the wrong way. If all scores are equal, a = 0. On separable rows a tiny
/// penalty keeps a finite, and a flag says so.
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, PlattScaling, log_odds, sigmoid};
///
/// // 3 of 4 at log-odds 1 and 1 of 4 at -1: the slope is ln 3.
/// let rows = BinaryRows { score: vec![1.0, -1.0], target: vec![0.75, 0.25], weight: vec![4.0; 2] };
/// let map = PlattScaling::new().fit(&rows)?.calibrator;
/// assert!((map.calibrate(2.0) - 2.0 * 3_f64.ln()).abs() < 1e-12);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Platt 1999. In Platt's notation the result is 1 / (1 + exp(A·f + B)) with A = -a and B = -b.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlattScaling {
    priors: bool,
}

impl PlattScaling {
    /// With the targets as they are.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether targets are drawn in, to (N₊ + 1)/(N₊ + 2) and 1/(N₋ + 2), with N the sums of the weights of each
    /// outcome: here weights count rows. A soft target lies between the two. Source: Platt 1999, section 2.2.
    #[must_use]
    pub fn priors(mut self, priors: bool) -> Self {
        self.priors = priors;
        self
    }
}

impl BinaryMethod for PlattScaling {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let sum = |of: &dyn Fn(f64) -> f64| -> f64 {
            rows.target.iter().zip(&rows.weight).map(|(&t, w)| w * of(t)).sum()
        };
        let (hits, misses) = (sum(&|t| t), sum(&|t| 1.0 - t));
        let (high, low) = ((hits + 1.0) / (hits + 2.0), 1.0 / (misses + 2.0));
        let drawn_in = |t: &f64| if self.priors { t * high + (1.0 - t) * low } else { *t };
        let targets: Vec<f64> = rows.target.iter().map(drawn_in).collect();
        let (platt, Regression { gradient, flags, .. }) = Platt::fit(rows, &targets)?;
        Ok(BinaryFit { calibrator: Box::new(platt), gradient: Some(gradient), flags })
    }
}

/// The map s ↦ slope·s + intercept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Platt {
    slope: f64,
    intercept: f64,
}

impl Platt {
    pub(super) const NAMES: [&str; 2] = ["slope", "intercept"];

    pub(super) fn fit(rows: &BinaryRows, targets: &[f64]) -> Result<(Self, Regression)> {
        let fit = logistic::fit(rows, targets, &[&|score| score], true)?;
        Ok((Platt { slope: fit.coefficients[0], intercept: fit.constant }, fit))
    }

    /// Makes it again from its parameters.
    ///
    /// # Errors
    /// Unless both are there and finite.
    pub(super) fn read(parameters: &Parameters) -> Result<Self> {
        let [slope, intercept] = Self::NAMES;
        Ok(Platt { slope: finite(parameters, slope)?, intercept: finite(parameters, intercept)? })
    }
}

impl BinaryCalibrator for Platt {
    fn calibrate(&self, score: f64) -> f64 {
        self.slope * score + self.intercept
    }

    fn parameters(&self) -> Parameters {
        let [slope, intercept] = Self::NAMES;
        Parameters::new()
            .with(slope, Parameter::Number(self.slope))
            .with(intercept, Parameter::Number(self.intercept))
    }
}
