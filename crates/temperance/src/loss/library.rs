//! What other libraries mean by label smoothing.

use serde::{Deserialize, Serialize};

use super::theory::{self, Target, check_classes};
use super::{Convention, Criterion, CrossEntropy, Reduction, Smoothing, WhenEmpty, smoothing};
use crate::error::{Error, Result};

/// A library whose label smoothing can be reproduced.
///
/// | library | label | each other class | reduction | loss at the optimum |
/// |---|---|---|---|---|
/// | `Torch`, `Keras`, `Optax`, `Timm` | 1 - ε + ε/K | ε/K | mean, `Optax` none | H(t) |
/// | `Fairseq` | 1 - ε | ε/(K-1) | sum | H(t) |
/// | `Flax` | 1 - ε | ε/(K-1) | mean | 0 |
/// | `OpenNmt` | 1 - ε | ε/(V-2), padding 0 | sum | 0 |
/// | `ClassyVision` | (1+ε/K)/(1+ε) | (ε/K)/(1+ε) | mean | H(t) |
///
/// OpenNMT's vocabulary V counts the padding, which gets nothing: its target equals one of the others only
/// on the K = V - 1 classes that are not padding. Here K is always the number of classes that can get mass,
/// so pass V - 1 for OpenNMT, and mask the padding ([`Smoothing::allowed`](super::Smoothing::allowed)) where
/// the other library sees all V.
///
/// ```
/// use temperance::loss::Library;
///
/// assert_eq!(Library::Torch.target(10, 0.5)?.other, 0.05);
/// assert_eq!(Library::Fairseq.target(11, 0.5)?.other, 0.05);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: the code of PyTorch 2.15.0, Keras 3.15.1, optax 0.2.8, timm 1.0.31, fairseq 0.12.2, flax 0.12.8,
/// OpenNMT-py 3.0.2 and ClassyVision 0.7.0, whose results are among the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Library {
    /// `torch.nn.CrossEntropyLoss(label_smoothing=ε)`: the mean is over the rows that are not ignored, each
    /// by the weight of its label.
    Torch,
    /// `keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=ε)`: the mean is over all
    /// rows, also those of sample weight 0. `SparseCategoricalCrossentropy` has no smoothing up to 3.15.
    Keras,
    /// `optax.softmax_cross_entropy(logits, optax.smooth_labels(onehot, ε))`: one number for each row.
    Optax,
    /// `timm.loss.LabelSmoothingCrossEntropy(ε)`: the mean is over all rows; no row can be ignored.
    Timm,
    /// fairseq's criterion `label_smoothed_cross_entropy` since February 2021 (before, ε was that of
    /// `Torch`): rows whose label is padding are ignored, but padding gets its share as a class; the trainer
    /// divides the sum by the number of tokens or sentences of all its workers.
    Fairseq,
    /// `compute_weighted_cross_entropy` of flax's WMT example, after tensor2tensor: rows whose label is
    /// padding weigh 0, but padding gets its share as a class. Targets are rounded to `f32` there.
    Flax,
    /// `LabelSmoothingLoss` of OpenNMT-py up to 3.0.2, which is a KL divergence: rows whose label is padding
    /// are ignored, and padding gets nothing. 3.0.3 and later call PyTorch's loss, with `sum`.
    OpenNmt,
    /// ClassyVision's `label_smoothing_cross_entropy`: one-hot + ε/K, divided by its sum 1 + ε (mmpretrain's
    /// mode `classy_vision` has the same target). A row whose label is ignored gets the uniform target and
    /// counts in the mean. Targets are rounded to `f32` there.
    ClassyVision,
}

impl Library {
    /// Every library, in the order of the table above.
    pub const ALL: [Library; 8] = [
        Library::Torch,
        Library::Keras,
        Library::Optax,
        Library::Timm,
        Library::Fairseq,
        Library::Flax,
        Library::OpenNmt,
        Library::ClassyVision,
    ];

