//! The risk–coverage curve: what refusing the least confident predictions is worth.

use crate::figures::{Axes, Scale};
use crate::figures::{Drawing, LABEL, LEFT, RIGHT, TICK, WIDTH, curve_entry, decimals, interpolated, ticks};
use crate::format::{fixed, metric};
use crate::model::Report;
use crate::svg::{Anchor, Canvas, Ink, Panel};

const BEFORE: (Ink, &str) = (Ink::Orange, "9 3");
const AFTER: (Ink, &str) = (Ink::Blue, "");
const ORACLE: (Ink, &str) = (Ink::Muted, "3 2.5");

pub(crate) fn drawing(report: &Report) -> Option<Drawing> {
    const TOP: f64 = 28.0;
    const BOTTOM: f64 = 250.0;
    let cards = [("before", BEFORE, &report.before), ("after", AFTER, &report.after)];
    let cards: Vec<_> = cards
        .into_iter()
        .filter_map(|(key, style, card)| Some((key, style, card, card.risk_coverage.as_ref()?)))
        .collect();
    let (.., last) = cards.last()?;
    let highest = cards.iter().flat_map(|(.., curve)| &curve.risk).copied().filter(|risk| risk.is_finite());
    let y = [0.0, (1.08 * highest.fold(0.0, f64::max)).clamp(1e-6, 1.0)];
    let axes = Axes {
        x: Scale { values: [0.0, 1.0], coordinates: [LEFT, RIGHT] },
        y: Scale { values: y, coordinates: [BOTTOM, TOP] },
    };
    let mut canvas = Canvas::default();
    canvas.bold(Ink::Main, 14.0, Anchor::Start, [LEFT, 16.0], "Error of the predictions that are kept");
    for tick in ticks(y, 5) {
        canvas.line(Ink::Faint, 1.0, false, [LEFT, axes.y.at(tick)], [RIGHT, axes.y.at(tick)]);
        let text = fixed(tick, decimals(y, 5));
        canvas.text(Ink::Muted, TICK, Anchor::End, [LEFT - 6.0, axes.y.at(tick) + 4.0], &text);
    }
    for tick in [0.0, 0.2, 0.4, 0.6, 0.8, 1.0] {
        canvas.line(Ink::Faint, 1.0, false, [axes.x.at(tick), TOP], [axes.x.at(tick), BOTTOM]);
        canvas.text(Ink::Muted, TICK, Anchor::Middle, [axes.x.at(tick), BOTTOM + 16.0], &fixed(tick, 1));
    }
    let (mut legend, mut descriptions) = (Vec::new(), Vec::new());
    axes.curve(&mut canvas, ORACLE.0, ORACLE.1, &last.coverage, &last.oracle);
    for &(key, (ink, dashes), card, curve) in &cards {
        axes.curve(&mut canvas, ink, dashes, &curve.coverage, &curve.risk);
        legend.push(curve_entry(format!("{key} calibration"), ink, dashes));
        let readings: Vec<String> = [0.5, 0.8, 0.9, 1.0]
            .into_iter()
            .filter_map(|coverage| {
                let risk = interpolated(&curve.coverage, &curve.risk, coverage)?;
                Some(format!("{} at coverage {coverage}", metric(risk)))
            })
            .collect();
        let mut description =
            format!("{key} calibration the error of the kept predictions is {}", readings.join(", "));
        if let Some(area) = card.metrics.get("aurc") {
            description += &format!("; the area under the curve is {}", metric(area));
        }
        descriptions.push(description);
    }
    let oracle = !last.oracle.is_empty();
    if oracle {
        legend.push(curve_entry("oracle: wrong ones refused first", ORACLE.0, ORACLE.1));
    }
    axes.frame(&mut canvas);
    canvas.upward(Ink::Muted, LABEL, [10.0, (TOP + BOTTOM) / 2.0], "error");
    let axis = "coverage (fraction of predictions kept)";
    canvas.text(Ink::Muted, LABEL, Anchor::Middle, [axes.middle(), BOTTOM + 34.0], axis);
    let mut caption =
        "The error of the predictions that are kept when the least confident ones are refused; at the \
                       right end all are kept. A useful confidence lets the error fall towards the left."
            .to_owned();
    if oracle {
        caption +=
            " No order of refusal does better than the oracle, which refuses the wrong predictions first.";
    }
    let title = "Risk and coverage".to_owned();
    let panel = Panel {
        key: "curve".to_owned(),
        title: title.clone(),
        description: format!("Error against coverage: {}.", descriptions.join(". ")),
        size: [WIDTH, BOTTOM + 40.0],
        canvas,
    };
    Some(Drawing { name: "risk-coverage", title, caption, panels: vec![panel], legend })
}
