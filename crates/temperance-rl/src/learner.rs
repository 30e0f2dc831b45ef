//! Networks that learn: with the state of their optimiser, their gradient and their targets.

use std::ops::Range;

use rand::Rng;
use temperance::policy::TemperatureLoss;

use crate::adam::{Adam, Rate};
use crate::network::{Mlp, Real, Trace, Wanted};
use crate::product::join;
use crate::settings::Settings;

/// A network and the Adam that trains it.
#[derive(Debug, Clone)]
pub(crate) struct Learner<T> {
    pub(crate) network: Mlp<T>,
    pub(crate) adam: Adam<T>,
    pub(crate) gradient: Vec<T>,
}

impl<T: Real> Learner<T> {
    pub(crate) fn new(widths: &[usize], rng: &mut impl Rng) -> Self {
        let network = Mlp::new(widths, rng);
        let parameters = network.parameters.len();
        Learner { network, adam: Adam::new(parameters), gradient: vec![T::zero(); parameters] }
    }

    /// A step along the gradient by the outputs of the batch that the trace is of; `hidden` is that of the last hidden
    /// layer on another way. A target follows, if there is one.
    pub(crate) fn step(
        &mut self,
        inputs: &[T],
        trace: &mut Trace<T>,
        outputs: &[T],
        hidden: Option<&[T]>,
        rate: Rate,
        target: Option<(&mut [T], f64)>,
    ) {
        let wanted = Wanted { parameters: Some(&mut self.gradient[..]), inputs: None };
        self.network.backward(inputs, trace, outputs, hidden, wanted);
        self.adam.step(&mut self.network.parameters, &self.gradient, rate, target);
    }
}

/// A critic and the target that follows it.
#[derive(Debug, Clone)]
pub(crate) struct Critic<T> {
    pub(crate) learner: Learner<T>,
    pub(crate) target: Mlp<T>,
    trace: Trace<T>,
    target_trace: Trace<T>,
}

/// What a critic makes of a batch.
pub(crate) struct Judged<T> {
    pub(crate) values: Vec<T>,
    /// Rows x columns.
    pub(crate) slopes: Vec<T>,
}

impl<T: Real> Critic<T> {
    pub(crate) fn new(widths: &[usize], rng: &mut impl Rng) -> Self {
        let learner = Learner::new(widths, rng);
        let target = learner.network.clone();
        Critic { learner, target, trace: Trace::default(), target_trace: Trace::default() }
    }

    /// What the critic makes of a batch.
    pub(crate) fn values(&mut self, inputs: &[T]) -> &[T] {
        self.learner.network.forward(inputs, &mut self.trace);
        self.trace.output()
    }

    /// What the target makes of a batch.
    pub(crate) fn target_values(&mut self, inputs: &[T]) -> &[T] {
        self.target.forward(inputs, &mut self.target_trace);
        self.target_trace.output()
    }

    /// What the critic makes of a batch, and the slopes of that in some columns of the input.
    pub(crate) fn judge(&mut self, inputs: &[T], columns: Range<usize>) -> Judged<T> {
        let values = self.values(inputs).to_vec();
        let mut slopes = vec![T::zero(); values.len() * columns.len()];
        let ones = vec![T::one(); values.len()];
        let wanted = Wanted { parameters: None, inputs: Some((&mut slopes, columns)) };
        self.learner.network.backward(inputs, &mut self.trace, &ones, None, wanted);
        Judged { values, slopes }
    }

    /// A step along the gradient by the values of the batch seen last; the target follows by `polyak`, if it is its
    /// turn.
    pub(crate) fn step(&mut self, inputs: &[T], gradient: &[T], rate: Rate, polyak: Option<f64>) {
        let target = polyak.map(|share| (&mut self.target.parameters[..], share));
        self.learner.step(inputs, &mut self.trace, gradient, None, rate, target);
    }
}

/// What is done with two critics; side by side if it is worth it, for so many rows that pass through them. On their way
/// back rows count twice.
pub(crate) fn both<'a, T: Real, R: Send>(
    critics: &'a mut [Critic<T>; 2],
    rows: usize,
    of: impl Fn(&'a mut Critic<T>) -> R + Sync,
) -> (R, R) {
    let [first, second] = critics;
    let work = rows * first.target.parameters.len();
    join(work, || of(first), || of(second))
}

/// α, fixed or learned.
#[derive(Debug, Clone)]
pub(crate) struct Temperature {
    pub(crate) log_alpha: [f64; 1],
    /// None if α is fixed.
    pub(crate) adam: Option<Adam<f64>>,
    pub(crate) loss: TemperatureLoss,
    pub(crate) rate: Rate,
}

impl Temperature {
    pub(crate) fn new(settings: &Settings) -> Self {
        let alpha = settings.alpha.unwrap_or(settings.initial_alpha);
        Temperature {
            log_alpha: [alpha.ln()],
            adam: settings.alpha.is_none().then(|| Adam::new(1)),
            loss: settings.temperature_loss(),
            rate: settings.rate(settings.temperature_learning_rate),
        }
    }

    pub(crate) fn alpha(&self) -> f64 {
        self.log_alpha[0].exp()
    }

    /// Learns from an entropy; gives the loss and its gradient by ln α.
    pub(crate) fn learn(&mut self, entropy: f64, target: f64) -> (f64, f64) {
        let Some(adam) = &mut self.adam else { return (0.0, 0.0) };
        let log_alpha = self.log_alpha[0];
        let gradient = self.loss.gradient(log_alpha, entropy, target);
        adam.step(&mut self.log_alpha, &[gradient], self.rate, None);
        (self.loss.value(log_alpha, entropy, target), gradient)
    }
}
