//! The claims of the reading, each with what the runs say of it.

use serde::Serialize;
use temperance::loss::theory;
use temperance_report::{Axis, Curve, Document, Figure, Marks, Panel, Section, Table};

use super::evidence::{Accuracies, Evidence, OfWay};
use super::plan::{EXACT, FAMILY_BETA, TEACHERS};
use super::{Plan, Request};
use crate::pictures::figure;
use crate::statistics::Estimate;

/// A claim and its verdict.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Claim {
    /// What the reading says.
    pub(crate) claim: &'static str,
    /// `supported`, `not supported`, `mixed` or `undecided`.
    pub(crate) verdict: &'static str,
    /// What the verdict rests on.
    pub(crate) checks: Vec<Check>,
    #[serde(skip)]
    short: &'static str,
    #[serde(skip)]
    paragraphs: Vec<String>,
    #[serde(skip)]
    tables: Vec<Table>,
    #[serde(skip)]
    figures: Vec<Figure>,
}

/// One part of a claim that a number can decide.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    /// What was asked, with the numbers.
    pub(crate) text: String,
    /// Whether it holds; null if the interval does not say.
    pub(crate) holds: Option<bool>,
    /// The number that decides.
    pub(crate) estimate: Estimate,
}

fn check(holds: Option<bool>, estimate: Estimate, text: String) -> Check {
    Check { text, holds, estimate }
}

/// All checks hold, none does, or something between; or no interval says anything.
fn verdict(checks: &[Check]) -> &'static str {
    if checks.iter().all(|check| check.holds == Some(true)) {
        "supported"
    } else if checks.iter().all(|check| check.holds == Some(false)) {
        "not supported"
    } else if checks.iter().all(|check| check.holds.is_none()) {
        "undecided"
    } else {
        "mixed"
    }
}

/// The five ways that a figure has room for.
const SHOWN: [&str; 5] = ["one-hot", "ls-0.1", "ls-0.2", "cp-0.5", "cp-1"];

/// The claims in the order of the reading.
pub(crate) fn claims(evidence: &Evidence) -> Vec<Claim> {
    vec![
        gap(evidence),
        confidence(evidence),
        temperature(evidence),
        features(evidence),
        transfer(evidence),
        family(evidence),
        selective(evidence),
    ]
}

fn difference(evidence: &Evidence, way: &str, column: fn(&OfWay) -> &Vec<f64>) -> Estimate {
    Estimate::of_differences(column(evidence.way(way)), column(evidence.way("one-hot")))
}

/// A range that holds all points, from 0 if that is near.
fn range(curves: &[Curve], axis: usize) -> [f64; 2] {
    let values =
        || curves.iter().flat_map(|curve| &curve.points).map(|point| point[axis]).filter(|v| v.is_finite());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
    let margin = 0.05 * (high - low).max(1e-9);
    [if low >= 0.0 && low < 0.5 * high { 0.0 } else { low - margin }, high + margin]
}

fn panel(title: &str, x: &str, curves: Vec<Curve>, y: Option<[f64; 2]>) -> Panel {
    let y = y.unwrap_or_else(|| range(&curves, 1));
    let [low, high] = range(&curves, 0);
    Panel { title: title.to_owned(), x: Axis::new(x, [low, high]), y, marks: Marks::Curves(curves) }
}

fn shown<'a>(evidence: &'a Evidence, points: impl Fn(&'a OfWay) -> (&'a [f64], &'a [f64])) -> Vec<Curve> {
    SHOWN
        .iter()
        .map(|name| {
            let way = evidence.way(name);
            let (x, y) = points(way);
            Curve::new(way.label.clone(), x.iter().zip(y).map(|(&x, &y)| [x, y]))
        })
        .collect()
}

