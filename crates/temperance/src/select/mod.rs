//! What needs calibrators and metrics together, or decides which rows each of them sees.

mod split;

pub use split::{Split, SplitRule};
