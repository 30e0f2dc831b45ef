//! Multi-layer perceptrons with ReLU, and their gradients.

use std::ops::Range;

use ndarray::{ArrayView2, Axis, LinalgScalar, Slice};
use num_traits::Float;
use pulp::Arch;
use rand::{Rng, RngExt};

use crate::product::{matrix, multiply};

/// A floating-point number that networks compute in: `f32`, or `f64` where a gradient is checked.
pub trait Real: Float + LinalgScalar + Send + Sync {
    /// The nearest number of this type.
    fn of(value: f64) -> Self;
    /// The same number.
    fn f64(self) -> f64;
}

impl Real for f32 {
    fn of(value: f64) -> Self {
        value as f32
    }

    fn f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn of(value: f64) -> Self {
        value
    }

    fn f64(self) -> f64 {
        self
    }
}

/// A multi-layer perceptron: y = W x + b in every layer, ReLU between layers.
///
/// Parameters are one vector: of each layer W (outputs x inputs, row-major), then b. Rows of a batch are rows of
/// matrices.
#[derive(Debug, Clone, PartialEq)]
pub struct Mlp<T> {
    /// The widths: inputs, hidden layers, outputs.
    widths: Vec<usize>,
    pub(crate) parameters: Vec<T>,
}

/// What a batch leaves in the layers of a network, and room for its gradients.
#[derive(Debug, Clone)]
pub struct Trace<T> {
    /// The outputs of every layer.
    outputs: Vec<Vec<T>>,
    /// The gradients by the outputs of every layer but the last.
    gradients: Vec<Vec<T>>,
}

impl<T> Default for Trace<T> {
    /// An empty one, which grows with its first batch.
    fn default() -> Self {
        Trace { outputs: Vec::new(), gradients: Vec::new() }
    }
}

impl<T: Real> Trace<T> {
    /// The outputs of the network, rows x outputs.
    pub fn output(&self) -> &[T] {
        self.outputs.last().map_or(&[], Vec::as_slice)
    }

    /// The outputs of the last hidden layer, rows x units.
    pub(crate) fn hidden(&self) -> &[T] {
        &self.outputs[self.outputs.len() - 2]
    }

    fn fit(&mut self, rows: usize, widths: &[usize]) {
        let layers = widths.len() - 1;
        self.outputs.resize(layers, Vec::new());
        self.gradients.resize(layers - 1, Vec::new());
        for (layer, &width) in widths[1..].iter().enumerate() {
            self.outputs[layer].resize(rows * width, T::zero());
            if layer + 1 < layers {
                self.gradients[layer].resize(rows * width, T::zero());
            }
        }
    }
}

/// Which gradients [`Mlp::backward`] is asked for; what nobody reads is not computed.
#[derive(Debug)]
pub struct Wanted<'a, T> {
    /// By the parameters; it is overwritten.
    pub parameters: Option<&'a mut [T]>,
    /// By some columns of the input, rows x columns; it is overwritten.
    pub inputs: Option<(&'a mut [T], Range<usize>)>,
}

impl<T: Real> Mlp<T> {
    /// A network with the widths of inputs, hidden layers and outputs: weights and biases uniform within
    /// ±1/√inputs, as PyTorch's `Linear` starts.
    pub fn new(widths: &[usize], rng: &mut impl Rng) -> Self {
        let mut parameters = Vec::with_capacity(count(widths));
        for pair in widths.windows(2) {
            let bound = 1.0 / (pair[0] as f64).sqrt();
            parameters.extend((0..pair[1] * (pair[0] + 1)).map(|_| T::of(rng.random_range(-bound..bound))));
        }
        Mlp { widths: widths.to_vec(), parameters }
    }