fn gap(evidence: &Evidence) -> Claim {
    let one_hot = evidence.way("one-hot");
    let smoothed = evidence.way("ls-0.1");
    let growth = Estimate::of_differences(&one_hot.gap, &one_hot.gap_halfway);
    let fading = Estimate::of_differences(&one_hot.norm_last, &one_hot.norm_first);
    let below = Estimate::of(&smoothed.gap.iter().map(|gap| gap - smoothed.gap_bound).collect::<Vec<_>>());
    let printed = theory::printed_gap(10, 0.1).unwrap_or(f64::NAN);
    let [ls, cp, hard] = [&evidence.exact[0], &evidence.exact[1], &evidence.exact[2]];
    let exact = |value: f64| Estimate { mean: value, low: value, high: value };
    let checks = vec![
        check(
            growth.above(0.0),
            growth,
            format!(
                "one-hot: the mean gap of the training logits goes on growing in the second half of training, by {}",
                growth.text(2)
            ),
        ),
        check(
            Some(hard.norm_last < 1e-2 * hard.norm_first),
            exact(hard.norm_last / hard.norm_first),
            format!(
                "one-hot, a linear model on the identity: the gradient norm falls from {:.1e} to {:.1e}, the gap grows to {:.2}",
                hard.norm_first, hard.norm_last, hard.gap
            ),
        ),
        check(
            fading.above(0.0).map(|grows| !grows),
            fading,
            format!(
                "one-hot, the network: the gradient norm of a batch falls: it changes by {} from the first to the last quarter",
                fading.text(3)
            ),
        ),
        check(
            below.above(0.0).map(|above| !above),
            below,
            format!(
                "LS ε = 0.1, the network: the mean gap ends at {}, the bound is {:.4}",
                Estimate::of(&smoothed.gap).text(3),
                smoothed.gap_bound
            ),
        ),
        check(
            Some((ls.gap - ls.bound).abs() < 1e-3),
            exact(ls.gap - ls.bound),
            format!(
                "LS ε = 0.1, a linear model on the identity: the gap is {:.4}; log(1 + K(1-ε)/ε) is {:.4}, the reading's printed formula gives {printed:.4}",
                ls.gap, ls.bound
            ),
        ),
        check(
            Some((cp.gap - cp.bound).abs() < 1e-3),
            exact(cp.gap - cp.bound),
            format!(
                "CP β = 1, a linear model on the identity: the gap is {:.4}, its closed form {:.4}",
                cp.gap, cp.bound
            ),
        ),
    ];
    let curves = shown(evidence, |way| (&way.curves.epoch, &way.curves.gap));
    let norms = shown(evidence, |way| (&way.curves.epoch, &way.curves.norm));
    let end = hard.curve.last().map_or(1.0, |point| point[0]);
    let start = hard.curve[0][0];
    let line = |label: &str, height: f64| Curve::new(label, [[start, height], [end, height]]);
    let identity = vec![
        Curve::new("one-hot", hard.curve.iter().copied()),
        Curve::new("LS ε = 0.1", ls.curve.iter().copied()),
        line("bound log(1 + K(1−ε)/ε)", ls.bound),
        line("printed log((1−ε)(K−1)/ε)", printed),
        Curve::new("CP β = 1", cp.curve.iter().copied()),
    ];
    Claim {
        claim: "One-hot training drives the logit gap up without bound while the gradient vanishes; label smoothing gives a finite optimal gap.",
        short: "Logit gap",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![
            "The gap is the mean over the training rows of the label's logit less the mean of the others. The closed form is an optimum, \
             reached where a model can give every row its best logits: a linear model on the identity can. A network on real images stays \
             below it where rows contradict each other."
                .into(),
        ],
        tables: Vec::new(),
        figures: vec![
            figure(
                "study-gap",
                "The logit gap and the gradient norm while networks train, means over the seeds",
                vec![
                    panel("Logit gap, training rows", "epoch", curves, None),
                    panel("Gradient norm of a batch", "epoch", norms, None),
                ],
            ),
            figure(
                "study-identity",
                "The logit gap of a linear model on the identity: what the closed forms say",
                vec![panel("Logit gap", "log10 of the step", identity, Some([0.0, 12.0]))],
            ),
        ],
    }
}

