//! The calibration map: what a calibrator makes of a confidence.

use crate::figures::{
    Axes, Drawing, LABEL, LEFT, WIDTH, band_entry, curve_entry, diagonal_entry, interpolated,
};
use crate::format::metric;
use crate::model::CalibrationMap;
use crate::svg::{Anchor, Canvas, Ink, Legend, Panel};

/// Where the map is read out in words.
const READINGS: [f64; 4] = [0.5, 0.7, 0.9, 0.99];

/// Nothing if the map has no points.
pub(crate) fn drawing(map: &CalibrationMap) -> Option<Drawing> {
    if map.given.is_empty() || map.calibrated.is_empty() {
        return None;
    }
    let (mut canvas, axes) = (Canvas::default(), Axes::SQUARE);
    let title = "Confidence before and after".to_owned();
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], &title);
    axes.grid(&mut canvas, &[0.0, 0.2, 0.4, 0.6, 0.8, 1.0], axes.bottom());
    draw(&mut canvas, &axes, map);
    let middle = (axes.bottom() + axes.y.coordinates[1]) / 2.0;
    canvas.upward(Ink::Muted, LABEL, [10.0, middle], "calibrated confidence");
    let at = [axes.middle(), axes.bottom() + 32.0];
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, at, "given confidence");
    let mut caption =
        "What calibration makes of a confidence: below the diagonal it is lowered, above it raised, on it \
                       left alone."
            .to_owned();
    if !map.band.is_empty() {
        caption += " The calibrator sees more than the confidence: rows of the same confidence may end apart, most of \
                    them within the band.";
    }
    let panel = Panel {
        key: "curve".to_owned(),
        title: title.clone(),
        description: description(map),
        size: [WIDTH, axes.bottom() + 38.0],
        canvas,
    };
    Some(Drawing { name: "map", title, caption, panels: vec![panel], legend: legend(!map.band.is_empty()) })
}

/// Diagonal, band, curve and frame.
pub(crate) fn draw(canvas: &mut Canvas, axes: &Axes, map: &CalibrationMap) {
    axes.band(canvas, Ink::Blue, &map.given, &map.band);
    axes.diagonal(canvas);
    axes.curve(canvas, Ink::Blue, "", &map.given, &map.calibrated);
    axes.frame(canvas);
}

pub(crate) fn legend(band: bool) -> Vec<Legend> {
    let mut legend = vec![curve_entry("calibrated confidence", Ink::Blue, "")];
    if band {
        legend.push(band_entry("where most rows lie", Ink::Blue));
    }
    legend.push(diagonal_entry("unchanged"));
    legend
}

/// What becomes of a few confidences.
pub(crate) fn description(map: &CalibrationMap) -> String {
    let readings: Vec<String> = READINGS
        .into_iter()
        .filter_map(|x| {
            Some(format!("{x} becomes {}", metric(interpolated(&map.given, &map.calibrated, x)?)))
        })
        .collect();
    match readings.is_empty() {
        true => "The map covers none of the confidences 0.5, 0.7, 0.9 and 0.99.".to_owned(),
        false => format!("A confidence of {}.", readings.join(", of ")),
    }
}
