//! The temperature α of the entropy: the loss that adapts it, and the entropy that it aims at.

use std::f64::consts::LN_2;

use crate::error::{Error, Result};

/// The loss of ln α, which is smallest where the entropy of the policy is its target.
///
/// ```text
/// by ln α:  ln α·(H - H̄),  ∂/∂ln α = H - H̄
/// by α:        α·(H - H̄),  ∂/∂ln α = α·(H - H̄)
/// ```
///
/// H is the entropy of the policy: its mean over a batch, or the mean of -ln π of drawn actions. Both have
/// the same sign and the same fixed point. By α, plain gradient descent slows down as α tends to 0.
///
/// ```
/// use temperance::policy::TemperatureLoss;
///
/// // Too little entropy: descent raises α.
/// assert_eq!(TemperatureLoss::LogAlpha.gradient(0.1_f64.ln(), 0.25, 0.75), -0.5);
/// assert!((TemperatureLoss::Alpha.gradient(0.1_f64.ln(), 0.25, 0.75) + 0.05).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Haarnoja et al. 2018, Soft Actor-Critic Algorithms and Applications, equation 18 (by α);
/// most implementations have ln α in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemperatureLoss {
    /// ln α·(H - H̄).
    #[default]
    LogAlpha,
    /// α·(H - H̄).
    Alpha,
}

impl TemperatureLoss {
    /// The loss.
    pub fn value(self, log_alpha: f64, entropy: f64, target: f64) -> f64 {
        match self {
            TemperatureLoss::LogAlpha => log_alpha * (entropy - target),
            TemperatureLoss::Alpha => log_alpha.exp() * (entropy - target),
        }
    }

    /// Its derivative in ln α.
    pub fn gradient(self, log_alpha: f64, entropy: f64, target: f64) -> f64 {
        match self {
            TemperatureLoss::LogAlpha => entropy - target,
            TemperatureLoss::Alpha => log_alpha.exp() * (entropy - target),
        }
    }
}

/// The entropy that a policy over K actions aims at.
///
/// Between 0 and ln K. Near ln K it forces every action to be almost as likely as any other
/// ([`largest_probability`]); a learned α then grows without end.
///
/// ```
/// use temperance::loss::Schedule;
/// use temperance::policy::CategoricalTarget;
///
/// assert!((CategoricalTarget::Scaled(0.5).nats(4)? - 2_f64.ln()).abs() < 1e-15);
/// assert_eq!(
///     CategoricalTarget::Nats(-2.0).nats(2).unwrap_err().to_string(),
///     "target entropy is -2; expected a number of nats from 0 to 0.6931, which is ln 2"
/// );
/// // A scale that falls during training.
/// let scale = Schedule::linear(0.9, 0.5, 1000)?;
/// assert!((CategoricalTarget::Scaled(scale.value_at(500)).nats(2)? - 0.7 * 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Christodoulou 2019 (scale 0.98).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum CategoricalTarget {
    /// This part of ln K.
    Scaled(f64),
    /// This many nats.
    Nats(f64),
}

impl CategoricalTarget {
    /// The target in nats for a policy over that many actions.
    ///
    /// # Errors
    /// If there is no action; unless 0 ≤ target ≤ ln K.
    pub fn nats(self, actions: usize) -> Result<f64> {
        let largest = largest_entropy(actions)?;
        let target = match self {
            CategoricalTarget::Scaled(scale) => scale * largest,
            CategoricalTarget::Nats(nats) => nats,
        };
        check_target(target, actions)
    }
}

/// The entropy that a policy over a box of actions, each component in \[-1, 1\], aims at.
///
/// Differential entropy, in normalised units; it may be negative, and is largest for the uniform
/// distribution: n·ln 2. An environment's own units add the logarithms of the stretching to entropies, and so
/// would to a target.
///
/// ```
/// use temperance::policy::ContinuousTarget;
///
/// assert_eq!(ContinuousTarget::MinusDimension.nats(3)?, -3.0);
/// assert_eq!(ContinuousTarget::MinusHalfDimension.nats(3)?, -1.5);
/// assert_eq!(
///     ContinuousTarget::Nats(1.0).nats(1).unwrap_err().to_string(),
///     "target entropy is 1; expected a finite number of nats below 0.6931, which is 1·ln 2"
/// );
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Haarnoja et al. 2018, appendix D (-n); half of it is Dopamine's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum ContinuousTarget {
    /// -n for n components.
    #[default]
    MinusDimension,
    /// -n/2.
    MinusHalfDimension,
    /// This many nats.
    Nats(f64),
}

impl ContinuousTarget {
    /// The target in nats for actions of that many components.
    ///
    /// # Errors
    /// If there is no component; unless -∞ < target < n·ln 2.
    pub fn nats(self, dimension: usize) -> Result<f64> {
        if dimension == 0 {
            return Err(Error::shape("number of components", 0, "at least 1"));
        }
        let n = dimension as f64;
        let target = match self {
            ContinuousTarget::MinusDimension => -n,
            ContinuousTarget::MinusHalfDimension => -n / 2.0,
            ContinuousTarget::Nats(nats) => nats,
        };
        let largest = n * LN_2;
        if target > f64::NEG_INFINITY && target < largest {
            return Ok(target);
        }
        let expected = format!("a finite number of nats below {largest:.4}, which is {dimension}·ln 2");
        Err(Error::parameter("target entropy", target, expected))
    }
}

/// The largest probability that any policy over K actions may give to one of them, if its entropy is at least
/// `target` nats.
///
/// The p in \[1/K, 1\] where all other actions share the rest and the entropy is the target:
///
/// ```text
/// -p·ln p - (1 - p)·ln((1 - p)/(K - 1)) = H̄
/// ```
///
/// A target of 0 gives 1, ln K gives 1/K, near which half of the digits are lost: entropy is flat there. K is
/// the number of actions that can be taken.
///
/// ```
/// use temperance::policy::{CategoricalTarget, largest_probability};
///
/// let target = CategoricalTarget::Scaled(0.98).nats(2)?;
/// assert!((largest_probability(target, 2)? - 0.583).abs() < 5e-4);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there is no action; unless 0 ≤ target ≤ ln K.
pub fn largest_probability(target: f64, actions: usize) -> Result<f64> {
    check_target(target, actions)?;
    let k = actions as f64;
    // In the rest q = 1 - p, in which small entropies keep their digits, entropy increases up to (K - 1)/K.
    let entropy = |q: f64| {
        let spread = if q > 0.0 { q * (q / (k - 1.0)).ln() } else { 0.0 };
        -(1.0 - q) * (-q).ln_1p() - spread
    };
    let (mut low, mut high) = (0.0, (k - 1.0) / k);
    loop {
        let middle = 0.5 * (low + high);
        if !(low < middle && middle < high) {
            return Ok(1.0 - low);
        }
        if entropy(middle) < target {
            low = middle;
        } else {
            high = middle;
        }
    }
}

fn largest_entropy(actions: usize) -> Result<f64> {
    if actions > 0 {
        Ok((actions as f64).ln())
    } else {
        Err(Error::shape("number of actions", 0, "at least 1"))
    }
}

fn check_target(target: f64, actions: usize) -> Result<f64> {
    let largest = largest_entropy(actions)?;
    if (0.0..=largest).contains(&target) {
        return Ok(target);
    }
    let expected = format!("a number of nats from 0 to {largest:.4}, which is ln {actions}");
    Err(Error::parameter("target entropy", target, expected))
}