    /// The lower-case name: `torch`, `keras`, `optax`, `timm`, `fairseq`, `flax`, `opennmt` or
    /// `classyvision`.
    pub fn name(self) -> &'static str {
        match self {
            Library::Torch => "torch",
            Library::Keras => "keras",
            Library::Optax => "optax",
            Library::Timm => "timm",
            Library::Fairseq => "fairseq",
            Library::Flax => "flax",
            Library::OpenNmt => "opennmt",
            Library::ClassyVision => "classyvision",
        }
    }

    /// The library of that [`Library::name`], if there is one.
    ///
    /// ```
    /// use temperance::loss::Library;
    ///
    /// assert_eq!(Library::named("flax"), Some(Library::Flax));
    /// assert_eq!(Library::named("Flax"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|library| library.name() == name)
    }

    /// Where ε goes, how rows are reduced, and what is peculiar, in one line.
    pub fn summary(self) -> &'static str {
        match self {
            Library::Torch => "ε/K on every class; mean over the rows that count",
            Library::Keras => "ε/K on every class; mean over all rows; one-hot labels only",
            Library::Optax => "ε/K on every class; no reduction; one-hot labels only",
            Library::Timm => "ε/K on every class; mean over all rows; none can be ignored",
            Library::Fairseq => "ε/(K-1) on the wrong classes, padding too; sum; ε/K before 2021-02",
            Library::Flax => "ε/(K-1) on the wrong classes, padding too; mean; less its minimum",
            Library::OpenNmt => "ε/(V-2), padding apart (K = V-1); sum; less its minimum; until 3.0.2",
            Library::ClassyVision => "onehot + ε/K, divided by 1 + ε; mean over all rows, ignored too",
        }
    }

    /// The convention, and the ε in it, with the target that the library makes with `epsilon`.
    ///
    /// ε itself, but ε/(1+ε) for `ClassyVision`.
    ///
    /// ```
    /// use temperance::loss::{Convention, Library};
    ///
    /// assert_eq!(Library::Flax.convention(0.25)?, (Convention::Others, 0.25));
    /// assert_eq!(Library::ClassyVision.convention(0.25)?, (Convention::Uniform, 0.2));
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If ε is not a number from 0 to 1.
    pub fn convention(self, epsilon: f64) -> Result<(Convention, f64)> {
        let epsilon = smoothing::check_epsilon(epsilon)?;
        Ok(match self.family() {
            Family::Uniform => (Convention::Uniform, epsilon),
            Family::Others => (Convention::Others, epsilon),
            Family::Divided => (Convention::Uniform, epsilon / (1.0 + epsilon)),
        })
    }

    /// The target that the library makes of a label.
    ///
    /// # Errors
    /// If there are fewer than 2 classes or ε is not a number from 0 to 1.
    pub fn target(self, classes: usize, epsilon: f64) -> Result<Target> {
        let (convention, epsilon) = self.convention(epsilon)?;
        theory::target(convention, classes, epsilon)
    }

    /// The loss of the library, reduced as it does.
    ///
    /// `allowed` is a mask of the classes that get mass ([`Smoothing::allowed`]), `None` for all: all but the
    /// padding for `OpenNmt`, the `where` of `Optax`. Padding as a label is left to
    /// [`Labels::with_ignored`](crate::Labels::with_ignored). A mean over no rows is NaN.
    ///
    /// The mean of `Keras` and `ClassyVision` differs where rows are ignored: use [`Reduction::SumOver`] all rows
    /// for the former, soft labels (uniform where ignored) for the latter. `Optax` leaves the reduction to its
    /// caller: [`per_row`](super::Criterion::per_row), or a mean.
    ///
    /// ```
    /// use temperance::loss::{Criterion, Library};
    /// use temperance::{Labels, Logits};
    ///
    /// // Two tokens, of which the second is padding (class 0), as OpenNMT sees them.
    /// let logits = Logits::new(&[0.0, 0.0, 0.0, 1.0, 2.0, 3.0], 3)?;
    /// let labels = Labels::with_ignored(&[2, 0], 3, 0);
    /// let loss = Library::OpenNmt.loss(0.5, Some(&[false, true, true]))?;
    /// // KL from (0, 1/2, 1/2) to (1/3, 1/3, 1/3).
    /// assert!((loss.forward(&logits, labels)?.value - 1.5_f64.ln()).abs() < 1e-15);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If ε is not a number from 0 to 1, or no class is allowed.
    pub fn loss(self, epsilon: f64, allowed: Option<&[bool]>) -> Result<CrossEntropy> {
        let (convention, epsilon) = self.convention(epsilon)?;
        let mut smoothing = Smoothing::new(convention, epsilon)?;
        if let Some(mask) = allowed {
            smoothing = smoothing.allowed(mask)?;
        }
        let loss = CrossEntropy::new().smoothing(smoothing).when_empty(WhenEmpty::Nan);
        Ok(match self {
            Library::Fairseq => loss.reduction(Reduction::Sum),
            Library::Flax => loss.above_minimum(),
            Library::OpenNmt => loss.reduction(Reduction::Sum).above_minimum(),
            _ => loss,
        })
    }

    /// The ε with which library `to` makes the target that this one makes with `epsilon`.
    ///
    /// With u the ε of `Torch`: u = ε for `Keras`, `Optax` and `Timm`, u = ε·K/(K-1) for `Fairseq`, `Flax` and
    /// `OpenNmt`, u = ε/(1+ε) for `ClassyVision`.
    ///
    /// ```
    /// use temperance::loss::Library;
    ///
    /// // OpenNMT's 0.1 with a vocabulary of 11 entries, of which one is padding.
    /// let epsilon = Library::OpenNmt.convert(10, 0.1, Library::Torch)?;
    /// assert!((epsilon - 0.1 * 10.0 / 9.0).abs() < 1e-16);
    /// assert_eq!(Library::ClassyVision.convert(10, 0.25, Library::Torch)?, 0.2);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If there are fewer than 2 classes, ε is not a number from 0 to 1, or `to` would need an ε above 1.
    pub fn convert(self, classes: usize, epsilon: f64, to: Library) -> Result<f64> {
        let k = check_classes(classes)?;
        let epsilon = smoothing::check_epsilon(epsilon)?;
        let (family, other) = (self.family(), to.family());
        if family == other {
            return Ok(epsilon);
        }
        let converted = other.own_epsilon(family.uniform_epsilon(epsilon, k), k);
        // An ε that is 1 but for rounding is 1.
        if converted <= 1.0 + 4.0 * f64::EPSILON {
            return Ok(converted.min(1.0));
        }
        let largest = family.own_epsilon(other.uniform_epsilon(1.0, k), k);
        let expected =
            format!("at most {largest}, which is the epsilon 1 of {} with {classes} classes", to.name());
        Err(Error::parameter(format!("epsilon of {}", self.name()), epsilon, expected))
    }

    fn family(self) -> Family {
        match self {
            Library::Torch | Library::Keras | Library::Optax | Library::Timm => Family::Uniform,
            Library::Fairseq | Library::Flax | Library::OpenNmt => Family::Others,
            Library::ClassyVision => Family::Divided,
        }
    }
}

