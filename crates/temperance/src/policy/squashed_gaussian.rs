//! A Gaussian squashed into (-1, 1) by tanh: draws, log-probabilities that hold far out, and gradients.

use std::f64::consts::{LN_2, TAU};

use super::{check_alpha, check_length};
use crate::error::{Error, ErrorKind, Result};

/// One component a = tanh(u), u ~ N(μ, σ²), ℓ = ln σ.
///
/// Log-probabilities are densities of a, in (-1, 1), in nats:
///
/// ```text
/// u = μ + σ·ε,  a = tanh u
/// ln π(a) = -ε²/2 - ℓ - ln(2π)/2 - ln(1 - tanh² u)
/// ```
///
/// They are made from u or ε, never from a: in `f64` a is 1 from u = 19.1 on, and forgets u. The components
/// of an action are independent, so that their log-probabilities add up. Means and noise are any finite
/// numbers.
///
/// ```
/// use temperance::policy::SquashedGaussian;
///
/// let policy = SquashedGaussian { mean: 0.0, log_std: 0.0 };
/// let drawn = policy.sample(15.0);
/// assert!((drawn.action - 1.0).abs() < 1e-12);
/// let normal = -15_f64.powi(2) / 2.0 - std::f64::consts::TAU.ln() / 2.0;
/// assert!((drawn.log_probability - (normal + 28.6137)).abs() < 1e-4);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications, appendix C.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SquashedGaussian {
    /// μ, the mean of u.
    pub mean: f64,
    /// ℓ = ln σ, the logarithm of the standard deviation of u.
    pub log_std: f64,
}

/// A drawn component of an action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Squashed {
    /// u, before tanh.
    pub pre_action: f64,
    /// a = tanh u.
    pub action: f64,
    /// ln π(a) in nats.
    pub log_probability: f64,
}

/// The gradient of the loss of an actor in the two numbers of a component.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ActorGradient {
    /// ∂loss/∂μ.
    pub mean: f64,
    /// ∂loss/∂ℓ.
    pub log_std: f64,
}

/// ln(1 - tanh² u) = 2·(ln 2 - u - softplus(-2u)): the logarithm of the slope of tanh.
///
/// Finite for every finite u, where 1 - tanh² u is 0 in `f64` from |u| = 19.1 on.
///
/// ```
/// use temperance::policy::log_tanh_slope;
///
/// assert!((log_tanh_slope(8.0) + 14.6137).abs() < 1e-4);
/// assert!((log_tanh_slope(-1.0) - (1.0 - 1_f64.tanh().powi(2)).ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
#[inline]
pub fn log_tanh_slope(u: f64) -> f64 {
    // Even in u; above 0 softplus(-2u) = ln(1 + exp(-2u)) does not overflow.
    let u = u.abs();
    2.0 * (LN_2 - u - (-2.0 * u).exp().ln_1p())
}

impl SquashedGaussian {
    /// The component that the noise ε, drawn from N(0, 1), makes.
    #[inline]
    pub fn sample(self, noise: f64) -> Squashed {
        let pre_action = self.pre_action(noise);
        let log_probability = self.log_density(noise) - log_tanh_slope(pre_action);
        Squashed { pre_action, action: pre_action.tanh(), log_probability }
    }

    /// ln π(tanh u) in nats.
    #[inline]
    pub fn log_probability(self, pre_action: f64) -> f64 {
        let noise = (pre_action - self.mean) * (-self.log_std).exp();
        self.log_density(noise) - log_tanh_slope(pre_action)
    }

    /// tanh μ: half of all draws are below. The action of a policy that does not explore.
    #[inline]
    pub fn median(self) -> f64 {
        self.mean.tanh()
    }

    /// The entropy of u, ℓ + ln(2πe)/2 in nats. That of a is lower, by the mean of -ln(1 - tanh² u), and has
    /// no closed form.
    #[inline]
    pub fn entropy_before_squashing(self) -> f64 {
        self.log_std + 0.5 * (TAU.ln() + 1.0)
    }

    /// The gradient of the loss α·ln π(a) - Q(a) at fixed noise; `q_slope` is ∂Q/∂a.
    ///
    /// ```text
    /// ∂loss/∂μ = 2α·a - (1 - a²)·∂Q/∂a
    /// ∂loss/∂ℓ = ∂loss/∂μ·σε - α
    /// ```
    #[inline]
    pub fn actor_gradient(self, noise: f64, alpha: f64, q_slope: f64) -> ActorGradient {
        let u = self.pre_action(noise);
        let mean = 2.0 * alpha * u.tanh() - log_tanh_slope(u).exp() * q_slope;
        ActorGradient { mean, log_std: mean * self.log_std.exp() * noise - alpha }
    }

