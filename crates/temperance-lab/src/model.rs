//! What maps inputs to logits.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::MaxPool2dConfig;
use burn::nn::{Initializer, Linear, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};
use rand::RngExt;
use rand_pcg::Pcg64Mcg;

use crate::failure::{Failure, Result};
use crate::random::{self, Stream};
use crate::settings::{ModelKind, Settings};

/// A classifier: convolutions or none, hidden layers or none, and a linear layer.
#[derive(Module, Debug)]
pub struct Classifier {
    convolutions: Vec<Conv2d>,
    hidden: Vec<Linear>,
    output: Linear,
    /// Channels, height and width of an image.
    image: Vec<usize>,
    dropout: f64,
}

/// Channels after the convolutions.
const CHANNELS: [usize; 2] = [16, 32];

/// What a classifier gives for a batch.
pub struct Output {
    /// What goes into the last layer, `[batch, features]`.
    pub features: Tensor<2>,
    /// `[batch, classes]`.
    pub logits: Tensor<2>,
}

/// Weights of a model: with gradients and the moments of Adam they are 1 GB.
const MOST_WEIGHTS: f64 = 67_108_864.0;

impl Classifier {
    /// A classifier with the weights of the seed: uniform in ±1/√(inputs of the unit), as Burn and PyTorch choose them.
    ///
    /// # Errors
    /// If convolutions are asked for and the inputs are no images, or images of less than 4 x 4; if there are too many weights.
    pub fn new(settings: &Settings, shape: &[usize], classes: usize, device: &Device) -> Result<Self> {
        let mut rng = random::stream(settings.seed, Stream::Weights, 0);
        let mut width: usize = shape.iter().product();
        let mut image = Vec::new();
        let mut convolutions = Vec::new();
        if settings.model == ModelKind::Cnn {
            image = match *shape {
                [height, width] => vec![1, height, width],
                [channels, height, width] => vec![channels, height, width],
                _ => Vec::new(),
            };
            if image.len() != 3 || image[1] < 4 || image[2] < 4 {
                return Err(Failure::Error(format!(
                    "shape of an input is {shape:?}; expected an image of at least 4 x 4 for the model cnn"
                )));
            }
            let mut channels = image[0];
            for to in CHANNELS {
                convolutions.push(convolution(channels, to, &mut rng, device));
                channels = to;
            }
            width = channels * (image[1] / 4) * (image[2] / 4);
        }
        let depth = match settings.model {
            ModelKind::Logistic => 0,
            ModelKind::Mlp => settings.depth,
            ModelKind::Cnn => 1,
        };
        let widths: Vec<f64> = [width as f64]
            .into_iter()
            .chain(std::iter::repeat_n(settings.width as f64, depth))
            .chain([classes as f64])
            .collect();
        let weights: f64 = widths.windows(2).map(|pair| pair[0] * pair[1]).sum();
        if weights > MOST_WEIGHTS {
            let expected = format!("at most {MOST_WEIGHTS}: a smaller width, depth or number of classes");
            return Err(Failure::Error(format!("number of weights is {weights}; expected {expected}")));
        }
        let mut hidden = Vec::new();
        for _ in 0..depth {
            hidden.push(linear(width, settings.width, &mut rng, device));
            width = settings.width;
        }
        let output = linear(width, classes, &mut rng, device);
        Ok(Classifier { convolutions, hidden, output, image, dropout: settings.dropout })
    }

    /// Features and logits of a batch, `[batch, numbers of an input]`; with a generator, hidden units are left out.
    pub fn forward(&self, inputs: Tensor<2>, mut rng: Option<&mut Pcg64Mcg>) -> Output {
        let mut features = inputs;
        if let [channels, height, width] = self.image[..] {
            let [batch, _] = features.dims();
            let mut images = features.reshape([batch, channels, height, width]);
            let pool = MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init();
            for convolution in &self.convolutions {
                images = pool.forward(relu(convolution.forward(images)));
            }
            features = images.flatten(1, 3);
        }
        for layer in &self.hidden {
            features = relu(layer.forward(features));
            if let Some(rng) = rng.as_deref_mut().filter(|_| self.dropout > 0.0) {
                let kept = 1.0 - self.dropout;
                let [batch, units] = features.dims();
                let mask: Vec<f32> = (0..batch * units)
                    .map(|_| if rng.random::<f64>() < kept { (1.0 / kept) as f32 } else { 0.0 })
                    .collect();
                let mask = Tensor::from_data(TensorData::new(mask, [batch, units]), &features.device());
                features = features * mask;
            }
        }
        Output { logits: self.output.forward(features.clone()), features }
    }

    /// The weights of the last layer, `[features, classes]`.
    pub fn last_weights(&self) -> Tensor<2> {
        self.output.weight.val()
    }

    /// The square root of the sum of squares of all gradients.
    pub(crate) fn gradient_norm(&self, gradients: &burn::optim::GradientsParams) -> f64 {
        let mut squares = 0.0;
        for convolution in &self.convolutions {
            squares += square::<4>(&convolution.weight, gradients);
            squares += convolution.bias.as_ref().map_or(0.0, |bias| square::<1>(bias, gradients));
        }
        for layer in self.hidden.iter().chain([&self.output]) {
            squares += square::<2>(&layer.weight, gradients);
            squares += layer.bias.as_ref().map_or(0.0, |bias| square::<1>(bias, gradients));
        }
        squares.sqrt()
    }
}

fn square<const D: usize>(param: &Param<Tensor<D>>, gradients: &burn::optim::GradientsParams) -> f64 {
    gradients.get::<D>(param.id).map_or(0.0, |gradient| gradient.square().sum().into_scalar::<f64>())
}

fn uniform<const D: usize>(
    shape: [usize; D],
    fan_in: usize,
    rng: &mut Pcg64Mcg,
    device: &Device,
) -> Param<Tensor<D>> {
    let bound = 1.0 / (fan_in.max(1) as f64).sqrt();
    let count = shape.iter().product::<usize>();
    let values: Vec<f32> = (0..count).map(|_| (bound * (2.0 * rng.random::<f64>() - 1.0)) as f32).collect();
    Param::from_data(TensorData::new(values, shape), device)
}

fn linear(from: usize, to: usize, rng: &mut Pcg64Mcg, device: &Device) -> Linear {
    Linear { weight: uniform([from, to], from, rng, device), bias: Some(uniform([to], from, rng, device)) }
}

fn convolution(from: usize, to: usize, rng: &mut Pcg64Mcg, device: &Device) -> Conv2d {
    let mut convolution = Conv2dConfig::new([from, to], [3, 3])
        .with_padding(PaddingConfig2d::Same)
        .with_initializer(Initializer::Zeros)
        .init(device);
    convolution.weight = uniform([to, from, 3, 3], 9 * from, rng, device);
    convolution.bias = Some(uniform([to], 9 * from, rng, device));
    convolution
}
