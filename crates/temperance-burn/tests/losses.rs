//! Losses beside Burn's own, beside Burn's derivative of the same formula, and beside the kernel called directly.

use burn::nn::loss::CrossEntropyLossConfig as BurnConfig;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use temperance::loss::{Criterion, CrossEntropy, LOSSES, Supervision};
use temperance::{Labels, Logits, SoftLabels};
use temperance_burn::{CrossEntropyLossConfig, NamedLossConfig, Reduction, Targets};

const ROWS: usize = 13;
const CLASSES: usize = 7;

fn flex() -> Device {
    Device::flex().autodiff()
}

/// A device that the kernel does not run on.
#[expect(deprecated, reason = "it is the other backend that every machine has")]
fn other() -> Device {
    Device::ndarray().autodiff()
}

struct Batch {
    logits: Vec<f32>,
    labels: Vec<i64>,
    shares: Vec<f32>,
}

fn batch(seed: u64) -> Batch {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let shares: Vec<f32> = (0..ROWS * CLASSES).map(|_| rng.random::<f32>() + 0.01).collect();
    let sums: Vec<f32> = shares.chunks(CLASSES).map(|row| row.iter().sum()).collect();
    Batch {
        logits: (0..ROWS * CLASSES).map(|_| 6.0 * (rng.random::<f32>() - 0.5)).collect(),
        labels: (0..ROWS).map(|_| rng.random_range(0..CLASSES as i64)).collect(),
        shares: shares.iter().enumerate().map(|(at, share)| share / sums[at / CLASSES]).collect(),
    }
}

impl Batch {
    fn logits(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.logits.clone(), [ROWS, CLASSES]), device).require_grad()
    }

    fn labels(&self, device: &Device) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(self.labels.clone(), [ROWS]), device)
    }

    fn shares(&self, device: &Device) -> Tensor<2> {
        Tensor::from_data(TensorData::new(self.shares.clone(), [ROWS, CLASSES]), device)
    }

    /// Value and gradient of `loss`; rows arrive with different weights if there are several values.
    fn both(&self, device: &Device, loss: impl Fn(Tensor<2>) -> Tensor<1>) -> (Vec<f64>, Vec<f64>) {
        let logits = self.logits(device);
        let value = loss(logits.clone());
        let values = numbers(value.clone());
        let upstream = Tensor::<1>::from_floats(&ramp(values.len())[..], device);
        let gradient = logits.grad(&(value * upstream).sum().backward()).expect("the logits have a gradient");
        (values, numbers(gradient))
    }
}

fn ramp(length: usize) -> Vec<f32> {
    (0..length).map(|at| 0.5 + at as f32).collect()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

#[track_caller]
fn assert_close(found: &(Vec<f64>, Vec<f64>), expected: &(Vec<f64>, Vec<f64>), tolerance: f64) {
    for (found, expected) in [(&found.0, &expected.0), (&found.1, &expected.1)] {
        assert_eq!(found.len(), expected.len());
        for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
            let off = (found - expected).abs();
            assert!(off <= tolerance * (1.0 + expected.abs()), "{found} at {at}; expected {expected}");
        }
    }
}

#[test]
fn values_and_gradients_are_those_of_burns_loss() {
    let batch = batch(1);
    let weights: Vec<f32> = (1..=CLASSES).map(|class| class as f32 / 3.0).collect();
    for device in [flex(), other()] {
        for smoothing in [None, Some(0.1), Some(1.0)] {
            for weights in [None, Some(weights.clone())] {
                for pads in [None, Some(vec![2]), Some(vec![2, 5])] {
                    let ours = CrossEntropyLossConfig::new()
                        .with_smoothing(smoothing)
                        .with_weights(weights.clone())
                        .with_pad_tokens(pads.clone())
                        .init(&device);
                    let burns = BurnConfig::new()
                        .with_smoothing(smoothing)
                        .with_weights(weights.clone())
                        .with_pad_tokens(pads)
                        .init(&device);
                    let found = batch.both(&device, |logits| ours.forward(logits, batch.labels(&device)));
                    let expected = batch.both(&device, |logits| burns.forward(logits, batch.labels(&device)));
                    assert_close(&found, &expected, 1e-5);
                }
            }
        }
    }
}