/// Libraries whose ε means the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// (1-ε)·onehot + ε/K.
    Uniform,
    /// 1 - ε, and ε/(K-1) for each other class.
    Others,
    /// (onehot + ε/K)/(1+ε).
    Divided,
}

impl Family {
    /// The ε of `Uniform` with the same target.
    fn uniform_epsilon(self, epsilon: f64, k: f64) -> f64 {
        match self {
            Family::Uniform => epsilon,
            Family::Others => epsilon * k / (k - 1.0),
            Family::Divided => epsilon / (1.0 + epsilon),
        }
    }

    /// The inverse of [`Family::uniform_epsilon`].
    fn own_epsilon(self, uniform: f64, k: f64) -> f64 {
        match self {
            Family::Uniform => uniform,
            Family::Others => uniform * (k - 1.0) / k,
            Family::Divided if uniform < 1.0 => uniform / (1.0 - uniform),
            Family::Divided => f64::INFINITY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Library::*;
    use super::*;

    fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    fn relative(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs()
    }

    #[test]
    fn conversions_keep_the_target() {
        for from in Library::ALL {
            for to in Library::ALL {
                for k in [2, 3, 10, 32000] {
                    for epsilon in [0.0, 1e-9, 0.1, 0.2, 0.25] {
                        let converted = from.convert(k, epsilon, to).unwrap();
                        let (a, b) = (from.target(k, epsilon).unwrap(), to.target(k, converted).unwrap());
                        assert!(relative(b.label, a.label, 1e-14), "{from:?} to {to:?}, {a:?}, {b:?}");
                        assert!(relative(b.other, a.other, 1e-14), "{from:?} to {to:?}, {a:?}, {b:?}");
                        let back = to.convert(k, converted, from).unwrap();
                        assert!(
                            relative(back, epsilon, 1e-14),
                            "{from:?} to {to:?} and back: {epsilon}, {back}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn targets_are_those_of_the_table() {
        let (k, epsilon) = (10, 0.3);
        let table = [
            ([Torch, Keras, Optax, Timm].as_slice(), 0.73, 0.03),
            (&[Fairseq, Flax, OpenNmt], 0.7, 0.3 / 9.0),
            (&[ClassyVision], 1.03 / 1.3, 0.03 / 1.3),
        ];
        for (libraries, label, other) in table {
            for library in libraries {
                let target = library.target(k, epsilon).unwrap();
                assert!(relative(target.label, label, 1e-15), "{library:?}: {target:?}");
                assert!(relative(target.other, other, 1e-15), "{library:?}: {target:?}");
            }
        }
    }

    #[test]
    fn the_largest_epsilon_and_one_above_it() {
        for k in [2, 3, 7, 10, 49, 1000] {
            let largest = Torch.convert(k, 1.0, Fairseq).unwrap();
            assert_eq!(Fairseq.convert(k, largest, Torch).unwrap(), 1.0);
        }
        assert_eq!(Torch.convert(10, 0.5, ClassyVision).unwrap(), 1.0);
        assert_eq!(
            text(Fairseq.convert(10, 0.95, Torch)),
            "epsilon of fairseq is 0.95; expected at most 0.9, which is the epsilon 1 of torch with 10 classes"
        );
        assert_eq!(
            text(Timm.convert(10, 0.6, ClassyVision)),
            "epsilon of timm is 0.6; expected at most 0.5, which is the epsilon 1 of classyvision with 10 classes"
        );
        assert_eq!(
            text(Torch.convert(10, 1.0, ClassyVision)),
            "epsilon of torch is 1; expected at most 0.5, which is the epsilon 1 of classyvision with 10 classes"
        );
        for library in Library::ALL {
            assert_eq!(
                text(library.convert(10, 1.5, Torch)),
                "epsilon is 1.5; expected a number from 0 to 1"
            );
            assert_eq!(text(library.convert(1, 0.5, Torch)), "number of classes is 1; expected at least 2");
            assert_eq!(text(library.target(10, -1.0)), "epsilon is -1; expected a number from 0 to 1");
            assert_eq!(text(library.loss(-1.0, None)), "epsilon is -1; expected a number from 0 to 1");
            assert_eq!(
                text(library.loss(0.1, Some(&[false, false]))),
                "number of classes that the smoothing allows is 0; expected at least 1"
            );
        }
    }

    #[test]
    fn names_find_their_library() {
        for library in Library::ALL {
            assert_eq!(Library::named(library.name()), Some(library));
            let json = format!("\"{}\"", library.name());
            assert_eq!(serde_json::to_string(&library).unwrap(), json);
            assert_eq!(serde_json::from_str::<Library>(&json).unwrap(), library);
            assert!(library.summary().chars().count() <= 70, "{}", library.summary());
        }
        assert_eq!(Library::named("tensorflow"), None);
    }
}
