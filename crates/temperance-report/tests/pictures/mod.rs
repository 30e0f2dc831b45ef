//! The pictures of `docs/choosing-a-regulariser.md`, with numbers that the losses themselves compute.

use temperance::loss::{
    BinaryConvention, BinaryCrossEntropy, Criterion, CrossEntropy, Distillation, DualFocal, EntropyFamily,
    Focal, LogitNorm, MarginSmoothing, OnlineSmoothing, OnlineTargets, Poly1, Reduction, Schedule, Smoothing,
    Supervision, Upstream, Weighting, theory,
};
use temperance::selective::MaxLogit;
use temperance::{
    ClassWeights, Labels, Logits, Result, SoftLabels, Targets, entropy, softmax, temperature_scale,
};
use temperance_report::{Axis, Bar, Chart, Curve, Figure, Marks, Panel};

/// Classes, where a picture needs no other number of them.
const K: usize = 10;

/// Every picture.
pub(crate) fn all() -> Result<Vec<Figure>> {
    let charts = [
        label_smoothing()?,
        smoothed_loss()?,
        confidence_penalty()?,
        entropy_family()?,
        logit_size()?,
        poly()?,
        focal()?,
        dual_focal()?,
        margin()?,
        online_smoothing()?,
        distillation()?,
        logit_norm()?,
        binary()?,
        class_weights()?,
        schedules()?,
    ];
    Ok(charts.iter().map(Chart::figure).collect())
}

/// Rows of logits along a horizontal axis, the label being class 0.
struct Sweep {
    at: Vec<f64>,
    logits: Vec<f64>,
    classes: usize,
}

impl Sweep {
    /// From `low` to `high` in 200 steps.
    fn new(low: f64, high: f64, row: impl Fn(f64) -> Vec<f64>) -> Self {
        let at: Vec<f64> = (0..=200).map(|i| low + (high - low) * f64::from(i) / 200.0).collect();
        let rows: Vec<Vec<f64>> = at.iter().map(|&x| row(x)).collect();
        Sweep { classes: rows[0].len(), logits: rows.concat(), at }
    }

    /// Over the probability of the label, with all other classes alike.
    fn over_probability(classes: usize) -> Self {
        Sweep::new(0.005, 0.995, |p| {
            let mut row = vec![0.0; classes];
            row[0] = (p * (classes - 1) as f64 / (1.0 - p)).ln();
            row
        })
    }

    fn logits(&self) -> Result<Logits<'_>> {
        Logits::new(&self.logits, self.classes)
    }

    /// The loss of every row, and how strongly it pulls the logit of the label up.
    fn run(&self, loss: &impl Criterion) -> Result<(Vec<f64>, Vec<f64>)> {
        let labels = vec![0_i64; self.at.len()];
        self.run_against(loss, Labels::new(&labels, self.classes))
    }

    fn run_against<'a>(
        &'a self,
        loss: &impl Criterion,
        targets: impl Into<Targets<'a>>,
    ) -> Result<(Vec<f64>, Vec<f64>)> {
        let (logits, given) = (self.logits()?, Supervision::from(targets.into()));
        let mut gradient = vec![0.0; self.logits.len()];
        let ones = vec![1.0; self.at.len()];
        loss.forward_backward_into(&logits, given, Upstream::PerRow(&ones), &mut gradient)?;
        let pulls = gradient.chunks(self.classes).map(|row| -row[0]).collect();
        Ok((loss.per_row(&logits, given)?, pulls))
    }

    fn curve(&self, label: &str, heights: &[f64]) -> Curve {
        Curve::new(label, self.at.iter().zip(heights).map(|(&x, &y)| [x, y]))
    }

    /// Two curves of a loss; the optimum, if there is one on the way, is dotted.
    fn pair(&self, label: &str, loss: &impl Criterion, optimum: Option<[f64; 2]>) -> Result<[Curve; 2]> {
        let (losses, pulls) = self.run(loss)?;
        let mut curves = [self.curve(label, &losses), self.curve(label, &pulls)];
        if let Some([x, y]) = optimum {
            curves[0].dots.push([x, y]);
            curves[1].dots.push([x, 0.0]);
        }
        Ok(curves)
    }
}