fn confidence(evidence: &Evidence) -> Claim {
    let one_hot = evidence.way("one-hot");
    let t = Estimate::of(&one_hot.temperature);
    let mut checks = vec![check(
        t.above(1.0),
        t,
        format!("one-hot networks are over-confident: the temperature that they need is {}", t.text(3)),
    )];
    for way in evidence.ways.iter().skip(1) {
        let ece = difference(evidence, &way.name, |way| &way.ece);
        checks.push(check(
            ece.above(0.0).map(|above| !above),
            ece,
            format!("{}: ECE is below that of one-hot; it differs by {}", way.label, ece.text(4)),
        ));
    }
    for name in ["ls-0.1", "cp-0.5"] {
        let way = evidence.way(name);
        let off = |way: &OfWay| way.temperature.iter().map(|t| t.ln().abs()).collect::<Vec<f64>>();
        let nearer = Estimate::of_differences(&off(way), &off(one_hot));
        checks.push(check(
            nearer.above(0.0).map(|above| !above),
            nearer,
            format!(
                "{}: the temperature that it needs, {}, is nearer to 1 than that of one-hot: |ln T| differs by {}",
                way.label,
                Estimate::of(&way.temperature).text(3),
                nearer.text(3)
            ),
        ));
        let t = Estimate::of(&way.temperature);
        let near = match (t.above(0.9), t.above(1.1)) {
            (Some(true), Some(false)) => Some(true),
            (Some(false), _) | (_, Some(true)) => Some(false),
            _ => None,
        };
        checks.push(check(
            near,
            t,
            format!("{}: the temperature that it needs lies between 0.9 and 1.1", way.label),
        ));
    }
    let row = |way: &OfWay| {
        let text = |values: &Vec<f64>, digits| Estimate::of(values).short(digits);
        vec![
            way.label.clone(),
            text(&way.accuracy, 4),
            text(&way.nll, 4),
            text(&way.ece, 4),
            text(&way.temperature, 3),
            text(&way.scaled_nll, 4),
            text(&way.scaled_ece, 4),
        ]
    };
    let table = Table {
        caption: "Test part: means over the seeds with 95 % intervals; after: with the temperature fitted on the validation part.".into(),
        header: ["", "accuracy", "NLL", "ECE", "T", "NLL after", "ECE after"].map(str::to_owned).into(),
        rows: evidence.ways.iter().map(row).collect(),
    };
    // One-hot training beside a group of others: a figure has colours for five.
    let histograms = |name, title: &str, group: &[OfWay]| {
        let of = |title: &str, shares: fn(&OfWay) -> &Vec<f64>| {
            let curve = |way: &OfWay| {
                let points = CENTRES.iter().zip(shares(way)).map(|(&x, &y)| [x, y]);
                Curve::new(way.label.clone(), points)
            };
            let curves = std::iter::once(one_hot).chain(group).map(curve).collect();
            panel(title, "confidence, bins of 0.1", curves, Some([0.0, 1.0]))
        };
        let before = of("Share of the rows", |way| &way.confidences);
        figure(name, title, vec![before, of("After temperature scaling", |way| &way.scaled_confidences)])
    };
    let (smoothed, penalised) = evidence.ways[1..].split_at(3);
    let error = |name: &str, published: &str| {
        let way = evidence.way(name);
        let errors: Vec<f64> = way.accuracy.iter().map(|accuracy| 100.0 * (1.0 - accuracy)).collect();
        vec![way.label.clone(), Estimate::of(&errors).short(2), published.to_owned()]
    };
    let published = Table {
        caption: "Test error in percent beside that of Pereyra et al. 2017, table 1: theirs is MNIST, two layers of 1 024 units with \
                  dropout, trained by SGD on 50 000 images; ours has no dropout."
            .into(),
        header: ["", "ours", "published, MNIST"].map(str::to_owned).into(),
        rows: vec![error("one-hot", "1.28 ± 0.06"), error("ls-0.1", "1.23 ± 0.06"), error("cp-1", "1.17 ± 0.06")],
    };
    Claim {
        claim: "Networks trained on one-hot labels are over-confident; label smoothing and the confidence penalty make them better calibrated, with T near 1.",
        short: "Over-confidence",
        verdict: verdict(&checks),
        checks,
        paragraphs: Vec::new(),
        tables: vec![table, published],
        figures: vec![
            histograms(
                "study-confidence-ls",
                "How sure networks are with label smoothing: shares of the test rows by confidence",
                smoothed,
            ),
            histograms(
                "study-confidence-cp",
                "How sure networks are with the confidence penalty: shares of the test rows by confidence",
                penalised,
            ),
        ],
    }
}