    /// The widths of inputs, hidden layers and outputs.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// All parameters: of each layer W (outputs x inputs, row-major), then b.
    pub fn parameters(&self) -> &[T] {
        &self.parameters
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> &mut [T] {
        &mut self.parameters
    }

    /// Where the weights and the biases of a layer are among the parameters.
    fn places(&self, layer: usize) -> (Range<usize>, Range<usize>) {
        let start = count(&self.widths[..=layer]);
        let middle = start + self.widths[layer] * self.widths[layer + 1];
        (start..middle, middle..middle + self.widths[layer + 1])
    }

    fn weights(&self, layer: usize) -> ArrayView2<'_, T> {
        matrix(&self.parameters[self.places(layer).0], self.widths[layer])
    }

    /// Computes the outputs of a batch, rows x inputs; they are in the trace.
    pub fn forward(&self, inputs: &[T], trace: &mut Trace<T>) {
        let rows = inputs.len() / self.widths[0];
        trace.fit(rows, &self.widths);
        let layers = self.widths.len() - 1;
        for layer in 0..layers {
            let (before, rest) = trace.outputs.split_at_mut(layer);
            let x = before.last().map_or(inputs, Vec::as_slice);
            let y = &mut rest[0][..];
            multiply(matrix(x, self.widths[layer]), self.weights(layer).reversed_axes(), y);
            let biases = &self.parameters[self.places(layer).1];
            let least = if layer + 1 < layers { T::zero() } else { T::neg_infinity() };
            let rows = y.chunks_exact_mut(biases.len());
            Arch::new().dispatch(
                #[inline(always)]
                move || {
                    for row in rows {
                        for (value, &bias) in row.iter_mut().zip(biases) {
                            let sum = *value + bias;
                            *value = if sum < least { least } else { sum };
                        }
                    }
                },
            );
        }
    }

    /// Computes gradients from those by the outputs of the batch that the trace is of. `hidden` is a gradient that
    /// reaches the last hidden layer on another way.
    pub fn backward(
        &self,
        inputs: &[T],
        trace: &mut Trace<T>,
        outputs: &[T],
        hidden: Option<&[T]>,
        wanted: Wanted<'_, T>,
    ) {
        let mut parameters = wanted.parameters;
        let layers = self.widths.len() - 1;
        for layer in (0..layers).rev() {
            let width = self.widths[layer + 1];
            let (below, above) = trace.gradients.split_at_mut(layer);
            let gradient: &[T] = above.first().map_or(outputs, |gradient| gradient);
            let x = if layer == 0 { inputs } else { &trace.outputs[layer - 1] };
            if let Some(parameters) = &mut parameters {
                let (weights, biases) = self.places(layer);
                let x = matrix(x, self.widths[layer]);
                multiply(matrix(gradient, width).reversed_axes(), x, &mut parameters[weights]);
                let sums = &mut parameters[biases];
                sums.fill(T::zero());
                let rows = gradient.chunks_exact(width);
                Arch::new().dispatch(
                    #[inline(always)]
                    move || {
                        for row in rows {
                            sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum = *sum + value);
                        }
                    },
                );
            }
            if layer > 0 {
                let into = &mut below.last_mut().expect("there is a layer below")[..];
                multiply(matrix(gradient, width), self.weights(layer), into);
                if let (Some(hidden), true) = (hidden, layer + 1 == layers) {
                    into.iter_mut().zip(hidden).for_each(|(sum, &value)| *sum = *sum + value);
                }
                let all = into.iter_mut().zip(x);
                Arch::new().dispatch(
                    #[inline(always)]
                    move || {
                        // A product, since stores under a mask are slow on many machines.
                        for (value, &output) in all {
                            *value = *value * if output > T::zero() { T::one() } else { T::zero() };
                        }
                    },
                );
            }
        }
        if let Some((into, columns)) = wanted.inputs {
            let gradient: &[T] = trace.gradients.first().map_or(outputs, |gradient| gradient);
            let weights = self.weights(0);
            let weights = weights.slice_axis(Axis(1), Slice::from(columns));
            multiply(matrix(gradient, self.widths[1]), weights, into);
        }
    }
}

/// The number of parameters between these widths.
fn count(widths: &[usize]) -> usize {
    widths.windows(2).map(|pair| pair[1] * (pair[0] + 1)).sum()
}
