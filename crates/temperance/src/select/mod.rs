//! What needs calibrators and metrics together, or decides which rows each of them sees.

mod compare;
mod folds;
mod out_of_fold;
mod split;
mod variational;

pub use compare::{Candidate, Compared, Comparison, Criterion, Outcome};
pub use folds::Folds;
pub use out_of_fold::OutOfFold;
pub use split::{Split, SplitRule, counted_rows};
pub use variational::Variational;
