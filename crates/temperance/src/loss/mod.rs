//! Losses: what a classifier is trained with, and the closed forms of what training converges to.
//!
//! Every loss is a [`Criterion`]; [`LOSSES`] lists them by name.

mod binary;
mod criterion;
mod cross_entropy;
mod distillation;
mod dual_focal;
mod entropy_family;
mod focal;
mod fused;
mod library;
mod logit_norm;
mod margin;
mod objective;
mod online_smoothing;
mod options;
mod poly;
mod reduction;
mod schedule;
mod smoothing;
mod terms;
pub mod theory;

pub use binary::{BinaryConvention, BinaryCrossEntropy};
pub use criterion::{Criterion, Supervision, Work};
pub use cross_entropy::{CrossEntropy, Saved};
pub use distillation::{Distillation, Measure, Scaling};
pub use dual_focal::DualFocal;
pub use entropy_family::EntropyFamily;
pub use focal::Focal;
pub use library::Library;
pub use logit_norm::LogitNorm;
pub use margin::MarginSmoothing;
pub use online_smoothing::{ClassTargets, OnlineSmoothing, OnlineTargets};
pub use options::{Options, Reduction, Weighting, WhenEmpty};
pub use poly::Poly1;
pub use reduction::{Loss, Upstream};
pub use schedule::Schedule;
pub use smoothing::{Convention, Smoothing};

use crate::error::Result;
use crate::parameters::{ParameterEntry, Parameters};

/// One loss: everything that the rest of the house needs to know of it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, as in files and on the command line.
    pub name: &'static str,
    /// What it is, in a sentence.
    pub summary: &'static str,
    /// The loss of a row, in plain text.
    pub formula: &'static str,
    /// Where it was published.
    pub source: &'static str,
    /// What it can be built with.
    pub parameters: &'static [ParameterEntry],
    /// Whether soft labels have a meaning for it.
    pub soft_labels: bool,
    /// Whether it needs the logits of a teacher.
    pub teacher: bool,
    /// The parameters, besides the defaults, with which it is plain cross-entropy; `None` if it never is.
    pub neutral: Option<&'static [(&'static str, f64)]>,
    /// Makes the loss.
    pub build: fn(&Parameters) -> Result<Box<dyn Criterion>>,
}

/// Every loss.
pub static LOSSES: &[Entry] = &[
    cross_entropy::ENTRY,
    binary::ENTRY,
    distillation::ENTRY,
    dual_focal::ENTRY,
    entropy_family::ENTRY,
    focal::ENTRY,
    logit_norm::ENTRY,
    margin::ENTRY,
    online_smoothing::ENTRY,
    poly::ENTRY,
];

/// The loss of that name.
///
/// ```
/// use temperance::loss::{self, Criterion};
/// use temperance::{Labels, Logits, Parameter, Parameters};
///
/// let entry = loss::named("cross_entropy").unwrap();
/// let smoothed = (entry.build)(&Parameters::new().with("label_smoothing", Parameter::Number(1.0)))?;
/// let value = smoothed.forward(&Logits::new(&[3.0, 3.0], 2)?, Labels::new(&[0], 2))?.value;
/// assert!((value - 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
pub fn named(name: &str) -> Option<&'static Entry> {
    LOSSES.iter().find(|entry| entry.name == name)
}
