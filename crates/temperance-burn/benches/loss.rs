//! Loss and gradient, and a step of training, with Burn's own cross-entropy and with ours: `cargo bench -p temperance-burn`.
//!
//! Alternating runs in one process; the median and the least. `-- --quick` for a look.

use std::hint::black_box;
use std::time::Instant;

use burn::module::Module;
use burn::nn::loss::{CrossEntropyLoss as BurnLoss, CrossEntropyLossConfig as BurnConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Int, Tensor};
use temperance_burn::{CrossEntropyLoss, CrossEntropyLossConfig};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let rounds = if quick { 3 } else { 15 };
    let device = Device::flex().autodiff();
    device.seed(1);
    let ours = CrossEntropyLossConfig::new().with_smoothing(Some(0.1)).init(&device);
    let burns = BurnConfig::new().with_smoothing(Some(0.1)).init(&device);
    println!("| | Burn's, median (least) | ours, median (least) | ratio |");
    println!("|---|---|---|---|");
    for (rows, classes) in [(128, 10), (4096, 10), (128, 1000), (4096, 1000), (512, 50257)] {
        if quick && rows * classes > 1_000_000 {
            continue;
        }
        let logits =
            Tensor::<2>::random([rows as usize, classes as usize], Distribution::Normal(0.0, 2.0), &device);
        let labels: Vec<i32> = (0..rows).map(|row| row * 7919 % classes).collect();
        let targets = Tensor::<1, Int>::from_ints(&labels[..], &device);
        let times = alternate(
            rounds,
            || drop(black_box(gradient(|logits| burns.forward(logits, targets.clone()), &logits))),
            || drop(black_box(gradient(|logits| ours.forward(logits, targets.clone()), &logits))),
        );
        row(&format!("loss and gradient, {rows} x {classes}"), times);
    }
    for (rows, classes) in [(128, 10), (128, 1000)] {
        let mut first = Training::new(rows, classes, &device);
        let mut second = Training::new(rows, classes, &device);
        let times = alternate(
            rounds,
            || first.step(|trained| burns_loss(&burns, trained)),
            || second.step(|trained| our_loss(&ours, trained)),
        );
        row(&format!("a step of Adam, 784-256-256-{classes}, batch {rows}"), times);
    }
}

fn burns_loss(loss: &BurnLoss, training: &Training) -> Tensor<1> {
    loss.forward(training.forward(), training.targets.clone())
}

fn our_loss(loss: &CrossEntropyLoss, training: &Training) -> Tensor<1> {
    loss.forward(training.forward(), training.targets.clone())
}

fn gradient(loss: impl Fn(Tensor<2>) -> Tensor<1>, logits: &Tensor<2>) -> Tensor<2> {
    let leaf = logits.clone().detach().require_grad();
    leaf.grad(&loss(leaf.clone()).backward()).expect("the logits have a gradient")
}

/// Seconds of each, sorted: each round runs both, long enough to be timed.
fn alternate(rounds: usize, mut first: impl FnMut(), mut second: impl FnMut()) -> [Vec<f64>; 2] {
    let start = Instant::now();
    first();
    second();
    let repeats = (0.05 / start.elapsed().as_secs_f64()).clamp(1.0, 1000.0) as usize;
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (of, work) in times.iter_mut().zip([&mut first as &mut dyn FnMut(), &mut second]) {
            let start = Instant::now();
            (0..repeats).for_each(|_| work());
            of.push(start.elapsed().as_secs_f64() / repeats as f64);
        }
    }
    times.iter_mut().for_each(|times| times.sort_by(f64::total_cmp));
    times
}

fn row(what: &str, [burns, ours]: [Vec<f64>; 2]) {
    let middle = burns.len() / 2;
    let text = |times: &[f64]| format!("{:.3} ms ({:.3})", 1e3 * times[middle], 1e3 * times[0]);
    println!("| {what} | {} | {} | {:.2} |", text(&burns), text(&ours), burns[middle] / ours[middle]);
}

#[derive(Module, Debug)]
struct Network {
    layers: Vec<Linear>,
}

struct Training {
    network: Network,
    optimizer: ModuleOptimizer,
    inputs: Tensor<2>,
    targets: Tensor<1, Int>,
}

impl Training {
    fn new(rows: usize, classes: usize, device: &Device) -> Self {
        let sizes = [784, 256, 256, classes];
        let labels: Vec<i32> = (0..rows).map(|row| (row % classes) as i32).collect();
        Training {
            network: Network {
                layers: sizes
                    .windows(2)
                    .map(|size| LinearConfig::new(size[0], size[1]).init(device))
                    .collect(),
            },
            optimizer: AdamConfig::new().init(),
            inputs: Tensor::random([rows, 784], Distribution::Uniform(0.0, 1.0), device),
            targets: Tensor::from_ints(&labels[..], device),
        }
    }

    fn forward(&self) -> Tensor<2> {
        let (last, hidden) = self.network.layers.split_last().expect("there are layers");
        last.forward(hidden.iter().fold(self.inputs.clone(), |values, layer| relu(layer.forward(values))))
    }

    fn step(&mut self, loss: impl Fn(&Self) -> Tensor<1>) {
        let gradients = GradientsParams::from_grads(loss(self).backward(), &self.network);
        self.network = self.optimizer.step(1e-3, self.network.clone(), gradients);
    }
}
