//! What the entropy of a policy guarantees if the rewards turn out other than they were.

use super::check_length;
use super::finite_mdp::{FiniteMdp, check_distribution};
use super::soft_value_iteration::check_alpha;
use crate::error::{Error, ErrorKind, Result};

/// What a policy earns under other rewards, and what it is guaranteed to.
///
/// ```text
/// guarantee  = E_π Σ γᵗ·(r + α·H(π))  =  min { E_π Σ γᵗ·r̃ : constraint ≤ 0 }
/// constraint = E_π Σ γᵗ·α·ln Σ_a exp((r - r̃)(s_t, a)/α)
/// ```
///
/// The minimum is at r̃ = r - α·ln π ([`FiniteMdp::worst_rewards`]), where the constraint is 0. For any r̃
/// the value is at least the guarantee less the constraint, as α·ln Σ exp(f/α) ≥ E_π f + α·H(π).
///
/// Source: Eysenbach, Levine 2022, Maximum Entropy RL (Provably) Solves Some Robust RL Problems, section 4
/// (α = 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RewardRobustness {
    /// The other rewards are in the set of the guarantee if this is at most 0.
    pub constraint: f64,
    /// The discounted sum of the other rewards.
    pub value: f64,
    /// The discounted sum of the rewards and α times the entropies: the smallest value that the set allows.
    pub guarantee: f64,
}

impl FiniteMdp {
    /// What a policy `[s·A + a]` earns under other rewards `[s·A + a]`, from states drawn from `start`.
    ///
    /// Rewards of actions that cannot be taken, and in terminal states, are not read.
    ///
    /// ```
    /// use temperance::policy::FiniteMdp;
    ///
    /// let mdp = FiniteMdp::new(1, 2, &[1.0, 0.0], &[1.0, 1.0], 0.5)?;
    /// let policy = [0.75, 0.25];
    /// let worst = mdp.worst_rewards(1.0, &policy)?;
    /// let robustness = mdp.reward_robustness(1.0, &policy, &[1.0], &worst)?;
    /// assert!(robustness.constraint.abs() < 1e-15);
    /// // (3/4 + H)·2
    /// assert!((robustness.guarantee - 2.624670).abs() < 5e-7);
    /// assert!((robustness.value - robustness.guarantee).abs() < 1e-15);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`FiniteMdp::soft_policy_values`]; if `start` is not a distribution over the states, the number of
    /// rewards does not fit, or one that is read is not finite, but for +inf where π = 0.
    pub fn reward_robustness(
        &self,
        alpha: f64,
        policy: &[f64],
        start: &[f64],
        rewards: &[f64],
    ) -> Result<RewardRobustness> {
        check_length("start", start.len(), self.states())?;
        check_distribution("of the start", start)?;
        check_length("other rewards", rewards.len(), self.rewards().len())?;
        let values = self.soft_policy_values(alpha, policy)?;
        let mut gained = Vec::with_capacity(rewards.len());
        for (at, (&own, &other)) in self.rewards().iter().zip(rewards).enumerate() {
            let (state, action) = (at / self.actions(), at % self.actions());
            if self.is_terminal(state) || own == f64::NEG_INFINITY {
                gained.push(own);
            } else if other.is_finite() || (other == f64::INFINITY && policy[at] == 0.0) {
                gained.push(own - other);
            } else {
                let what = format!("other reward of action {action} in state {state}");
                let expected = "a finite number, or +inf where the policy has probability 0";
                return Err(Error::new(ErrorKind::Value, what, other, expected));
            }
        }
        let mean = |x: &[f64]| start.iter().zip(x).map(|(p, x)| p * x).sum::<f64>();
        let constraint = self.discounted_sums(policy, self.soft_maxima(alpha, &gained))?;
        let value = self.discounted_sums(policy, self.expected(policy, |at| rewards[at]))?;
        Ok(RewardRobustness { constraint: mean(&constraint), value: mean(&value), guarantee: mean(&values) })
    }

    /// The rewards r - α·ln π under which the guarantee of a policy is all that it earns; +inf where π = 0
    /// and α > 0.
    ///
    /// # Errors
    /// If the policy in a state is not a distribution or takes an action that cannot be taken; unless α is 0
    /// or from 1e-30 to 1e30.
    pub fn worst_rewards(&self, alpha: f64, policy: &[f64]) -> Result<Vec<f64>> {
        check_alpha(alpha)?;
        self.check_policy(policy)?;
        let pairs = self.rewards().iter().zip(policy);
        Ok(pairs.map(|(r, p)| if alpha == 0.0 { *r } else { r - alpha * p.ln() }).collect())
    }
}