/// The middles of ten bins.
const CENTRES: [f64; 10] = [0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95];

fn temperature(evidence: &Evidence) -> Claim {
    let moved = evidence
        .ways
        .iter()
        .flat_map(|way| way.accuracy.iter().zip(&way.scaled_accuracy))
        .map(|(before, after)| (before - after).abs())
        .fold(0.0, f64::max);
    let runs: usize = evidence.ways.iter().map(|way| way.accuracy.len()).sum();
    let smoothed = evidence.way("ls-0.1");
    let disagreement = Estimate::of(&smoothed.disagreement);
    let control = Estimate::of(&evidence.way("one-hot").disagreement);
    let separation = difference(evidence, "ls-0.1", |way| &way.separation);
    let accuracy = difference(evidence, "ls-0.1", |way| &way.accuracy);
    let checks = vec![
        check(
            Some(moved == 0.0),
            Estimate { mean: moved, low: moved, high: moved },
            format!(
                "temperature scaling changes the accuracy of {runs} networks by at most {moved}; it never sees the features"
            ),
        ),
        check(
            separation.above(0.0).map(|_| true),
            separation,
            format!(
                "label smoothing (ε = 0.1) changes the class separation R² of the features, by {}",
                separation.text(4)
            ),
        ),
        check(
            accuracy.above(0.0).map(|_| true),
            accuracy,
            format!("label smoothing (ε = 0.1) changes the accuracy, by {}", accuracy.text(4)),
        ),
    ];
    Claim {
        claim: "Temperature scaling leaves the classes and the features as they are; label smoothing, which acts in training, changes both.",
        short: "Inference or training",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![format!(
            "Of the test rows, a share of {} gets another class under label smoothing than under one-hot training of the same seed; two seeds of \
             one-hot training differ in {}.",
            disagreement.text(3),
            control.text(3)
        )],
        tables: Vec::new(),
        figures: Vec::new(),
    }
}

