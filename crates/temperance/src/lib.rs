//! The mathematics of the softmax output distribution: how to train it ([`loss`]), correct it
//! ([`calibrate`]) and measure it ([`metric`]).
//!
//! A row of logits becomes a few sums; sums over rows merge ([`mod@fold`]). Label smoothing, the confidence
//! penalty, temperature scaling and every calibration metric read the same row. So do the policies of
//! maximum-entropy reinforcement learning ([`policy`]).
//!
//! # Conventions
//! - Natural logarithms, nats. Row-major, the class axis last unless a [`Layout`] says otherwise. K is the
//!   number of classes.
//! - Logits or probabilities is said by the type, never guessed from the values.
//! - A logit of -inf is a class that cannot occur: p = 0, 0·ln 0 = 0. NaN, +inf and a row of only -inf are
//!   errors that name row and column, counted from 0.
//! - Losses and fits sweep a row in the precision of its values (`f16` and `bf16` as `f32`); sums over rows and
//!   the end of a fit are in `f64`, metrics entirely.
//! - Results have the same bits for any number of threads and any blocking of the rows. All work runs in the
//!   rayon pool that it is called from.
//!
//! # Calibrate in five lines
//! ```
//! use temperance::{Block, Labels, Logits, calibrate::{Calibrated, TemperatureScaling}, metric::Evaluation};
//!
//! // Four rows of two classes; one is wrong, all are sure.
//! let logits = Logits::new(&[4.0_f32, 0.0, 4.0, 0.0, 0.0, 4.0, 0.0, 4.0], 2)?;
//! let rows = Block::new(logits, Labels::new(&[0, 0, 1, 0], 2))?;
//! let (temperature, certificate) = TemperatureScaling::new().fit(&rows)?;
//! assert!((temperature.temperature() - 4.0 / 3_f64.ln()).abs() < 1e-9);
//! assert!(certificate.nll_after < certificate.nll_before);
//! let after = Evaluation::new().measure(&Calibrated::new(&rows, &temperature))?;
//! assert!(after.metric("ece").unwrap() < 1e-9);
//! # Ok::<(), temperance::Error>(())
//! ```

pub mod calibrate;
pub mod error;
pub mod fold;
pub mod input;
pub mod loss;
pub mod metric;
mod normal;
mod parameters;
mod pav;
pub mod policy;
mod row;
pub mod select;
pub mod selective;
mod softmax;

pub use error::{Error, ErrorKind, Result};
pub use input::{
    Block, ClassWeights, Element, Labels, Layout, Logits, Probabilities, RowWeights, Rows, Scores,
    SoftLabels, Subset, Targets, Values, ValuesMut, Zeros,
};
pub use parameters::{Parameter, Parameters};
pub use softmax::{confidence_penalty, entropy, log_softmax, softmax, temperature_scale};

/// The Rust examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// Those of the page on regularisers.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/choosing-a-regulariser.md")]
struct ChoosingARegulariser;
