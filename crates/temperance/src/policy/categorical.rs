//! A policy over K actions, from logits: probabilities, entropy, draws, and the losses of discrete SAC.

use super::{check_alpha, check_length};
use crate::error::{Error, ErrorKind, Result};
use crate::input::Logits;
use crate::row::{self, Base, Linear, Order, Path, Sums};

/// π = softmax(z) over K actions, from one sweep over their logits z.
///
/// A logit of -inf is an action that cannot be taken: π = 0, ln π = -inf, gradient 0. What is said of an
/// action with π = 0, its value included, does not count: 0·ln 0 = 0.
///
/// ```
/// use temperance::policy::Categorical;
///
/// let logits = [3_f64.ln(), 0.0, f64::NEG_INFINITY]; // π = (3/4, 1/4, 0)
/// let policy = Categorical::new(&logits)?;
/// assert!((policy.probability(0) - 0.75).abs() < 1e-15);
/// assert_eq!(policy.sample(0.7)?, 0);
/// assert_eq!(policy.sample(0.8)?, 1);
/// // Σ π·(Q - α·ln π) = 3/4·1 + 1/4·2 + 0.1·H
/// let value = policy.soft_value(&[1.0, 2.0, f64::NAN], 0.1)?;
/// assert!((value - (1.25 + 0.1 * policy.entropy())).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Christodoulou 2019, Soft Actor-Critic for Discrete Action Settings, equations 10 to 12.
#[derive(Debug, Clone, Copy)]
pub struct Categorical<'a> {
    logits: &'a [f64],
    sums: Sums,
    path: Path,
}

impl<'a> Categorical<'a> {
    /// The policy of a row of logits.
    ///
    /// # Errors
    /// If there are no logits, one is NaN or +inf, or all are -inf.
    pub fn new(logits: &'a [f64]) -> Result<Self> {
        Self::on(Path::best(), logits)
    }

    /// The same where the CPU is known: finding out costs as much as the sweep over a few actions.
    pub(super) fn on(path: Path, logits: &'a [f64]) -> Result<Self> {
        let sums = path.sums::<f64, { Order::ENTROPY }, false>(logits, 1.0);
        if sums.is_valid() {
            Ok(Categorical { logits, sums, path })
        } else {
            Err(Logits::new(logits, logits.len())?.invalid(0, 0))
        }
    }

    /// Number of actions K.
    pub fn actions(&self) -> usize {
        self.logits.len()
    }

    /// π(a).
    ///
    /// # Panics
    /// If there is no such action.
    pub fn probability(&self, action: usize) -> f64 {
        self.sums.probability(action, self.distance(action)).0
    }

    /// ln π(a) in nats.
    ///
    /// # Panics
    /// If there is no such action.
    pub fn log_probability(&self, action: usize) -> f64 {
        self.distance(action) - self.sums.tail.ln_1p()
    }

    /// π of all actions.
    ///
    /// # Errors
    /// If `out` is not of length K.
    pub fn probabilities_into(&self, out: &mut [f64]) -> Result<()> {
        self.copy_logits(out)?;
        self.path.softmax(out, 1.0, &self.sums);
        Ok(())
    }

    /// ln π of all actions in nats.
    ///
    /// # Errors
    /// If `out` is not of length K.
    pub fn log_probabilities_into(&self, out: &mut [f64]) -> Result<()> {
        self.copy_logits(out)?;
        row::log_softmax(out, 1.0, &self.sums);
        Ok(())
    }

    /// H = -Σ π·ln π in nats, from 0 to ln K.
    pub fn entropy(&self) -> f64 {
        self.sums.describe().entropy
    }

    /// The most probable action; the first of several.
    pub fn greedy(&self) -> usize {
        self.sums.arg_max
    }

    /// The action at a uniform number of the cumulative distribution; never one with π = 0.
    ///
    /// # Errors
    /// Unless 0 ≤ `uniform` < 1.
    pub fn sample(&self, uniform: f64) -> Result<usize> {
        check_uniform(uniform)?;
        let mut left = uniform * (1.0 + self.sums.tail);
        // Where rounding leaves a rest behind the last action.
        let mut last = self.greedy();
        for action in 0..self.actions() {
            let e = self.distance(action).exp();
            if left < e {
                return Ok(action);
            }
            if e > 0.0 {
                last = action;
            }
            left -= e;
        }
        Ok(last)
    }

    /// ∂ln π(a)/∂z_j = \[j = a\] - π_j.
    ///
    /// # Errors
    /// If `gradient` is not of length K.
    ///
    /// # Panics
    /// If there is no such action.
    pub fn log_probability_gradient(&self, action: usize, gradient: &mut [f64]) -> Result<()> {
        self.probabilities_into(gradient)?;
        gradient.iter_mut().for_each(|p| *p = -*p);
        gradient[action] = self.sums.probability(action, self.distance(action)).1;
        Ok(())
    }