    #[inline]
    fn pre_action(self, noise: f64) -> f64 {
        self.mean + self.log_std.exp() * noise
    }

    /// That of u.
    #[inline]
    fn log_density(self, noise: f64) -> f64 {
        -0.5 * noise * noise - self.log_std - 0.5 * TAU.ln()
    }
}

/// The log-density of an action in the units of an environment, which stretches component i by scale_i > 0.
///
/// ln π - Σ ln scale_i. It moves a target entropy by Σ ln scale_i: one in these units is another target.
///
/// ```
/// use temperance::policy::log_probability_in_units;
///
/// // Uniform on [-1, 1] is 1/2; on [-2, 2] it is 1/4.
/// assert!((log_probability_in_units(0.5_f64.ln(), &[2.0])? - 0.25_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If a scale is not a finite number above 0.
pub fn log_probability_in_units(log_probability: f64, scales: &[f64]) -> Result<f64> {
    for (column, &scale) in scales.iter().enumerate() {
        if !(scale > 0.0 && scale < f64::INFINITY) {
            let expected = "a finite number above 0";
            return Err(Error::parameter("scale of an action", scale, expected).at_column(column));
        }
    }
    Ok(log_probability - scales.iter().map(|scale| scale.ln()).sum::<f64>())
}

/// How the output x of a network becomes a log standard deviation ℓ within bounds.
///
/// ```text
/// clamp:    ℓ = x, or the bound that x is beyond;  ∂ℓ/∂x = 1 from low to high, 0 outside
/// rescale:  ℓ = low + (high - low)·(1 + tanh x)/2;  ∂ℓ/∂x = (high - low)·(1 - tanh² x)/2
/// ```
///
/// ```
/// use temperance::policy::LogStdBounds;
///
/// let clamp = LogStdBounds::clamp(-20.0, 2.0)?;
/// assert_eq!((clamp.value(3.0), clamp.slope(3.0)), (2.0, 0.0));
/// let rescale = LogStdBounds::rescale(-5.0, 2.0)?;
/// assert_eq!((rescale.value(0.0), rescale.slope(0.0)), (-1.5, 3.5));
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: the clamp from -20 to 2 of Haarnoja et al. 2018; the other from -5 to 2 is that of CleanRL.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogStdBounds {
    low: f64,
    high: f64,
    map: Map,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Map {
    Clamp,
    Rescale,
}

impl LogStdBounds {
    /// What is beyond a bound is the bound.
    ///
    /// # Errors
    /// Unless -∞ < low < high < ∞.
    pub fn clamp(low: f64, high: f64) -> Result<Self> {
        Self::new(low, high, Map::Clamp)
    }

    /// All numbers, by tanh.
    ///
    /// # Errors
    /// As [`LogStdBounds::clamp`].
    pub fn rescale(low: f64, high: f64) -> Result<Self> {
        Self::new(low, high, Map::Rescale)
    }

    fn new(low: f64, high: f64, map: Map) -> Result<Self> {
        if low > f64::NEG_INFINITY && low < high && high < f64::INFINITY {
            Ok(LogStdBounds { low, high, map })
        } else {
            let bounds = format!("from {low} to {high}");
            Err(Error::parameter("log standard deviation", bounds, "two finite numbers, the first below"))
        }
    }

    /// ℓ.
    #[inline]
    pub fn value(&self, x: f64) -> f64 {
        match self.map {
            Map::Clamp => x.clamp(self.low, self.high),
            Map::Rescale => self.low + 0.5 * (self.high - self.low) * (1.0 + x.tanh()),
        }
    }

    /// ∂ℓ/∂x.
    #[inline]
    pub fn slope(&self, x: f64) -> f64 {
        match self.map {
            Map::Clamp if (self.low..=self.high).contains(&x) => 1.0,
            Map::Clamp => 0.0,
            Map::Rescale => 0.5 * (self.high - self.low) * log_tanh_slope(x).exp(),
        }
    }
}

/// Policies of a batch of states: rows of as many means, and log standard deviations, as an action has
/// components.
///
/// ```
/// use temperance::policy::SquashedGaussianBatch;
///
/// let policies = SquashedGaussianBatch::new(&[0.0, 0.0], &[0.0, 0.0], 2)?;
/// let (mut actions, mut log_probabilities) = ([0.0; 2], [0.0; 1]);
/// policies.sample_into(&[0.0, 0.0], &mut actions, &mut log_probabilities)?;
/// assert_eq!(actions, [0.0, 0.0]);
/// assert!((log_probabilities[0] + std::f64::consts::TAU.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SquashedGaussianBatch<'a> {
    means: &'a [f64],
    log_stds: &'a [f64],
    dimension: usize,
}

