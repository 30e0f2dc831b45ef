//! What is asked of a loss.

use std::sync::Arc;

use temperance::loss::Criterion;

/// How the losses of rows become one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reduction {
    /// Their mean over the weights of the rows that count, `[1]`; NaN if none does.
    #[default]
    Mean,
    /// Their sum, `[1]`.
    Sum,
    /// As they are, `[batch_size]`; 0 for a row that does not count.
    None,
}

/// What to compute.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) criterion: Arc<Box<dyn Criterion>>,
    pub(crate) reduction: Reduction,
    /// The class of rows that do not count.
    pub(crate) ignored: Option<i64>,
}
