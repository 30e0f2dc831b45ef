//! The figures: reliability, loss against temperature, confidence; and what the other figures share.

use crate::chart::pieces;
use crate::format::{self, count, counted, fixed, metric, optional, temperature};
use crate::model::{Bin, CalibratorSummary, ConfidenceHistogram, Report, Scorecard};
use crate::svg::{self, Anchor, Canvas, Ink, Legend, Panel};
use crate::{calibration_map, class_reliability, reliability_curves, risk_coverage, words};

/// A figure as a file of its own: it has a background, needs no fonts and follows a dark screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Such as `reliability`, or the name of a [`Chart`](crate::Chart): fit for a file name.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// The SVG document.
    pub svg: String,
}

impl Report {
    /// The figures, in the order of the page: `reliability`, `corp`, `smooth`, `nll`, `map`, `confidence`,
    /// `risk-coverage` and `classes`. Those that need numbers which the report does not have are left out; reliability
    /// and confidence are always there.
    pub fn figures(&self) -> Vec<Figure> {
        drawings(self).into_iter().map(Drawing::file).collect()
    }
}

/// A figure before it is put on a file or a page.
pub(crate) struct Drawing {
    pub(crate) name: &'static str,
    pub(crate) title: String,
    /// What it shows and how to read it, for a page.
    pub(crate) caption: String,
    pub(crate) panels: Vec<Panel>,
    pub(crate) legend: Vec<Legend>,
}

impl Drawing {
    pub(crate) fn file(self) -> Figure {
        let svg = svg::file(self.name, &self.title, &self.panels, &self.legend);
        Figure { name: self.name, title: self.title, svg }
    }
}

/// All figures of a report.
pub(crate) fn drawings(report: &Report) -> Vec<Drawing> {
    let figures = [
        Some(reliability(report)),
        reliability_curves::corp(report),
        reliability_curves::smooth(report),
        loss(report),
        report.calibrator.map.as_ref().and_then(calibration_map::drawing),
        Some(confidence(report)),
        risk_coverage::drawing(report),
        class_reliability::drawing(report),
    ];
    figures.into_iter().flatten().collect()
}

pub(crate) const WIDTH: f64 = 360.0;
pub(crate) const LEFT: f64 = 46.0;
pub(crate) const RIGHT: f64 = WIDTH - 12.0;
pub(crate) const TICK: f64 = 11.0;
pub(crate) const LABEL: f64 = 12.0;
const FIFTHS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// Maps an interval of values to an interval of coordinates; values outside stop at the ends.
#[derive(Clone, Copy)]
pub(crate) struct Scale {
    pub(crate) values: [f64; 2],
    pub(crate) coordinates: [f64; 2],
}

impl Scale {
    pub(crate) fn at(&self, value: f64) -> f64 {
        let span = self.values[1] - self.values[0];
        let part = if span > 0.0 && value.is_finite() { (value - self.values[0]) / span } else { 0.0 };
        self.coordinates[0] + part.clamp(0.0, 1.0) * (self.coordinates[1] - self.coordinates[0])
    }
}

const UNIT_X: Scale = Scale { values: [0.0, 1.0], coordinates: [LEFT, RIGHT] };

/// Where something is drawn, in values and in coordinates.
#[derive(Clone, Copy)]
pub(crate) struct Axes {
    pub(crate) x: Scale,
    pub(crate) y: Scale,
}

impl Axes {
    /// A large square for two fractions, both from 0 to 1.
    pub(crate) const SQUARE: Axes =
        Axes { x: UNIT_X, y: Scale { values: [0.0, 1.0], coordinates: [28.0 + (RIGHT - LEFT), 28.0] } };
    /// A small square, for one of many panels.
    pub(crate) const SMALL: Axes = Axes {
        x: Scale { values: [0.0, 1.0], coordinates: [38.0, 178.0] },
        y: Scale { values: [0.0, 1.0], coordinates: [24.0 + 140.0, 24.0] },
    };
    /// Size of a panel that holds a small square.
    pub(crate) const SMALL_SIZE: [f64; 2] = [184.0, 198.0];

    /// Grid and labels of a small square, and the diagonal.
    pub(crate) fn small(canvas: &mut Canvas, title: &str, labels: [&str; 2]) -> Axes {
        let axes = Axes::SMALL;
        canvas.bold(Ink::Main, 12.0, Anchor::Start, [4.0, 13.0], &shortened(title, 25));
        axes.grid(canvas, &[0.0, 0.5, 1.0], axes.bottom());
        axes.diagonal(canvas);
        canvas.text(Ink::Muted, TICK, Anchor::Middle, [axes.middle(), axes.bottom() + 30.0], labels[0]);
        canvas.upward(Ink::Muted, TICK, [9.0, (axes.bottom() + axes.y.coordinates[1]) / 2.0], labels[1]);
        axes
    }

