//! Maximum-entropy control of a finite process: backup, value iteration, policy evaluation and iteration.
//!
//! The functions of [`FiniteMdp`] that optimise rewards and α times entropy. α = 0 is ordinary dynamic
//! programming, with policies that take the first of the best actions. Sources: Ziebart 2010 (the soft
//! backup); Haarnoja et al. 2018, Soft Actor-Critic, section 4 and appendix B (soft policy iteration).

use super::check_length;
use super::finite_mdp::{FiniteMdp, check_distribution};
use super::linear::Elimination;
use crate::error::{Error, ErrorKind, Result};
use crate::row::{self, Order, Path};

/// How far an iteration came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Convergence {
    /// Backups, or policies, it took.
    pub iterations: u64,
    /// The largest change of a value by one more soft backup.
    pub residual: f64,
    /// No value is further from the optimum, but for rounding: some 1e-16 of the values, divided by 1 - γ.
    pub bound: f64,
}

/// The optimum of a process in infinite time, `[s]` and `[s·A + a]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftSolution {
    /// V: what the states are worth.
    pub values: Vec<f64>,
    /// Q = r + γ·Σ P·V: what actions in them are worth.
    pub action_values: Vec<f64>,
    /// π = exp((Q - V)/α).
    pub policy: Vec<f64>,
    /// How close V is to the optimum.
    pub convergence: Convergence,
}

/// The optimum at one step before a horizon.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftStage {
    /// V: what the states are worth with the steps that remain.
    pub values: Vec<f64>,
    /// π, `[s·A + a]`.
    pub policy: Vec<f64>,
}

impl FiniteMdp {
    /// The soft Bellman backup T V(s) = α·ln Σ_a exp((r + γ·P·V)(s, a)/α), and max_a at α = 0.
    ///
    /// # Errors
    /// If there is not one finite value for each state; unless α is 0 or from 1e-30 to 1e30.
    pub fn soft_backup(&self, alpha: f64, values: &[f64]) -> Result<Vec<f64>> {
        check_alpha(alpha)?;
        Ok(self.soft_maxima(alpha, &self.action_values(values)?))
    }

    /// The policy that is best if the states that follow are worth `values`: softmax(Q/α), `[s·A + a]`.
    ///
    /// In terminal states it means nothing.
    ///
    /// # Errors
    /// As [`FiniteMdp::soft_backup`].
    pub fn soft_policy(&self, alpha: f64, values: &[f64]) -> Result<Vec<f64>> {
        check_alpha(alpha)?;
        Ok(self.soft_arg_maxima(alpha, self.action_values(values)?))
    }

    /// The optimum by repeated backups, until no value is further than `tolerance` from it.
    ///
    /// A backup shrinks distances by γ, so that after one that changed no value by more than δ all are within
    /// δ·γ/(1 - γ) of the optimum.
    ///
    /// # Errors
    /// If γ is 1; unless α is 0 or from 1e-30 to 1e30, and the tolerance above 0; if rounding, or values that
    /// overflow, keep it from the tolerance.
    pub fn soft_value_iteration(&self, alpha: f64, tolerance: f64) -> Result<SoftSolution> {
        let factor = self.check_iteration(alpha, tolerance)?;
        let mut values = vec![0.0; self.states()];
        let (mut iterations, mut limit) = (0, f64::INFINITY);
        loop {
            let next = self.soft_backup(alpha, &values)?;
            let change = distance(&next, &values);
            values = next;
            iterations += 1;
            let bound = change * factor;
            if bound <= tolerance {
                return self.solution(alpha, values, iterations);
            }
            if iterations == 1 {
                // Without rounding the bound has shrunk enough by then.
                limit = 10.0 + (tolerance / bound).ln() / self.discount().ln();
            }
            if !((iterations as f64) < limit) {
                return Err(not_converged(bound, tolerance));
            }
        }
    }

