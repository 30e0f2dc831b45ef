//! Parts of charts.

use temperance_report::{Axis, Chart, Curve, Figure, Marks, Panel};

/// A range that holds what is finite, with a margin.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    let (low, high) = values.filter(|value| value.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    if low > high {
        return [0.0, 1.0];
    }
    let margin = 0.05 * (high - low).max(1e-6);
    [low - margin, high + margin]
}

/// The heights of curves, their dots and bands.
pub(crate) fn heights(curves: &[Curve]) -> [f64; 2] {
    let points = curves.iter().flat_map(|curve| curve.points.iter().chain(&curve.dots)).map(|point| point[1]);
    let bands = curves.iter().flat_map(|curve| &curve.band).flat_map(|band| [band[1], band[2]]);
    range(points.chain(bands))
}

pub(crate) fn panel(title: impl Into<String>, x: Axis, y: [f64; 2], curves: Vec<Curve>) -> Panel {
    Panel { title: title.into(), x, y, marks: Marks::Curves(curves) }
}

pub(crate) fn figure(name: &'static str, title: impl Into<String>, panels: Vec<Panel>) -> Figure {
    Chart { name, title: title.into(), panels }.figure()
}