    /// ∂H/∂z_j = -π_j·(ln π_j + H): less that of the confidence penalty.
    ///
    /// # Errors
    /// If `gradient` is not of length K.
    pub fn entropy_gradient(&self, gradient: &mut [f64]) -> Result<()> {
        self.copy_logits(gradient)?;
        let sum = 1.0 + self.sums.tail;
        // ln π + H = d - Σπd, in which ln Σe has cancelled.
        let (constant, slope) = (self.mean_distance() / sum, -1.0 / sum);
        let linear = Linear { constant, slope, scale: 0.0, targets: Base::Constant(0.0) };
        self.path.gradient(gradient, self.sums.max, &linear);
        Ok(())
    }

    /// The soft value V = Σ π·(Q - α·ln π) of a state whose actions are worth `q`.
    ///
    /// # Errors
    /// If `q` is not of length K, an action with π > 0 has a value that is not finite, or α is negative or
    /// not finite.
    pub fn soft_value(&self, q: &[f64], alpha: f64) -> Result<f64> {
        check_alpha(alpha)?;
        check_length("action values", q.len(), self.actions())?;
        let top = q[self.greedy()];
        let terms = (0..self.actions()).map(|action| match self.probability(action) {
            0.0 => 0.0,
            p => p * (q[action] - top),
        });
        let value = top + terms.sum::<f64>() + alpha * self.entropy();
        if value.is_finite() { Ok(value) } else { Err(self.invalid_value(q)) }
    }

    /// The loss Σ π·(α·ln π - Q) of an actor whose actions are worth `q`, and its gradient.
    ///
    /// ```text
    /// ∂loss/∂z_j = π_j·(f_j - Σ_k π_k·f_k),  f = α·ln π - Q
    /// ```
    ///
    /// ```
    /// use temperance::policy::Categorical;
    ///
    /// let mut gradient = [0.0; 2];
    /// let loss = Categorical::new(&[0.0, 0.0])?.actor_loss(&[1.0, 0.0], 0.5, &mut gradient)?;
    /// assert!((loss - (-0.5 * 2_f64.ln() - 0.5)).abs() < 1e-15);
    /// assert_eq!(gradient, [-0.25, 0.25]);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Categorical::soft_value`]; if `gradient` is not of length K.
    pub fn actor_loss(&self, q: &[f64], alpha: f64, gradient: &mut [f64]) -> Result<f64> {
        check_alpha(alpha)?;
        check_length("action values", q.len(), self.actions())?;
        self.probabilities_into(gradient)?;
        // Relative to the greedy action, the gradient of a policy that is sure keeps its digits.
        let top = q[self.greedy()];
        let mut mean = 0.0;
        for (&p, q) in gradient.iter().zip(q) {
            mean += if p > 0.0 { p * (q - top) } else { 0.0 };
        }
        let mean_distance = self.mean_distance();
        for ((p, q), z) in gradient.iter_mut().zip(q).zip(self.logits) {
            if *p > 0.0 {
                let d = z - self.sums.max;
                *p *= alpha * (d - mean_distance) - (q - top - mean);
            }
        }
        let value = top + mean + alpha * self.entropy();
        if value.is_finite() { Ok(-value) } else { Err(self.invalid_value(q)) }
    }

    /// d = z - max z of an action.
    fn distance(&self, action: usize) -> f64 {
        self.logits[action] - self.sums.max
    }

    /// Σ π·d.
    fn mean_distance(&self) -> f64 {
        self.sums.first / (1.0 + self.sums.tail)
    }

    fn copy_logits(&self, out: &mut [f64]) -> Result<()> {
        check_length("buffer", out.len(), self.actions())?;
        out.copy_from_slice(self.logits);
        Ok(())
    }

    #[cold]
    fn invalid_value(&self, q: &[f64]) -> Error {
        let counts = |&action: &usize| self.probability(action) > 0.0;
        let is_wrong = |&action: &usize| !q[action].is_finite();
        let expected = "a finite number, whose sums are finite too";
        match (0..self.actions()).filter(counts).find(is_wrong) {
            Some(action) => Error::new(ErrorKind::Value, "value of an action", q[action], expected)
                .at_row(0)
                .at_column(action),
            None => Error::new(ErrorKind::Value, "soft value", "not finite", expected).at_row(0),
        }
    }
}

pub(super) fn check_uniform(uniform: f64) -> Result<()> {
    if (0.0..1.0).contains(&uniform) {
        Ok(())
    } else {
        Err(Error::parameter("uniform number", uniform, "a number from 0 to below 1"))
    }
}