const PROBABILITY: &str = "probability of the label";

/// Loss on the left, pull on the right.
fn two_panels(
    name: &'static str,
    title: &str,
    x: Axis,
    heights: [[f64; 2]; 2],
    pairs: Vec<[Curve; 2]>,
) -> Chart {
    let (losses, pulls) = pairs.into_iter().map(|[loss, pull]| (loss, pull)).unzip();
    let panel = |title: &str, y: [f64; 2], curves: Vec<Curve>| Panel {
        title: title.to_owned(),
        x: x.clone(),
        y,
        marks: Marks::Curves(curves),
    };
    Chart {
        name,
        title: title.to_owned(),
        panels: vec![
            panel("Loss of a row (nats)", heights[0], losses),
            panel("Pull on the label's logit, −∂loss/∂z", heights[1], pulls),
        ],
    }
}

fn probability_axis() -> Axis {
    Axis::new(PROBABILITY, [0.0, 1.0])
}

fn bars(title: &str, values: &[f64], label: usize) -> Panel {
    let bars = values.iter().enumerate().map(|(class, &value)| Bar {
        label: class.to_string(),
        value,
        stands_out: class == label,
    });
    Panel {
        title: title.to_owned(),
        x: Axis::new("class", [0.0, 1.0]),
        y: [0.0, 1.08],
        marks: Marks::Bars(bars.collect()),
    }
}

fn label_smoothing() -> Result<Chart> {
    let (epsilon, label, classes) = (0.3, 1, 5);
    let prior = [0.5, 0.2, 0.15, 0.1, 0.05];
    let target = |smoothing: Smoothing| smoothing.target(label, classes);
    Ok(Chart {
        name: "label-smoothing",
        title: "Targets of label 1 of 5 classes at ε = 0.3".to_owned(),
        panels: vec![
            bars("uniform: ε/K on every class", &target(Smoothing::uniform(epsilon)?)?, label),
            bars("others: ε/(K−1) on the others", &target(Smoothing::others(epsilon)?)?, label),
            bars("prior: ε·q", &target(Smoothing::prior(epsilon, &prior)?)?, label),
        ],
    })
}

fn smoothed_loss() -> Result<Chart> {
    let sweep = Sweep::over_probability(K);
    let mut pairs = vec![sweep.pair("ε = 0, cross-entropy", &CrossEntropy::new(), None)?];
    for (label, epsilon) in [("ε = 0.05", 0.05), ("ε = 0.1", 0.1), ("ε = 0.3", 0.3)] {
        let target = theory::target(Default::default(), K, epsilon)?;
        let optimum = [target.label, theory::minimum_loss(Default::default(), K, epsilon)?];
        pairs.push(sweep.pair(label, &CrossEntropy::new().label_smoothing(epsilon)?, Some(optimum))?);
    }
    let title = "Label smoothing: loss and gradient, 10 classes";
    Ok(two_panels("label-smoothing-loss", title, probability_axis(), [[0.0, 3.0], [-0.4, 1.0]], pairs))
}

fn confidence_penalty() -> Result<Chart> {
    let sweep = Sweep::over_probability(K);
    let mut pairs = vec![sweep.pair("β = 0, cross-entropy", &CrossEntropy::new(), None)?];
    for (label, beta) in [("β = 0.1", 0.1), ("β = 0.5", 0.5), ("β = 1", 1.0)] {
        let optimum = theory::penalty_gap(K, beta)?;
        let loss = CrossEntropy::new().confidence_penalty(beta)?;
        pairs.push(sweep.pair(label, &loss, Some([optimum.label, optimum.loss]))?);
    }
    let loss = CrossEntropy::new().confidence_penalty(1.0)?.penalty_threshold(0.5)?;
    let mut thresholded = sweep.pair("β = 1, Γ = 0.5 nats", &loss, None)?;
    let sure = entropy(&sweep.logits()?)?.iter().rposition(|&h| h >= 0.5).map_or(1.0, |i| sweep.at[i + 1]);
    break_at(&mut thresholded[1], sure);
    pairs.push(thresholded);
    let title = "Confidence penalty: loss and gradient, 10 classes";
    Ok(two_panels("confidence-penalty", title, probability_axis(), [[-1.5, 3.0], [-0.4, 1.2]], pairs))
}

