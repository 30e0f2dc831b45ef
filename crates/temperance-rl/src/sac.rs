//! Soft actor-critic for continuous actions (Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications).

use std::f64::consts::TAU;
use std::ops::Range;

use rand::Rng;
use temperance::policy::{LogStdBounds, Squashed, SquashedGaussian, log_tanh_slope};
use temperance::{Error, ErrorKind, Result};

use crate::adam::{Adam, Rate};
use crate::learner::{Critic, Judged, Learner, Temperature, both};
use crate::network::{Real, Trace};
use crate::product::join;
use crate::replay::Batch;
use crate::settings::{Order, Settings};

/// What an update says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Losses {
    /// The loss of the critics.
    pub critic: f64,
    /// That of the policy; NaN in an update that it sat out.
    pub actor: f64,
    /// That of ln α; 0 where α is fixed.
    pub temperature: f64,
    /// The gradient of the loss of ln α.
    pub temperature_gradient: f64,
    /// α in this update.
    pub alpha: f64,
    /// The entropy of the policy in nats: of continuous actions, the mean of -ln π of those drawn.
    pub entropy: f64,
    /// The mean of what the first critic says of the batch.
    pub value: f64,
}

impl Losses {
    /// Takes in the loss and the mean value of each critic.
    fn of_critics(&mut self, (first, value): (f64, f64), (second, _): (f64, f64)) {
        (self.critic, self.value) = (first + second, value);
    }
}

/// An agent that learns a squashed Gaussian policy.
#[derive(Debug, Clone)]
pub struct Sac<T> {
    pub(crate) settings: Settings,
    target_entropy: f64,
    pub(crate) policy: Policy<T>,
    pub(crate) critics: [Critic<T>; 2],
    pub(crate) temperature: Temperature,
    pub(crate) updates: u64,
    /// For the observations of a batch, and for the next ones.
    drawn: Drawn<T>,
    next: Drawn<T>,
}

/// A squashed Gaussian for every observation.
#[derive(Debug, Clone)]
pub(crate) struct Policy<T> {
    observation_len: usize,
    action_len: usize,
    bounds: LogStdBounds,
    /// What it takes from a log-probability to have it in the units of the target entropy.
    log_unit: f64,
    /// Its outputs are means and log standard deviations, or means alone where exploration is state-dependent.
    pub(crate) actor: Learner<T>,
    pub(crate) exploration: Option<Exploration<T>>,
}

/// The log standard deviations of state-dependent exploration, hidden units x action entries (Raffin et al. 2021, Smooth
/// Exploration for Robotic Reinforcement Learning).
#[derive(Debug, Clone)]
pub(crate) struct Exploration<T> {
    pub(crate) log_std: Vec<T>,
    /// Means are cut off at ± this.
    largest_mean: f64,
    pub(crate) adam: Adam<T>,
    pub(crate) gradient: Vec<T>,
}

impl<T: Real> Exploration<T> {
    fn stds(&self) -> Vec<f64> {
        self.log_std.iter().map(|log_std| log_std.f64().exp()).collect()
    }
}

/// Added to the variance of state-dependent exploration.
const VARIANCE_FLOOR: f64 = 1e-6;

/// Actions that a policy has drawn for a batch, with what their gradients need.
#[derive(Debug, Clone)]
struct Drawn<T> {
    trace: Trace<T>,
    /// Normal numbers: rows x entries, or the matrix of state-dependent exploration.
    noise: Vec<f64>,
    actions: Vec<f64>,
    log_probabilities: Vec<f64>,
}

impl<T: Real> Drawn<T> {
    fn new() -> Self {
        Drawn {
            trace: Trace::default(),
            noise: Vec::new(),
            actions: Vec::new(),
            log_probabilities: Vec::new(),
        }
    }

    /// The mean of -ln π.
    fn entropy(&self) -> f64 {
        -self.log_probabilities.iter().sum::<f64>() / self.log_probabilities.len() as f64
    }
}

/// An entry drawn under state-dependent exploration.
struct Dependent {
    squashed: Squashed,
    noise: f64,
    variance: f64,
    /// Whether the mean was not cut off.
    within: bool,
}

impl<T: Real> Policy<T> {
    /// Where actions are in the input of a critic.
    fn action_columns(&self) -> Range<usize> {
        self.observation_len..self.observation_len + self.action_len
    }

