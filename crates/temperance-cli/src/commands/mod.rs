//! One file per command.

pub(crate) mod apply;
pub(crate) mod calibrate;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod evaluate;
pub(crate) mod fit;
pub(crate) mod losses;
pub(crate) mod methods;
pub(crate) mod metrics;
pub(crate) mod smoothing;
