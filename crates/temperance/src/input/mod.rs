//! Borrowed views of model outputs, targets and weights.
//!
//! Constructors check shapes in constant time; values are checked where they are read, and an error names
//! the row and column. Everything here is a view: cheap to copy, cheap to slice by rows.

mod element;
mod labels;
mod matrix;
mod rows;
mod weights;

pub use element::{Element, Values, ValuesMut};
pub use labels::{LabelElement, LabelValues, Labels, SoftLabels, Targets};
pub use matrix::{Layout, Logits, Probabilities, Scores, Zeros};
pub use rows::{Block, Rows, Subset};
pub use weights::{ClassWeights, RowWeights};

pub(crate) use element::Visitor;
pub(crate) use labels::Target;
pub(crate) use matrix::{Fill, Matrix, Scratch, close_row, contiguous_mut, open_row, store_tile};
pub(crate) use rows::{COPY_BYTES, Thinned, check_targets};
