//! How long policy gradient takes to leave a wrong arm of a bandit.

use super::Categorical;
use crate::error::Result;
use crate::row::{self, Path};

/// Steps of exact-gradient softmax policy gradient on a bandit, until the best arm has more than half of the
/// probability; `None` if `limit` steps are not enough.
///
/// A step adds `rate` times ∂/∂z Σ π·(r - α·ln π) to the logits z. Of several best arms the first counts.
/// Without entropy a policy that starts with probability p on the best of two arms takes about 1/p steps of
/// one size; soft policy iteration takes one from anywhere.
///
/// ```
/// use temperance::policy::preference_steps;
///
/// // π(best) = 1/10 at the start.
/// let start = [0.0, 9_f64.ln()];
/// assert_eq!(preference_steps(&[1.0, 0.9], &start, 0.4, 0.0, 1000)?, Some(167));
/// assert_eq!(preference_steps(&[1.0, 0.9], &start, 0.4, 0.2, 1000)?, Some(56));
/// assert_eq!(preference_steps(&[1.0, 0.9], &start, 0.4, 0.0, 100)?, None);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// As [`Categorical::actor_loss`], for the rewards as values, and [`Categorical::new`].
///
/// Source: Mei et al. 2020, On the Global Convergence Rates of Softmax Policy Gradient Methods.
pub fn preference_steps(
    rewards: &[f64],
    logits: &[f64],
    rate: f64,
    alpha: f64,
    limit: u64,
) -> Result<Option<u64>> {
    let (path, best) = (Path::best(), row::arg_max(rewards));
    let (mut logits, mut gradient) = (logits.to_vec(), vec![0.0; logits.len()]);
    for step in 0..=limit {
        let policy = Categorical::on(path, &logits)?;
        policy.actor_loss(rewards, alpha, &mut gradient)?;
        if policy.probability(best) > 0.5 {
            return Ok(Some(step));
        }
        for (z, g) in logits.iter_mut().zip(&gradient) {
            *z -= rate * g;
        }
    }
    Ok(None)
}
