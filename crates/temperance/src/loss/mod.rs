//! Losses: what a classifier is trained with, and the closed forms of what training converges to.

mod cross_entropy;
mod library;
mod objective;
mod reduction;
mod smoothing;
pub mod theory;

pub use cross_entropy::CrossEntropy;
pub use library::Library;
pub use reduction::{Loss, Reduction, Upstream, WhenEmpty};
pub use smoothing::{Convention, Smoothing};
