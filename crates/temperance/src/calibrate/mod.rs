//! Calibrators: what turns a model's logits into probabilities that can be taken at their word.
//!
//! An unfitted method and a fitted calibrator are different types: a [`Method`] is fitted to rows and gives
//! a [`Fitted`] calibrator with its certificate. [`METHODS`] lists every method; a calibrator in a file is
//! its method's name and its parameters, and is loaded through the same list.

mod affine;
mod bbq;
mod beta;
mod binary;
mod centred_isotonic;
mod certificate;
mod curvature;
mod curve;
mod dirichlet;
mod ensemble_temperature;
mod histogram;
mod identity;
mod isotonic;
mod lbfgs;
mod logistic;
mod matrix;
mod platt;
mod quadratic;
mod scaling_binning;
mod steps;
mod structured_matrix;
mod structured_vector;
mod survey;
mod temperature;
mod temperature_biases;
mod vector;
mod venn_abers;

use std::fmt::Debug;

pub use affine::{Affine, Structure};
pub use bbq::BayesianBinning;
pub use beta::{BetaCalibration, BetaVariant};
pub use binary::{
    BinaryCalibrator, BinaryFit, BinaryMethod, BinaryRows, LOG_ODDS_LIMIT, Multiclass, Reduced, Reduction,
    log_odds, sigmoid,
};
pub use centred_isotonic::CentredIsotonicRegression;
pub use certificate::{Certificate, Flag};
pub use ensemble_temperature::{EnsembleTemperature, EnsembleTemperatureScaling};
pub use histogram::HistogramBinning;
pub use identity::Identity;
pub use isotonic::IsotonicRegression;
pub use platt::PlattScaling;
pub use quadratic::QuadraticScaling;
pub use scaling_binning::ScalingBinning;
pub use temperature::{Temperature, TemperatureScaling};
pub use venn_abers::VennAbers;

use crate::error::Result;
use crate::fold::{self, Observer};
use crate::input::{
    Block, COPY_BYTES, Element, Fill, Layout, Logits, Rows, Scores, Scratch, close_row, open_row,
};
pub use crate::parameters::ParameterEntry;
use crate::parameters::Parameters;
use crate::row::{Order, Path};

/// A fitted calibrator: maps a row of logits to calibrated logits, whose softmax is the answer.
pub trait Calibrator: Debug + Send + Sync {
    /// The name of its method in [`METHODS`].
    fn method(&self) -> &'static str;

    /// The class count it was fitted to; `None` if it serves any.
    fn classes(&self) -> Option<usize>;

    /// Everything that [`Entry::load`] needs to make it again.
    fn parameters(&self) -> Parameters;

    /// Replaces a row of logits by calibrated logits.
    ///
    /// The result depends on differences of the logits only, up to a constant. A class of logit -inf keeps it; a
    /// probability of 0 that is not such a class counts as [`Zeros::CLIP`](crate::Zeros::CLIP), so that no label is
    /// called impossible by a calibrator.
    fn transform(&self, row: &mut [f64]);
}

/// A calibration method that has not seen data.
pub trait Method: Debug + Send + Sync {
    /// Fits it to rows, telling `observer` of progress.
    ///
    /// # Errors
    /// On illegal data, on data that do not determine the parameters, or if the observer breaks.
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted>;
}

/// A calibrator as it leaves a fit, with its certificate.
#[derive(Debug)]
pub struct Fitted {
    /// The calibrator.
    pub calibrator: Box<dyn Calibrator>,
    /// What is known about the fit.
    pub certificate: Certificate,
}

/// One calibration method: everything that the rest of the house needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, as in files and on the command line.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// What it can be built with.
    pub parameters: &'static [ParameterEntry],
    /// Whether it corrects one probability, and needs a [`Reduction`] on more than two classes.
    pub binary: bool,
    /// Makes the unfitted method.
    pub build: fn(&Parameters) -> Result<Box<dyn Method>>,
    /// Makes the fitted calibrator from the parameters in a file.
    pub load: fn(&Parameters) -> Result<Box<dyn Calibrator>>,
}

/// Every calibration method, from the simplest to the richest: a comparison prefers the earlier of two that are
/// not told apart.
pub static METHODS: &[Entry] = &[
    identity::ENTRY,
    temperature::ENTRY,
    ensemble_temperature::ENTRY,
    temperature_biases::ENTRY,
    platt::ENTRY,
    structured_vector::ENTRY,
    vector::ENTRY,
    beta::ENTRY,
    quadratic::ENTRY,
    structured_matrix::ENTRY,
    dirichlet::ENTRY,
    centred_isotonic::ENTRY,
    isotonic::ENTRY,
    histogram::ENTRY,
    scaling_binning::ENTRY,
    bbq::ENTRY,
    venn_abers::ENTRY,
    matrix::ENTRY,
];

