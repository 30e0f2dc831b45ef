//! Quadratic scaling: log-odds that are a quadratic function of log-odds.

use super::Entry;
use super::binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, finite, reduction,
};
use super::logistic;
use crate::error::Result;
use crate::parameters::{Parameter, Parameters};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "quadratic",
    summary: "replaces log-odds s by c + b·s + a·s², fitted by maximum likelihood",
    source: "Berta, Holzmüller, Jordan, Bach 2025, Structured Matrix Scaling; probmetrics",
    parameters: &[REDUCTION],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name])?;
        Ok(Box::new(Multiclass::new(QuadraticScaling, reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Quadratic::NAMES, Quadratic::load),
};

/// Quadratic scaling: σ(constant + linear·s + quadratic·s²) of log-odds s, without a penalty.
///
/// The mean log-loss is convex in the three and is minimised by Newton's method. The map turns round at
/// s = -linear/(2·quadratic), often far from the rows. Rows may be weighted, targets soft. On separable rows a tiny
/// penalty keeps the parameters finite, and a flag says so.
///
/// ```
/// use temperance::calibrate::{BinaryMethod, BinaryRows, QuadraticScaling, sigmoid};
///
/// // Three scores and as many numbers: every row is met.
/// let rows = BinaryRows { score: vec![-1.0, 0.0, 2.0], target: vec![0.3, 0.4, 0.9], weight: vec![1.0; 3] };
/// let map = QuadraticScaling.fit(&rows)?.calibrator;
/// assert!((sigmoid(map.calibrate(2.0)) - 0.9).abs() < 1e-12);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: the binary calibrator of probmetrics 1.3.0, `BinaryLogisticCalibrator(type="quadratic")`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuadraticScaling;

impl BinaryMethod for QuadraticScaling {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let fit = logistic::fit(rows, &rows.target, &[&|s| s, &|s| s * s], true)?;
        let (linear, quadratic) = (fit.coefficients[0], fit.coefficients[1]);
        let map = Quadratic { constant: fit.constant, linear, quadratic };
        Ok(BinaryFit { calibrator: Box::new(map), gradient: Some(fit.gradient), flags: fit.flags })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Quadratic {
    constant: f64,
    linear: f64,
    quadratic: f64,
}

impl Quadratic {
    const NAMES: [&str; 3] = ["constant", "linear", "quadratic"];

    fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        let [constant, linear, quadratic] = Self::NAMES;
        Ok(Box::new(Quadratic {
            constant: finite(parameters, constant)?,
            linear: finite(parameters, linear)?,
            quadratic: finite(parameters, quadratic)?,
        }))
    }
}

impl BinaryCalibrator for Quadratic {
    fn calibrate(&self, score: f64) -> f64 {
        self.constant + score * (self.linear + score * self.quadratic)
    }

    fn parameters(&self) -> Parameters {
        let [constant, linear, quadratic] = Self::NAMES;
        Parameters::new()
            .with(constant, Parameter::Number(self.constant))
            .with(linear, Parameter::Number(self.linear))
            .with(quadratic, Parameter::Number(self.quadratic))
    }
}
