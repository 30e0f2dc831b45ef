//! Charts that are no part of a report: curves over an axis, or bars, in panels side by side.

use crate::figures::{Figure, LABEL, Scale, TICK, decimals, ticks};
use crate::format::{fixed, metric, temperature};
use crate::svg::{self, Anchor, Canvas, Ink, Legend};

/// A figure of one or more panels with a common legend.
///
/// ```
/// use temperance_report::{Axis, Chart, Curve, Marks, Panel};
///
/// let loss = Curve::new("cross-entropy", [0.25, 0.5, 1.0].map(|p: f64| [p, -p.ln()]));
/// let figure = Chart {
///     name: "loss",
///     title: "The loss of a row".into(),
///     panels: vec![Panel {
///         title: "Loss (nats)".into(),
///         x: Axis::new("probability of the label", [0.0, 1.0]),
///         y: [0.0, 2.0],
///         marks: Marks::Curves(vec![loss]),
///     }],
/// }
/// .figure();
/// assert_eq!(figure.name, "loss");
/// assert!(figure.svg.contains("cross-entropy: from 1.386 at 0.2500 to 0 at 1.000"), "{}", figure.svg);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// Fit for a file name.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub title: String,
    /// From left to right; three or more are narrower.
    pub panels: Vec<Panel>,
}

/// One pair of axes and what is drawn between them.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel {
    /// What the heights are, with their unit.
    pub title: String,
    /// The horizontal axis; of bars only the label is used.
    pub x: Axis,
    /// From the lowest height to the highest; what lies outside is not drawn.
    pub y: [f64; 2],
    /// What is drawn.
    pub marks: Marks,
}

/// An axis: what it measures, and from where to where.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures.
    pub label: String,
    /// Its ends.
    pub range: [f64; 2],
}

impl Axis {
    /// An axis.
    pub fn new(label: impl Into<String>, range: [f64; 2]) -> Self {
        Axis { label: label.into(), range }
    }
}

/// What a panel shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Marks {
    /// Up to five curves; curves of the same label look alike in every panel.
    Curves(Vec<Curve>),
    /// Up to five clouds of points, told apart as curves are.
    Points(Vec<Curve>),
    /// Bars from 0, with their heights written above them.
    Bars(Vec<Bar>),
}

/// Points joined by lines; one that is not finite breaks the curve.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Its name in the legend.
    pub label: String,
    /// From left to right.
    pub points: Vec<[f64; 2]>,
    /// Points to stand out, such as an optimum.
    pub dots: Vec<[f64; 2]>,
    /// A band around it: places with their lower and upper heights, such as an interval.
    pub band: Vec<[f64; 3]>,
}

impl Curve {
    /// A curve without dots.
    pub fn new(label: impl Into<String>, points: impl IntoIterator<Item = [f64; 2]>) -> Self {
        Curve {
            label: label.into(),
            points: points.into_iter().collect(),
            dots: Vec::new(),
            band: Vec::new(),
        }
    }
}

/// A bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What stands below it.
    pub label: String,
    /// Its height.
    pub value: f64,
    /// Whether it is drawn in another colour, as the bar of the label.
    pub stands_out: bool,
}

/// How curves are told apart, also without colours.
const STYLES: [(Ink, &str); 5] = [
    (Ink::Main, ""),
    (Ink::Blue, "9 3"),
    (Ink::Orange, ""),
    (Ink::Green, "3 2.5"),
    (Ink::Purple, "9 3 2.5 3"),
];

const LEFT: f64 = 40.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 230.0;
const HEIGHT: f64 = BOTTOM + 40.0;
const STROKE: f64 = 2.0;
/// About so many ticks on an axis.
const TICKS: usize = 7;

impl Chart {
    /// Draws it.
    pub fn figure(&self) -> Figure {
        let mut labels: Vec<&str> = Vec::new();
        for panel in &self.panels {
            if let Marks::Curves(curves) | Marks::Points(curves) = &panel.marks {
                for curve in curves {
                    if !labels.contains(&curve.label.as_str()) {
                        labels.push(&curve.label);
                    }
                }
            }
        }
        let width = if self.panels.len() > 2 { 244.0 } else { 364.0 };
        let panels: Vec<svg::Panel> = self.panels.iter().map(|panel| panel.draw(width, &labels)).collect();
        let legend: Vec<Legend> = (0..labels.len())
            .map(|index| {
                let ((ink, dashes), mut sample) = (STYLES[index % STYLES.len()], Canvas::default());
                sample.dashed_polyline(ink, STROKE, dashes, &[[0.0, 7.0], [22.0, 7.0]]);
                Legend { sample, label: labels[index].to_owned() }
            })
            .collect();
        let svg = svg::file(self.name, &self.title, &panels, &legend);
        Figure { name: self.name, title: self.title.clone(), svg }
    }
}

