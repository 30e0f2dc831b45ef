//! Calibration reports: numbers in ([`Report`]), text, JSON, SVG figures and one HTML page out.
//!
//! A [`Comparison`] shows several methods on the same rows in the same four ways.
//!
//! This crate computes no statistics; it shows what another program measured. A report that was saved as JSON
//! can be rendered again at any time:
//!
//! ```
//! use temperance_report::{CalibratorSummary, Metrics, Report, Scorecard};
//!
//! let scorecard = |ece| Scorecard { metrics: Metrics::from_iter([("ece", ece)]), ..Scorecard::default() };
//! let saved = Report {
//!     source: "logits.npy".into(),
//!     n_test: 5000,
//!     before: scorecard(0.137),
//!     after: scorecard(0.012),
//!     calibrator: CalibratorSummary { temperature: Some(2.0463), ..CalibratorSummary::default() },
//!     ..Report::default()
//! }
//! .json();
//!
//! let report = Report::from_json(&saved)?;
//! let text = report.text(80);
//! assert!(text.contains("Temperature scaling at T = 2.046 brings ECE from 0.1370 to 0.0120"), "{text}");
//! let page = report.html();
//! assert!(page.starts_with("<!doctype html>"));
//! for figure in report.figures() {
//!     let file_name = format!("{}.svg", figure.name);
//!     assert!(figure.svg.starts_with("<svg"), "{file_name}");
//! }
//! # Ok::<(), serde_json::Error>(())
//! ```

mod calibration_map;
mod chart;
mod class_reliability;
mod comparison;
mod comparison_figures;
mod comparison_page;
mod comparison_text;
mod document;
mod figures;
mod format;
mod html;
mod model;
mod nonfinite;
mod reliability_curves;
mod risk_coverage;
mod svg;
mod text;
mod words;

pub use chart::{Axis, Bar, Chart, Curve, Marks, Panel};
pub use comparison::{Comparison, Difference, MethodRow};
pub use document::{Document, Section, Table};
pub use figures::Figure;
pub use model::{
    Bin, CalibrationMap, CalibratorSummary, ClassRow, ConfidenceHistogram, Corp, Intervals, Metrics, Report,
    RiskCoverage, Scorecard, SmoothCurve,
};
pub use text::notes;
