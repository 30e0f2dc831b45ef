//! An obstacle that was not there when the policy was made: a policy that has kept other ways goes around it.
//!
//! Nothing is drawn at random: policies are optima, and the chances of their walks are computed.

use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;
use temperance::policy::FiniteMdp;

use super::{Work, parameters, process};
use crate::environment::obstacle_grid::ENTRY;

/// What is tried: the soft optima of ObstacleGrid without an obstacle, where there is one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// The temperatures α.
    pub alphas: Vec<f64>,
    /// γ.
    pub discount: f64,
}

/// The walks of a policy to the goal, in at most 100 steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Walk {
    /// The probability that they arrive.
    pub arrives: f64,
    /// Their mean number of steps.
    pub steps: f64,
}

/// A policy in a grid.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Case {
    /// α.
    pub alpha: f64,
    /// Cells of the obstacle.
    pub obstacle: u64,
    /// With actions drawn from the policy.
    pub stochastic: Walk,
    /// With its most probable actions.
    pub greedy: Walk,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// In the order of the temperatures, each with obstacles of 0, 1 and 3 cells.
    pub cases: Vec<Case>,
    /// 1/ln |A|: above it a step of pure entropy is worth more than it costs.
    pub entropy_trap: f64,
}

/// Steps of a walk, as in the environment.
const STEPS: u64 = 100;

impl Default for Setup {
    /// α from 0 to 1 by 0.02.
    fn default() -> Self {
        Setup { alphas: (0..=50).map(|step| f64::from(step) / 50.0).collect(), discount: 0.99 }
    }
}

impl Setup {
    /// α from 0 to 1 by 0.1.
    pub fn quick() -> Self {
        Setup { alphas: (0..=10).map(|step| f64::from(step) / 10.0).collect(), ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// Unless every α is 0 or from 1e-30 to 1e30 and 0 ≤ γ < 1; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let grid =
            |cells: u64| process(ENTRY.name, &parameters(&[("obstacle", cells as f64)]), self.discount);
        let (free, start) = grid(0)?;
        let grids = [0, 1, 3].map(|cells| Ok::<_, temperance::Error>((cells, grid(cells)?.0)));
        let grids = grids.into_iter().collect::<Result<Vec<_>>>()?;
        let work = Work::new("obstacle", self.alphas.len() as u64, observer);
        let mut cases = Vec::new();
        for &alpha in &self.alphas {
            let policy = free.soft_policy_iteration(alpha, 1e-9)?.policy;
            let greedy = most_probable(&policy, free.actions());
            cases.extend(grids.iter().map(|(obstacle, grid)| Case {
                alpha,
                obstacle: *obstacle,
                stochastic: walk(grid, start, &policy),
                greedy: walk(grid, start, &greedy),
            }));
            work.add(1)?;
        }
        Ok(Findings { setup: self.clone(), cases, entropy_trap: 1.0 / (free.actions() as f64).ln() })
    }
}

/// The policy that takes the most probable action of another, the first of several.
fn most_probable(policy: &[f64], actions: usize) -> Vec<f64> {
    let mut greedy = vec![0.0; policy.len()];
    for (policy, greedy) in policy.chunks_exact(actions).zip(greedy.chunks_exact_mut(actions)) {
        let largest = policy.iter().copied().fold(0.0, f64::max);
        let first = policy.iter().position(|&probability| probability == largest);
        greedy[first.expect("it is one of them")] = 1.0;
    }
    greedy
}

/// The walks of a policy `[s·A + a]`, by the distribution over the states after each step.
fn walk(mdp: &FiniteMdp, start: usize, policy: &[f64]) -> Walk {
    let mut at = vec![0.0; mdp.states()];
    at[start] = 1.0;
    let (mut arrives, mut steps) = (0.0, 0.0);
    for _ in 0..STEPS {
        let mut next = vec![0.0; mdp.states()];
        for state in (0..mdp.states()).filter(|&state| at[state] > 0.0) {
            steps += at[state];
            for action in 0..mdp.actions() {
                let taken = at[state] * policy[state * mdp.actions() + action];
                for &(reached, probability) in mdp.successors(state, action) {
                    let share = taken * probability;
                    *if mdp.is_terminal(reached) { &mut arrives } else { &mut next[reached] } += share;
                }
            }
        }
        at = next;
    }
    Walk { arrives, steps }
}
