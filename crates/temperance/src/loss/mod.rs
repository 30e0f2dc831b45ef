//! Losses: what a classifier is trained with, and the closed forms of what training converges to.

mod cross_entropy;
mod objective;
mod reduction;
mod smoothing;
pub mod theory;

pub use cross_entropy::CrossEntropy;
pub use reduction::{Loss, Reduction, Upstream, WhenEmpty};
pub use smoothing::{Convention, Smoothing};
