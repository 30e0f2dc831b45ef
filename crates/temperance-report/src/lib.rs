//! Calibration reports: numbers in ([`Report`]), text, JSON, SVG figures and one HTML page out.
//!
//! This crate computes no statistics; it shows what another program measured.

mod figures;
mod format;
mod html;
mod model;
mod nonfinite;
mod svg;
mod text;
mod words;

pub use figures::Figure;
pub use model::{Bin, CalibratorSummary, ClassRow, ConfidenceHistogram, Metrics, Report, Scorecard};