/// Policies of a batch of states, a row of K logits each.
///
/// ```
/// use temperance::policy::CategoricalBatch;
///
/// let policies = CategoricalBatch::new(&[0.0, 0.0, 1000.0, 0.0], 2)?;
/// let (q, mut values) = ([1.0, 3.0, 1.0, 3.0], [0.0; 2]);
/// policies.soft_values_into(&q, 0.0, &mut values)?;
/// assert_eq!(values, [2.0, 1.0]);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CategoricalBatch<'a> {
    logits: &'a [f64],
    actions: usize,
}

/// The loss of an actor, averaged over the rows of a batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActorLoss {
    /// Mean loss.
    pub value: f64,
    /// Mean entropy H(π) in nats: what the temperature α is adapted to.
    pub entropy: f64,
}

impl<'a> CategoricalBatch<'a> {
    /// A view of `logits` as rows of `actions`.
    ///
    /// # Errors
    /// If there are no logits, no actions, or the length is not a multiple of `actions`.
    pub fn new(logits: &'a [f64], actions: usize) -> Result<Self> {
        Logits::new(logits, actions)?;
        Ok(CategoricalBatch { logits, actions })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.logits.len() / self.actions
    }

    /// The policies of the rows; an illegal row is an error that names it.
    pub fn iter(&self) -> impl Iterator<Item = Result<Categorical<'a>>> + use<'a> {
        let path = Path::best();
        let rows = self.logits.chunks_exact(self.actions).enumerate();
        rows.map(move |(row, logits)| {
            Categorical::on(path, logits).map_err(|error| error.shifted(row as u64))
        })
    }

    /// [`Categorical::entropy`] of every row.
    ///
    /// # Errors
    /// If `out` does not have one entry a row, or a row is illegal.
    pub fn entropies_into(&self, out: &mut [f64]) -> Result<()> {
        check_length("buffer of entropies", out.len(), self.rows())?;
        for (policy, out) in self.iter().zip(out) {
            *out = policy?.entropy();
        }
        Ok(())
    }

    /// [`Categorical::sample`] of every row, at its own uniform number.
    ///
    /// # Errors
    /// As [`Categorical::sample`]; if there is not one number and one place for each row, or a row is
    /// illegal.
    pub fn sample_into(&self, uniforms: &[f64], out: &mut [usize]) -> Result<()> {
        check_length("uniform numbers", uniforms.len(), self.rows())?;
        check_length("buffer of actions", out.len(), self.rows())?;
        for (row, ((policy, &uniform), out)) in self.iter().zip(uniforms).zip(out).enumerate() {
            *out = policy?.sample(uniform).map_err(|error| error.at_row(row as u64))?;
        }
        Ok(())
    }

    /// [`Categorical::soft_value`] of every row; `q` has a row of values for each.
    ///
    /// # Errors
    /// As [`Categorical::soft_value`]; if a length does not fit, or a row is illegal.
    pub fn soft_values_into(&self, q: &[f64], alpha: f64, out: &mut [f64]) -> Result<()> {
        check_length("action values", q.len(), self.logits.len())?;
        check_length("buffer of values", out.len(), self.rows())?;
        for (row, ((policy, q), out)) in self.iter().zip(q.chunks_exact(self.actions)).zip(out).enumerate() {
            *out = policy?.soft_value(q, alpha).map_err(|error| error.shifted(row as u64))?;
        }
        Ok(())
    }

    /// The mean of [`Categorical::actor_loss`] over the rows, and its gradient: that of a row divided by
    /// their number.
    ///
    /// # Errors
    /// As [`Categorical::actor_loss`]; if a length does not fit, or a row is illegal.
    pub fn mean_actor_loss(&self, q: &[f64], alpha: f64, gradient: &mut [f64]) -> Result<ActorLoss> {
        check_length("action values", q.len(), self.logits.len())?;
        check_length("gradient", gradient.len(), self.logits.len())?;
        let share = 1.0 / self.rows() as f64;
        let (mut value, mut entropy) = (0.0, 0.0);
        let rows = q.chunks_exact(self.actions).zip(gradient.chunks_exact_mut(self.actions));
        for (row, (policy, (q, gradient))) in self.iter().zip(rows).enumerate() {
            let policy = policy?;
            let loss = policy.actor_loss(q, alpha, gradient).map_err(|error| error.shifted(row as u64))?;
            gradient.iter_mut().for_each(|g| *g *= share);
            value += share * loss;
            entropy += share * policy.entropy();
        }
        Ok(ActorLoss { value, entropy })
    }
}