    pub(crate) fn bottom(&self) -> f64 {
        self.y.coordinates[0]
    }

    pub(crate) fn middle(&self) -> f64 {
        (self.x.coordinates[0] + self.x.coordinates[1]) / 2.0
    }

    pub(crate) fn at(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.x.at(x), self.y.at(y)]
    }

    /// Lines at the same values of both axes, their labels, those of the horizontal axis below `foot`.
    pub(crate) fn grid(&self, canvas: &mut Canvas, ticks: &[f64], foot: f64) {
        let ([left, right], [bottom, top]) = (self.x.coordinates, self.y.coordinates);
        for &tick in ticks {
            let [x, y] = self.at([tick, tick]);
            canvas.line(Ink::Faint, 1.0, false, [x, top], [x, bottom]);
            canvas.line(Ink::Faint, 1.0, false, [left, y], [right, y]);
            canvas.text(Ink::Muted, TICK, Anchor::End, [left - 5.0, y + 4.0], &short_tick(tick));
            canvas.text(Ink::Muted, TICK, Anchor::Middle, [x, foot + 15.0], &short_tick(tick));
        }
    }

    pub(crate) fn diagonal(&self, canvas: &mut Canvas) {
        canvas.line(Ink::Muted, 1.2, true, self.at([0.0, 0.0]), self.at([1.0, 1.0]));
    }

    pub(crate) fn frame(&self, canvas: &mut Canvas) {
        let ([left, right], [bottom, top]) = (self.x.coordinates, self.y.coordinates);
        canvas.line(Ink::Muted, 1.0, false, [left, top], [left, bottom]);
        canvas.line(Ink::Muted, 1.0, false, [left, bottom], [right, bottom]);
    }

    /// A curve, broken where it is not finite or leaves the axes.
    pub(crate) fn curve(&self, canvas: &mut Canvas, ink: Ink, dashes: &str, xs: &[f64], ys: &[f64]) {
        for piece in pieces(&points(xs, ys), self.y.values) {
            let piece: Vec<[f64; 2]> = piece.into_iter().map(|point| self.at(point)).collect();
            canvas.dashed_polyline(ink, 2.0, dashes, &piece);
        }
    }

    /// A band between lower and upper ends, broken where it is not finite.
    pub(crate) fn band(&self, canvas: &mut Canvas, ink: Ink, xs: &[f64], ends: &[[f64; 2]]) {
        let places: Vec<[f64; 3]> = xs.iter().zip(ends).map(|(&x, &[low, high])| [x, low, high]).collect();
        for run in places.split(|place| place.iter().any(|number| !number.is_finite())) {
            let upper = run.iter().map(|&[x, _, high]| self.at([x, high]));
            let lower = run.iter().rev().map(|&[x, low, _]| self.at([x, low]));
            canvas.polygon(ink, 0.2, &upper.chain(lower).collect::<Vec<_>>());
        }
    }
}

/// Two arrays as points.
pub(crate) fn points(xs: &[f64], ys: &[f64]) -> Vec<[f64; 2]> {
    xs.iter().zip(ys).map(|(&x, &y)| [x, y]).collect()
}

/// The height of a curve at `x`, between its points; none outside them.
pub(crate) fn interpolated(xs: &[f64], ys: &[f64], x: f64) -> Option<f64> {
    let points = points(xs, ys);
    points.windows(2).find_map(|ends| {
        let [[x0, y0], [x1, y1]] = [ends[0], ends[1]];
        let height = if x1 > x0 { y0 + (x - x0) / (x1 - x0) * (y1 - y0) } else { y1 };
        ((x0..=x1).contains(&x) && height.is_finite()).then_some(height)
    })
}

