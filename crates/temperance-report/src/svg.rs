//! A small SVG writer: panels of a figure, drawn once and composed into files or pages.
//!
//! Colours are plain presentation attributes for a light background, so that every viewer and word
//! processor shows them; a style sheet that only dark screens apply overrides them by class.

use std::fmt::Write as _;

use crate::format::escape;

/// What something is drawn with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ink {
    /// Text and marks.
    Main,
    /// Labels of axes and lines of reference.
    Muted,
    /// Grid lines.
    Faint,
    /// The first colour, safe for the colour-blind.
    Blue,
    /// The second colour.
    Orange,
    /// The third colour.
    Green,
    /// The fourth colour.
    Purple,
    /// The background.
    Paper,
}

impl Ink {
    const ALL: [Ink; 8] =
        [Ink::Main, Ink::Muted, Ink::Faint, Ink::Blue, Ink::Orange, Ink::Green, Ink::Purple, Ink::Paper];

    fn class(self) -> &'static str {
        match self {
            Ink::Main => "main",
            Ink::Muted => "muted",
            Ink::Faint => "faint",
            Ink::Blue => "blue",
            Ink::Orange => "orange",
            Ink::Green => "green",
            Ink::Purple => "purple",
            Ink::Paper => "paper",
        }
    }

    /// The four colours are of Okabe and Ito's palette, purple a little darker.
    fn light(self) -> &'static str {
        match self {
            Ink::Main => "#1b1f24",
            Ink::Muted => "#57606a",
            Ink::Faint => "#e2e5e9",
            Ink::Blue => "#0072b2",
            Ink::Orange => "#d55e00",
            Ink::Green => "#008060",
            Ink::Purple => "#a8447f",
            Ink::Paper => "#ffffff",
        }
    }

    fn dark(self) -> &'static str {
        match self {
            Ink::Main => "#e8eaed",
            Ink::Muted => "#a3acb6",
            Ink::Faint => "#30363d",
            Ink::Blue => "#56b4e9",
            Ink::Orange => "#f0944d",
            Ink::Green => "#3fc79a",
            Ink::Purple => "#e59bc4",
            Ink::Paper => "#14171a",
        }
    }

    fn fill(self) -> String {
        format!("class=\"f-{}\" fill=\"{}\"", self.class(), self.light())
    }

    fn stroke(self) -> String {
        format!("class=\"s-{}\" stroke=\"{}\" fill=\"none\"", self.class(), self.light())
    }
}

/// Style rules that turn drawings below `scope` dark on a dark screen.
pub(crate) fn dark_style(scope: &str) -> String {
    let mut rules = String::from("@media screen and (prefers-color-scheme:dark){");
    for ink in Ink::ALL {
        let (class, color) = (ink.class(), ink.dark());
        let _ = write!(rules, "{scope} .f-{class}{{fill:{color}}}{scope} .s-{class}{{stroke:{color}}}");
    }
    rules + "}"
}

