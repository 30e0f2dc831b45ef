//! A small classifier with Burn's loss and with ours: `cargo run --release -p temperance-burn --example one_line`.

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Int, Tensor};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use temperance_burn::CrossEntropyLossConfig; // burn::nn::loss::CrossEntropyLossConfig

#[derive(Module, Debug)]
struct Classifier {
    hidden: Linear,
    output: Linear,
}

fn main() {
    let device = Device::flex().autodiff();
    device.seed(1);
    // Two spirals with a tenth of the labels wrong.
    let mut rng = Pcg64Mcg::seed_from_u64(1);
    let (mut points, mut labels) = (Vec::new(), Vec::new());
    for row in 0..600 {
        let (class, turn) = (row % 2, 9.0 * rng.random::<f32>());
        let angle = turn + std::f32::consts::PI * class as f32;
        points.extend([turn * angle.cos() / 9.0, turn * angle.sin() / 9.0]);
        labels.push(if rng.random_bool(0.1) { 1 - class } else { class });
    }
    let inputs = Tensor::<1>::from_floats(&points[..], &device).reshape([600, 2]);
    let targets = Tensor::<1, Int>::from_ints(&labels[..], &device);

    for (smoothing, penalty) in [(None, None), (Some(0.1), None), (None, Some(0.3))] {
        let criterion = CrossEntropyLossConfig::new()
            .with_smoothing(smoothing)
            .with_confidence_penalty(penalty)
            .init(&device);
        let mut model = Classifier {
            hidden: LinearConfig::new(2, 64).init(&device),
            output: LinearConfig::new(64, 2).init(&device),
        };
        let mut optimizer = AdamConfig::new().init();
        let mut seen = None;
        for _ in 0..400 {
            let logits = model.output.forward(relu(model.hidden.forward(inputs.clone())));
            let (loss, summary) = criterion
                .try_forward(logits, targets.clone(), Default::default())
                .unwrap_or_else(|error| panic!("{error}"));
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(0.01, model, gradients);
            seen = summary;
        }
        let seen = seen.expect("the CPU sees");
        println!(
            "smoothing {smoothing:?}, penalty {penalty:?}: accuracy {:.3}, NLL {:.3}, mean entropy {:.3} nats",
            seen.accuracy, seen.nll, seen.entropy
        );
    }
}