fn entropy_family() -> Result<Chart> {
    let sweep = Sweep::over_probability(K);
    let plain = sweep.run(&CrossEntropy::new())?;
    let pairs = [("α = 0", 0.0), ("α = ¼", 0.25), ("α = ½", 0.5), ("α = ¾", 0.75), ("α = 1", 1.0)]
        .into_iter()
        .map(|(label, alpha)| {
            let whole = sweep.run(&EntropyFamily::new(alpha, 1.0)?)?;
            let less = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>();
            Ok([sweep.curve(label, &less(&whole.0, &plain.0)), sweep.curve(label, &less(&whole.1, &plain.1))])
        })
        .collect::<Result<Vec<_>>>()?;
    let title = "The entropy family: penalty and gradient, 10 classes";
    let mut chart = two_panels("entropy-family", title, probability_axis(), [[0.0, 3.0], [-1.0, 0.2]], pairs);
    chart.panels[0].title = "Penalty J (nats), β = 1".to_owned();
    chart.panels[1].title = "Pull on the label's logit, −∂J/∂z".to_owned();
    Ok(chart)
}

fn logit_size() -> Result<Chart> {
    // The probabilities stay, the logits move: only the z-loss sees it.
    let shifted = Sweep::new(-6.0, 6.0, |shift| {
        let mut row = vec![shift; K];
        row[0] = shift + 3.0;
        row
    });
    // The gap grows, the logits sum to 0.
    let stretched = Sweep::new(0.0, 12.0, |gap| {
        let mut row = vec![-gap / K as f64; K];
        row[0] += gap;
        row
    });
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for (label, strength) in [("strength 0", 0.0), ("0.003", 0.003), ("0.01", 0.01)] {
        let loss = CrossEntropy::new().z_loss(strength)?;
        left.push(shifted.curve(label, &shifted.run(&loss)?.0));
        let loss = CrossEntropy::new().logit_penalty(strength)?;
        right.push(stretched.curve(label, &stretched.run(&loss)?.0));
    }
    let panel = |title: &str, label: &str, range, curves| Panel {
        title: title.to_owned(),
        x: Axis::new(label, range),
        y: [0.0, 2.5],
        marks: Marks::Curves(curves),
    };
    let title = "z-loss against a shift of all logits; logit penalty against the gap, 10 classes";
    Ok(Chart {
        name: "logit-size",
        title: title.to_owned(),
        panels: vec![
            panel("Loss with z-loss (nats)", "added to all logits", [-6.0, 6.0], left),
            panel("Loss with logit penalty (nats)", "logit gap", [0.0, 12.0], right),
        ],
    })
}

fn poly() -> Result<Chart> {
    let sweep = Sweep::over_probability(K);
    let mut pairs = vec![sweep.pair("ε = 0, cross-entropy", &CrossEntropy::new(), None)?];
    for (label, epsilon) in [("ε = −1", -1.0), ("ε = 1", 1.0), ("ε = 2", 2.0)] {
        pairs.push(sweep.pair(label, &Poly1::new(epsilon)?, None)?);
    }
    let title = "Poly-1: loss and gradient, 10 classes";
    Ok(two_panels("poly1", title, probability_axis(), [[0.0, 5.0], [0.0, 1.2]], pairs))
}

