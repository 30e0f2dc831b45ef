//! Maximum-entropy policies: what soft actor-critic and soft value iteration are made of.
//!
//! A policy π is worth its discounted rewards and, times the entropy temperature α, its entropies:
//!
//! ```text
//! J(π) = E Σ_t γᵗ·(r(s_t, a_t) + α·H(π(·|s_t)))
//! ```
//!
//! - Over K actions, from logits: [`Categorical`]; its entropy is that of the confidence penalty.
//! - Over the box [-1, 1]ⁿ: [`SquashedGaussian`].
//! - α and the entropy that it aims at: [`TemperatureLoss`], [`CategoricalTarget`], [`ContinuousTarget`].
//! - Exact answers to learn from and to test against: [`FiniteMdp`], [`LinearQuadratic`], [`preference_steps`],
//!   [`TabularSac`].
//!
//! Nothing here draws a random number: the caller gives uniform or normal ones. All arithmetic is in `f64`;
//! nats.

mod bandit;
mod categorical;
mod entropy_temperature;
mod finite_mdp;
mod linear;
mod lqr;
mod reward_robustness;
mod soft_value_iteration;
mod squashed_gaussian;
mod tabular_sac;

pub use bandit::preference_steps;
pub use categorical::{ActorLoss, Categorical, CategoricalBatch};
pub use entropy_temperature::{CategoricalTarget, ContinuousTarget, TemperatureLoss, largest_probability};
pub use finite_mdp::FiniteMdp;
pub use lqr::{LinearQuadratic, LinearQuadraticPolicy};
pub use reward_robustness::RewardRobustness;
pub use soft_value_iteration::{Convergence, SoftSolution, SoftStage};
pub use squashed_gaussian::{
    ActorGradient, LogStdBounds, Squashed, SquashedGaussian, SquashedGaussianBatch, log_probability_in_units,
    log_tanh_slope,
};
pub use tabular_sac::{TabularSac, TabularSoftPolicy};

use crate::error::{Error, Result};

fn check_alpha(alpha: f64) -> Result<f64> {
    if (0.0..f64::INFINITY).contains(&alpha) {
        Ok(alpha)
    } else {
        Err(Error::parameter("entropy temperature", alpha, "a finite number, 0 or above"))
    }
}

fn check_length(what: &'static str, length: usize, expected: usize) -> Result<()> {
    if length == expected {
        Ok(())
    } else {
        Err(Error::shape(format!("length of the {what}"), length, expected.to_string()))
    }
}
