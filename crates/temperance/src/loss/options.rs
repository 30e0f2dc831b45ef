//! What every loss can be told besides its own parameters: class weights, and how rows become one number.

use crate::error::{Error, Result};
use crate::input::{ClassWeights, Targets};

/// How the losses of rows are weighted and become one number.
///
/// ```
/// use temperance::loss::{Options, Reduction};
///
/// assert_eq!(Options::default().reduction, Reduction::Mean);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Options {
    /// From the losses of rows to one number.
    pub reduction: Reduction,
    /// What a mean over no rows is.
    pub when_empty: WhenEmpty,
    /// A weight for each class.
    pub weights: Option<ClassWeights>,
    /// What the weights weigh.
    pub weighting: Weighting,
    /// Whether the value is counted from its minimum.
    pub above_minimum: bool,
}

/// What class weights weigh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Weighting {
    /// Each class's own term of the cross-entropy, as in PyTorch: Σ_c w_c·t_c·(-ln p_c).
    ///
    /// The optimum is p ∝ w·t, not t: with w = (0.01, 0.99) and ε = 0.1 a row of class 0 asks for p = 0.161 of
    /// its own class. Terms besides the cross-entropy, and losses without smoothing, are weighted by the
    /// weight of the label.
    #[default]
    Torch,
    /// The whole loss of a row, by the weight w_y of its label (Σ t_c·w_c for soft labels): the optimum stays.
    Sample,
}

/// How the losses of rows become one number.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Reduction {
    /// Σ loss / denominator, with PyTorch's denominator: Σ of the weights of the labels of the rows that
    /// count, or all rows for soft labels.
    #[default]
    Mean,
    /// Σ loss / the number of rows that count, whatever their weights.
    MeanOverRows,
    /// Σ loss / Σ of the weights of the rows that count, for soft labels too (Σ_n Σ_c t_c·w_c).
    MeanOverWeights,
    /// Σ loss / a number of the caller, above 0: the rows of a whole batch of which these are a part
    /// (gradient accumulation, data parallelism).
    SumOver(f64),
    /// Σ loss.
    Sum,
}

/// What a mean is if no row counts: every label is ignored or of weight 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WhenEmpty {
    /// An error.
    #[default]
    Error,
    /// NaN, as in PyTorch; the gradient is 0.
    Nan,
    /// 0; the gradient is 0.
    Zero,
}

impl Options {
    /// What the sum of losses is divided by; all targets are read for it only if they must be.
    ///
    /// # Errors
    /// On an illegal label, and if [`Reduction::SumOver`] is not above 0.
    pub(super) fn denominator(&self, targets: &Targets<'_>) -> Result<f64> {
        let weights = match (self.reduction, targets) {
            (Reduction::SumOver(denominator), _) => {
                if (f64::MIN_POSITIVE..f64::INFINITY).contains(&denominator) {
                    return Ok(denominator);
                }
                return Err(Error::parameter("denominator", denominator, "a finite number above 0"));
            }
            (Reduction::Mean, Targets::Soft(labels)) => return Ok(labels.rows() as f64),
            (Reduction::MeanOverRows, _) => None,
            _ => self.weights.as_ref(),
        };
        match (targets, weights) {
            (Targets::Labels(labels), None) => Ok(labels.counted() as f64),
            (Targets::Soft(labels), None) => Ok(labels.rows() as f64),
            (Targets::Labels(labels), Some(weights)) => {
                let mut sum = 0.0;
                for row in 0..labels.rows() {
                    sum += labels.get(row, 0)?.map_or(0.0, |label| weights.as_slice()[label]);
                }
                Ok(sum)
            }
            (Targets::Soft(labels), Some(weights)) => {
                let (mut sum, mut scratch) = (0.0, Vec::new());
                for row in 0..labels.rows() {
                    sum += dot(labels.row(row, 0, &mut scratch)?, weights);
                }
                Ok(sum)
            }
        }
    }

    /// Weights that multiply the whole loss of a row, if there are any.
    pub(super) fn row_weights(&self) -> Option<&ClassWeights> {
        self.weights.as_ref().filter(|_| self.weighting == Weighting::Sample)
    }

    /// Weights that multiply each class's own term, if there are any.
    pub(super) fn term_weights(&self) -> Option<&ClassWeights> {
        self.weights.as_ref().filter(|_| self.weighting == Weighting::Torch)
    }

    /// The weight of a class's own term.
    #[inline(always)]
    pub(super) fn term_weight(&self, class: usize) -> f64 {
        self.term_weights().map_or(1.0, |weights| weights.as_slice()[class])
    }

    /// Refuses weights that are not one for each class.
    ///
    /// # Errors
    /// If they are not.
    pub(super) fn check(&self, classes: usize) -> Result<()> {
        match &self.weights {
            Some(weights) if weights.as_slice().len() != classes => {
                let expected = format!("one for each of the {classes} classes");
                Err(Error::shape("number of class weights", weights.as_slice().len(), expected))
            }
            _ => Ok(()),
        }
    }
}

/// Σ t·w.
pub(super) fn dot(t: &[f64], weights: &ClassWeights) -> f64 {
    t.iter().zip(weights.as_slice()).map(|(t, w)| t * w).sum()
}
