//! The mathematics of the softmax output distribution: how to train it ([`loss`]), correct it
//! ([`calibrate`]) and measure it ([`metric`]).

pub mod calibrate;
pub mod error;
pub mod fold;
pub mod input;
pub mod metric;
mod parameters;
mod row;
pub mod select;

pub use error::{Error, ErrorKind, Result};
pub use input::{
    Block, ClassWeights, Element, Labels, Layout, Logits, Probabilities, RowWeights, Rows, Scores,
    SoftLabels, Subset, Targets, Values, Zeros,
};
pub use parameters::{Parameter, Parameters};