    /// The optimum by repeated evaluation and improvement of a policy, until no value is further than
    /// `tolerance` from it.
    ///
    /// Values never fall from one policy to the next. It is Newton's method on V = T V: few policies, a
    /// linear system of S equations each.
    ///
    /// # Errors
    /// As [`FiniteMdp::soft_value_iteration`].
    pub fn soft_policy_iteration(&self, alpha: f64, tolerance: f64) -> Result<SoftSolution> {
        self.check_iteration(alpha, tolerance)?;
        let mut values = vec![0.0; self.states()];
        let (mut iterations, mut last) = (0, f64::NEG_INFINITY);
        loop {
            let policy = self.soft_policy(alpha, &values)?;
            values = self.soft_policy_values(alpha, &policy)?;
            iterations += 1;
            let sum: f64 = values.iter().sum();
            let solution = self.solution(alpha, values, iterations)?;
            let bound = solution.convergence.bound;
            if bound <= tolerance {
                return Ok(solution);
            }
            // Values rise until rounding is all that is left.
            if !(sum > last) {
                return Err(not_converged(bound, tolerance));
            }
            (values, last) = (solution.values, sum);
        }
    }

    /// What a policy `[s·A + a]` is worth in every state: the solution of (I - γ·P_π)·V = r_π + α·H(π).
    ///
    /// # Errors
    /// If γ is 1, the policy in a state is not a distribution (entries from 0 to 1, sum 1 within 1e-9) or
    /// takes an action that cannot be taken; unless α is 0 or from 1e-30 to 1e30.
    pub fn soft_policy_values(&self, alpha: f64, policy: &[f64]) -> Result<Vec<f64>> {
        check_alpha(alpha)?;
        self.check_policy(policy)?;
        let earned = self.expected(policy, |at| self.rewards()[at] - alpha * policy[at].ln());
        self.discounted_sums(policy, earned)
    }

    /// The optimum over `horizon` steps, after which nothing is earned: entry t is that at step t.
    ///
    /// γ may be 1.
    ///
    /// # Errors
    /// Unless α is 0 or from 1e-30 to 1e30; if values overflow.
    pub fn soft_backward_induction(&self, alpha: f64, horizon: usize) -> Result<Vec<SoftStage>> {
        check_alpha(alpha)?;
        let mut after = vec![0.0; self.states()];
        let mut stages = Vec::with_capacity(horizon);
        for _ in 0..horizon {
            let q = self.action_values(&after)?;
            let values = self.soft_maxima(alpha, &q);
            after.clone_from(&values);
            stages.push(SoftStage { values, policy: self.soft_arg_maxima(alpha, q) });
        }
        stages.reverse();
        Ok(stages)
    }

    /// Σ_a π(a|s)·x(s, a) of every state, 0 in terminal ones; x, at `s·A + a`, is asked for where π > 0 only.
    pub(super) fn expected(&self, policy: &[f64], x: impl Fn(usize) -> f64) -> Vec<f64> {
        let of_state = |state: usize| {
            let actions = state * self.actions()..(state + 1) * self.actions();
            if self.is_terminal(state) {
                return 0.0;
            }
            actions.filter(|&at| policy[at] > 0.0).map(|at| policy[at] * x(at)).sum()
        };
        (0..self.states()).map(of_state).collect()
    }

    /// E_π Σ γᵗ·x(s_t) from every state: (I - γ·P_π)⁻¹·x.
    pub(super) fn discounted_sums(&self, policy: &[f64], mut x: Vec<f64>) -> Result<Vec<f64>> {
        self.check_discount()?;
        let size = self.states();
        let mut matrix = vec![0.0; size * size];
        for (state, row) in matrix.chunks_exact_mut(size).enumerate() {
            row[state] = 1.0;
            if self.is_terminal(state) {
                continue;
            }
            for action in 0..self.actions() {
                let taken = self.discount() * policy[state * self.actions() + action];
                for &(next, probability) in self.successors(state, action) {
                    row[next] -= taken * probability;
                }
            }
        }
        Elimination::new(matrix, size).solve(&mut x);
        Ok(x)
    }