fn features(evidence: &Evidence) -> Claim {
    let mut checks = Vec::new();
    for name in ["ls-0.05", "ls-0.1", "ls-0.2"] {
        let way = evidence.way(name);
        let scatter = difference(evidence, name, |way| &way.scatter);
        checks.push(check(
            scatter.above(0.0).map(|above| !above),
            scatter,
            format!("{}: the scatter of features within classes over that between them differs from one-hot by {}", way.label, scatter.text(4)),
        ));
        let separation = difference(evidence, name, |way| &way.separation);
        checks.push(check(
            separation.above(0.0),
            separation,
            format!("{}: class separation R² differs from one-hot by {}", way.label, separation.text(4)),
        ));
    }
    for name in ["ls-0.1", "ls-0.2"] {
        let separation = difference(evidence, name, |way| &way.train_separation);
        checks.push(check(
            separation.above(0.0),
            separation,
            format!(
                "{}: on the training rows too; R² differs from one-hot by {}",
                evidence.way(name).label,
                separation.text(4)
            ),
        ));
    }
    let row = |way: &OfWay| {
        vec![
            way.label.clone(),
            Estimate::of(&way.separation).short(4),
            Estimate::of(&way.scatter).short(4),
            Estimate::of(&way.train_separation).short(4),
        ]
    };
    let projections = evidence.projections.iter().map(|projection| {
        let clouds: Vec<Curve> = projection
            .classes
            .iter()
            .map(|(name, points)| Curve::new(name.clone(), points.iter().copied()))
            .collect();
        Panel {
            title: projection.label.clone(),
            x: Axis::new("first direction of the plane", range(&clouds, 0)),
            y: range(&clouds, 1),
            marks: Marks::Points(clouds),
        }
    });
    let curves = shown(evidence, |way| (&way.curves.epoch, &way.curves.separation));
    let scatters = shown(evidence, |way| (&way.curves.epoch, &way.curves.scatter));
    Claim {
        claim: "Label smoothing makes the penultimate features of a class compact and the classes separate.",
        short: "Features",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![
            "R² is 1 less the mean cosine distance within classes over that of all pairs (Kornblith et al. 2021). The projection is that of Müller \
             et al. 2019, section 3: features on the plane through the last layer's weights of three classes, two of which look alike."
                .into(),
        ],
        tables: vec![Table {
            caption: "Features of the test part: class separation R² (more is more separate) and scatter within over between classes (less is more compact).".into(),
            header: ["", "R²", "within / between", "R², training rows"].map(str::to_owned).into(),
            rows: evidence.ways.iter().map(row).collect(),
        }],
        figures: vec![
            figure("study-projection", "Features of three classes, 200 test rows each, seed 0", projections.collect()),
            figure(
                "study-separation",
                "Separation and scatter of the features while networks train, means over the seeds",
                vec![
                    panel("R², validation part", "epoch", curves, None),
                    panel("Scatter within over between classes", "epoch", scatters, None),
                ],
            ),
        ],
    }
}

fn transfer(evidence: &Evidence) -> Claim {
    let of = |part: &[Accuracies], name: &str| {
        part.iter().find(|of| of.name == name).map(|of| of.accuracy.clone()).unwrap_or_default()
    };
    let probe = |name: &str| of(&evidence.transfer, name);
    let student = |name: &str| of(&evidence.students, name);
    let probed = Estimate::of_differences(&probe("ls-0.1"), &probe("one-hot"));
    let taught = Estimate::of_differences(&student("student-of-ls-0.1"), &student("student-of-one-hot"));
    let checks = vec![
        check(
            probed.above(0.0),
            probed,
            format!(
                "a linear classifier of four unseen classes is better on features of LS ε = 0.1 than of one-hot: accuracy differs by {}",
                probed.text(4)
            ),
        ),
        check(
            taught.above(0.0),
            taught,
            format!(
                "a small student is better if an LS teacher teaches it than a one-hot one: accuracy differs by {}",
                taught.text(4)
            ),
        ),
    ];
    let rows = |part: &[Accuracies], names: &[(&str, &str)]| -> Vec<Vec<String>> {
        names
            .iter()
            .map(|(name, label)| vec![(*label).to_owned(), Estimate::of(&of(part, name)).short(4)])
            .collect()
    };
    Claim {
        claim: "Features learned with label smoothing transfer better, by fine-tuning or distillation. (Müller et al. 2019 and Kornblith et al. 2021 found the opposite.)",
        short: "Transfer",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![
            "The probe is logistic regression on features of networks that never saw four of the classes; half of those examples \
             teach it, half test it. Students have one layer of 32 units and learn from the teacher of the same seed at temperature 2, with nine parts \
             of its answers and one of the labels."
                .into(),
            "Published beside it: on MNIST a hard teacher's student had 0.74 % error, a smoothed teacher's 0.91 %, though that teacher itself was the \
             better one (Müller et al. 2019); fixed features of smoothed ImageNet networks transfer worse (Kornblith et al. 2021)."
                .into(),
        ],
        tables: vec![
            Table {
                caption: "Accuracy of a linear classifier of four unseen classes, by what trained the features on the other six.".into(),
                header: ["features", "accuracy"].map(str::to_owned).into(),
                rows: rows(&evidence.transfer, &[("one-hot", "one-hot"), ("ls-0.1", "LS ε = 0.1"), ("cp-0.5", "CP β = 0.5")]),
            },
            Table {
                caption: "Test accuracy of the small student, by its teacher.".into(),
                header: ["teacher", "accuracy"].map(str::to_owned).into(),
                rows: rows(
                    &evidence.students,
                    &[("student-alone", "none"), ("student-of-one-hot", "one-hot"), ("student-of-ls-0.1", "LS ε = 0.1")],
                ),
            },
        ],
        figures: Vec::new(),
    }
}