/// A tick of a fraction: `0`, `0.5`, `1`.
fn short_tick(tick: f64) -> String {
    let text = fixed(tick, 1);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// A foreign name of at most so many characters.
pub(crate) fn shortened(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    name.chars().take(most - 1).chain(['…']).collect()
}

/// An entry of a legend that draws its sample.
pub(crate) fn entry(label: impl Into<String>, draw: impl FnOnce(&mut Canvas)) -> Legend {
    let mut sample = Canvas::default();
    draw(&mut sample);
    Legend { sample, label: label.into() }
}

/// The entry for a curve.
pub(crate) fn curve_entry(label: impl Into<String>, ink: Ink, dashes: &str) -> Legend {
    entry(label, |canvas| canvas.dashed_polyline(ink, 2.0, dashes, &[[0.0, 7.0], [22.0, 7.0]]))
}

/// The entry for a band, with the curve or the diagonal within it.
pub(crate) fn band_entry(label: impl Into<String>, ink: Ink) -> Legend {
    entry(label, |canvas| canvas.rect(ink, 0.2, [1.0, 1.0], [21.0, 13.0]))
}

/// The entry for the diagonal.
pub(crate) fn diagonal_entry(label: &str) -> Legend {
    entry(label, |canvas| canvas.line(Ink::Muted, 1.2, true, [0.0, 7.0], [22.0, 7.0]))
}

// Reliability --------------------------------------------------------------------------------------------

fn reliability(report: &Report) -> Drawing {
    let cards = [("before", "Before", &report.before), ("after", "After", &report.after)];
    let largest = cards.iter().flat_map(|(_, _, card)| shares(&card.reliability)).fold(0.0, f64::max);
    Drawing {
        name: "reliability",
        title: "Reliability diagram before and after calibration".to_owned(),
        caption: reliability_caption(report),
        panels: cards.map(|(key, title, card)| reliability_panel(key, title, card, largest)).into(),
        legend: reliability_legend(),
    }
}

fn reliability_caption(report: &Report) -> String {
    let mut caption = "Accuracy against confidence on the held-out rows, before and after calibration. Vertical lines \
                       are 95\u{a0}% intervals; shaded steps are the gaps that ECE averages. Below, the share of each bin."
        .to_owned();
    let empty =
        |card: &Scorecard| card.reliability.iter().filter(|bin| bin.accuracy.is_none()).count() as u64;
    let (before, after) = (empty(&report.before), empty(&report.after));
    if before + after > 0 {
        caption += &format!(
            " {} before and {} after hold no rows and have no dot.",
            counted(before, "bin", "bins"),
            count(after)
        );
    }
    caption
}

/// The weight of each bin as a fraction of the whole.
pub(crate) fn shares(bins: &[Bin]) -> Vec<f64> {
    let weight = |bin: &Bin| {
        if bin.weight.is_finite() { bin.weight.max(0.0) } else { 0.0 }
    };
    let total: f64 = bins.iter().map(weight).sum();
    bins.iter().map(|bin| if total > 0.0 { weight(bin) / total } else { 0.0 }).collect()
}

/// The mean confidence and the accuracy of a bin, if both can be drawn.
pub(crate) fn point(bin: &Bin) -> Option<[f64; 2]> {
    let point = [bin.confidence?, bin.accuracy?];
    point.iter().all(|x| x.is_finite()).then_some(point)
}

fn reliability_panel(key: &'static str, title: &str, card: &Scorecard, largest_share: f64) -> Panel {
    const TOP: f64 = 28.0;
    const BOTTOM: f64 = TOP + (RIGHT - LEFT);
    const BARS_TOP: f64 = BOTTOM + 12.0;
    const BARS_BOTTOM: f64 = BARS_TOP + 52.0;
    const HEIGHT: f64 = BARS_BOTTOM + 38.0;
    let bins = &card.reliability;
    let (x, y) = (UNIT_X, Scale { values: [0.0, 1.0], coordinates: [BOTTOM, TOP] });
    let mut canvas = Canvas::default();
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], title);

    for tick in FIFTHS {
        canvas.line(Ink::Faint, 1.0, false, [x.at(tick), TOP], [x.at(tick), BOTTOM]);
        canvas.line(Ink::Faint, 1.0, false, [LEFT, y.at(tick)], [RIGHT, y.at(tick)]);
        canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 7.0, y.at(tick) + 4.0], &fixed(tick, 1));
        canvas.text(Ink::Muted, TICK, Anchor::Middle, [x.at(tick), BARS_BOTTOM + 15.0], &fixed(tick, 1));
    }
    for bin in bins {
        if let Some([confidence, accuracy]) = point(bin) {
            let (low, high) = ([x.at(bin.lower), y.at(confidence)], [x.at(bin.upper), y.at(accuracy)]);
            canvas.rect(gap_ink(confidence, accuracy), 0.28, low, high);
        }
    }
    canvas.line(Ink::Muted, 1.2, true, [LEFT, BOTTOM], [RIGHT, TOP]);
    let radius = if bins.len() > 30 { 2.2 } else { 3.4 };
    for bin in bins {
        if let Some([confidence, accuracy]) = point(bin) {
            let at = x.at(confidence);
            if let Some([lower, upper]) = bin.band.filter(|band| band.iter().all(|end| end.is_finite())) {
                canvas.line(Ink::Main, 1.3, false, [at, y.at(lower)], [at, y.at(upper)]);
            }
            canvas.disc(Ink::Main, radius, [at, y.at(accuracy)]);
        }
    }
    frame(&mut canvas, TOP, BOTTOM);
    canvas.upward(Ink::Muted, LABEL, [10.0, (TOP + BOTTOM) / 2.0], "accuracy");

    // The summary goes to the corner that the points leave free.
    let above: f64 = bins.iter().filter_map(point).map(|[confidence, accuracy]| accuracy - confidence).sum();
    let crossings = |enters: fn([f64; 2], f64) -> bool| {
        let enters = |bin: &&Bin| point(bin).is_some_and(|[x, y]| enters(bin.band.unwrap_or([y, y]), x));
        bins.iter().filter(enters).count()
    };
    let (upper_left, lower_right) =
        (crossings(|[_, high], x| x < 0.55 && high > 0.83), crossings(|[low, _], x| x > 0.45 && low < 0.17));
    let (anchor, at, from) = if lower_right < upper_left || (lower_right == upper_left && above > 0.0) {
        (Anchor::End, RIGHT - 10.0, BOTTOM - 48.0)
    } else {
        (Anchor::Start, LEFT + 10.0, TOP + 22.0)
    };
    canvas.bold(Ink::Main, 14.0, anchor, [at, from], &format!("ECE {}", optional(card.metrics.get("ece"))));
    for (line, (label, name)) in
        [("mean confidence", "mean_confidence"), ("accuracy", "accuracy")].iter().enumerate()
    {
        let text = format!("{label} {}", optional(card.metrics.get(name)));
        canvas.text(Ink::Muted, LABEL, anchor, [at, from + 18.0 + 16.0 * line as f64], &text);
    }

    let height = Scale { values: [0.0, largest_share], coordinates: [BARS_BOTTOM, BARS_TOP] };
    for (bin, share) in bins.iter().zip(shares(bins)) {
        if share > 0.0 {
            let (left, right) = (x.at(bin.lower), x.at(bin.upper));
            let inset = ((right - left) * 0.1).min(1.0);
            canvas.rect(Ink::Muted, 0.65, [left + inset, BARS_BOTTOM], [right - inset, height.at(share)]);
        }
    }
    canvas.line(Ink::Muted, 1.0, false, [LEFT, BARS_BOTTOM], [RIGHT, BARS_BOTTOM]);
    if largest_share > 0.0 {
        canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 7.0, BARS_TOP + 8.0], &fixed(largest_share, 2));
        canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 7.0, BARS_BOTTOM + 1.0], "0");
    }
    canvas.upward(Ink::Muted, LABEL, [10.0, (BARS_TOP + BARS_BOTTOM) / 2.0], "share");
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [(LEFT + RIGHT) / 2.0, HEIGHT - 6.0], "confidence");

    Panel {
        key: key.to_owned(),
        title: format!("Reliability diagram, {key} calibration"),
        description: reliability_description(title, card),
        size: [WIDTH, HEIGHT],
        canvas,
    }
}