impl<'a> SquashedGaussianBatch<'a> {
    /// A view of both as rows of `dimension` components.
    ///
    /// # Errors
    /// If there is no component, the number of means is not a multiple of `dimension`, or that of log
    /// standard deviations is another.
    pub fn new(means: &'a [f64], log_stds: &'a [f64], dimension: usize) -> Result<Self> {
        if dimension == 0 || !means.len().is_multiple_of(dimension) {
            let expected = format!("a multiple of the {dimension} components of an action, at least 1");
            return Err(Error::shape("number of means", means.len(), expected));
        }
        check_length("log standard deviations", log_stds.len(), means.len())?;
        Ok(SquashedGaussianBatch { means, log_stds, dimension })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.means.len() / self.dimension
    }

    /// [`SquashedGaussian::sample`] of every component: actions, and the log-probability of each row's.
    ///
    /// # Errors
    /// If a length does not fit, or a log-probability is not finite: a mean, log standard deviation or noise
    /// is not, or overflows.
    pub fn sample_into(
        &self,
        noise: &[f64],
        actions: &mut [f64],
        log_probabilities: &mut [f64],
    ) -> Result<()> {
        check_length("noise", noise.len(), self.means.len())?;
        check_length("buffer of actions", actions.len(), self.means.len())?;
        self.sum_rows(log_probabilities, |at, policy| {
            let Squashed { action, log_probability, .. } = policy.sample(noise[at]);
            actions[at] = action;
            log_probability
        })
    }

    /// The log-probability of each row's action, from its components before tanh.
    ///
    /// # Errors
    /// As [`SquashedGaussianBatch::sample_into`].
    pub fn log_probabilities_into(&self, pre_actions: &[f64], out: &mut [f64]) -> Result<()> {
        check_length("actions before tanh", pre_actions.len(), self.means.len())?;
        self.sum_rows(out, |at, policy| policy.log_probability(pre_actions[at]))
    }

    /// The gradient of the mean over the rows of α·ln π(a) - Q(a), at the noise that made a, in means and log
    /// standard deviations; `q_slopes` is ∂Q/∂a of each row by itself. See
    /// [`SquashedGaussian::actor_gradient`].
    ///
    /// # Errors
    /// If a length does not fit, or α is negative or not finite.
    pub fn mean_actor_gradient(
        &self,
        noise: &[f64],
        alpha: f64,
        q_slopes: &[f64],
        means: &mut [f64],
        log_stds: &mut [f64],
    ) -> Result<()> {
        check_alpha(alpha)?;
        check_length("noise", noise.len(), self.means.len())?;
        check_length("slopes of Q", q_slopes.len(), self.means.len())?;
        check_length("gradient of the means", means.len(), self.means.len())?;
        check_length("gradient of the log standard deviations", log_stds.len(), self.means.len())?;
        let share = 1.0 / self.rows() as f64;
        for (at, policy) in self.components() {
            let gradient = policy.actor_gradient(noise[at], alpha, q_slopes[at]);
            means[at] = share * gradient.mean;
            log_stds[at] = share * gradient.log_std;
        }
        Ok(())
    }

    fn components(&self) -> impl Iterator<Item = (usize, SquashedGaussian)> {
        let pairs = self.means.iter().zip(self.log_stds);
        pairs.map(|(&mean, &log_std)| SquashedGaussian { mean, log_std }).enumerate()
    }

    /// Sums what each component of a row makes.
    fn sum_rows(&self, out: &mut [f64], mut of: impl FnMut(usize, SquashedGaussian) -> f64) -> Result<()> {
        check_length("buffer of log-probabilities", out.len(), self.rows())?;
        out.fill(0.0);
        for (at, policy) in self.components() {
            out[at / self.dimension] += of(at, policy);
        }
        match out.iter().position(|log_probability| !log_probability.is_finite()) {
            Some(row) => {
                let expected = "a finite number: means, log standard deviations and draws are";
                Err(Error::new(ErrorKind::Value, "log-probability", out[row], expected).at_row(row as u64))
            }
            None => Ok(()),
        }
    }
}