impl Panel {
    fn draw(&self, width: f64, labels: &[&str]) -> svg::Panel {
        let right = width - 12.0;
        let y = Scale { values: self.y, coordinates: [BOTTOM, TOP] };
        let mut canvas = Canvas::default();
        canvas.bold(Ink::Main, 13.0, Anchor::Start, [4.0, 14.0], &self.title);
        for tick in ticks(self.y, TICKS) {
            canvas.line(Ink::Faint, 1.0, false, [LEFT, y.at(tick)], [right, y.at(tick)]);
            let text = fixed(tick, decimals(self.y, TICKS));
            canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 6.0, y.at(tick) + 4.0], &text);
        }
        match &self.marks {
            Marks::Curves(curves) | Marks::Points(curves) => {
                self.curves(&mut canvas, curves, labels, right, y)
            }
            Marks::Bars(bars) => self.bars(&mut canvas, bars, right, y),
        }
        let zero = if self.y[0] < 0.0 && self.y[1] > 0.0 { y.at(0.0) } else { BOTTOM };
        canvas.line(Ink::Muted, 1.0, false, [LEFT, TOP], [LEFT, BOTTOM]);
        canvas.line(Ink::Muted, 1.0, false, [LEFT, zero], [right, zero]);
        let middle = (LEFT + right) / 2.0;
        canvas.text(Ink::Muted, LABEL, Anchor::Middle, [middle, HEIGHT - 6.0], &self.x.label);
        svg::Panel {
            key: "chart".to_owned(),
            title: self.title.clone(),
            description: self.description(),
            size: [width, HEIGHT],
            canvas,
        }
    }

    fn curves(&self, canvas: &mut Canvas, curves: &[Curve], labels: &[&str], right: f64, y: Scale) {
        let x = Scale { values: self.x.range, coordinates: [LEFT, right] };
        for tick in ticks(self.x.range, TICKS) {
            canvas.line(Ink::Faint, 1.0, false, [x.at(tick), TOP], [x.at(tick), BOTTOM]);
            let text = fixed(tick, decimals(self.x.range, TICKS));
            canvas.text(Ink::Muted, TICK, Anchor::Middle, [x.at(tick), BOTTOM + 16.0], &text);
        }
        let style = |curve: &Curve| {
            let index = labels.iter().position(|label| *label == curve.label).unwrap_or(0);
            STYLES[index % STYLES.len()]
        };
        let place = |&[a, b]: &[f64; 2]| [x.at(a), y.at(b)];
        let joined = matches!(self.marks, Marks::Curves(_));
        for curve in curves.iter().filter(|_| !joined) {
            let inside = |&&[a, b]: &&[f64; 2]| {
                (self.x.range[0]..=self.x.range[1]).contains(&a) && (self.y[0]..=self.y[1]).contains(&b)
            };
            for point in curve.points.iter().filter(inside) {
                canvas.disc(style(curve).0, 1.5, place(point));
            }
        }
        for curve in curves {
            let within = |height: f64| height.clamp(self.y[0], self.y[1]);
            let whole = curve.band.iter().filter(|place| place.iter().all(|number| number.is_finite()));
            let upper = whole.clone().map(|&[a, _, high]| [x.at(a), y.at(within(high))]);
            let lower = whole.map(|&[a, low, _]| [x.at(a), y.at(within(low))]);
            let corners: Vec<[f64; 2]> = upper.chain(lower.rev()).collect();
            if corners.len() > 2 {
                canvas.polygon(style(curve).0, 0.15, &corners);
            }
        }
        for curve in curves.iter().filter(|_| joined) {
            let (ink, dashes) = style(curve);
            for piece in pieces(&curve.points, self.y) {
                let piece: Vec<[f64; 2]> = piece.iter().map(place).collect();
                canvas.dashed_polyline(ink, STROKE, dashes, &piece);
            }
        }
        for curve in curves {
            for dot in curve.dots.iter().filter(|[_, height]| (self.y[0]..=self.y[1]).contains(height)) {
                canvas.disc(style(curve).0, 4.0, place(dot));
            }
        }
    }

    fn bars(&self, canvas: &mut Canvas, bars: &[Bar], right: f64, y: Scale) {
        let step = (right - LEFT) / bars.len().max(1) as f64;
        for (index, bar) in bars.iter().enumerate() {
            let middle = LEFT + (index as f64 + 0.5) * step;
            let ink = if bar.stands_out { Ink::Orange } else { Ink::Blue };
            let top = y.at(bar.value);
            canvas.rect(ink, 0.85, [middle - 0.36 * step, y.at(0.0)], [middle + 0.36 * step, top]);
            canvas.text(Ink::Main, TICK, Anchor::Middle, [middle, top - 5.0], &short(bar.value));
            canvas.text(Ink::Muted, TICK, Anchor::Middle, [middle, BOTTOM + 16.0], &bar.label);
        }
    }

    /// The panel in words and numbers.
    fn description(&self) -> String {
        match &self.marks {
            Marks::Curves(curves) => {
                let curves: Vec<String> = curves.iter().map(Curve::description).collect();
                format!("{} against {}. {}.", self.title, self.x.label, curves.join("; "))
            }
            Marks::Points(clouds) => {
                let clouds: Vec<String> = clouds
                    .iter()
                    .map(|cloud| format!("{} points of {}", cloud.points.len(), cloud.label))
                    .collect();
                format!("{} against {}. {}.", self.title, self.x.label, clouds.join("; "))
            }
            Marks::Bars(bars) => {
                let bars: Vec<String> =
                    bars.iter().map(|bar| format!("{} {}", bar.label, metric(bar.value))).collect();
                format!("{}, by {}: {}.", self.title, self.x.label, bars.join(", "))
            }
        }
    }
}