    fn mean(&self, output: f64) -> f64 {
        match &self.exploration {
            Some(exploration) => output.clamp(-exploration.largest_mean, exploration.largest_mean),
            None => output,
        }
    }

    /// Normal numbers that a batch of so many rows is drawn with.
    fn noise_len(&self, rows: usize) -> usize {
        self.exploration.as_ref().map_or(rows * self.action_len, |exploration| exploration.log_std.len())
    }

    fn draw_noise(&self, rows: usize, drawn: &mut Drawn<T>, noise: &mut dyn FnMut(&mut [f64])) {
        drawn.noise.resize(self.noise_len(rows), 0.0);
        noise(&mut drawn.noise);
    }

    /// Draws an action for each observation, with the noise that is there.
    fn draw(&self, observations: &[T], drawn: &mut Drawn<T>) {
        let Drawn { trace, noise, actions, log_probabilities } = drawn;
        self.actor.network.forward(observations, trace);
        let stds = self.exploration.as_ref().map(Exploration::stds);
        actions.clear();
        log_probabilities.clear();
        for row in 0..observations.len() / self.observation_len {
            let mut sum = -self.log_unit;
            for entry in 0..self.action_len {
                let squashed = match &stds {
                    None => self.gaussian(trace, row, entry).0.sample(noise[row * self.action_len + entry]),
                    Some(stds) => self.dependent(trace, row, entry, stds, noise).squashed,
                };
                sum += squashed.log_probability;
                actions.push(squashed.action);
            }
            log_probabilities.push(sum);
        }
    }

    /// The policy of an entry, and the slope of its log standard deviation in the output of the network.
    fn gaussian(&self, trace: &Trace<T>, row: usize, entry: usize) -> (SquashedGaussian, f64) {
        let output = &trace.output()[2 * self.action_len * row..];
        let x = output[self.action_len + entry].f64();
        let policy = SquashedGaussian { mean: output[entry].f64(), log_std: self.bounds.value(x) };
        (policy, self.bounds.slope(x))
    }

    /// An entry drawn with a matrix of noise E: n = h·(σ∘E), variance h²·σ² + 1e-6, u = mean + n.
    fn dependent(
        &self,
        trace: &Trace<T>,
        row: usize,
        entry: usize,
        stds: &[f64],
        matrix: &[f64],
    ) -> Dependent {
        let entries = self.action_len;
        let units = stds.len() / entries;
        let hidden = &trace.hidden()[row * units..(row + 1) * units];
        let (mut noise, mut variance) = (0.0, VARIANCE_FLOOR);
        for (unit, &h) in hidden.iter().enumerate() {
            let at = unit * entries + entry;
            let scaled = h.f64() * stds[at];
            noise += scaled * matrix[at];
            variance += scaled * scaled;
        }
        let output = trace.output()[row * entries + entry].f64();
        let mean = self.mean(output);
        let pre_action = mean + noise;
        let density = -0.5 * (noise * noise / variance + variance.ln() + TAU.ln());
        let log_probability = density - log_tanh_slope(pre_action);
        let squashed = Squashed { pre_action, action: pre_action.tanh(), log_probability };
        Dependent { squashed, noise, variance, within: mean == output }
    }

    /// A step along the gradient of the mean of α ln π - Q; `q_slopes` are those of Q in the drawn actions.
    fn step(&mut self, observations: &[T], drawn: &mut Drawn<T>, alpha: f64, q_slopes: &[f64], rate: Rate) {
        let rows = q_slopes.len() / self.action_len;
        let mut outputs = vec![T::zero(); drawn.trace.output().len()];
        let mut hidden = None;
        if self.exploration.is_some() {
            hidden = Some(self.dependent_gradient(drawn, alpha, q_slopes, &mut outputs));
        } else {
            for (row, outputs) in outputs.chunks_exact_mut(2 * self.action_len).enumerate() {
                for entry in 0..self.action_len {
                    let at = row * self.action_len + entry;
                    let (policy, slope) = self.gaussian(&drawn.trace, row, entry);
                    let gradient = policy.actor_gradient(drawn.noise[at], alpha, q_slopes[at]);
                    outputs[entry] = T::of(gradient.mean / rows as f64);
                    outputs[self.action_len + entry] = T::of(gradient.log_std * slope / rows as f64);
                }
            }
        }
        self.actor.step(observations, &mut drawn.trace, &outputs, hidden.as_deref(), rate, None);
        if let Some(Exploration { log_std, adam, gradient, .. }) = &mut self.exploration {
            adam.step(log_std, gradient, rate, None);
        }
    }