#[test]
fn probabilities_are_taken_as_burn_takes_them() {
    let (batch, device) = (batch(2), flex());
    let softmax = |logits| burn::tensor::activation::softmax(logits, 1);
    for smoothing in [None, Some(0.1)] {
        let ours = CrossEntropyLossConfig::new().with_logits(false).with_smoothing(smoothing).init(&device);
        let burns = BurnConfig::new().with_logits(false).with_smoothing(smoothing).init(&device);
        let found = batch.both(&device, |logits| ours.forward(softmax(logits), batch.labels(&device)));
        let expected = batch.both(&device, |logits| burns.forward(softmax(logits), batch.labels(&device)));
        assert_close(&found, &expected, 1e-5);
    }
}

#[test]
fn every_term_has_the_gradient_that_burn_derives() {
    let batch = batch(3);
    let plain = CrossEntropyLossConfig::new;
    for config in [
        plain().with_smoothing(Some(0.2)).with_confidence_penalty(Some(0.7)),
        plain().with_confidence_penalty(Some(0.7)).with_penalty_threshold(Some(1.1)),
        plain().with_z_loss(Some(0.01)).with_logit_penalty(Some(0.02)),
        plain()
            .with_weights(Some(vec![1.0, 2.0, 0.5, 1.0, 3.0, 0.1, 1.0]))
            .with_confidence_penalty(Some(0.7)),
        plain().with_pad_tokens(Some(vec![1, 3])).with_confidence_penalty(Some(0.7)).with_z_loss(Some(0.01)),
    ] {
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
            for soft in [false, true] {
                let run = |device: Device| {
                    let loss = config.init(&device);
                    let targets: Targets =
                        if soft { batch.shares(&device).into() } else { batch.labels(&device).into() };
                    batch.both(&device, |logits| {
                        loss.try_forward(logits, targets.clone(), reduction).unwrap().0
                    })
                };
                assert_close(&run(flex()), &run(other()), 1e-5);
            }
        }
    }
}

#[test]
fn the_numbers_are_the_kernels_own() {
    let (batch, device) = (batch(4), flex());
    let kernel = CrossEntropy::new().label_smoothing(0.125).unwrap().confidence_penalty(0.25).unwrap();
    let view = Logits::new(&batch.logits, CLASSES).unwrap();
    let (expected, gradient) =
        kernel.forward_backward::<f32>(&view, Labels::new(&batch.labels, CLASSES)).unwrap();
    let loss = CrossEntropyLossConfig::new()
        .with_smoothing(Some(0.125))
        .with_confidence_penalty(Some(0.25))
        .init(&device);
    let logits = batch.logits(&device);
    let (value, seen) = loss.try_forward(logits.clone(), batch.labels(&device), Reduction::Mean).unwrap();
    assert_eq!(value.clone().into_scalar::<f32>(), expected.value as f32);
    assert_eq!(seen, Some(expected));
    let found = logits.grad(&value.backward()).unwrap().into_data().try_to_vec::<f32>().unwrap();
    assert_eq!(found, gradient, "the same bits");
}

