//! What the runs of a study give to see.

use std::path::Path;

use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Serialize;
use temperance::Logits;
use temperance::calibrate::Calibrated;
use temperance::metric::{Evaluation, RiskCoverage, Summaries};
use temperance::selective::MaxLogit;
use temperance_burn::{CrossEntropyLossConfig, Reduction};
use temperance_data::Examples;

use super::plan::{EXACT, FAMILY, TEACHERS, TRANSFERRED, UNSEEN, WAYS};
use super::{Plan, Request};
use crate::data::{Data, scales, standardize};
use crate::failure::Result;
use crate::model::Classifier;
use crate::predictions::Predictions;
use crate::record::{self, METRICS};
use crate::settings::{ModelKind, Settings};
use crate::training::{gap_bound, trained};

/// Everything that the claims are judged by: numbers per run, seeds in order.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Evidence {
    pub(crate) ways: Vec<OfWay>,
    pub(crate) exact: Vec<OfExact>,
    pub(crate) transfer: Vec<Accuracies>,
    pub(crate) students: Vec<Accuracies>,
    pub(crate) family: Vec<OfWay>,
    pub(crate) projections: Vec<Projection>,
    /// The classes that the networks on six classes did not see.
    pub(crate) unseen: Vec<String>,
    /// Rows to train on, to fit temperatures on, and to test on.
    pub(crate) rows: [usize; 3],
}

/// A way to train: numbers on the test part, one for each seed, and curves that are means over the seeds.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct OfWay {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) accuracy: Vec<f64>,
    pub(crate) nll: Vec<f64>,
    pub(crate) ece: Vec<f64>,
    pub(crate) entropy: Vec<f64>,
    pub(crate) confidence: Vec<f64>,
    /// The temperature fitted on the validation part, and what it makes of the test part.
    pub(crate) temperature: Vec<f64>,
    pub(crate) scaled_accuracy: Vec<f64>,
    pub(crate) scaled_nll: Vec<f64>,
    pub(crate) scaled_ece: Vec<f64>,
    /// Class separation R² of the features, and the ratio of their scatter within classes to that between them.
    pub(crate) separation: Vec<f64>,
    pub(crate) scatter: Vec<f64>,
    /// R² of the features of the training rows.
    pub(crate) train_separation: Vec<f64>,
    /// Area under the risk-coverage curve by the largest probability, and by the normalised logit.
    pub(crate) aurc: Vec<f64>,
    pub(crate) normalised_aurc: Vec<f64>,
    /// The share of test rows to which one-hot training of the same seed gives another class; of one-hot itself, that
    /// of the next seed.
    pub(crate) disagreement: Vec<f64>,
    /// The least probability that is given to any class of a row, its median over the rows.
    pub(crate) least_probability: Vec<f64>,
    /// The gap of the training logits at half time and in the end, and the largest gap of an epoch.
    pub(crate) gap_halfway: Vec<f64>,
    pub(crate) gap: Vec<f64>,
    pub(crate) gap_bound: f64,
    /// Mean gradient norms of the first and the last quarter of the epochs.
    pub(crate) norm_first: Vec<f64>,
    pub(crate) norm_last: Vec<f64>,
    pub(crate) curves: Curves,
    /// Shares of the test rows by confidence, in ten bins from 0 to 1, and after temperature scaling.
    pub(crate) confidences: Vec<f64>,
    pub(crate) scaled_confidences: Vec<f64>,
    /// Coverage and risk of the first seed, by the largest probability and by the normalised logit.
    pub(crate) risk: Vec<[f64; 2]>,
    pub(crate) normalised_risk: Vec<[f64; 2]>,
}

/// Means over the seeds, by epoch.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Curves {
    pub(crate) epoch: Vec<f64>,
    pub(crate) gap: Vec<f64>,
    pub(crate) norm: Vec<f64>,
    pub(crate) separation: Vec<f64>,
    pub(crate) scatter: Vec<f64>,
}

/// A linear model on the identity.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct OfExact {
    pub(crate) name: String,
    pub(crate) gap: f64,
    pub(crate) bound: f64,
    pub(crate) norm_first: f64,
    pub(crate) norm_last: f64,
    /// log10 of the steps, and gaps.
    pub(crate) curve: Vec<[f64; 2]>,
}

/// Accuracies of one for each seed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Accuracies {
    pub(crate) name: String,
    pub(crate) accuracy: Vec<f64>,
}

/// Features of three classes on the plane through their weights.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Projection {
    pub(crate) label: String,
    pub(crate) classes: Vec<(String, Vec<[f64; 2]>)>,
}

/// The classes of the projection: two that look alike, and one that does not.
const PROJECTED: [usize; 3] = [0, 6, 8];