fn focal() -> Result<Chart> {
    let sweep = Sweep::over_probability(K);
    let mut pairs = vec![sweep.pair("γ = 0, cross-entropy", &CrossEntropy::new(), None)?];
    for (label, gamma) in [("γ = 1", 1.0), ("γ = 3", 3.0)] {
        pairs.push(sweep.pair(label, &Focal::new(gamma)?, None)?);
    }
    let mut flsd = sweep.pair("FLSD-53", &Focal::flsd_53(), None)?;
    for curve in &mut flsd {
        break_at(curve, 0.2);
    }
    pairs.push(flsd);
    let title = "Focal loss: loss and gradient, 10 classes";
    Ok(two_panels("focal", title, probability_axis(), [[0.0, 3.0], [0.0, 1.6]], pairs))
}

/// Breaks a curve where what it shows jumps.
fn break_at(curve: &mut Curve, x: f64) {
    let index = curve.points.iter().position(|point| point[0] >= x).unwrap_or(curve.points.len());
    curve.points.insert(index, [x, f64::NAN]);
}

fn dual_focal() -> Result<Chart> {
    let even = Sweep::over_probability(K);
    // One of the others holds 90 % of what the label leaves.
    let rival = Sweep::new(0.005, 0.995, |p| {
        let mut row = vec![((1.0 - p) * 0.1 / (K - 2) as f64).ln(); K];
        (row[0], row[1]) = (p.ln(), ((1.0 - p) * 0.9).ln());
        row
    });
    let loss = DualFocal::new(5.0)?;
    let mut against_even = even.pair("dual focal, others alike", &loss, None)?;
    let mut against_one = rival.pair("dual focal, one rival", &loss, None)?;
    for (curve, rival) in against_even.iter_mut().zip(&mut against_one) {
        break_at(curve, 0.1);
        break_at(rival, 9.0 / 19.0);
    }
    let pairs = vec![
        even.pair("cross-entropy", &CrossEntropy::new(), None)?,
        even.pair("focal", &Focal::new(5.0)?, None)?,
        against_even,
        against_one,
    ];
    let title = "Focal and dual focal loss at γ = 5: loss and gradient, 10 classes";
    Ok(two_panels("dual-focal", title, probability_axis(), [[0.0, 3.0], [0.0, 2.5]], pairs))
}

fn margin() -> Result<Chart> {
    let sweep = Sweep::new(0.0, 14.0, |gap| {
        let mut row = vec![0.0; K];
        row[0] = gap;
        row
    });
    let mut pairs = vec![
        sweep.pair("cross-entropy", &CrossEntropy::new(), None)?,
        sweep.pair(
            "label smoothing 0.1",
            &CrossEntropy::new().label_smoothing(0.1)?,
            Some([
                theory::optimal_gap(Default::default(), K, 0.1)?,
                theory::minimum_loss(Default::default(), K, 0.1)?,
            ]),
        )?,
    ];
    for (label, margin) in [("MbLS 0.1, margin 6", 6.0), ("MbLS 0.1, margin 10", 10.0)] {
        let loss = MarginSmoothing::new(margin, 0.1)?;
        let gap = loss.optimal_gap(K)?;
        let mut curves = sweep.pair(label, &loss, None)?;
        let least = sweep_at(gap, &loss)?;
        curves[0].dots.push([gap, least]);
        break_at(&mut curves[1], margin + 1e-9);
        pairs.push(curves);
    }
    let title = "Margin-based label smoothing: loss and gradient, 10 classes";
    let x = Axis::new("logit gap between the label and the others", [0.0, 14.0]);
    Ok(two_panels("margin-smoothing", title, x, [[0.0, 2.5], [-0.15, 1.0]], pairs))
}

/// The loss of one row with that gap.
fn sweep_at(gap: f64, loss: &impl Criterion) -> Result<f64> {
    let mut row = [0.0; K];
    row[0] = gap;
    Ok(loss.forward(&Logits::new(&row, K)?, Labels::new(&[0], K))?.value)
}