    /// The gradients of state-dependent exploration: by the outputs of the network, by its last hidden layer, which is
    /// given back, and by the log standard deviations.
    fn dependent_gradient(
        &mut self,
        drawn: &Drawn<T>,
        alpha: f64,
        q_slopes: &[f64],
        outputs: &mut [T],
    ) -> Vec<T> {
        let exploration = self.exploration.as_ref().expect("exploration is state-dependent");
        let entries = self.action_len;
        let stds = exploration.stds();
        let units = stds.len() / entries;
        let rows = q_slopes.len() / entries;
        let share = 1.0 / rows as f64;
        let mut gradient = vec![0.0; stds.len()];
        let mut hidden = vec![T::zero(); rows * units];
        for row in 0..rows {
            let of_row = row * units..(row + 1) * units;
            let (h, hidden) = (&drawn.trace.hidden()[of_row.clone()], &mut hidden[of_row]);
            for entry in 0..entries {
                let at = row * entries + entry;
                let Dependent { squashed, noise, variance, within } =
                    self.dependent(&drawn.trace, row, entry, &stds, &drawn.noise);
                let slope = log_tanh_slope(squashed.pre_action).exp();
                let by_u = share * (2.0 * alpha * squashed.action - slope * q_slopes[at]);
                let by_noise = by_u - share * alpha * noise / variance;
                let by_variance = 0.5 * share * alpha * (noise * noise / variance - 1.0) / variance;
                outputs[at] = T::of(if within { by_u } else { 0.0 });
                for (unit, (&h, hidden)) in h.iter().zip(&mut *hidden).enumerate() {
                    let at = unit * entries + entry;
                    let (h, std) = (h.f64(), stds[at]);
                    // By the product of h and σ, which is all that noise and variance know of both.
                    let by_scaled = by_noise * drawn.noise[at] + 2.0 * by_variance * h * std;
                    gradient[at] += by_scaled * h * std;
                    *hidden = *hidden + T::of(by_scaled * std);
                }
            }
        }
        let exploration = self.exploration.as_mut().expect("exploration is state-dependent");
        exploration.gradient.iter_mut().zip(gradient).for_each(|(into, value)| *into = T::of(value));
        hidden
    }
}

impl<T: Real> Sac<T> {
    /// An agent for observations of `observation_len` entries and actions whose entries have these half ranges.
    ///
    /// # Errors
    /// A setting lies outside its domain, or the target entropy cannot be reached.
    pub fn new(
        settings: Settings,
        observation_len: usize,
        scales: &[f64],
        rng: &mut impl Rng,
    ) -> Result<Self> {
        settings.check()?;
        let action_len = scales.len();
        let (target_entropy, log_unit) = settings.continuous_target(scales)?;
        let outputs = if settings.sde { action_len } else { 2 * action_len };
        let actor = Learner::new(&settings.widths(observation_len, outputs), rng);
        let exploration = settings.sde.then(|| {
            let count = settings.hidden[settings.hidden.len() - 1] * action_len;
            let log_std = vec![T::of(settings.sde_log_std); count];
            let largest_mean = match settings.sde_largest_mean {
                0.0 => f64::INFINITY,
                largest => largest,
            };
            Exploration { log_std, largest_mean, adam: Adam::new(count), gradient: vec![T::zero(); count] }
        });
        let widths = settings.widths(observation_len + action_len, 1);
        let critics = [Critic::new(&widths, rng), Critic::new(&widths, rng)];
        let bounds = settings.bounds();
        Ok(Sac {
            target_entropy,
            policy: Policy { observation_len, action_len, bounds, log_unit, actor, exploration },
            critics,
            temperature: Temperature::new(&settings),
            settings,
            updates: 0,
            drawn: Drawn::new(),
            next: Drawn::new(),
        })
    }

    /// The entropy that α is learned for.
    pub fn target_entropy(&self) -> f64 {
        self.target_entropy
    }

    /// α.
    pub fn alpha(&self) -> f64 {
        self.temperature.alpha()
    }