fn family(evidence: &Evidence) -> Claim {
    let (cp, ls) = (&evidence.family[0], &evidence.family[evidence.family.len() - 1]);
    let same = |text: &str, digits: usize, column: fn(&OfWay) -> &Vec<f64>| {
        let estimate = Estimate::of_differences(column(ls), column(cp));
        check(
            // Equivalent ways would differ by nothing.
            estimate.above(0.0).map(|_| false),
            estimate,
            format!("{text} differs between the two ends by {}", estimate.text(digits)),
        )
    };
    let least =
        |way: &OfWay| Estimate::of(&way.least_probability.iter().map(|p| p.log10()).collect::<Vec<_>>());
    let far = {
        let log = |way: &OfWay| way.least_probability.iter().map(|p| p.log10()).collect::<Vec<f64>>();
        Estimate::of_differences(&log(ls), &log(cp))
    };
    let checks = vec![
        same("the temperature that the network needs", 3, |way| &way.temperature),
        same("the mean entropy of the predictions (nats)", 3, |way| &way.entropy),
        same("test NLL", 4, |way| &way.nll),
        check(
            far.above(0.0).map(|_| false),
            far,
            format!(
                "the least probability of a row, its median: 10^{} at the end of LS, 10^{} at that of CP",
                least(ls).text(2),
                least(cp).text(2)
            ),
        ),
    ];
    let row = |way: &OfWay| {
        let text = |values: &Vec<f64>, digits| Estimate::of(values).short(digits);
        vec![
            way.label.clone(),
            text(&way.accuracy, 4),
            text(&way.nll, 4),
            text(&way.ece, 4),
            text(&way.entropy, 3),
            text(&way.temperature, 3),
            format!("10^({})", least(way).short(2)),
        ]
    };
    // Two classes: what each adds to the loss, less its value at p = 1/2.
    let grid = || (1..400).map(|step| f64::from(step) / 400.0);
    let smoothing = |p: f64| -0.5 * (p.ln() + (1.0 - p).ln()) - 2_f64.ln();
    let penalty = |p: f64| p * p.ln() + (1.0 - p) * (1.0 - p).ln() + 2_f64.ln();
    let penalties = vec![
        Curve::new("LS: KL(u‖p)", grid().map(|p| [p, smoothing(p)])),
        Curve::new("CP: KL(p‖u)", grid().map(|p| [p, penalty(p)])),
    ];
    let along = |title: &str, column: fn(&OfWay) -> &Vec<f64>| {
        let points = evidence
            .family
            .iter()
            .map(|way| [way.name.parse::<f64>().unwrap_or(f64::NAN), Estimate::of(column(way)).mean]);
        let points: Vec<[f64; 2]> = points.collect();
        let curve = Curve { dots: points.clone(), ..Curve::new("mean over the seeds", points) };
        panel(title, "α: 0 is CP, 1 is LS", vec![curve], None)
    };
    Claim {
        claim: "Label smoothing and the confidence penalty are two parameterizations of the same idea.",
        short: "One family",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![format!(
            "Both draw the prediction towards the uniform distribution u, but by opposite divergences: LS adds KL(u‖p), which grows without bound as a \
             probability goes to 0, CP adds KL(p‖u), which is at most ln K. The skewed Jensen family (Meister, Salesky, Cotterell 2020) joins them exactly; \
             networks are trained along it at β = {FAMILY_BETA}, which is LS of ε = {:.4} at one end. The checks are of sameness: one fails \
             if the ends are told apart, and is undecided otherwise.",
            FAMILY_BETA / (1.0 + FAMILY_BETA)
        )],
        tables: vec![Table {
            caption: "Networks along the family, from CP (α = 0) to LS (α = 1): means over the seeds with 95 % intervals.".into(),
            header: ["", "accuracy", "NLL", "ECE", "entropy", "T", "least probability"].map(str::to_owned).into(),
            rows: evidence.family.iter().map(row).collect(),
        }],
        figures: vec![
            figure(
                "study-penalties",
                "What the two penalties cost, two classes",
                vec![panel("Penalty (nats)", "probability of one class", penalties, Some([0.0, 2.5]))],
            ),
            figure(
                "study-family",
                "Networks along the entropy family",
                vec![
                    along("Temperature needed", |way| &way.temperature),
                    along("Mean entropy (nats)", |way| &way.entropy),
                ],
            ),
        ],
    }
}

