//! Discrete SAC on a finite process, with tables in place of networks and no replay.

use super::{Categorical, FiniteMdp};
use crate::error::{Error, Result};
use crate::row::{self, Path};

/// Tabular discrete soft actor-critic: what its settings are.
///
/// At every step, from s by a ~ π(·|s) = softmax(z(s)) to s' with reward r:
///
/// ```text
/// V(s') = Σ_a π(a|s')·(Q(s', a) - α·ln π(a|s')), 0 if s' is terminal
/// Q(s, a) += critic rate·(r + γ·V(s') - Q(s, a))
/// z(s)    -= actor rate·∂/∂z Σ_a π(a|s)·(α·ln π(a|s) - Q(s, a))
/// ```
///
/// ```
/// use temperance::policy::{FiniteMdp, TabularSac};
///
/// // A bandit: every action ends the episode.
/// let to_the_end = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
/// let mdp = FiniteMdp::new(2, 2, &[1.0, 0.0, 0.0, 0.0], &to_the_end, 0.9)?.with_terminal(&[false, true])?;
/// let settings = TabularSac { episodes: 2000, steps: 1, actor_rate: 0.5, critic_rate: 0.2 };
/// let mut uniforms = (0..).map(|i: u64| (i as f64 * 0.618_033_988_749_894_9).fract());
/// let learned = settings.train(&mdp, 0, |_| 0.5, || uniforms.next().unwrap())?;
/// // Q has come to r, and π to softmax(r/α).
/// assert!((learned.action_values[0] - 1.0).abs() < 1e-9);
/// assert!((learned.logits[0] - learned.logits[1] - 2.0).abs() < 1e-6);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Christodoulou 2019, without its networks, replay and twin critics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TabularSac {
    /// Number of episodes.
    pub episodes: u64,
    /// Steps after which an episode is cut off. What comes after counts for Q.
    pub steps: u64,
    /// Rate of the actor, above 0.
    pub actor_rate: f64,
    /// Rate of the critic, above 0 and at most 1.
    pub critic_rate: f64,
}

/// What was learned, `[s·A + a]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TabularSoftPolicy {
    /// z: softmax of those of a state is its policy.
    pub logits: Vec<f64>,
    /// Q.
    pub action_values: Vec<f64>,
    actions: usize,
}

impl TabularSoftPolicy {
    /// The most probable action of a state; the first of several.
    ///
    /// # Panics
    /// If there is no such state.
    pub fn greedy(&self, state: usize) -> usize {
        row::arg_max(&self.logits[state * self.actions..][..self.actions])
    }
}

impl TabularSac {
    /// Learns from tables of 0, in episodes that begin in the state `start`.
    ///
    /// `alpha` is the temperature of an episode, counted from 0, such as the value of a
    /// [`Schedule`](crate::loss::Schedule). `uniform` gives numbers from 0 to below 1: one for an action, and
    /// one more where several states may follow. Nothing else is random.
    ///
    /// # Errors
    /// If there is no state `start`, a rate is not in its domain, a number is not from 0 to below 1, or α is
    /// negative or not finite; if values overflow.
    pub fn train(
        &self,
        mdp: &FiniteMdp,
        start: usize,
        alpha: impl Fn(u64) -> f64,
        mut uniform: impl FnMut() -> f64,
    ) -> Result<TabularSoftPolicy> {
        self.check()?;
        if start >= mdp.states() {
            let expected = format!("a state from 0 to {}", mdp.states() - 1);
            return Err(Error::parameter("start", start, expected));
        }
        let (path, actions) = (Path::best(), mdp.actions());
        // An action that cannot be taken keeps a logit of -inf.
        let mut logits: Vec<f64> =
            mdp.rewards().iter().map(|r| if *r > f64::NEG_INFINITY { 0.0 } else { *r }).collect();
        let mut q = vec![0.0; logits.len()];
        let mut gradient = vec![0.0; actions];
        for episode in 0..self.episodes {
            let alpha = alpha(episode);
            let mut state = start;
            for _ in 0..self.steps {
                if mdp.is_terminal(state) {
                    break;
                }
                let own = state * actions..(state + 1) * actions;
                let action = Categorical::on(path, &logits[own.clone()])?.sample(uniform())?;
                let next = match mdp.successors(state, action) {
                    [(only, _)] => *only,
                    _ => mdp.next_state(state, action, uniform())?,
                };
                let value = if mdp.is_terminal(next) {
                    0.0
                } else {
                    let next = next * actions..(next + 1) * actions;
                    Categorical::on(path, &logits[next.clone()])?.soft_value(&q[next], alpha)?
                };
                let at = state * actions + action;
                q[at] += self.critic_rate * (mdp.rewards()[at] + mdp.discount() * value - q[at]);
                let policy = Categorical::on(path, &logits[own.clone()])?;
                policy.actor_loss(&q[own.clone()], alpha, &mut gradient)?;
                for (z, g) in logits[own].iter_mut().zip(&gradient) {
                    *z -= self.actor_rate * g;
                }
                state = next;
            }
        }
        Ok(TabularSoftPolicy { logits, action_values: q, actions })
    }

    fn check(&self) -> Result<()> {
        if !(self.actor_rate > 0.0 && self.actor_rate < f64::INFINITY) {
            return Err(Error::parameter("actor rate", self.actor_rate, "a finite number above 0"));
        }
        if !(self.critic_rate > 0.0 && self.critic_rate <= 1.0) {
            return Err(Error::parameter("critic rate", self.critic_rate, "a number above 0, at most 1"));
        }
        Ok(())
    }
}
