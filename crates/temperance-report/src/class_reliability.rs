//! Reliability of the probability of each class, in small panels.

use crate::figures::{Axes, Drawing, curve_entry, diagonal_entry, point};
use crate::format::{counted, metric};
use crate::model::{Bin, ClassRow, Report};
use crate::svg::{Canvas, Ink, Panel};

/// At most so many classes are drawn: those with the most rows.
const MOST: usize = 12;

const BEFORE: (Ink, &str) = (Ink::Orange, "5 2.5");
const AFTER: (Ink, &str) = (Ink::Blue, "");

pub(crate) fn drawing(report: &Report) -> Option<Drawing> {
    let (before, after) = (&report.before.per_class, &report.after.per_class);
    let mut classes: Vec<(usize, [Option<&ClassRow>; 2])> = (0..before.len().max(after.len()))
        .map(|class| (class, [before.get(class), after.get(class)]))
        .filter(|(_, rows)| rows.iter().flatten().any(|row| !row.reliability.is_empty()))
        .collect();
    let all = classes.len();
    let rows = |rows: &[Option<&ClassRow>; 2]| rows.iter().flatten().map(|row| row.rows).max();
    classes.sort_by_key(|(_, class)| std::cmp::Reverse(rows(class)));
    classes.truncate(MOST);
    classes.sort_by_key(|&(class, _)| class);
    if classes.is_empty() {
        return None;
    }
    let which = match all > MOST {
        true => format!("the {MOST} classes with the most rows"),
        false => "each class".to_owned(),
    };
    Some(Drawing {
        name: "classes",
        title: format!("Reliability of the probability of {which}"),
        caption: format!(
            "How often {which} came true against the probability given to it, over all rows, before and after \
             calibration. Each dot is a bin; one on the diagonal is calibrated, one below it claims too much for the \
             class.",
            which = if all > MOST { format!("each of {which}") } else { which.clone() },
        ),
        panels: classes.into_iter().map(panel).collect(),
        legend: vec![
            curve_entry("before calibration", BEFORE.0, BEFORE.1),
            curve_entry("after calibration", AFTER.0, AFTER.1),
            diagonal_entry("perfectly calibrated"),
        ],
    })
}

fn panel((class, rows): (usize, [Option<&ClassRow>; 2])) -> Panel {
    let name = rows.iter().flatten().map(|row| row.name.as_str()).next_back().unwrap_or_default();
    let mut canvas = Canvas::default();
    let axes = Axes::small(&mut canvas, name, ["probability", "frequency"]);
    let mut descriptions = Vec::new();
    for (row, ((ink, dashes), when)) in rows.into_iter().zip([(BEFORE, "before"), (AFTER, "after")]) {
        let Some(row) = row else { continue };
        draw_bins(&mut canvas, &axes, ink, dashes, &row.reliability);
        let points = row.reliability.iter().filter_map(point);
        let below = points.clone().filter(|[confidence, accuracy]| accuracy < confidence).count();
        descriptions.push(format!(
            "{when} calibration its error is {}, and frequency lies below probability in {below} of {} bins",
            metric(row.ece),
            points.count()
        ));
    }
    axes.frame(&mut canvas);
    let count = rows.iter().flatten().map(|row| row.rows).max().unwrap_or(0);
    Panel {
        key: class.to_string(),
        title: format!("Reliability of the probability of {name}"),
        description: format!("{name}, {}: {}.", counted(count, "row", "rows"), descriptions.join("; ")),
        size: Axes::SMALL_SIZE,
        canvas,
    }
}

/// The bins of a small panel as dots joined by lines.
pub(crate) fn draw_bins(canvas: &mut Canvas, axes: &Axes, ink: Ink, dashes: &str, bins: &[Bin]) {
    let points: Vec<[f64; 2]> = bins.iter().filter_map(point).map(|point| axes.at(point)).collect();
    canvas.dashed_polyline(ink, 1.4, dashes, &points);
    let radius = if points.len() > 15 { 1.4 } else { 2.2 };
    for point in points {
        canvas.disc(ink, radius, point);
    }
}