/// Below the diagonal the model claims too much, above it too little.
pub(crate) fn gap_ink(confidence: f64, accuracy: f64) -> Ink {
    if accuracy < confidence { Ink::Orange } else { Ink::Blue }
}

fn frame(canvas: &mut Canvas, top: f64, bottom: f64) {
    canvas.line(Ink::Muted, 1.0, false, [LEFT, top], [LEFT, bottom]);
    canvas.line(Ink::Muted, 1.0, false, [LEFT, bottom], [RIGHT, bottom]);
}

fn reliability_description(title: &str, card: &Scorecard) -> String {
    let points: Vec<[f64; 2]> = card.reliability.iter().filter_map(point).collect();
    if points.is_empty() {
        return format!("{title} calibration: no bin holds rows.");
    }
    let below = points.iter().filter(|[confidence, accuracy]| accuracy < confidence).count();
    let mut text = format!(
        "{title} calibration the expected calibration error is {}; mean confidence is {} and accuracy {}. Of {} bins, \
         {} hold rows: in {below} of them accuracy lies below confidence (over-confident).",
        optional(card.metrics.get("ece")),
        optional(card.metrics.get("mean_confidence")),
        optional(card.metrics.get("accuracy")),
        card.reliability.len(),
        points.len(),
    );
    let fullest = card.reliability.iter().filter(|bin| point(bin).is_some()).max_by_key(|bin| bin.rows);
    if let Some(bin) = fullest {
        text += &format!(
            " The fullest bin, from {} to {}, holds {} with mean confidence {} and accuracy {}.",
            metric(bin.lower),
            metric(bin.upper),
            counted(bin.rows, "row", "rows"),
            optional(bin.confidence),
            optional(bin.accuracy),
        );
    }
    text
}

fn reliability_legend() -> Vec<Legend> {
    let sample = |draw: &dyn Fn(&mut Canvas), label: &str| {
        let mut sample = Canvas::default();
        draw(&mut sample);
        Legend { sample, label: label.to_owned() }
    };
    let mark = |canvas: &mut Canvas| {
        canvas.line(Ink::Main, 1.3, false, [11.0, 0.0], [11.0, 14.0]);
        canvas.disc(Ink::Main, 3.4, [11.0, 7.0]);
    };
    vec![
        sample(&mark, "accuracy in a bin, 95\u{a0}% interval"),
        sample(&|canvas| canvas.rect(Ink::Orange, 0.28, [1.0, 2.0], [21.0, 12.0]), "gap: over-confident"),
        sample(&|canvas| canvas.rect(Ink::Blue, 0.28, [1.0, 2.0], [21.0, 12.0]), "gap: under-confident"),
        sample(&|canvas| canvas.line(Ink::Muted, 1.2, true, [0.0, 7.0], [22.0, 7.0]), "perfectly calibrated"),
    ]
}