fn online_smoothing() -> Result<Chart> {
    // What a model said of three rows of class 1; the third is wrong and does not count.
    let (label, classes) = (1, 5);
    let rows = [0.0, 3.0, 2.2, 0.4, -0.5, 0.3, 2.6, 1.2, 0.0, -0.2, 0.5, 1.0, 2.0, 0.0, 0.0];
    let mut epoch = OnlineTargets::new(classes)?;
    epoch.observe(&Logits::new(&rows, classes)?, Labels::new(&[1, 1, 1], classes))?;
    let targets = epoch.finish_epoch();
    // The gradient at p = u is u - t.
    let zeros = vec![0.0; classes];
    let target = |loss: OnlineSmoothing| -> Result<Vec<f64>> {
        let (_, gradient) = loss
            .forward_backward::<f64>(&Logits::new(&zeros, classes)?, Labels::new(&[label as i64], classes))?;
        Ok(gradient.iter().map(|g| 1.0 / classes as f64 - g).collect())
    };
    let loss = OnlineSmoothing::new(0.5)?;
    Ok(Chart {
        name: "online-smoothing",
        title: "Targets of label 1 of 5 classes under online label smoothing, α = 0.5".to_owned(),
        panels: vec![
            bars("first epoch: S is uniform", &target(loss.clone())?, label),
            bars("S of label 1, after an epoch", targets.of(label), label),
            bars("next epoch: α·onehot + (1−α)·S", &target(loss.targets(targets.clone()))?, label),
        ],
    })
}

fn distillation() -> Result<Chart> {
    let (label, classes) = (1, 5);
    let logits = [0.5, 5.0, 3.5, 1.5, 0.0];
    let teacher = Logits::new(&logits, classes)?;
    let at = |temperature: f64| temperature_scale(&teacher, temperature);
    // At T = 1 both terms have one target; the gradient at p = u is u - t.
    let zeros = vec![0.0; classes];
    let loss = Distillation::new(0.5, 1.0)?;
    let student = Logits::new(&zeros, classes)?;
    let labels = [label as i64];
    let given = (Labels::new(&labels, classes), teacher);
    let (_, gradient) = loss.forward_backward::<f64>(&student, given)?;
    let mixed: Vec<f64> = gradient.iter().map(|g| 1.0 / classes as f64 - g).collect();
    Ok(Chart {
        name: "distillation",
        title: "What a student of 5 classes is taught".to_owned(),
        panels: vec![
            bars("teacher at T = 1", &at(1.0)?, label),
            bars("teacher at T = 4", &at(4.0)?, label),
            bars("w = ½, T = 1: label and teacher", &mixed, label),
        ],
    })
}

fn logit_norm() -> Result<Chart> {
    // One direction, made longer.
    let direction = [1.0, 0.6, 0.2, 0.0, 0.0, -0.1, -0.2, -0.4, -0.5, -0.6];
    let norm = direction.iter().map(|z: &f64| z * z).sum::<f64>().sqrt();
    let sweep = Sweep::new(0.1, 20.0, |length| direction.iter().map(|z| z * length / norm).collect());
    let mut left =
        vec![sweep.curve("softmax(z): cross-entropy and confidence", &sweep.run(&CrossEntropy::new())?.0)];
    for (label, tau) in [("LogitNorm, τ = 0.2", 0.2), ("LogitNorm, τ = 0.04", 0.04)] {
        left.push(sweep.curve(label, &sweep.run(&LogitNorm::new(tau)?)?.0));
    }
    let mut p = vec![0.0; sweep.logits.len()];
    softmax(&sweep.logits()?, &mut p)?;
    let confidence: Vec<f64> = p.chunks(K).map(|row| row[0]).collect();
    let right = vec![
        sweep.curve("softmax(z): cross-entropy and confidence", &confidence),
        sweep.curve("MaxLogit score, p = 2", &MaxLogit::new(2.0)?.score(&sweep.logits()?)?),
    ];
    let panel = |title: &str, y, curves| Panel {
        title: title.to_owned(),
        x: Axis::new("length of the logits, ‖z‖", [0.0, 20.0]),
        y,
        marks: Marks::Curves(curves),
    };
    Ok(Chart {
        name: "logit-norm",
        title: "What longer logits gain: LogitNorm and the MaxLogit score".to_owned(),
        panels: vec![
            panel("Loss of a row (nats)", [0.0, 2.5], left),
            panel("Score of a row", [0.0, 1.0], right),
        ],
    })
}

