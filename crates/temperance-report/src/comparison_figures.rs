//! The figures of a comparison: differences, reliability, calibration maps.

use crate::calibration_map;
use crate::class_reliability::draw_bins;
use crate::comparison::{Comparison, Difference, MethodRow, Verdict};
use crate::figures::{
    Axes, Drawing, Figure, LABEL, Scale, TICK, decimals, diagonal_entry, entry, point, shortened, span, ticks,
};
use crate::format::{fixed, metric, optional};
use crate::svg::{Anchor, Canvas, Ink, Panel};
use crate::words::{method_name, method_short, metric_words, percent};

impl Comparison {
    /// The figures, in the order of the page: `differences` to the uncalibrated model, `reliability` and calibration
    /// `maps` of the methods, best in the criterion first. Those that need numbers which the comparison does not have
    /// are left out.
    pub fn figures(&self) -> Vec<Figure> {
        self.drawings().into_iter().map(Drawing::file).collect()
    }

    pub(crate) fn drawings(&self) -> Vec<Drawing> {
        [forest(self), reliability(self), maps(self)].into_iter().flatten().collect()
    }
}

// Differences --------------------------------------------------------------------------------------------

fn forest(comparison: &Comparison) -> Option<Drawing> {
    const WIDTH: f64 = 640.0;
    const TOP: f64 = 28.0;
    const STEP: f64 = 24.0;
    const NAMES: f64 = 4.0;
    const VALUES: f64 = WIDTH - 4.0;
    let rows: Vec<(&MethodRow, &Difference)> = comparison
        .ranked()
        .into_iter()
        .filter(|row| !row.is_uncalibrated())
        .filter_map(|row| Some((row, row.to_uncalibrated.as_ref()?)))
        .filter(|(_, difference)| !difference.value.is_nan())
        .collect();
    if rows.is_empty() {
        return None;
    }
    let score = metric_words(&comparison.criterion).label;
    let bottom = TOP + STEP * rows.len() as f64;
    let x = Scale { values: reach(&rows), coordinates: [166.0, 468.0] };
    let [left, right] = x.coordinates;
    let mut canvas = Canvas::default();
    let title = format!("Change of {score} against the uncalibrated model");
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [NAMES, 15.0], &title);
    for tick in ticks(x.values, 5) {
        canvas.line(Ink::Faint, 1.0, false, [x.at(tick), TOP], [x.at(tick), bottom]);
        let text = fixed(tick, decimals(x.values, 5));
        canvas.text(Ink::Muted, TICK, Anchor::Middle, [x.at(tick), bottom + 16.0], &text);
    }
    canvas.line(Ink::Muted, 1.2, true, [x.at(0.0), TOP], [x.at(0.0), bottom]);
    let mut descriptions = Vec::new();
    for (index, (row, difference)) in rows.iter().enumerate() {
        let y = TOP + STEP * (index as f64 + 0.5);
        let ink = match difference.verdict() {
            Verdict::Better => Ink::Blue,
            Verdict::Worse => Ink::Orange,
            Verdict::Open => Ink::Muted,
        };
        let name = shortened(&method_short(&row.name), 24);
        match comparison.is_recommended(row) {
            true => canvas.bold(Ink::Main, LABEL, Anchor::Start, [NAMES, y + 4.0], &name),
            false => canvas.text(Ink::Main, LABEL, Anchor::Start, [NAMES, y + 4.0], &name),
        }
        if let Some(interval) = difference.interval.filter(|ends| ends.iter().all(|end| !end.is_nan())) {
            let ends = interval.map(|end| place(&x, end));
            canvas.line(ink, 2.0, false, [ends[0], y], [ends[1], y]);
            for (end, at) in interval.iter().zip(ends) {
                if (x.values[0]..=x.values[1]).contains(end) {
                    canvas.line(ink, 2.0, false, [at, y - 4.0], [at, y + 4.0]);
                }
            }
        }
        if difference.value > x.values[1] {
            canvas.polygon(ink, 1.0, &[[right - 8.0, y - 5.0], [right, y], [right - 8.0, y + 5.0]]);
        } else {
            canvas.disc(ink, 4.0, [place(&x, difference.value), y]);
        }
        let mut value = difference.signed();
        if let Some([lower, upper]) = difference.interval {
            value += &format!(" ({} to {})", metric(lower), metric(upper));
        }
        canvas.text(Ink::Muted, TICK, Anchor::End, [VALUES, y + 4.0], &value);
        descriptions.push(format!("{} {value}", method_name(&row.name)));
    }
    canvas.line(Ink::Muted, 1.0, false, [left, bottom], [right, bottom]);
    let axis = format!("change of {score} (below 0 is better)");
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [(left + right) / 2.0, bottom + 34.0], &axis);
    let level = percent(comparison.level);
    let panel = Panel {
        key: "all".to_owned(),
        title: title.clone(),
        description: format!("{title}, with {level} intervals. {}.", descriptions.join("; ")),
        size: [WIDTH, bottom + 42.0],
        canvas,
    };
    let sample = |ink: Ink| {
        move |canvas: &mut Canvas| {
            canvas.line(ink, 2.0, false, [1.0, 7.0], [21.0, 7.0]);
            canvas.disc(ink, 4.0, [11.0, 7.0]);
        }
    };
    Some(Drawing {
        name: "differences",
        title,
        caption: format!(
            "How far each method moves {score}, with {level} intervals on the same rows, best first. A line left of 0 is \
             better than no calibration, one right of 0 worse; if it crosses 0, these rows cannot tell. A triangle at \
             the edge stands for a change beyond it."
        ),
        panels: vec![panel],
        legend: vec![
            entry("better", sample(Ink::Blue)),
            entry("cannot tell", sample(Ink::Muted)),
            entry("worse", sample(Ink::Orange)),
        ],
    })
}