impl Evidence {
    /// Looks at the runs of a study, which are all done.
    pub(crate) fn gather(request: &Request, plan: &Plan, study: &Path) -> Result<Self> {
        let settings = |name: &str| {
            let found = plan.stages.iter().flatten().find(|planned| planned.name == name);
            &found.expect("the plan has every run").settings
        };
        let data = Data::read(settings("one-hot/seed-0"))?;
        let seeds = 0..request.seeds;
        let mut one_hot: Vec<Vec<u32>> = Vec::new();
        let mut ways = Vec::new();
        for way in WAYS {
            let mut of = OfWay { name: way.name.into(), label: way.label.into(), ..OfWay::default() };
            for seed in seeds.clone() {
                let name = format!("{}/seed-{seed}", way.name);
                of.add(&study.join("runs").join(&name), settings(&name), &data, &mut one_hot, seed as usize)?;
            }
            of.finish();
            ways.push(of);
        }
        let seeds_of = |seed: usize| [&one_hot[seed], &one_hot[(seed + 1) % one_hot.len()]];
        let apart = |seed: usize| {
            let [one, other] = seeds_of(seed);
            one.iter().zip(other).filter(|(one, other)| one != other).count() as f64 / one.len() as f64
        };
        ways[0].disagreement = (0..one_hot.len()).map(apart).collect();
        let mut family = Vec::new();
        for alpha in FAMILY {
            let mut of =
                OfWay { name: alpha.to_string(), label: format!("α = {alpha}"), ..OfWay::default() };
            for seed in seeds.clone() {
                let name = format!("family-{alpha}/seed-{seed}");
                of.add(&study.join("runs").join(&name), settings(&name), &data, &mut one_hot, seed as usize)?;
            }
            of.finish();
            family.push(of);
        }
        let mut exact = Vec::new();
        for (name, _, _) in EXACT {
            let rows = record::read(&study.join("runs").join(name).join(METRICS))?;
            let value = |row: &[f64], column: &str| row[record::column(column)];
            let (first, last) = (&rows[0], &rows[rows.len() - 1]);
            exact.push(OfExact {
                name: name.into(),
                gap: value(last, "train_gap"),
                bound: gap_bound(settings(name), 10, 0),
                norm_first: value(first, "gradient_norm"),
                norm_last: value(last, "gradient_norm"),
                curve: rows.iter().map(|row| [value(row, "step").log10(), value(row, "train_gap")]).collect(),
            });
        }
        let six = Data::read(settings("one-hot-six-classes/seed-0"))?;
        let unseen = six.held_out.as_ref().expect("classes were held out");
        let mut transfer = Vec::new();
        for name in TRANSFERRED {
            let mut accuracy = Vec::new();
            for seed in seeds.clone() {
                let model = trained(&study.join(format!("runs/{name}-six-classes/seed-{seed}")), &six)?;
                accuracy.push(probe(&Predictions::of(&model, unseen, six.classes))?);
            }
            transfer.push(Accuracies { name: name.into(), accuracy });
        }
        let mut students = Vec::new();
        for (name, _) in TEACHERS {
            let mut accuracy = Vec::new();
            for seed in seeds.clone() {
                let model = trained(&study.join(format!("runs/{name}/seed-{seed}")), &data)?;
                accuracy.push(Predictions::of(&model, &data.test, data.classes).measure()?.accuracy);
            }
            students.push(Accuracies { name: name.into(), accuracy });
        }
        let mut projections = Vec::new();
        for (way, label) in [("one-hot", "one-hot"), ("ls-0.1", "LS ε = 0.1")] {
            let model = trained(&study.join(format!("runs/{way}/seed-0")), &data)?;
            projections.push(projection(
                label,
                &model,
                &Predictions::of(&model, &data.test, data.classes),
                &data,
            ));
        }
        let unseen = UNSEEN.map(|class| data.names[class as usize].clone()).into();
        let rows = [&data.train, &data.validation, &data.test].map(|part| part.rows());
        Ok(Evidence { ways, exact, transfer, students, family, projections, unseen, rows })
    }

    pub(crate) fn way(&self, name: &str) -> &OfWay {
        self.ways.iter().find(|way| way.name == name).expect("the grid has it")
    }
}