fn binary() -> Result<Chart> {
    let sweep = Sweep::new(0.005, 0.995, |p| vec![(p / (1.0 - p)).ln()]);
    let yes = vec![1.0; sweep.at.len()];
    let mut pairs = Vec::new();
    for (label, convention, epsilon) in [
        ("ε = 0", BinaryConvention::Half, 0.0),
        ("half, ε = 0.2", BinaryConvention::Half, 0.2),
        ("full, ε = 0.2", BinaryConvention::Full, 0.2),
    ] {
        let loss = BinaryCrossEntropy::new().label_smoothing(convention, epsilon)?;
        let (losses, pulls) = sweep.run_against(&loss, SoftLabels::new(&yes, 1)?.unnormalised())?;
        let mut pair = [sweep.curve(label, &losses), sweep.curve(label, &pulls)];
        let t = convention.target(1.0, epsilon, 1);
        if t < 1.0 {
            pair[0].dots.push([t, -t * t.ln() - (1.0 - t) * (1.0 - t).ln()]);
            pair[1].dots.push([t, 0.0]);
        }
        pairs.push(pair);
    }
    let title = "Binary cross-entropy of a yes: loss and gradient";
    let x = Axis::new("probability of yes, σ(z)", [0.0, 1.0]);
    let mut chart = two_panels("binary", title, x, [[0.0, 3.0], [-0.4, 1.0]], pairs);
    chart.panels[0].title = "Loss of an answer (nats)".to_owned();
    chart.panels[1].title = "Pull on its logit, −∂loss/∂z".to_owned();
    Ok(chart)
}

fn class_weights() -> Result<Chart> {
    let sweep = Sweep::over_probability(2);
    let (weights, epsilon) = ([0.01, 0.99], 0.1);
    let smoothed = CrossEntropy::new().label_smoothing(epsilon)?.reduction(Reduction::Sum);
    let target = Smoothing::uniform(epsilon)?.target(0, 2)?;
    let own = weights[0] * target[0] / (weights[0] * target[0] + weights[1] * target[1]);
    let mut pairs = Vec::new();
    for (label, weighting, optimum) in [
        ("Torch: each class's own term", Weighting::Torch, own),
        ("Sample: the whole row", Weighting::Sample, target[0]),
    ] {
        let loss = smoothed.clone().class_weights(ClassWeights::new(&weights)?).weighting(weighting);
        let logits = [(optimum / (1.0 - optimum)).ln(), 0.0];
        let least = loss.forward(&Logits::new(&logits, 2)?, Labels::new(&[0], 2))?.value;
        pairs.push(sweep.pair(label, &loss, Some([optimum, least]))?);
    }
    let title = "Class weights (0.01, 0.99) with ε = 0.1: a row of class 0 of 2";
    Ok(two_panels("class-weights", title, probability_axis(), [[0.0, 0.15], [-0.06, 0.02]], pairs))
}

fn schedules() -> Result<Chart> {
    let curve = |label: &str, schedule: Schedule| {
        Curve::new(label, (0..=120).map(|step| [f64::from(step), schedule.value_at(step as u64)]))
    };
    let curves = vec![
        curve("constant", Schedule::constant(0.1)?),
        curve("linear", Schedule::linear(0.0, 0.1, 100)?),
        curve("cosine", Schedule::cosine(0.0, 0.1, 100)?),
        curve("warm-up, then cosine to 0", Schedule::cosine(0.1, 0.0, 80)?.after_warmup(20)?),
    ];
    Ok(Chart {
        name: "schedules",
        title: "Schedules of a strength over 100 steps".to_owned(),
        panels: vec![Panel {
            title: "Strength".to_owned(),
            x: Axis::new("step", [0.0, 120.0]),
            y: [0.0, 0.12],
            marks: Marks::Curves(curves),
        }],
    })
}