#[test]
fn every_loss_of_the_registry_runs_on_every_device() {
    let batch = batch(5);
    let teacher_values: Vec<f32> = batch.logits.iter().map(|logit| 1.5 - 0.5 * logit).collect();
    for entry in LOSSES {
        let loss = NamedLossConfig::new(entry.name).init().unwrap();
        let run = |device: &Device| {
            let teacher =
                Tensor::<2>::from_data(TensorData::new(teacher_values.clone(), [ROWS, CLASSES]), device);
            batch.both(device, |logits| match entry.teacher {
                true => loss.forward_with_teacher(logits, batch.labels(device), teacher.clone()),
                false => loss.forward(logits, batch.labels(device)),
            })
        };
        let (value, gradient) = run(&flex());
        assert_close(&run(&other()), &(value.clone(), gradient.clone()), 1e-6);

        let mut parameters = temperance::Parameters::new();
        for parameter in entry.parameters {
            parameters = parameters.with(parameter.name, temperance::Parameter::Number(parameter.default));
        }
        let supervision = Supervision {
            targets: Labels::new(&batch.labels, CLASSES).into(),
            teacher: entry.teacher.then(|| Logits::new(&teacher_values, CLASSES).unwrap()),
        };
        let view = Logits::new(&batch.logits, CLASSES).unwrap();
        let kernel = (entry.build)(&parameters).unwrap();
        let (expected, expected_gradient) = kernel.forward_backward::<f64>(&view, supervision).unwrap();
        // The gradient that arrives is 0.5.
        let halved: Vec<f64> = expected_gradient.iter().map(|entry| 0.5 * entry).collect();
        assert_close(&(value, gradient), &(vec![expected.value], halved), 1e-5);
    }
}

#[test]
fn rows_without_a_reduction_weigh_as_what_arrives() {
    let (batch, device) = (batch(6), flex());
    let focal = NamedLossConfig::new("focal").with_parameter("gamma", 1.5).with_reduction(Reduction::None);
    let (values, gradient) =
        batch.both(&device, |logits| focal.init().unwrap().forward(logits, batch.labels(&device)));
    assert_eq!(values.len(), ROWS);
    let sum = focal.with_reduction(Reduction::Sum).init().unwrap();
    for row in 0..ROWS {
        let part = Tensor::<2>::from_floats(
            [&batch.logits[row * CLASSES..][..CLASSES].try_into().unwrap()].map(|r: &[f32; CLASSES]| *r),
            &device,
        )
        .require_grad();
        let value = sum.forward(part.clone(), Tensor::<1, Int>::from_ints([batch.labels[row]], &device));
        assert!((value.clone().into_scalar::<f64>() - values[row]).abs() < 1e-6);
        let expected = numbers(part.grad(&value.backward()).unwrap());
        for (class, expected) in expected.iter().enumerate() {
            let found = gradient[row * CLASSES + class];
            assert!((found - expected * f64::from(ramp(ROWS)[row])).abs() < 1e-5);
        }
    }
}

#[test]
fn other_types_and_layouts() {
    let (batch, device) = (batch(7), flex());
    let loss = CrossEntropyLossConfig::new().with_smoothing(Some(0.1)).init(&device);
    let expected = batch.both(&device, |logits| loss.forward(logits, batch.labels(&device)));
    for (dtype, tolerance) in [(DType::F64, 1e-6), (DType::F16, 4e-3), (DType::BF16, 3e-2)] {
        let found = batch.both(&device, |logits| {
            let value = loss.forward(logits.cast(dtype), batch.labels(&device));
            assert_eq!(value.dtype(), dtype);
            value.cast(DType::F32)
        });
        assert_close(&found, &expected, tolerance);
    }
    let transposed = batch.both(&device, |logits| {
        loss.forward(logits.transpose().add_scalar(0.0).transpose(), batch.labels(&device))
    });
    assert_close(&transposed, &expected, 1e-7);
}

#[test]
fn a_scale_saves_gradients_that_half_precision_would_lose() {
    let device = flex();
    let rows = 4096;
    // p of the other class is 3e-4: over 4096 rows 8e-8, which float16 has not; times 1024 it has.
    let logits =
        Tensor::<2>::from_floats([[8.0, 0.0]], &device).repeat_dim(0, rows).cast(DType::F16).require_grad();
    let targets = Tensor::<1, Int>::zeros([rows], &device);
    let value = CrossEntropyLossConfig::new().init(&device).forward(logits.clone(), targets) * 1024.0;
    let gradient = logits.grad(&value.backward()).unwrap();
    assert_eq!(gradient.dtype(), DType::F16);
    let expected = 1024.0 / (4096.0 * (1.0 + 8_f64.exp()));
    let found = numbers(gradient)[1];
    assert!((found / expected - 1.0).abs() < 1e-3, "{found}; expected {expected}");
}