impl Curve {
    fn description(&self) -> String {
        let finite = || self.points.iter().filter(|[x, y]| x.is_finite() && y.is_finite());
        let (Some([x0, y0]), Some([x1, y1])) = (finite().next(), finite().next_back()) else {
            return format!("{}: nothing", self.label);
        };
        let [x0, y0, x1, y1] = [*x0, *y0, *x1, *y1].map(temperature);
        let mut text = format!("{}: from {y0} at {x0} to {y1} at {x1}", self.label);
        for [x, y] in &self.dots {
            text += &format!(", with a dot at {}, {}", temperature(*x), temperature(*y));
        }
        text
    }
}

/// A height as it stands above a bar: up to three decimals.
fn short(value: f64) -> String {
    let text = fixed(value, 3);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The pieces of a curve that lie between two heights, cut where it crosses them.
pub(crate) fn pieces(points: &[[f64; 2]], [low, high]: [f64; 2]) -> Vec<Vec<[f64; 2]>> {
    let mut pieces: Vec<Vec<[f64; 2]>> = Vec::new();
    let mut open = false;
    for ends in points.windows(2) {
        let [[x0, y0], [x1, y1]] = [ends[0], ends[1]];
        if ![x0, y0, x1, y1].iter().all(|number| number.is_finite()) {
            open = false;
            continue;
        }
        // The part of the line, from 0 to 1, that lies between the heights.
        let crossing = |height: f64| (height - y0) / (y1 - y0);
        let (mut from, mut to) = (0.0, 1.0);
        if y0 != y1 {
            let (enter, leave) = if y0 < y1 { (low, high) } else { (high, low) };
            (from, to) = (crossing(enter).max(0.0), crossing(leave).min(1.0));
        } else if !(low..=high).contains(&y0) {
            to = -1.0;
        }
        if from > to {
            open = false;
            continue;
        }
        let at = |part: f64| [x0 + part * (x1 - x0), y0 + part * (y1 - y0)];
        match pieces.last_mut() {
            Some(piece) if open && from == 0.0 => piece.push(at(to)),
            _ => pieces.push(vec![at(from), at(to)]),
        }
        open = to == 1.0;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_cut_at_both_heights() {
        let points = [[0.0, 3.0], [1.0, 1.0], [2.0, 1.0], [3.0, -1.0], [4.0, -1.0]];
        assert_eq!(pieces(&points, [0.0, 2.0]), [[[0.5, 2.0], [1.0, 1.0], [2.0, 1.0], [2.5, 0.0]]]);
        assert_eq!(pieces(&[[0.0, 1.0], [f64::NAN, 1.0], [1.0, 1.0], [2.0, 1.0]], [0.0, 2.0]).len(), 1);
        assert!(pieces(&[[0.0, 3.0], [1.0, 3.0]], [0.0, 2.0]).is_empty());
    }

    #[test]
    fn a_band_stays_within_the_panel() {
        let panel = Panel {
            title: "Return".to_owned(),
            x: Axis::new("step", [0.0, 1.0]),
            y: [0.0, 1.0],
            marks: Marks::Curves(vec![Curve {
                band: vec![[0.0, -9.0, 0.5], [0.5, f64::NAN, 1.0], [1.0, 0.5, 9.0]],
                ..Curve::new("mean", [[0.0, 0.2], [1.0, 0.8]])
            }]),
        };
        let svg = Chart { name: "band", title: "Band".to_owned(), panels: vec![panel] }.figure().svg;
        assert_eq!(svg.matches("<polygon").count(), 1);
        assert!(svg.contains("points=\"40,130 352,30 352,130 40,230\""), "{svg}");
    }

    #[test]
    fn heights_above_bars_are_short() {
        assert_eq!([0.76, 0.0626, 0.1, 1.0].map(short), ["0.76", "0.063", "0.1", "1"]);
    }

    #[test]
    fn a_chart_has_its_legend_once() {
        let panel = Panel {
            title: "Height".to_owned(),
            x: Axis::new("place", [0.0, 1.0]),
            y: [-1.0, 1.0],
            marks: Marks::Curves(vec![Curve::new("line & line", [[0.0, -1.0], [1.0, 1.0]])]),
        };
        let svg = Chart { name: "twice", title: "Twice".to_owned(), panels: vec![panel.clone(), panel] }
            .figure()
            .svg;
        assert_eq!(svg.matches(">line &amp; line</text>").count(), 1, "{svg}");
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("Height against place. line &amp; line: from −1.000 at 0 to 1.000 at 1.000."));
    }
}