// Loss against temperature -------------------------------------------------------------------------------

/// Nothing for a calibrator without a temperature.
fn loss(report: &Report) -> Option<Drawing> {
    const TOP: f64 = 28.0;
    const BOTTOM: f64 = 250.0;
    const HEIGHT: f64 = BOTTOM + 40.0;
    let calibrator = &report.calibrator;
    let fitted = calibrator.temperature?;
    if !words::is_temperature(calibrator) && calibrator.curve.is_empty() {
        return None;
    }
    let mut canvas = Canvas::default();
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], "Mean NLL of the fitting rows (nats)");

    let drawable = |&[t, nll]: &[f64; 2]| t > 0.0 && t.is_finite() && nll.is_finite();
    let curve: Vec<[f64; 2]> = calibrator.curve.iter().copied().filter(drawable).collect();
    let one = Some([1.0, calibrator.nll_before]).filter(drawable);
    let optimum = Some([fitted, calibrator.nll_after]).filter(drawable);
    let interval = calibrator.interval.filter(|ends| ends.iter().all(|&t| t > 0.0 && t.is_finite()));
    let marks: Vec<[f64; 2]> = one.into_iter().chain(optimum).collect();

    let all_t =
        || curve.iter().chain(&marks).map(|&[t, _]| t).chain(interval.into_iter().flatten()).chain([1.0]);
    let [first, last] = span(all_t().map(f64::ln)).unwrap_or([-1.0, 1.0]);
    let margin = 0.03 * (last - first).max(0.1);
    let log_x = Scale { values: [first - margin, last + margin], coordinates: [LEFT, RIGHT] };
    let x = |t: f64| log_x.at(t.ln());
    // The wings of the curve may be high; what matters is between T = 1 and the optimum.
    let [lowest, highest] = span(curve.iter().chain(&marks).map(|&[_, nll]| nll)).unwrap_or([0.0, 1.0]);
    let drop = marks.iter().map(|&[_, nll]| nll - lowest).fold(0.0, f64::max);
    let room = (2.5 * drop).max(0.3 * (highest - lowest)).max(1e-3 * lowest.abs()).max(1e-3);
    let y = Scale { values: [lowest - 0.16 * room, lowest + room], coordinates: [BOTTOM, TOP] };

    for tick in ticks(y.values, 5) {
        let decimals = decimals(y.values, 5);
        canvas.line(Ink::Faint, 1.0, false, [LEFT, y.at(tick)], [RIGHT, y.at(tick)]);
        canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 6.0, y.at(tick) + 4.0], &fixed(tick, decimals));
    }
    for (tick, label) in log_ticks(log_x.values) {
        canvas.line(Ink::Faint, 1.0, false, [x(tick), TOP], [x(tick), BOTTOM]);
        canvas.text(Ink::Muted, TICK, Anchor::Middle, [x(tick), BOTTOM + 16.0], &label);
    }
    if let Some([lower, upper]) = interval {
        canvas.rect(Ink::Blue, 0.22, [x(lower), TOP], [x(upper), BOTTOM]);
    }
    canvas.line(Ink::Muted, 1.2, true, [x(1.0), TOP], [x(1.0), BOTTOM]);
    if let Some([t, _]) = optimum {
        canvas.line(Ink::Blue, 1.2, false, [x(t), TOP], [x(t), BOTTOM]);
    }
    for piece in below(&curve, y.values[1]) {
        let piece: Vec<[f64; 2]> = piece.iter().map(|&[t, nll]| [x(t), y.at(nll)]).collect();
        canvas.polyline(Ink::Main, 1.8, &piece);
    }
    if let Some([t, nll]) = one {
        canvas.disc(Ink::Muted, 3.6, [x(t), y.at(nll)]);
    }
    if let Some([t, nll]) = optimum {
        canvas.disc(Ink::Blue, 4.2, [x(t), y.at(nll)]);
    }
    if curve.is_empty() {
        let middle = [(LEFT + RIGHT) / 2.0, (TOP + BOTTOM) / 2.0];
        canvas.text(Ink::Muted, LABEL, Anchor::Middle, middle, "no curve was recorded");
    }
    // The labels stand on the outer sides of the two lines, unless there is no room, one at the bottom and one
    // at the top, where the curve is not.
    let mut label = |t: f64, outer: Anchor, y, ink, text: String| {
        let wide = 8.0 * text.chars().count() as f64;
        let anchor = match outer {
            Anchor::End if x(t) - wide < LEFT => Anchor::Start,
            Anchor::Start if x(t) + wide > RIGHT => Anchor::End,
            anchor => anchor,
        };
        let shift = if anchor == Anchor::End { -6.0 } else { 6.0 };
        canvas.bold(ink, LABEL, anchor, [x(t) + shift, y], &text);
    };
    let optimum_t = optimum.map(|[t, _]| t);
    let (one_side, optimum_side) = match optimum_t {
        Some(t) if t < 1.0 => (Anchor::Start, Anchor::End),
        _ => (Anchor::End, Anchor::Start),
    };
    if optimum_t != Some(1.0) {
        label(1.0, one_side, BOTTOM - 8.0, Ink::Muted, "T = 1".to_owned());
    }
    if let Some(t) = optimum_t {
        label(t, optimum_side, TOP + 14.0, Ink::Main, format!("T = {}", temperature(t)));
    }
    frame(&mut canvas, TOP, BOTTOM);
    let axis = "temperature T (logarithmic scale)";
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [(LEFT + RIGHT) / 2.0, HEIGHT - 6.0], axis);

    let description = format!(
        "Mean negative log-likelihood of the fitting rows against temperature. It is {} at T = 1 and {} at the fitted \
         temperature {}.",
        metric(calibrator.nll_before),
        metric(calibrator.nll_after),
        words::temperature_with_interval(calibrator)?,
    );
    let title = "Loss against temperature".to_owned();
    let panel =
        Panel { key: "curve".to_owned(), title: title.clone(), description, size: [WIDTH, HEIGHT], canvas };
    Some(Drawing {
        name: "nll",
        title,
        caption: loss_caption(calibrator, fitted),
        panels: vec![panel],
        legend: loss_legend(interval.is_some()),
    })
}

