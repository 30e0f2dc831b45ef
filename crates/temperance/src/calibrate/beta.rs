//! Beta calibration: log-odds that are linear in ln p and ln(1 - p).

use super::binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, Multiclass, REDUCTION, Reduced, finite,
    log_sigmoid, reduction,
};
use super::logistic;
use super::{Entry, ParameterEntry};
use crate::error::{Error, Result};
use crate::parameters::{Parameter, Parameters};

const VARIANT: ParameterEntry = ParameterEntry {
    name: "variant",
    domain: "0 (a, b and m), 1 (a = b, and m) or 2 (a and b)",
    default: 0.0,
};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "beta",
    summary: "replaces log-odds by a·ln p - b·ln(1 - p) + c, fitted by maximum likelihood",
    source: "Kull, Silva Filho, Flach 2017, Beta Calibration, AISTATS",
    parameters: &[REDUCTION, VARIANT],
    binary: true,
    build: |parameters| {
        parameters.only(&[REDUCTION.name, VARIANT.name])?;
        let variant = match parameters.number_or(&VARIANT)? {
            0.0 => BetaVariant::Abm,
            1.0 => BetaVariant::Am,
            2.0 => BetaVariant::Ab,
            other => return Err(Error::parameter(VARIANT.name, other, VARIANT.domain)),
        };
        Ok(Box::new(Multiclass::new(BetaCalibration::new(variant), reduction(parameters)?)))
    },
    load: |parameters| Reduced::load(ENTRY.name, parameters, &Beta::NAMES, Beta::load),
};

/// Which parameters of a beta calibration are free. m is the probability that becomes 1/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BetaVariant {
    /// a, b and c. If a or else b comes out below 0, the fit is made again without it.
    #[default]
    Abm,
    /// a = b, and c: Platt scaling.
    Am,
    /// a and b; 1/2 stays 1/2, c = (a - b)·ln 2.
    Ab,
}

/// Beta calibration: log-odds a·ln p - b·ln(1 - p) + c.
///
/// The mean log-loss is convex in a, b and c and is minimised by Newton's method. Rows may be weighted, targets soft. On
/// separable rows a tiny penalty keeps the parameters finite, and a flag says so.
///
/// ```
/// use temperance::calibrate::{BetaCalibration, BetaVariant, BinaryMethod, BinaryRows, log_odds};
///
/// let rows = BinaryRows { score: vec![1.0, -1.0], target: vec![0.75, 0.25], weight: vec![1.0; 2] };
/// let map = BetaCalibration::new(BetaVariant::Am).fit(&rows)?.calibrator;
/// assert!((map.calibrate(2.0) - 2.0 * 3_f64.ln()).abs() < 1e-12);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Kull, Silva Filho, Flach 2017, algorithm 1; the treatment of negative a and b is that of betacal 1.1.0, which
/// keeps the sign of the one that is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BetaCalibration {
    variant: BetaVariant,
}

impl BetaCalibration {
    /// With these parameters free.
    pub fn new(variant: BetaVariant) -> Self {
        BetaCalibration { variant }
    }
}

impl BinaryMethod for BetaCalibration {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn fit(&self, rows: &BinaryRows) -> Result<BinaryFit> {
        let hit = |score: f64| log_sigmoid(score);
        let miss = |score: f64| -log_sigmoid(-score);
        let odds = |score: f64| score;
        let tilt = |score: f64| log_sigmoid(score) + log_sigmoid(-score);
        let centred_tilt = |score: f64| tilt(score) + 2.0 * std::f64::consts::LN_2;
        let fit = |features: &[&dyn Fn(f64) -> f64], constant| {
            logistic::fit(rows, &rows.target, features, constant)
        };
        // Log-odds first: where rows do not tell a from b, they are equal.
        let (fit, a, b, c) = match self.variant {
            BetaVariant::Am => {
                let fit = fit(&[&odds], true)?;
                let (a, c) = (fit.coefficients[0], fit.constant);
                (fit, a, a, c)
            }
            BetaVariant::Ab => {
                let fit = fit(&[&odds, &centred_tilt], false)?;
                let (a, b) =
                    (fit.coefficients[0] + fit.coefficients[1], fit.coefficients[0] - fit.coefficients[1]);
                (fit, a, b, (a - b) * std::f64::consts::LN_2)
            }
            BetaVariant::Abm => {
                let both = fit(&[&odds, &tilt], true)?;
                let (a, b) = (
                    both.coefficients[0] + both.coefficients[1],
                    both.coefficients[0] - both.coefficients[1],
                );
                if a < 0.0 {
                    let fit = fit(&[&miss], true)?;
                    let (b, c) = (fit.coefficients[0], fit.constant);
                    (fit, 0.0, b, c)
                } else if b < 0.0 {
                    let fit = fit(&[&hit], true)?;
                    let (a, c) = (fit.coefficients[0], fit.constant);
                    (fit, a, 0.0, c)
                } else {
                    let c = both.constant;
                    (both, a, b, c)
                }
            }
        };
        Ok(BinaryFit {
            calibrator: Box::new(Beta { a, b, c }),
            gradient: Some(fit.gradient),
            flags: fit.flags,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Beta {
    a: f64,
    b: f64,
    c: f64,
}

impl Beta {
    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn load(parameters: &Parameters) -> Result<Box<dyn BinaryCalibrator>> {
        let [a, b, c] = Self::NAMES;
        let beta = Beta { a: finite(parameters, a)?, b: finite(parameters, b)?, c: finite(parameters, c)? };
        Ok(Box::new(beta))
    }
}

impl BinaryCalibrator for Beta {
    fn calibrate(&self, score: f64) -> f64 {
        self.a * log_sigmoid(score) - self.b * log_sigmoid(-score) + self.c
    }

    fn parameters(&self) -> Parameters {
        let [a, b, c] = Self::NAMES;
        Parameters::new()
            .with(a, Parameter::Number(self.a))
            .with(b, Parameter::Number(self.b))
            .with(c, Parameter::Number(self.c))
    }
}
