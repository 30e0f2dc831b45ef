//! Cox's recalibration of log-odds, and the Hosmer-Lemeshow and consistency tests of bins.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use statrs::function::gamma::gamma_ur;

use super::sorted::steps;
use super::{Bin, Binning, Bins, Cost, Direction, EdgeRule, Entry, Sample, Summaries, Tier, Uncertainty};
use crate::fold;

/// Probabilities are kept this far from 0 and 1, where log-odds are infinite.
const MARGIN: f64 = 1.0 / (1_u64 << 53) as f64;

const DESCRIBES: Entry =
    Entry { direction: Direction::Describes, tier: Tier::Named, cost: Cost::Columns, ..Entry::STANDARD };

const TEST: Entry =
    Entry { uncertainty: Uncertainty::None("the statistic of a test and its p-value"), ..DESCRIBES };

/// a and b of the greatest likelihood of outcomes of probability σ(a + b·s), s the log-odds; with `slope` given, a alone.
///
/// Newton's method, each step halved until the likelihood does not fall. `None` where it has no maximum: outcomes of one
/// kind, log-odds that do not vary, or outcomes that they part.
fn cox(rows: &Summaries, slope: Option<f64>) -> Option<(f64, f64)> {
    let steps: Vec<(f64, f64, f64)> = steps(rows)
        .into_iter()
        .map(|[p, weight, hits]| {
            let p = p.clamp(MARGIN, 1.0 - MARGIN);
            (p.ln() - (-p).ln_1p(), weight, hits)
        })
        .collect();
    let total: f64 = steps.iter().map(|step| step.1).sum();
    let loss = |a: f64, b: f64| {
        let one = |&(s, weight, hits): &(f64, f64, f64)| {
            let z = a + b * s;
            // ln(1 + e^z) - y·z without overflow.
            weight * (z.max(0.0) + (-z.abs()).exp().ln_1p()) - hits * z
        };
        steps.iter().map(one).sum::<f64>() / total
    };
    let (mut a, mut b) = (0.0, slope.unwrap_or(1.0));
    let mut value = loss(a, b);
    for _ in 0..100 {
        let (mut ga, mut gb, mut haa, mut hab, mut hbb) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for &(s, weight, hits) in &steps {
            let p = 1.0 / (1.0 + (-(a + b * s)).exp());
            let (residual, curvature) = (weight * p - hits, weight * p * (1.0 - p));
            ga += residual;
            gb += residual * s;
            haa += curvature;
            hab += curvature * s;
            hbb += curvature * s * s;
        }
        let (da, db) = match slope {
            Some(_) => (ga / haa, 0.0),
            None => {
                let determinant = haa * hbb - hab * hab;
                if !(determinant > 1e-12 * haa * hbb) {
                    return None;
                }
                ((hbb * ga - hab * gb) / determinant, (haa * gb - hab * ga) / determinant)
            }
        };
        if !(da.is_finite() && db.is_finite()) {
            return None;
        }
        // Near the end the likelihood is too flat to judge a step by, and Newton's are right.
        let near = da.abs().max(db.abs()) < 1e-4;
        let mut share = 1.0;
        while !near && share > 1e-10 && !(loss(a - share * da, b - share * db) <= value) {
            share *= 0.5;
        }
        (a, b) = (a - share * da, b - share * db);
        value = loss(a, b);
        if a.abs() > 1e3 || b.abs() > 1e3 {
            return None;
        }
        let small = |step: f64, at: f64| step.abs() <= 1e-10 * (1.0 + at.abs());
        if (small(da, a) && small(db, b)) || share <= 1e-10 {
            return Some((a, b));
        }
    }
    None
}

pub(super) const COX_SLOPE: Entry = Entry {
    name: "cox_slope",
    summary: "slope of outcomes against log-odds: 1 if calibrated, below 1 if over-confident",
    formula: "b of the logistic regression of the outcome on the log-odds, a + b·ln(p/(1 - p))",
    source: "Cox 1958, Two Further Applications of a Model for Binary Regression",
    measure: |sample| cox(sample.summaries, None).map(|(_, slope)| slope),
    ..DESCRIBES
};

pub(super) const COX_INTERCEPT: Entry = Entry {
    name: "cox_intercept",
    summary: "intercept of outcomes against log-odds: 0 if calibrated",
    formula: "a of the logistic regression of the outcome on the log-odds, a + b·ln(p/(1 - p))",
    source: "Cox 1958, Two Further Applications of a Model for Binary Regression",
    measure: |sample| cox(sample.summaries, None).map(|(intercept, _)| intercept),
    ..DESCRIBES
};

pub(super) const CALIBRATION_IN_THE_LARGE: Entry = Entry {
    name: "calibration_in_the_large",
    summary: "what must be added to all log-odds for the mean probability to be right: 0 if it is",
    formula: "a of the logistic regression of the outcome on the log-odds with slope 1",
    source: "Cox 1958, Two Further Applications of a Model for Binary Regression",
    measure: |sample| cox(sample.summaries, Some(1.0)).map(|(intercept, _)| intercept),
    ..DESCRIBES
};

/// Groups of the Hosmer-Lemeshow test.
const GROUPS: usize = 10;