fn loss_caption(calibrator: &CalibratorSummary, t: f64) -> String {
    let (before, after) = (metric(calibrator.nll_before), metric(calibrator.nll_after));
    let t = temperature(t);
    let mut caption = format!(
        "Mean negative log-likelihood of the fitting rows against T: {before} at T\u{a0}=\u{a0}1 and {after} at T\u{a0}=\u{a0}{t}."
    );
    caption += match calibrator.interval {
        Some(_) => {
            " The shaded strip is the 95\u{a0}% interval of T. A deep, narrow valley determines T well."
        }
        None => " There is no interval of T to shade.",
    };
    caption
}

fn loss_legend(interval: bool) -> Vec<Legend> {
    let mut unscaled = Canvas::default();
    unscaled.line(Ink::Muted, 1.2, true, [11.0, 0.0], [11.0, 14.0]);
    unscaled.disc(Ink::Muted, 3.4, [11.0, 7.0]);
    let mut fitted = Canvas::default();
    if interval {
        fitted.rect(Ink::Blue, 0.22, [3.0, 0.0], [19.0, 14.0]);
    }
    fitted.line(Ink::Blue, 1.2, false, [11.0, 0.0], [11.0, 14.0]);
    fitted.disc(Ink::Blue, 3.4, [11.0, 7.0]);
    let fitted_label = if interval { "fitted T, 95\u{a0}% interval" } else { "fitted T" };
    vec![
        Legend { sample: unscaled, label: "unscaled".to_owned() },
        Legend { sample: fitted, label: fitted_label.to_owned() },
    ]
}

/// Smallest and largest of the finite values.
pub(crate) fn span(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    values.filter(|value| value.is_finite()).fold(None, |span, value| {
        let [low, high] = span.unwrap_or([value; 2]);
        Some([f64::min(low, value), f64::max(high, value)])
    })
}

/// The pieces of a curve that lie at or below `limit`, cut where the curve crosses it.
fn below(curve: &[[f64; 2]], limit: f64) -> Vec<Vec<[f64; 2]>> {
    let mut pieces: Vec<Vec<[f64; 2]>> = Vec::new();
    let mut previous: Option<[f64; 2]> = None;
    for &next in curve {
        let inside = next[1] <= limit;
        let was_inside = previous.is_some_and(|[_, nll]| nll <= limit);
        let crossing = previous.map(|[t, nll]| {
            let part = (limit - nll) / (next[1] - nll);
            [(t.ln() + part * (next[0].ln() - t.ln())).exp(), limit]
        });
        if inside && !was_inside {
            pieces.push(crossing.into_iter().collect());
        }
        if let Some(piece) = pieces.last_mut() {
            if inside {
                piece.push(next);
            } else if was_inside {
                piece.extend(crossing);
            }
        }
        previous = Some(next);
    }
    pieces
}

/// The distance of ticks, 1, 2 or 5 times a power of ten, that gives about `count` of them.
fn step([low, high]: [f64; 2], count: usize) -> f64 {
    let raw = (high - low) / count as f64;
    let power = 10_f64.powf(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= raw * 0.999).unwrap_or(10.0);
    factor * power
}