/// The method of that name.
pub fn method(name: &str) -> Option<&'static Entry> {
    METHODS.iter().find(|entry| entry.name == name)
}

/// Writes the calibrated probabilities of every row of `scores` into `out`, one row after the other.
///
/// Probabilities are read as ln p with zeros by their rule. Computed in `f64`.
///
/// # Errors
/// If `out` has another length than the scores, the class count differs from the calibrator's, or a row is
/// illegal.
pub fn probabilities_into<E: Element>(
    calibrator: &dyn Calibrator,
    scores: &Scores<'_>,
    out: &mut [E],
) -> Result<()> {
    transform_into(calibrator, scores, out, true)
}

/// Writes the calibrated logits of every row of `scores` into `out`, one row after the other.
///
/// # Errors
/// As [`probabilities_into`].
pub fn logits_into<E: Element>(
    calibrator: &dyn Calibrator,
    scores: &Scores<'_>,
    out: &mut [E],
) -> Result<()> {
    transform_into(calibrator, scores, out, false)
}

fn transform_into<E: Element>(
    calibrator: &dyn Calibrator,
    scores: &Scores<'_>,
    out: &mut [E],
    normalise: bool,
) -> Result<()> {
    struct Sweep<'a, E> {
        calibrator: &'a dyn Calibrator,
        scores: Scores<'a>,
        first_row: u64,
        layout: Layout,
        out: &'a mut [E],
        normalise: bool,
    }
    impl<E: Element> Sweep<'_, E> {
        fn run(self) -> Result<()> {
            let path = Path::best();
            let Sweep { calibrator, scores, first_row, layout, out, normalise } = self;
            let mut source = Scratch::<f64>::default();
            let mut scratch = Vec::new();
            for row in 0..scores.rows() {
                let logits = scores.logit_row(row, first_row, &mut source)?;
                // The sums of the row as given find what is illegal in it.
                let given = path.sums::<f64, { Order::NORMALISER }, false>(logits, 1.0);
                if !given.is_valid() {
                    return Err(Logits(*scores.matrix()).invalid(row, first_row));
                }
                let slot = open_row(out, layout, row, &mut scratch, Fill::Copy(logits));
                calibrator.transform(slot);
                if normalise {
                    let sums = path.sums::<f64, { Order::NORMALISER }, false>(slot, 1.0);
                    path.softmax(slot, 1.0, &sums);
                }
                close_row(out, layout, row, &scratch);
            }
            Ok(())
        }
    }
    if let Some(classes) = calibrator.classes()
        && classes != scores.classes()
    {
        return Err(crate::Error::shape(
            "number of classes",
            scores.classes(),
            format!("the {classes} classes that the calibrator was fitted to"),
        ));
    }
    let layout = Layout { outer: scores.rows(), classes: scores.classes(), inner: 1 };
    fold::map_chunks(layout, out, |rows, layout, out| {
        let first_row = rows.start as u64;
        let scores = scores.slice(rows);
        Sweep { calibrator, scores, first_row, layout, out, normalise }.run()
    })?;
    Ok(())
}

/// Rows as they come out of a calibrator: the scores of each block replaced by calibrated logits.
pub struct Calibrated<'a> {
    rows: &'a dyn Rows,
    calibrator: &'a dyn Calibrator,
}

impl<'a> Calibrated<'a> {
    /// The rows of `rows` through `calibrator`.
    pub fn new(rows: &'a dyn Rows, calibrator: &'a dyn Calibrator) -> Self {
        Calibrated { rows, calibrator }
    }
}

impl Rows for Calibrated<'_> {
    fn classes(&self) -> usize {
        self.rows.classes()
    }

    fn rows(&self) -> Option<u64> {
        self.rows.rows()
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let classes = self.rows.classes();
        let rows_at_once = (COPY_BYTES / 8 / classes).max(1);
        let mut buffer = Vec::new();
        self.rows.for_each_block(&mut |block| {
            for start in (0..block.rows()).step_by(rows_at_once) {
                let part = block.slice(start..block.rows().min(start + rows_at_once));
                buffer.resize(part.rows() * classes, 0.0);
                logits_into(self.calibrator, &part.scores(), &mut buffer)
                    .map_err(|error| error.shifted(part.first_row()))?;
                visit(&part.with_scores(Logits::new(&buffer, classes)?.into()))?;
            }
            Ok(())
        })
    }
}