fn selective(evidence: &Evidence) -> Claim {
    let mut checks = Vec::new();
    for name in ["ls-0.1", "ls-0.2"] {
        let way = evidence.way(name);
        let worse = difference(evidence, name, |way| &way.aurc);
        checks.push(check(
            worse.above(0.0),
            worse,
            format!(
                "{} orders rows worse than one-hot by the largest probability: AURC differs by {}",
                way.label,
                worse.text(5)
            ),
        ));
        let level = Estimate::of_differences(&way.normalised_aurc, &evidence.way("one-hot").aurc);
        checks.push(check(
            level.above(0.0).map(|above| !above),
            level,
            format!(
                "{}: by the normalised logit it orders them better than one-hot does by the largest probability: AURC differs by {}",
                way.label,
                level.text(5)
            ),
        ));
        let mended = Estimate::of_differences(&way.normalised_aurc, &way.aurc);
        checks.push(check(
            mended.above(0.0).map(|above| !above),
            mended,
            format!(
                "{}: the normalised logit orders them better: AURC differs by {}",
                way.label,
                mended.text(5)
            ),
        ));
    }
    let row = |way: &OfWay| {
        vec![way.label.clone(), Estimate::of(&way.aurc).short(5), Estimate::of(&way.normalised_aurc).short(5)]
    };
    let one_hot = evidence.way("one-hot");
    let smoothed = evidence.way("ls-0.1");
    let curves = vec![
        Curve::new("one-hot", one_hot.risk.iter().copied()),
        Curve::new("one-hot, normalised logit", one_hot.normalised_risk.iter().copied()),
        Curve::new("LS ε = 0.1", smoothed.risk.iter().copied()),
        Curve::new("LS ε = 0.1, normalised logit", smoothed.normalised_risk.iter().copied()),
    ];
    Claim {
        claim: "Not in the reading, but asked of it since: label smoothing degrades selective classification, and logit normalisation mends it (Xia et al. 2025).",
        short: "Selective classification",
        verdict: verdict(&checks),
        checks,
        paragraphs: vec![
            "AURC is the area under the curve of the error among the rows that are kept against their share; less is better. The normalised logit is the \
             largest centred logit over their p-norm, p chosen on the validation part (Cattelan & Silva 2024)."
                .into(),
        ],
        tables: vec![Table {
            caption: "AURC on the test part: means over the seeds with 95 % intervals.".into(),
            header: ["", "largest probability", "normalised logit"].map(str::to_owned).into(),
            rows: evidence.ways.iter().map(row).collect(),
        }],
        figures: vec![figure(
            "study-risk",
            "Error among the rows that are kept, seed 0",
            vec![panel("Error", "share of the rows that are kept", curves, None)],
        )],
    }
}