/// A coordinate, with infinities at the ends.
fn place(x: &Scale, value: f64) -> f64 {
    match value {
        f64::INFINITY => x.coordinates[1],
        f64::NEG_INFINITY => x.coordinates[0],
        value => x.at(value),
    }
}

/// From the best to the worst end of an interval, but one method that does much harm does not flatten the others.
fn reach(rows: &[(&MethodRow, &Difference)]) -> [f64; 2] {
    let values = || rows.iter().map(|(_, difference)| difference.value);
    let ends = rows.iter().flat_map(|(_, difference)| difference.interval.into_iter().flatten());
    let [low, high] = span(ends.chain(values()).chain([0.0])).unwrap_or([0.0; 2]);
    let [low_value, _] = span(values().chain([0.0])).unwrap_or([0.0; 2]);
    let low = match low_value < 0.0 {
        true => low.max(2.0 * low_value),
        false => low,
    };
    let high = if low < 0.0 { high.min(-0.8 * low) } else { high };
    let margin = (0.05 * (high - low)).max(1e-6);
    [low - margin, high + margin]
}

// Reliability --------------------------------------------------------------------------------------------

fn reliability(comparison: &Comparison) -> Option<Drawing> {
    let rows: Vec<&MethodRow> =
        comparison.ranked().into_iter().filter(|row| !row.reliability.is_empty()).collect();
    if rows.is_empty() {
        return None;
    }
    Some(Drawing {
        name: "reliability",
        title: "Reliability diagrams of the methods".to_owned(),
        caption: "Accuracy against confidence on rows that the fits have not seen, best method first. Each dot is a bin; \
                  dots on the dashed diagonal are calibrated, below it the model claims too much, above it too little."
            .to_owned(),
        panels: rows
            .into_iter()
            .enumerate()
            .map(|(index, row)| {
                let (mut canvas, name) = (Canvas::default(), method_short(&row.name));
                let axes = Axes::small(&mut canvas, &name, ["confidence", "accuracy"]);
                for bin in &row.reliability {
                    let band = bin.band.filter(|band| band.iter().all(|end| end.is_finite()));
                    if let (Some([x, _]), Some(band)) = (point(bin), band) {
                        let [low, high] = band.map(|end| axes.at([x, end]));
                        canvas.line(Ink::Muted, 1.0, false, low, high);
                    }
                }
                draw_bins(&mut canvas, &axes, Ink::Blue, "", &row.reliability);
                axes.frame(&mut canvas);
                let error = format!("ECE {}", optional(row.metrics.get("ece")));
                let corner = axes.at([0.97, 0.05]);
                canvas.text(Ink::Muted, TICK, Anchor::End, corner, &error);
                let points = || row.reliability.iter().filter_map(point);
                let below = points().filter(|[confidence, accuracy]| accuracy < confidence).count();
                Panel {
                    key: index.to_string(),
                    title: format!("Reliability diagram, {}", method_name(&row.name)),
                    description: format!(
                        "{}: {error}; accuracy lies below confidence in {below} of {} bins.",
                        method_name(&row.name),
                        points().count()
                    ),
                    size: Axes::SMALL_SIZE,
                    canvas,
                }
            })
            .collect(),
        legend: vec![
            entry("accuracy in a bin, with its interval", |canvas| {
                canvas.line(Ink::Muted, 1.0, false, [11.0, 0.0], [11.0, 14.0]);
                canvas.disc(Ink::Blue, 2.2, [11.0, 7.0]);
            }),
            diagonal_entry("perfectly calibrated"),
        ],
    })
}

// Maps ---------------------------------------------------------------------------------------------------

fn maps(comparison: &Comparison) -> Option<Drawing> {
    let rows: Vec<_> = comparison
        .ranked()
        .into_iter()
        .filter_map(|row| Some((row, row.map.as_ref().filter(|map| !map.given.is_empty())?)))
        .collect();
    if rows.is_empty() {
        return None;
    }
    let band = rows.iter().any(|(_, map)| !map.band.is_empty());
    let mut caption =
        "What each method makes of a confidence: below the diagonal it is lowered, above it raised. Steps \
                       come from methods that count rows in bins."
            .to_owned();
    if band {
        caption += " Methods that see more than the confidence have a band, in which most rows lie.";
    }
    let panels = rows.into_iter().enumerate().map(|(index, (row, map))| {
        let (mut canvas, name) = (Canvas::default(), method_short(&row.name));
        let axes = Axes::small(&mut canvas, &name, ["given confidence", "calibrated"]);
        calibration_map::draw(&mut canvas, &axes, map);
        Panel {
            key: index.to_string(),
            title: format!("Calibration map, {}", method_name(&row.name)),
            description: format!("{}: {}", method_name(&row.name), calibration_map::description(map)),
            size: Axes::SMALL_SIZE,
            canvas,
        }
    });
    let legend = calibration_map::legend(band);
    Some(Drawing {
        name: "maps",
        title: "Calibration maps of the methods".to_owned(),
        caption,
        panels: panels.collect(),
        legend,
    })
}
