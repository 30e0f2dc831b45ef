//! Calibration reports: numbers in ([`Report`]), text, JSON, SVG figures and one HTML page out.
//!
//! This crate computes no statistics; it shows what another program measured.

mod model;
mod nonfinite;

pub use model::{Bin, CalibratorSummary, ClassRow, ConfidenceHistogram, Metrics, Report, Scorecard};