/// Round values from low to high.
pub(crate) fn ticks(values: [f64; 2], count: usize) -> Vec<f64> {
    let step = step(values, count);
    if !(step > 0.0 && step.is_finite()) {
        return Vec::new();
    }
    let (first, last) = ((values[0] / step).ceil(), values[1] + 1e-9 * step);
    (0..=2 * count).map(|i| (first + i as f64) * step).take_while(|&tick| tick <= last).collect()
}

/// Decimals that tell these ticks apart.
pub(crate) fn decimals(values: [f64; 2], count: usize) -> usize {
    (-step(values, count).log10().floor()).clamp(0.0, 12.0) as usize
}

/// Ticks for a logarithmic axis, given as natural logarithms, and their labels.
fn log_ticks([low, high]: [f64; 2]) -> Vec<(f64, String)> {
    let decades = (high - low) / std::f64::consts::LN_10;
    let factors: &[f64] = match decades {
        d if d < 0.7 => &[1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
        d if d < 2.6 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let stride = (decades / 6.0).ceil().max(1.0) as i32;
    let first = (low / std::f64::consts::LN_10).floor() as i32;
    let last = (high / std::f64::consts::LN_10).ceil() as i32;
    let mut ticks = Vec::new();
    for exponent in (first..=last).filter(|exponent| exponent.rem_euclid(stride) == 0) {
        for factor in factors {
            // Parsed, so that 0.3 is 0.3.
            let text = format!("{factor}e{exponent}");
            let value: f64 = text.parse().unwrap_or(f64::NAN);
            if (low..=high).contains(&value.ln()) {
                let label = if (-3..5).contains(&exponent) { value.to_string() } else { text };
                ticks.push((value, label.replace('-', "−")));
            }
        }
    }
    ticks
}

// Confidence ---------------------------------------------------------------------------------------------

fn confidence(report: &Report) -> Drawing {
    let cards = [("before", "Before", &report.before), ("after", "After", &report.after)];
    let largest = cards
        .iter()
        .flat_map(|(_, _, card)| {
            let histogram = &card.confidence_histogram;
            parts(histogram, &histogram.right).1.into_iter().chain(parts(histogram, &histogram.wrong).1)
        })
        .fold(0.0, f64::max);
    Drawing {
        name: "confidence",
        title: "Confidence of right and wrong predictions before and after calibration".to_owned(),
        caption: "How the confidence is distributed over right predictions (top) and wrong ones (bottom), before and \
                  after calibration. Each bar is a share of its own group, so the bars of a histogram add up to 1; \
                  all four have the same scale."
            .to_owned(),
        panels: cards
            .map(|(key, title, card)| confidence_panel(key, title, &card.confidence_histogram, largest))
            .into(),
        legend: Vec::new(),
    }
}

/// The total weight, and that of each bin as a fraction of it.
fn parts(histogram: &ConfidenceHistogram, weights: &[f64]) -> (f64, Vec<f64>) {
    let bins = histogram.edges.len().saturating_sub(1).min(weights.len());
    let weight = |&weight: &f64| if weight.is_finite() { weight.max(0.0) } else { 0.0 };
    let total: f64 = weights[..bins].iter().map(weight).sum();
    let parts = weights[..bins].iter().map(|w| if total > 0.0 { weight(w) / total } else { 0.0 }).collect();
    (total, parts)
}

fn confidence_panel(key: &'static str, title: &str, histogram: &ConfidenceHistogram, largest: f64) -> Panel {
    const TOPS: [f64; 2] = [48.0, 176.0];
    const TALL: f64 = 92.0;
    const HEIGHT: f64 = TOPS[1] + TALL + 38.0;
    let x = UNIT_X;
    let mut canvas = Canvas::default();
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], title);
    let total = parts(histogram, &histogram.right).0 + parts(histogram, &histogram.wrong).0;
    let mut description = format!("{title} calibration:");
    let groups = [("right", Ink::Blue, &histogram.right), ("wrong", Ink::Orange, &histogram.wrong)];
    for ((name, ink, weights), top) in groups.into_iter().zip(TOPS) {
        let bottom = top + TALL;
        let (sum, parts) = parts(histogram, weights);
        let y =
            Scale { values: [0.0, if largest > 0.0 { largest } else { 1.0 }], coordinates: [bottom, top] };
        canvas.text(Ink::Main, LABEL, Anchor::Start, [LEFT, top - 8.0], &format!("{name} predictions"));
        let amount = format!("{} of {}", format::weight(sum), format::weight(total));
        canvas.text(Ink::Muted, TICK, Anchor::End, [RIGHT, top - 8.0], &amount);
        for tick in FIFTHS {
            canvas.line(Ink::Faint, 1.0, false, [x.at(tick), top], [x.at(tick), bottom]);
        }
        for tick in ticks(y.values, 4) {
            canvas.line(Ink::Faint, 1.0, false, [LEFT, y.at(tick)], [RIGHT, y.at(tick)]);
            let text = fixed(tick, decimals(y.values, 4).max(1));
            canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 7.0, y.at(tick) + 4.0], &text);
        }
        for (edges, &part) in histogram.edges.windows(2).zip(&parts) {
            if part > 0.0 {
                let (left, right) = (x.at(edges[0]), x.at(edges[1]));
                let inset = ((right - left) * 0.1).min(1.0);
                canvas.rect(ink, 0.85, [left + inset, bottom], [right - inset, y.at(part)]);
            }
        }
        if sum == 0.0 {
            let middle = [(LEFT + RIGHT) / 2.0, (top + bottom) / 2.0 + 4.0];
            canvas.text(Ink::Muted, LABEL, Anchor::Middle, middle, "none");
        }
        frame(&mut canvas, top, bottom);
        canvas.upward(Ink::Muted, LABEL, [10.0, (top + bottom) / 2.0], "share");
        description +=
            &format!(" {} of {} predictions are {name}", format::weight(sum), format::weight(total));
        let fullest =
            parts.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).filter(|(_, part)| **part > 0.0);
        if let Some((bin, &part)) = fullest {
            let [lower, upper] = [histogram.edges[bin], histogram.edges[bin + 1]].map(metric);
            description +=
                &format!("; most often with confidence {lower} to {upper} (share {})", metric(part));
        }
        description += ".";
    }
    for tick in FIFTHS {
        let at = [x.at(tick), TOPS[1] + TALL + 16.0];
        canvas.text(Ink::Muted, TICK, Anchor::Middle, at, &fixed(tick, 1));
    }
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [(LEFT + RIGHT) / 2.0, HEIGHT - 6.0], "confidence");
    Panel {
        key: key.to_owned(),
        title: format!("Confidence of right and wrong predictions, {key} calibration"),
        description,
        size: [WIDTH, HEIGHT],
        canvas,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks([0.0, 1.0], 5).len(), 6);
        assert_eq!(ticks([0.0, 0.15], 3).len(), 4); // 3 × 0.05 is above 0.15
        assert!(ticks([0.5, 0.5], 5).is_empty());
        let labels = |low: f64, high: f64| -> Vec<String> {
            log_ticks([low.ln(), high.ln()]).into_iter().map(|(_, label)| label).collect()
        };
        assert_eq!(labels(0.25, 8.0), ["0.5", "1", "2", "5"]);
        assert_eq!(labels(1e-5, 1.1), ["1e−5", "1e−4", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(0.8, 1.6), ["0.8", "0.9", "1", "1.5"]);
    }

    #[test]
    fn curves_are_cut_at_the_limit() {
        let pieces = below(&[[1.0, 3.0], [2.0, 1.0], [4.0, 1.0], [8.0, 3.0]], 2.0);
        assert_eq!(pieces.len(), 1);
        let ends = [pieces[0][0], pieces[0][3]];
        assert!((ends[0][0] - 2f64.sqrt()).abs() < 1e-12 && (ends[1][0] - 32f64.sqrt()).abs() < 1e-12);
        assert!(below(&[[1.0, 3.0]], 2.0).is_empty());
    }

    #[test]
    fn bands_have_two_sides_and_break_where_they_are_not_finite() {
        let axes = Axes {
            x: Scale { values: [0.0, 1.0], coordinates: [0.0, 100.0] },
            y: Scale { values: [0.0, 1.0], coordinates: [100.0, 0.0] },
        };
        let mut canvas = Canvas::default();
        let ends = [[0.1, 0.2], [0.3, 0.5], [f64::NAN, 0.5], [0.5, 0.6], [0.7, 0.9]];
        axes.band(&mut canvas, Ink::Blue, &[0.0, 0.2, 0.4, 0.6, 0.8], &ends);
        let drawn = Panel {
            key: String::new(),
            title: String::new(),
            description: String::new(),
            size: [1.0; 2],
            canvas,
        }
        .inline("band");
        assert_eq!(drawn.matches("<polygon").count(), 2);
        assert!(drawn.contains("points=\"0,80 20,50 20,70 0,90\""), "{drawn}");
        assert!(drawn.contains("points=\"60,40 80,10 80,30 60,50\""), "{drawn}");
    }

    #[test]
    fn curves_are_read_between_their_points() {
        let (xs, ys) = ([0.0, 1.0, 1.0, 2.0], [0.0, 1.0, 3.0, f64::NAN]);
        assert_eq!(interpolated(&xs, &ys, 0.25), Some(0.25));
        assert_eq!(interpolated(&xs, &ys, 1.5), None);
        assert_eq!(interpolated(&xs, &ys, -1.0), None);
        assert_eq!(shortened("Größe 测试", 6), "Größe…");
    }
}
