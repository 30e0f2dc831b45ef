//! Parts of charts.

use temperance_report::{Axis, Chart, Curve, Figure, Marks, Panel};

/// A range that holds what is finite, with a margin.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> [f64; 2] {
    let ends = |(low, high): (f64, f64), value: f64| (low.min(value), high.max(value));
    let (low, high) = values.filter(|value| value.is_finite()).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    if low > high {
        return [0.0, 1.0];
    }
    // What does not change is drawn amid its own size, not amid its rounding.
    let (span, size) = (high - low, low.abs().max(high.abs()));
    let margin = if span > 1e-6 * size { 0.05 * span } else { 0.1 * size.max(1e-6) };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_margins_and_room_for_what_is_constant() {
        let of = |values: &[f64]| range(values.iter().copied());
        assert_eq!(of(&[1.0, f64::NAN, 3.0]), [1.0 - 0.1, 3.0 + 0.1]);
        let [low, high] = of(&[0.1, 0.100_000_000_000_000_02]);
        assert!((low - 0.09).abs() < 1e-12 && (high - 0.11).abs() < 1e-12, "{low} to {high}");
        assert!(of(&[0.0])[0] < 0.0 && of(&[0.0])[1] > 0.0);
        assert_eq!(of(&[]), [0.0, 1.0]);
    }
}
