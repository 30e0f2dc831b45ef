//! What rows should have been.

use burn::tensor::{Int, Tensor};

/// What the rows of a batch should have been.
#[derive(Debug, Clone)]
pub enum Targets {
    /// The right class of each row, `[batch_size]`.
    Classes(Tensor<1, Int>),
    /// A share for each class, `[batch_size, classes]`. They get no gradient.
    Shares(Tensor<2>),
}

impl From<Tensor<1, Int>> for Targets {
    fn from(classes: Tensor<1, Int>) -> Self {
        Targets::Classes(classes)
    }
}

impl From<Tensor<2>> for Targets {
    fn from(shares: Tensor<2>) -> Self {
        Targets::Shares(shares)
    }
}