/// Where a text is anchored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A coordinate: two decimals; what is not finite has no place and is put at 0.
fn px(x: f64) -> String {
    debug_assert!(x.is_finite(), "a coordinate must be finite");
    let text = format!("{:.2}", if x.is_finite() { x } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// SVG elements as they are drawn.
#[derive(Default)]
pub(crate) struct Canvas(String);

impl Canvas {
    pub(crate) fn rect(&mut self, ink: Ink, opacity: f64, [x0, y0]: [f64; 2], [x1, y1]: [f64; 2]) {
        let (x, width) = (x0.min(x1), (x1 - x0).abs());
        let (y, height) = (y0.min(y1), (y1 - y0).abs());
        let opacity = if opacity < 1.0 { format!(" fill-opacity=\"{opacity}\"") } else { String::new() };
        let _ = write!(
            self.0,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" {}{opacity}/>",
            px(x),
            px(y),
            px(width),
            px(height),
            ink.fill()
        );
    }

    pub(crate) fn line(
        &mut self,
        ink: Ink,
        width: f64,
        dashed: bool,
        [x0, y0]: [f64; 2],
        [x1, y1]: [f64; 2],
    ) {
        let dash = if dashed { " stroke-dasharray=\"4 3\"" } else { "" };
        let _ = write!(
            self.0,
            "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" {} stroke-width=\"{width}\"{dash}/>",
            px(x0),
            px(y0),
            px(x1),
            px(y1),
            ink.stroke()
        );
    }

    pub(crate) fn polyline(&mut self, ink: Ink, width: f64, points: &[[f64; 2]]) {
        self.dashed_polyline(ink, width, "", points);
    }

    /// A polyline of dashes and gaps as given; none for a solid one.
    pub(crate) fn dashed_polyline(&mut self, ink: Ink, width: f64, dashes: &str, points: &[[f64; 2]]) {
        if points.len() < 2 {
            return;
        }
        let points: Vec<String> = points.iter().map(|&[x, y]| format!("{},{}", px(x), px(y))).collect();
        let dashes = match dashes {
            "" => String::new(),
            dashes => format!(" stroke-dasharray=\"{dashes}\""),
        };
        let _ = write!(
            self.0,
            "<polyline points=\"{}\" {} stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>",
            points.join(" "),
            ink.stroke()
        );
    }

    /// A filled area within these corners.
    pub(crate) fn polygon(&mut self, ink: Ink, opacity: f64, corners: &[[f64; 2]]) {
        if corners.len() < 3 {
            return;
        }
        let corners: Vec<String> = corners.iter().map(|&[x, y]| format!("{},{}", px(x), px(y))).collect();
        let _ = write!(
            self.0,
            "<polygon points=\"{}\" {} fill-opacity=\"{opacity}\"/>",
            corners.join(" "),
            ink.fill()
        );
    }

    /// A disc with a rim in the colour of the paper, so that it stands out from what it lies on.
    pub(crate) fn disc(&mut self, ink: Ink, radius: f64, [x, y]: [f64; 2]) {
        for (ink, radius) in [(Ink::Paper, radius + 1.0), (ink, radius)] {
            let _ = write!(
                self.0,
                "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" {}/>",
                px(x),
                px(y),
                px(radius),
                ink.fill()
            );
        }
    }

    pub(crate) fn text(&mut self, ink: Ink, size: f64, anchor: Anchor, at: [f64; 2], text: &str) {
        self.any_text(ink, size, anchor, at, text, "");
    }

    pub(crate) fn bold(&mut self, ink: Ink, size: f64, anchor: Anchor, at: [f64; 2], text: &str) {
        self.any_text(ink, size, anchor, at, text, " font-weight=\"600\"");
    }

    /// Text that reads upwards.
    pub(crate) fn upward(&mut self, ink: Ink, size: f64, [x, y]: [f64; 2], text: &str) {
        let turn = format!(" transform=\"rotate(-90 {} {})\"", px(x), px(y));
        self.any_text(ink, size, Anchor::Middle, [x, y], text, &turn);
    }

    fn any_text(&mut self, ink: Ink, size: f64, anchor: Anchor, [x, y]: [f64; 2], text: &str, more: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let _ = write!(
            self.0,
            "<text x=\"{}\" y=\"{}\" font-size=\"{size}\"{anchor} {}{more}>{}</text>",
            px(x),
            px(y),
            ink.fill(),
            escape(text)
        );
    }
}

/// One panel of a figure, with its own name and description for those who do not see it.
pub(crate) struct Panel {
    /// Part of its id: `before`.
    pub(crate) key: String,
    pub(crate) title: String,
    pub(crate) description: String,
    pub(crate) size: [f64; 2],
    pub(crate) canvas: Canvas,
}

/// An entry of a legend: a sample of 22 by 14 and what it means.
pub(crate) struct Legend {
    pub(crate) sample: Canvas,
    pub(crate) label: String,
}

/// Size of the sample of a legend.
pub(crate) const SAMPLE: [f64; 2] = [22.0, 14.0];

const FONT: &str = "font-family=\"system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif\" \
                    style=\"font-variant-numeric:tabular-nums\"";

impl Panel {
    /// The panel for a page that holds [`dark_style`] itself.
    pub(crate) fn inline(&self, figure: &str) -> String {
        let id = format!("temperance-{figure}-{}", self.key);
        let [width, height] = self.size.map(px);
        format!(
            "<svg class=\"plot\" viewBox=\"0 0 {width} {height}\" {FONT} role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\"><title id=\"{id}-title\">{}</title>\
             <desc id=\"{id}-desc\">{}</desc>{}</svg>",
            escape(&self.title),
            escape(&self.description),
            self.canvas.0
        )
    }
}

impl Legend {
    /// The sample alone, for a page that writes the label itself.
    pub(crate) fn inline(&self) -> String {
        let [width, height] = SAMPLE.map(px);
        format!(
            "<svg class=\"plot sample\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
             aria-hidden=\"true\">{}</svg>",
            self.sample.0
        )
    }
}

/// More panels than this are laid in rows of as many.
const IN_A_ROW: usize = 4;

/// Panels side by side with the legend below, as a file of its own.
pub(crate) fn file(figure: &str, title: &str, panels: &[Panel], legend: &[Legend]) -> String {
    const MARGIN: f64 = 16.0;
    const GAP: f64 = 24.0;
    const LEGEND_LINE: f64 = 22.0;
    let rows = || panels.chunks(IN_A_ROW);
    let row_width = |row: &[Panel]| row.iter().map(|panel| panel.size[0] + GAP).sum::<f64>() - GAP;
    let width = rows().map(row_width).fold(0.0, f64::max) + 2.0 * MARGIN;

    let (mut body, mut tallest) = (String::new(), 0.0);
    for row in rows() {
        let mut x = MARGIN;
        let y = MARGIN + tallest + if tallest > 0.0 { GAP } else { 0.0 };
        for panel in row {
            let _ = write!(body, "<g transform=\"translate({} {})\">{}</g>", px(x), px(y), panel.canvas.0);
            x += panel.size[0] + GAP;
        }
        tallest = y - MARGIN + row.iter().map(|panel| panel.size[1]).fold(0.0, f64::max);
    }
    // Text is not measured here; 6.6 a character is wide enough for this size in any usual font.
    let entry_width = |entry: &Legend| SAMPLE[0] + 8.0 + 6.6 * entry.label.chars().count() as f64 + 14.0;
    let mut lines: Vec<(f64, Vec<&Legend>)> = Vec::new();
    for entry in legend {
        let entry_width = entry_width(entry);
        match lines.last_mut() {
            Some((used, entries)) if *used + entry_width <= width - 2.0 * MARGIN => {
                *used += entry_width;
                entries.push(entry);
            }
            _ => lines.push((entry_width, vec![entry])),
        }
    }
    let mut y = MARGIN + tallest + 12.0;
    for (_, entries) in &lines {
        let mut x = MARGIN + 8.0;
        for entry in entries {
            let mut label = Canvas::default();
            label.text(Ink::Main, 12.0, Anchor::Start, [SAMPLE[0] + 8.0, 11.5], &entry.label);
            let _ = write!(
                body,
                "<g transform=\"translate({} {})\">{}{}</g>",
                px(x),
                px(y),
                entry.sample.0,
                label.0
            );
            x += entry_width(entry);
        }
        y += LEGEND_LINE;
    }
    let height = if lines.is_empty() { tallest + 2.0 * MARGIN } else { y + MARGIN - 6.0 };

    let id = format!("temperance-{figure}");
    let description: Vec<&str> = panels.iter().map(|panel| panel.description.as_str()).collect();
    let mut background = Canvas::default();
    background.rect(Ink::Paper, 1.0, [0.0, 0.0], [width, height]);
    let (width, height) = (px(width), px(height));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         height=\"{height}\" {FONT} role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\
         <title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc><style>{}</style>{}{body}</svg>\n",
        escape(title),
        escape(&description.join(" ")),
        dark_style(&format!("#{id}")),
        background.0
    )
}