    /// α·ln Σ_a exp(q/α) of every state, 0 in terminal ones.
    pub(super) fn soft_maxima(&self, alpha: f64, q: &[f64]) -> Vec<f64> {
        let path = Path::best();
        let rows = q.chunks_exact(self.actions()).enumerate();
        let soft_maximum = |(state, q): (usize, &[f64])| {
            if self.is_terminal(state) {
                0.0
            } else if alpha == 0.0 {
                q[row::arg_max(q)]
            } else {
                let sums = path.sums::<f64, { Order::NORMALISER }, false>(q, 1.0 / alpha);
                sums.max + alpha * sums.tail.ln_1p()
            }
        };
        rows.map(soft_maximum).collect()
    }

    /// softmax(q/α) of every state, in place.
    fn soft_arg_maxima(&self, alpha: f64, mut q: Vec<f64>) -> Vec<f64> {
        let path = Path::best();
        for q in q.chunks_exact_mut(self.actions()) {
            if alpha == 0.0 {
                let best = row::arg_max(q);
                q.fill(0.0);
                q[best] = 1.0;
            } else {
                let sums = path.sums::<f64, { Order::NORMALISER }, false>(q, 1.0 / alpha);
                path.softmax(q, 1.0 / alpha, &sums);
            }
        }
        q
    }

    fn solution(&self, alpha: f64, values: Vec<f64>, iterations: u64) -> Result<SoftSolution> {
        let action_values = self.action_values(&values)?;
        let residual = distance(&self.soft_maxima(alpha, &action_values), &values);
        let convergence = Convergence { iterations, residual, bound: residual / (1.0 - self.discount()) };
        let policy = self.soft_arg_maxima(alpha, action_values.clone());
        Ok(SoftSolution { values, action_values, policy, convergence })
    }

    pub(super) fn check_policy(&self, policy: &[f64]) -> Result<()> {
        check_length("policy", policy.len(), self.rewards().len())?;
        for (state, row) in policy.chunks_exact(self.actions()).enumerate() {
            check_distribution(&format!("of the policy in state {state}"), row)?;
            let rewards = &self.rewards()[state * self.actions()..][..self.actions()];
            let is_wrong = |&action: &usize| row[action] > 0.0 && rewards[action] == f64::NEG_INFINITY;
            if let Some(action) = (0..row.len()).find(is_wrong).filter(|_| !self.is_terminal(state)) {
                let what = format!("probability of the policy in state {state}");
                let expected = "0 for an action that cannot be taken";
                return Err(Error::new(ErrorKind::Value, what, row[action], expected).at_column(action));
            }
        }
        Ok(())
    }

    fn check_discount(&self) -> Result<()> {
        if self.discount() < 1.0 {
            Ok(())
        } else {
            Err(Error::parameter("discount", self.discount(), "a number below 1, as time has no end"))
        }
    }

    /// γ/(1 - γ), if all is as it should be.
    fn check_iteration(&self, alpha: f64, tolerance: f64) -> Result<f64> {
        check_alpha(alpha)?;
        self.check_discount()?;
        if tolerance > 0.0 {
            Ok(self.discount() / (1.0 - self.discount()))
        } else {
            Err(Error::parameter("tolerance", tolerance, "a number above 0"))
        }
    }
}

/// The α of a process, whose inverse must not overflow.
pub(super) fn check_alpha(alpha: f64) -> Result<()> {
    if alpha == 0.0 || (1e-30..=1e30).contains(&alpha) {
        Ok(())
    } else {
        Err(Error::parameter("entropy temperature", alpha, "0, or a number from 1e-30 to 1e30"))
    }
}

/// The largest difference of two values.
fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |largest, (a, b)| f64::max(largest, (a - b).abs()))
}

fn not_converged(bound: f64, tolerance: f64) -> Error {
    let (what, bound) = ("bound on the distance to the optimum", format!("{bound:e}"));
    let expected = format!("at most the tolerance {tolerance:e}, which rounding may keep out of reach");
    Error::new(ErrorKind::NotConverged, what, bound, expected)
}
