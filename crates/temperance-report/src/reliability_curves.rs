//! Reliability diagrams without bins: the CORP diagram and the smoothed curve.

use crate::figures::{
    Axes, Drawing, LABEL, LEFT, RIGHT, WIDTH, band_entry, curve_entry, diagonal_entry, interpolated, points,
};
use crate::format::{fixed, metric, optional};
use crate::model::{Corp, Report, Scorecard, SmoothCurve};
use crate::svg::{Anchor, Canvas, Ink, Legend, Panel};
use crate::words::percent;

const FIFTHS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The evaluations that have something.
fn present<'a, T>(
    report: &'a Report,
    get: fn(&'a Scorecard) -> Option<&'a T>,
) -> Vec<(&'static str, &'static str, &'a Scorecard, &'a T)> {
    let cards = [("before", "Before", &report.before), ("after", "After", &report.after)];
    cards.into_iter().filter_map(|(key, title, card)| Some((key, title, card, get(card)?))).collect()
}

/// The panel until the curve: title, grid, labels of the axes; tick labels below `foot`.
fn square(title: &str, foot: f64) -> (Canvas, Axes) {
    let (mut canvas, axes) = (Canvas::default(), Axes::SQUARE);
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], title);
    axes.grid(&mut canvas, &FIFTHS, foot);
    let middle = (axes.bottom() + axes.y.coordinates[1]) / 2.0;
    canvas.upward(Ink::Muted, LABEL, [10.0, middle], "accuracy");
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [axes.middle(), foot + 32.0], "confidence");
    (canvas, axes)
}

/// Lines of text in the corner that a curve leaves free: the upper left one if it lies below the diagonal.
fn in_free_corner(canvas: &mut Canvas, axes: &Axes, curve: &[[f64; 2]], lines: &[String]) {
    let above: f64 = curve.iter().map(|[x, y]| y - x).filter(|gap| gap.is_finite()).sum();
    let (anchor, x, y) = match above > 0.0 {
        true => (Anchor::End, RIGHT - 10.0, axes.bottom() - 12.0 - 17.0 * (lines.len() as f64 - 1.0)),
        false => (Anchor::Start, LEFT + 10.0, axes.y.coordinates[1] + 20.0),
    };
    for (line, text) in lines.iter().enumerate() {
        let at = [x, y + 17.0 * line as f64];
        match line {
            0 => canvas.bold(Ink::Main, 14.0, anchor, at, text),
            _ => canvas.text(Ink::Muted, LABEL, anchor, at, text),
        }
    }
}

/// What a curve says at a few confidences.
fn readings(confidence: &[f64], accuracy: &[f64]) -> String {
    let readings: Vec<String> = [0.5, 0.7, 0.9, 0.99]
        .into_iter()
        .filter_map(|x| Some(format!("{} at confidence {x}", metric(interpolated(confidence, accuracy, x)?))))
        .collect();
    match readings.is_empty() {
        true => "The curve covers none of the confidences 0.5, 0.7, 0.9 and 0.99.".to_owned(),
        false => format!("Accuracy is {}.", readings.join(", ")),
    }
}

// CORP ---------------------------------------------------------------------------------------------------

pub(crate) fn corp(report: &Report) -> Option<Drawing> {
    let cards = present(report, |card| card.corp.as_ref());
    let (.., first) = cards.first()?;
    let level = percent(first.level);
    let any = |band: fn(&Corp) -> bool| cards.iter().any(|(.., corp)| band(corp));
    let consistency = any(|corp| !corp.consistency_band.is_empty());
    let confidence = any(|corp| !corp.confidence_band.is_empty());
    let mut caption = "The CORP diagram needs no bins: its curve is the rising curve that fits the outcomes best. Read \
                       it as the one above: below the diagonal the model claims too much, above it too little."
        .to_owned();
    let mut legend = vec![curve_entry("accuracy, rising curve", Ink::Blue, "")];
    if confidence {
        legend.push(band_entry(format!("{level} interval of the curve"), Ink::Blue));
        caption += &format!(" The blue band is the {level} interval of the curve.");
    }
    legend.push(diagonal_entry("perfectly calibrated"));
    if consistency {
        legend.push(band_entry(format!("{level} of curves if calibrated"), Ink::Muted));
        caption += &format!(
            " The grey band around the diagonal is where {level} of the curves of a calibrated model would lie: where the \
             curve leaves it, chance is an unlikely cause."
        );
    }
    Some(Drawing {
        name: "corp",
        title: "CORP reliability diagram before and after calibration".to_owned(),
        caption,
        panels: cards.iter().map(|&(key, title, card, corp)| corp_panel(key, title, card, corp)).collect(),
        legend,
    })
}