    /// Normal numbers that [`Sac::act`] takes: one for each entry of an action, or a matrix of hidden units x entries
    /// under state-dependent exploration.
    pub fn noise_len(&self) -> usize {
        self.policy.noise_len(1)
    }

    /// The action of one observation, entries from -1 to 1: drawn with noise, or the middle of the policy without.
    pub fn act(&self, observation: &[T], noise: Option<&[f64]>, trace: &mut Trace<T>, action: &mut [f32]) {
        let policy = &self.policy;
        policy.actor.network.forward(observation, trace);
        let stds = noise.and(policy.exploration.as_ref()).map(Exploration::stds);
        for (entry, action) in action.iter_mut().enumerate() {
            let drawn = match (noise, &stds) {
                (None, _) => policy.mean(trace.output()[entry].f64()).tanh(),
                (Some(noise), None) => policy.gaussian(trace, 0, entry).0.sample(noise[entry]).action,
                (Some(matrix), Some(stds)) => policy.dependent(trace, 0, entry, stds, matrix).squashed.action,
            };
            *action = drawn as f32;
        }
    }

    /// Learns from a batch. `noise` fills a vector with normal numbers, rows x entries: for the batch's observations,
    /// then for the next ones; under state-dependent exploration a matrix that serves both. In the order
    /// [`Order::Delayed`]: for the next observations, then, where the policy learns, for it and for α, twice.
    ///
    /// # Errors
    /// A value is no number; it is named.
    pub fn update(&mut self, batch: &Batch<T>, noise: &mut dyn FnMut(&mut [f64])) -> Result<Losses> {
        self.updates += 1;
        let rows = batch.rewards.len();
        let alpha = self.temperature.alpha();
        let mut losses = Losses { alpha, actor: f64::NAN, entropy: f64::NAN, ..Losses::default() };
        match self.settings.order {
            Order::Together => {
                let Sac { policy, drawn, next, .. } = self;
                policy.draw_noise(rows, drawn, noise);
                if policy.exploration.is_some() {
                    next.noise.clone_from(&drawn.noise);
                } else {
                    policy.draw_noise(rows, next, noise);
                }
                join(
                    2 * rows * policy.actor.network.parameters.len(),
                    || policy.draw(&batch.observations, drawn),
                    || policy.draw(&batch.next_observations, next),
                );
                self.learn_temperature(&mut losses);
                let regression = self.regression(batch, alpha)?;
                let asked = self.beside(&batch.observations, &self.drawn.actions);
                let columns = self.policy.action_columns();
                // The way there and back for the targets, then for the actions that were drawn.
                let (first, second) = both(&mut self.critics, 3 * rows + 3 * rows, |critic| {
                    (regression.step(critic), critic.judge(&asked, columns.clone()))
                });
                losses.of_critics(first.0, second.0);
                self.learn_policy(batch, alpha, [first.1, second.1], &mut losses)?;
            }
            Order::Delayed => {
                self.policy.draw_noise(rows, &mut self.next, noise);
                self.policy.draw(&batch.next_observations, &mut self.next);
                let regression = self.regression(batch, alpha)?;
                let (first, second) = both(&mut self.critics, 3 * rows, |critic| regression.step(critic));
                losses.of_critics(first, second);
                for _ in 0..if self.updates.is_multiple_of(2) { 2 } else { 0 } {
                    self.policy.draw_noise(rows, &mut self.drawn, noise);
                    self.policy.draw(&batch.observations, &mut self.drawn);
                    let alpha = self.temperature.alpha();
                    let asked = self.beside(&batch.observations, &self.drawn.actions);
                    let columns = self.policy.action_columns();
                    let (first, second) =
                        both(&mut self.critics, 3 * rows, |critic| critic.judge(&asked, columns.clone()));
                    self.learn_policy(batch, alpha, [first, second], &mut losses)?;
                    self.policy.draw_noise(rows, &mut self.drawn, noise);
                    self.policy.draw(&batch.observations, &mut self.drawn);
                    self.learn_temperature(&mut losses);
                }
            }
        }
        Ok(losses)
    }

    /// A step of ln α, from the actions that are drawn.
    fn learn_temperature(&mut self, losses: &mut Losses) {
        losses.entropy = self.drawn.entropy();
        (losses.temperature, losses.temperature_gradient) =
            self.temperature.learn(losses.entropy, self.target_entropy);
    }