/// The report.
pub(crate) fn document(
    claims: &[Claim],
    evidence: &Evidence,
    request: &Request,
    plan: &Plan,
    command: &str,
    seconds: f64,
) -> Document {
    let count = |verdict: &str| {
        let number = claims.iter().filter(|claim| claim.verdict == verdict).count();
        format!("{number} {} {verdict}", if number == 1 { "is" } else { "are" })
    };
    let sections = claims.iter().enumerate().map(|(at, claim)| {
        let mut paragraphs: Vec<String> = claim
            .checks
            .iter()
            .map(|check| {
                let mark = match check.holds {
                    Some(true) => "Yes",
                    Some(false) => "No",
                    None => "Not decided",
                };
                format!("{mark}: {}.", check.text)
            })
            .collect();
        paragraphs.extend(claim.paragraphs.iter().cloned());
        let mut verdict = claim.verdict.to_owned();
        verdict[..1].make_ascii_uppercase();
        let yes = claim.checks.iter().filter(|check| check.holds == Some(true)).count();
        let no = claim.checks.iter().filter(|check| check.holds == Some(false)).count();
        Section {
            heading: format!("{}. {}", at + 1, claim.claim),
            short: claim.short.into(),
            verdict,
            because: format!(
                "{yes} of {} checks hold, {no} fail, {} undecided.",
                claim.checks.len(),
                claim.checks.len() - yes - no
            ),
            paragraphs,
            tables: claim.tables.clone(),
            figures: claim.figures.clone(),
        }
    });
    Document {
        eyebrow: "Label smoothing and output regularisers: the claims tested".into(),
        title: format!(
            "Of {} claims {}, {}, {}",
            claims.len(),
            count("supported"),
            count("not supported"),
            count("mixed")
        ),
        facts: vec![
            (
                "Data".into(),
                format!(
                    "{}: {} examples to train on, {} to fit temperatures on, {} to test on; not seen by the networks on six classes: {}",
                    if request.data == "fashion-mnist" { "a subset of Fashion-MNIST" } else { &request.data },
                    evidence.rows[0],
                    evidence.rows[1],
                    evidence.rows[2],
                    evidence.unseen.join(", ")
                ),
            ),
            (
                "Networks".into(),
                format!(
                    "{} MLPs of two hidden layers of {} units and {} students of one of 32, Adam from 0.001 to 0 along a cosine, {} epochs; {} linear models on the \
                     identity, SGD",
                    plan.runs() - EXACT.len() - TEACHERS.len() * request.seeds as usize,
                    request.width,
                    TEACHERS.len() * request.seeds as usize,
                    request.epochs,
                    EXACT.len()
                ),
            ),
            ("Seeds".into(), request.seeds.to_string()),
            ("Command".into(), command.to_owned()),
            ("Training".into(), format!("{:.0} minutes, the sum over the runs", (seconds / 60.0).ceil())),
        ],
        lead: vec![
            "Every interval is Student's 95 % interval over the seeds; differences are between runs of the same seed. A check holds or does not if its \
             interval says so, and is not decided otherwise. The seeds change weights and order; the data and their division are the same, so that the \
             intervals say nothing about other data."
                .into(),
        ],
        sections: sections.collect(),
        version: format!("temperance-lab {}", env!("CARGO_PKG_VERSION")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts() {
        let of = |holds: &[Option<bool>]| {
            let estimate = Estimate { mean: 0.0, low: 0.0, high: 0.0 };
            verdict(&holds.iter().map(|&holds| check(holds, estimate, String::new())).collect::<Vec<_>>())
        };
        assert_eq!(of(&[Some(true), Some(true)]), "supported");
        assert_eq!(of(&[Some(false)]), "not supported");
        assert_eq!(of(&[Some(false), None]), "mixed");
        assert_eq!(of(&[Some(true), None]), "mixed");
        assert_eq!(of(&[None, None]), "undecided");
    }
}