impl OfWay {
    /// Adds a seed.
    fn add(
        &mut self,
        run: &Path,
        settings: &Settings,
        data: &Data,
        one_hot: &mut Vec<Vec<u32>>,
        seed: usize,
    ) -> Result {
        let model = trained(run, data)?;
        let test = Predictions::of(&model, &data.test, data.classes);
        let validation = Predictions::of(&model, &data.validation, data.classes);
        let names = ["nll", "accuracy", "ece", "mean_entropy", "mean_confidence"];
        let evaluation = Evaluation::new().named(&names)?;
        let plain = evaluation.measure(&test.block()?)?;
        let metric = |name: &str| plain.metric(name).unwrap_or(f64::NAN);
        self.nll.push(metric("nll"));
        self.accuracy.push(metric("accuracy"));
        self.ece.push(metric("ece"));
        self.entropy.push(metric("mean_entropy"));
        self.confidence.push(metric("mean_confidence"));
        let temperature = validation.temperature()?;
        let scaled = match &temperature {
            Some(temperature) => Some(evaluation.measure(&Calibrated::new(&test.block()?, temperature))?),
            None => None,
        };
        let metric = |name: &str| scaled.as_ref().and_then(|scaled| scaled.metric(name)).unwrap_or(f64::NAN);
        self.temperature.push(temperature.map_or(f64::NAN, |temperature| temperature.temperature()));
        self.scaled_accuracy.push(metric("accuracy"));
        self.scaled_nll.push(metric("nll"));
        self.scaled_ece.push(metric("ece"));
        self.separation.push(test.separation());
        self.scatter.push(test.scatter());

        let summaries = &plain.summaries;
        let curve = RiskCoverage::of(summaries);
        self.aurc.push(curve.area());
        let normalised = normalised(&validation, &test, &summaries.correct)?;
        self.normalised_aurc.push(normalised.area());
        if self.risk.is_empty() {
            let thinned = |curve: &RiskCoverage| -> Vec<[f64; 2]> {
                let points = curve.points();
                let step = (points.len() / 200).max(1);
                points.iter().skip(points.len() / 50).step_by(step).map(|&(x, y)| [x, y]).collect()
            };
            self.risk = thinned(&curve);
            self.normalised_risk = thinned(&normalised);
        }

        let classes: Vec<u32> = summaries.detail.iter().map(|row| row.predicted).collect();
        if one_hot.len() <= seed {
            one_hot.push(classes.clone());
        }
        let others = classes.iter().zip(&one_hot[seed]).filter(|(class, other)| class != other).count();
        self.disagreement.push(others as f64 / classes.len() as f64);
        let mut least: Vec<f64> = Vec::with_capacity(classes.len());
        for (row, &confidence) in test.logits.chunks(data.classes).zip(&summaries.confidence) {
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let fewest = row.iter().copied().fold(f32::INFINITY, f32::min);
            least.push((f64::from(fewest) - f64::from(most)).exp() * confidence);
        }
        count(&mut self.confidences, &summaries.confidence);
        if let Some(scaled) = &scaled {
            count(&mut self.scaled_confidences, &scaled.summaries.confidence);
        }
        least.sort_by(f64::total_cmp);
        self.least_probability.push(least[least.len() / 2]);

        let rows = record::read(&run.join(METRICS))?;
        let column = |name: &str| -> Vec<f64> { rows.iter().map(|row| row[record::column(name)]).collect() };
        let (gaps, norms) = (column("train_gap"), column("gradient_norm"));
        self.gap_halfway.push(gaps[(gaps.len() - 1) / 2]);
        self.gap.push(gaps[gaps.len() - 1]);
        self.train_separation.push(column("train_separation").pop().unwrap_or(f64::NAN));
        self.gap_bound = gap_bound(settings, data.classes, 0);
        let quarter = norms.len().div_ceil(4);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        self.norm_first.push(mean(&norms[..quarter]));
        self.norm_last.push(mean(&norms[norms.len() - quarter..]));
        self.curves.epoch = column("epoch");
        for (sums, values) in [
            (&mut self.curves.gap, gaps),
            (&mut self.curves.norm, norms),
            (&mut self.curves.separation, column("validation_separation")),
            (&mut self.curves.scatter, column("validation_scatter")),
        ] {
            sums.resize(values.len(), 0.0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        }
        Ok(())
    }

    /// Sums over the seeds become means.
    fn finish(&mut self) {
        let seeds = self.nll.len() as f64;
        let curves = &mut self.curves;
        for sums in [&mut curves.gap, &mut curves.norm, &mut curves.separation, &mut curves.scatter] {
            sums.iter_mut().for_each(|sum| *sum /= seeds);
        }
        for counts in [&mut self.confidences, &mut self.scaled_confidences] {
            let rows: f64 = counts.iter().sum();
            counts.iter_mut().for_each(|count| *count /= rows);
        }
    }
}

/// Counts confidences in ten bins from 0 to 1.
fn count(bins: &mut Vec<f64>, confidences: &[f64]) {
    bins.resize(10, 0.0);
    for confidence in confidences {
        bins[((10.0 * confidence).ceil() as usize).clamp(1, 10) - 1] += 1.0;
    }
}

/// The risk-coverage curve of the test rows by the normalised logit, and of which are right; p is the whole number up to 8 that is best on the validation part.
fn normalised(validation: &Predictions, test: &Predictions, correct: &[f64]) -> Result<RiskCoverage> {
    let curve = |predictions: &Predictions, correct: &[f64], p: u32| -> Result<RiskCoverage> {
        let logits = Logits::new(&predictions.logits, predictions.classes)?;
        let scores = MaxLogit::new(f64::from(p))?.score(&logits)?;
        let scores: Vec<f64> = scores.iter().map(|score| score.clamp(0.0, 1.0)).collect();
        Ok(RiskCoverage::of(&Summaries::from_confidences(&scores, correct, None)?))
    };
    let seen = Summaries::of(&validation.block()?)?;
    let mut best = (f64::INFINITY, 1);
    for p in 1..=8 {
        let area = curve(validation, &seen.correct, p)?.area();
        if area < best.0 {
            best = (area, p);
        }
    }
    curve(test, correct, best.1)
}

/// Test accuracy of a linear classifier of the unseen classes on these features: it learns from every other row.
fn probe(predictions: &Predictions) -> Result<f64> {
    let device = Device::flex().autodiff();
    let width = predictions.width;
    let classes = UNSEEN.len();
    let class =
        |label| UNSEEN.iter().position(|unseen| unseen == label).expect("only unseen classes were kept");
    let all = Examples {
        values: predictions.features.clone(),
        shape: vec![width],
        labels: predictions.labels.iter().map(|label| class(label) as u32).collect(),
        class_names: None,
    };
    let half = |first: usize| all.rows_at(&(first..all.rows()).step_by(2).collect::<Vec<_>>());
    let (mut learned, mut test) = (half(0), half(1));
    standardize(&scales(&learned), [&mut learned, &mut test]);
    let inputs = |part: &Examples| {
        Tensor::<2>::from_data(TensorData::new(part.values.clone(), [part.rows(), width]), &device)
    };
    let targets = |part: &Examples| {
        let labels: Vec<i32> = part.labels.iter().map(|&label| label as i32).collect();
        Tensor::<1, Int>::from_data(TensorData::new(labels, [part.rows()]), &device)
    };
    let settings = Settings { model: ModelKind::Logistic, ..Settings::default() };
    let mut model = Classifier::new(&settings, &[width], classes, &device)?;
    let mut optimizer =
        AdamConfig::new().with_epsilon(1e-8).with_weight_decay(Some(WeightDecayConfig::new(1e-3))).init();
    let criterion = CrossEntropyLossConfig::new().init(&device);
    let (learned_inputs, learned_targets) = (inputs(&learned), targets(&learned));
    for _ in 0..300 {
        let logits = model.forward(learned_inputs.clone(), None).logits;
        let loss = criterion.forward(logits, learned_targets.clone());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        model = optimizer.step(0.01, model, gradients);
    }
    let logits = model.forward(inputs(&test), None).logits;
    let (_, seen) = criterion.try_forward(logits, targets(&test), Reduction::Mean)?;
    Ok(seen.map_or(f64::NAN, |seen| seen.accuracy))
}

/// Müller et al. 2019, section 3: features on the plane through the weights of three classes.
fn projection(label: &str, model: &Classifier, predictions: &Predictions, data: &Data) -> Projection {
    let weights = crate::predictions::numbers(model.last_weights());
    let (width, classes) = (predictions.width, predictions.classes);
    let template = |class: usize| -> Vec<f64> {
        (0..width).map(|feature| f64::from(weights[feature * classes + class])).collect()
    };
    let [origin, second, third] = PROJECTED.map(template);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let less =
        |a: &[f64], b: &[f64], by: f64| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a - by * b).collect() };
    let scaled = |a: Vec<f64>| -> Vec<f64> {
        let norm = dot(&a, &a).sqrt();
        a.iter().map(|value| value / norm).collect()
    };
    let x = scaled(less(&second, &origin, 1.0));
    let across = less(&third, &origin, 1.0);
    let y = scaled(less(&across, &x, dot(&across, &x)));
    let of = |class: usize| {
        let rows = predictions.features.chunks(width).zip(&predictions.labels);
        let points = rows
            .filter(|(_, label)| **label as usize == class)
            .map(|(row, _)| row.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>())
            .map(|row| [dot(&row, &x), dot(&row, &y)]);
        (data.names[class].clone(), points.take(200).collect())
    };
    Projection { label: label.into(), classes: PROJECTED.map(of).into() }
}