    /// What the critics learn: r + γ(1-d)(min Q̄(s', a') - α ln π(a'|s')), at the next actions that are drawn.
    fn regression(&mut self, batch: &Batch<T>, alpha: f64) -> Result<Regression<T>> {
        let inputs = self.beside(&batch.next_observations, &self.next.actions);
        let rows = batch.rewards.len();
        let (a, b) = both(&mut self.critics, rows, |critic| critic.target_values(&inputs));
        let targets: Vec<f64> = (0..rows)
            .map(|row| {
                let value = a[row].f64().min(b[row].f64()) - alpha * self.next.log_probabilities[row];
                batch.rewards[row].f64() + batch.discounts[row].f64() * value
            })
            .collect();
        finite("target of the critics", &targets)?;
        Ok(Regression {
            inputs: beside(&batch.observations, self.policy.observation_len, &batch.actions),
            targets,
            factor: self.settings.critic_loss_factor,
            rate: self.settings.rate(self.settings.critic_learning_rate),
            polyak: self.settings.polyak(self.updates),
        })
    }

    /// A step of the policy against α ln π - min Q, at the actions that are drawn.
    fn learn_policy(
        &mut self,
        batch: &Batch<T>,
        alpha: f64,
        [first, second]: [Judged<T>; 2],
        losses: &mut Losses,
    ) -> Result<()> {
        let rows = batch.rewards.len();
        let entries = self.policy.action_len;
        let (mut least, mut q_slopes) = (Vec::with_capacity(rows), Vec::with_capacity(rows * entries));
        // The critic with the smaller value counts, the first of equal ones.
        for row in 0..rows {
            let judged = if second.values[row] < first.values[row] { &second } else { &first };
            least.push(judged.values[row].f64());
            q_slopes
                .extend(judged.slopes[row * entries..(row + 1) * entries].iter().map(|slope| slope.f64()));
        }
        finite("value of an action", &least)?;
        let pairs = self.drawn.log_probabilities.iter().zip(&least);
        losses.actor =
            pairs.map(|(log_probability, q)| alpha * log_probability - q).sum::<f64>() / rows as f64;
        let rate = self.settings.rate(self.settings.actor_learning_rate);
        self.policy.step(&batch.observations, &mut self.drawn, alpha, &q_slopes, rate);
        Ok(())
    }

    fn beside(&self, observations: &[T], actions: &[f64]) -> Vec<T> {
        let actions: Vec<T> = actions.iter().map(|&action| T::of(action)).collect();
        beside(observations, self.policy.observation_len, &actions)
    }
}

/// What the critics learn from a batch.
struct Regression<T> {
    inputs: Vec<T>,
    targets: Vec<f64>,
    factor: f64,
    rate: Rate,
    polyak: Option<f64>,
}

impl<T: Real> Regression<T> {
    /// A step of a critic towards the targets; gives its loss and its mean value, both before the step.
    fn step(&self, critic: &mut Critic<T>) -> (f64, f64) {
        let (mut loss, mut mean) = (0.0, 0.0);
        let share = 1.0 / self.targets.len() as f64;
        let gradient: Vec<T> = critic
            .values(&self.inputs)
            .iter()
            .zip(&self.targets)
            .map(|(value, target)| {
                let error = value.f64() - target;
                loss += share * self.factor * error * error;
                mean += share * value.f64();
                T::of(2.0 * share * self.factor * error)
            })
            .collect();
        critic.step(&self.inputs, &gradient, self.rate, self.polyak);
        (loss, mean)
    }
}

/// Every value is a number.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(row) => {
            let expected = "a finite number: learning has diverged";
            Err(Error::new(ErrorKind::NotConverged, what, values[row], expected).at_row(row as u64))
        }
    }
}

/// Rows of both, side by side.
fn beside<T: Real>(left: &[T], left_len: usize, right: &[T]) -> Vec<T> {
    let rows = left.len() / left_len;
    let mut joined = Vec::with_capacity(left.len() + right.len());
    for (left, right) in left.chunks_exact(left_len).zip(right.chunks_exact(right.len() / rows)) {
        joined.extend_from_slice(left);
        joined.extend_from_slice(right);
    }
    joined
}