fn corp_panel(key: &str, title: &str, card: &Scorecard, corp: &Corp) -> Panel {
    let foot = Axes::SQUARE.bottom();
    let (mut canvas, axes) = square(title, foot);
    let x = &corp.confidence;
    axes.band(&mut canvas, Ink::Muted, x, &corp.consistency_band);
    axes.band(&mut canvas, Ink::Blue, x, &corp.confidence_band);
    axes.diagonal(&mut canvas);
    axes.curve(&mut canvas, Ink::Blue, "", x, &corp.recalibrated);
    axes.frame(&mut canvas);
    let parts = [("miscalibration", "corp_mcb"), ("discrimination", "corp_dsc"), ("uncertainty", "corp_unc")];
    let parts: Vec<String> = parts
        .into_iter()
        .filter_map(|(label, name)| Some(format!("{label} {}", metric(card.metrics.get(name)?))))
        .collect();
    in_free_corner(&mut canvas, &axes, &points(x, &corp.recalibrated), &parts);
    let mut description = format!("{title} calibration. {}", readings(x, &corp.recalibrated));
    if !parts.is_empty() {
        description += &format!(" The score is {}.", parts.join(", "));
    }
    if let Some(outside) = outside_band(corp) {
        description += &format!(
            " The curve lies outside the band of a calibrated model at {} of its {} points.",
            outside,
            corp.confidence.len()
        );
    }
    Panel {
        key: key.to_owned(),
        title: format!("CORP reliability diagram, {key} calibration"),
        description,
        size: [WIDTH, foot + 38.0],
        canvas,
    }
}

/// At how many points the curve leaves the consistency band.
fn outside_band(corp: &Corp) -> Option<usize> {
    let outside = |(&height, &[low, high]): (&f64, &[f64; 2])| height < low || height > high;
    let pairs = || corp.recalibrated.iter().zip(&corp.consistency_band);
    (pairs().len() > 0).then(|| pairs().filter(|&pair| outside(pair)).count())
}

// Smoothed -----------------------------------------------------------------------------------------------

pub(crate) fn smooth(report: &Report) -> Option<Drawing> {
    let cards = present(report, |card| card.smooth.as_ref());
    let (.., first) = cards.first()?;
    let densest = cards.iter().flat_map(|(.., curve)| &curve.density).copied().filter(|d| d.is_finite());
    let densest = densest.fold(0.0, f64::max);
    let mut caption =
        "Accuracy against confidence, smoothed over nearby confidences in place of bins. Below, where the \
                       confidences of the rows lie: where there are few, the curve says little."
            .to_owned();
    let mut legend: Vec<Legend> = vec![curve_entry("smoothed accuracy", Ink::Blue, "")];
    if cards.iter().any(|(.., curve)| !curve.band.is_empty()) {
        let level = percent(first.level);
        legend.push(band_entry(format!("{level} interval"), Ink::Blue));
        caption += &format!(" The band is the {level} interval of the curve.");
    }
    legend.push(diagonal_entry("perfectly calibrated"));
    Some(Drawing {
        name: "smooth",
        title: "Smoothed reliability before and after calibration".to_owned(),
        caption,
        panels: cards
            .iter()
            .map(|&(key, title, card, curve)| smooth_panel(key, title, card, curve, densest))
            .collect(),
        legend,
    })
}

fn smooth_panel(key: &str, title: &str, card: &Scorecard, curve: &SmoothCurve, densest: f64) -> Panel {
    const STRIP: [f64; 2] = [Axes::SQUARE.y.coordinates[0] + 64.0, Axes::SQUARE.y.coordinates[0] + 12.0];
    let (mut canvas, axes) = square(title, STRIP[0]);
    let x = &curve.confidence;
    axes.band(&mut canvas, Ink::Blue, x, &curve.band);
    axes.diagonal(&mut canvas);
    axes.curve(&mut canvas, Ink::Blue, "", x, &curve.accuracy);
    axes.frame(&mut canvas);
    let mut strip = axes;
    (strip.y.values, strip.y.coordinates) = ([0.0, densest], STRIP);
    let heights: Vec<[f64; 2]> = curve.density.iter().map(|&density| [0.0, density]).collect();
    for _ in 0..2 {
        // Twice as strong as a band.
        strip.band(&mut canvas, Ink::Muted, x, &heights);
    }
    canvas.line(Ink::Muted, 1.0, false, [LEFT, STRIP[0]], [RIGHT, STRIP[0]]);
    canvas.upward(Ink::Muted, LABEL, [10.0, (STRIP[0] + STRIP[1]) / 2.0], "density");
    let mut lines = Vec::new();
    if let Some(error) = card.metrics.get("smooth_ece") {
        lines.push(format!("smooth ECE {}", metric(error)));
    }
    if let Some(width) = curve.bandwidth {
        lines.push(format!("kernel width {}", fixed(width, 3)));
    }
    in_free_corner(&mut canvas, &axes, &points(x, &curve.accuracy), &lines);
    let mut description = format!("{title} calibration. {}", readings(x, &curve.accuracy));
    let densest =
        x.iter().zip(&curve.density).filter(|(_, d)| d.is_finite()).max_by(|a, b| a.1.total_cmp(b.1));
    if let Some((confidence, _)) = densest {
        description += &format!(" The density is highest at confidence {}.", optional(Some(*confidence)));
    }
    Panel {
        key: key.to_owned(),
        title: format!("Smoothed reliability, {key} calibration"),
        description,
        size: [WIDTH, STRIP[0] + 38.0],
        canvas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_outside_the_band_are_counted_on_both_sides() {
        let mut corp = Corp {
            recalibrated: vec![0.1, 0.5, 0.9],
            consistency_band: vec![[0.2, 0.3], [0.4, 0.6], [0.7, 0.8]],
            ..Corp::default()
        };
        assert_eq!(outside_band(&corp), Some(2));
        corp.consistency_band.clear();
        assert_eq!(outside_band(&corp), None);
    }
}