#[test]
fn devices_without_derivatives_give_the_value() {
    let (batch, device) = (batch(8), Device::flex());
    let loss = CrossEntropyLossConfig::new().with_confidence_penalty(Some(0.3)).init(&device);
    let logits = Tensor::<2>::from_data(TensorData::new(batch.logits.clone(), [ROWS, CLASSES]), &device);
    let value = loss.forward(logits, batch.labels(&device)).into_scalar::<f64>();
    let expected = batch.both(&flex(), |logits| {
        CrossEntropyLossConfig::new()
            .with_confidence_penalty(Some(0.3))
            .init(&flex())
            .forward(logits, batch.labels(&flex()))
    });
    assert_eq!(value, expected.0[0]);
}

#[test]
fn all_rows_padded_is_nan_as_in_burn() {
    let device = flex();
    let loss = CrossEntropyLossConfig::new().with_pad_tokens(Some(vec![0])).init(&device);
    let value = loss.forward(Tensor::<2>::zeros([2, 3], &device), Tensor::<1, Int>::zeros([2], &device));
    assert!(value.into_scalar::<f32>().is_nan());
}

#[test]
fn soft_labels_are_the_kernels() {
    let (batch, device) = (batch(9), flex());
    let view = Logits::new(&batch.logits, CLASSES).unwrap();
    let expected = CrossEntropy::new()
        .forward(&view, SoftLabels::new(&batch.shares, CLASSES).unwrap().unnormalised())
        .unwrap();
    let loss = CrossEntropyLossConfig::new().init(&device);
    let value = loss.forward(batch.logits(&device), batch.shares(&device));
    assert_eq!(value.into_scalar::<f32>(), expected.value as f32);
}

#[test]
fn bad_input_is_named() {
    let device = flex();
    let loss = CrossEntropyLossConfig::new().init(&device);
    let logits = || Tensor::<2>::zeros([2, 3], &device);
    let text = |targets: Targets| {
        loss.try_forward(logits(), targets, Reduction::Mean).map(|_| ()).unwrap_err().to_string()
    };
    assert_eq!(
        text(Tensor::<1, Int>::from_ints([0, 3], &device).into()),
        "label is 3 at row 1 (counted from 0); expected a class index from 0 to 2"
    );
    assert_eq!(
        text(Tensor::<1, Int>::from_ints([0], &device).into()),
        "shape of the targets is [1]; expected [2], for logits of [2, 3]"
    );
    assert_eq!(
        text(Tensor::<2>::zeros([2, 4], &device).into()),
        "shape of the targets is [2, 4]; expected [2, 3], for logits of [2, 3]"
    );
    let nan = logits() / 0.0;
    let found = loss.try_forward(nan, Tensor::<1, Int>::from_ints([0, 1], &device), Reduction::Mean);
    assert_eq!(
        found.map(|_| ()).unwrap_err().to_string(),
        "logit is NaN at row 0, column 0 (counted from 0); expected a finite number or -inf"
    );
    let text = |config: CrossEntropyLossConfig| config.try_init(&device).map(|_| ()).unwrap_err().to_string();
    let plain = CrossEntropyLossConfig::new;
    assert!(
        text(plain().with_confidence_penalty(Some(-1.0))).starts_with("confidence penalty is -1; expected")
    );
    assert!(text(plain().with_weights(Some(vec![1.0, -1.0]))).contains("-1"));
    let error = NamedLossConfig::new("focal").with_parameter("speed", 1.0).init().unwrap_err();
    assert!(error.to_string().contains("speed"), "{error}");
}

#[test]
#[should_panic(expected = "label is 5 at row 0 (counted from 0); expected a class index from 0 to 2")]
fn a_bad_label_panics_with_the_text() {
    let device = flex();
    let loss = CrossEntropyLossConfig::new().init(&device);
    loss.forward(Tensor::<2>::zeros([1, 3], &device), Tensor::<1, Int>::from_ints([5], &device));
}