/// The statistic, and the number of groups with rows.
fn hosmer_lemeshow(sample: &Sample<'_>) -> Option<(f64, usize)> {
    let bins = Bins::of(sample.summaries, Binning::EqualMass(GROUPS)).ok()?;
    let term = |bin: &Bin| {
        let rate = bin.confidence()?;
        let error = bin.correct_sum - bin.confidence_sum;
        let variance = bin.weight * rate * (1.0 - rate);
        // A group that is certain and right adds nothing; certain and wrong, there is no such chance.
        Some(if error == 0.0 { 0.0 } else { error * error / variance })
    };
    let terms: Vec<f64> = bins.bins().iter().filter_map(term).collect();
    let sum: f64 = terms.iter().sum();
    sum.is_finite().then_some((sum, terms.len()))
}

/// P(χ² > x) with so many degrees of freedom.
fn survival(x: f64, degrees: usize) -> Option<f64> {
    (degrees > 0).then(|| if x > 0.0 { gamma_ur(degrees as f64 / 2.0, x / 2.0) } else { 1.0 })
}

pub(super) const HOSMER_LEMESHOW: Entry = Entry {
    name: "hosmer_lemeshow",
    summary: "Hosmer-Lemeshow statistic of 10 groups of equal mass; weights are counts",
    formula: "Σ_g (observed_g - expected_g)² / (n_g·p_g·(1 - p_g)), p_g the mean probability of a group",
    source: "Hosmer, Lemeshow 1980, A Goodness-of-fit Test for the Multiple Logistic Regression Model",
    measure: |sample| hosmer_lemeshow(sample).map(|(statistic, _)| statistic),
    ..TEST
};

pub(super) const HOSMER_LEMESHOW_P: Entry = Entry {
    name: "hosmer_lemeshow_p",
    summary: "p-value of the Hosmer-Lemeshow statistic on the rows that a model was fitted to: groups - 2 degrees",
    formula: "P(χ² of groups - 2 degrees of freedom > statistic)",
    source: "Hosmer, Lemeshow 1980, A Goodness-of-fit Test for the Multiple Logistic Regression Model",
    measure: |sample| {
        let (statistic, groups) = hosmer_lemeshow(sample)?;
        survival(statistic, groups.saturating_sub(2))
    },
    ..TEST
};

pub(super) const HOSMER_LEMESHOW_VALIDATION_P: Entry = Entry {
    name: "hosmer_lemeshow_validation_p",
    summary: "p-value of the Hosmer-Lemeshow statistic on rows that a model has not seen: as many degrees as groups",
    formula: "P(χ² of as many degrees of freedom as groups > statistic)",
    source: "Hosmer, Lemeshow, Sturdivant 2013, Applied Logistic Regression, section 5.2.2",
    measure: |sample| {
        let (statistic, groups) = hosmer_lemeshow(sample)?;
        survival(statistic, groups)
    },
    ..TEST
};

/// Redrawings behind the consistency test.
const REPLICATES: usize = 1000;

/// How often outcomes that are drawn from the probabilities have an ECE as large as the outcomes have.
///
/// Whole weights are so many draws. Rows are drawn in the order of their probabilities, so that their order does not
/// matter.
fn consistency(sample: &Sample<'_>) -> Option<f64> {
    let steps = steps(sample.summaries);
    if steps.iter().any(|[_, weight, _]| weight.fract() != 0.0) {
        return None;
    }
    let error = |draw: &mut dyn FnMut(f64, f64) -> f64| -> Option<f64> {
        let mut gaps = vec![0.0; sample.bins + 1];
        for &[p, weight, _] in &steps {
            let bin = match sample.edges {
                EdgeRule::Torchmetrics if p >= 1.0 => sample.bins,
                rule => super::bins::equal_width_index(p, sample.bins, rule),
            };
            gaps[bin] += weight * p - draw(p, weight);
        }
        Some(gaps.iter().map(|gap| gap.abs()).sum())
    };
    let mut hits = steps.iter().map(|step| step[2]);
    let observed = error(&mut |_, _| hits.next().unwrap_or(0.0))?;
    let as_large: Vec<bool> = fold::ordered((0..REPLICATES).collect(), |replicate: usize| {
        let mut random = Pcg64::seed_from_u64(0);
        random.advance((replicate as u128) << 64);
        let drawn = error(&mut |p, weight| {
            (0..weight as u64).map(|_| f64::from(u8::from(random.random::<f64>() < p))).sum()
        });
        // Equal up to rounding is as large.
        drawn.is_some_and(|drawn| drawn >= observed * (1.0 - 1e-12))
    });
    let count = as_large.into_iter().filter(|&large| large).count();
    Some((1 + count) as f64 / (1 + REPLICATES) as f64)
}

pub(super) const ECE_CONSISTENCY_P: Entry = Entry {
    name: "ece_consistency_p",
    summary: "p-value of the ECE: how often outcomes drawn from the probabilities have one as large",
    formula: "(1 + number of 1000 redrawings with an ECE as large) / 1001, seed 0; weights are counts",
    source: "Bröcker, Smith 2007, Increasing the Reliability of Reliability Diagrams",
    measure: consistency,
    ..TEST
};
