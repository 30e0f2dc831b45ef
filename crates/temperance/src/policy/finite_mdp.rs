//! A Markov decision process of finitely many states and actions, all of it known.

use super::categorical::check_uniform;
use super::check_length;
use crate::error::{Error, ErrorKind, Result};

/// A Markov decision process over states 0 … S - 1 and actions 0 … A - 1.
///
/// A reward of -inf is an action that cannot be taken in its state. A terminal state is worth 0: nothing is
/// earned in it, rewards and entropy alike. In infinite time the discount γ must be below 1; with a horizon
/// it may be 1.
///
/// ```
/// use temperance::policy::FiniteMdp;
///
/// // One state, two actions that stay in it.
/// let mdp = FiniteMdp::new(1, 2, &[1.0, 0.0], &[1.0, 1.0], 0.9)?;
/// let solution = mdp.soft_value_iteration(0.5, 1e-12)?;
/// // α·ln Σ exp(r/α) / (1 - γ)
/// assert!((solution.values[0] - 10.634640).abs() < 5e-7);
/// assert!((solution.policy[0] - 0.880797).abs() < 5e-7);
/// # Ok::<(), temperance::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FiniteMdp {
    states: usize,
    actions: usize,
    rewards: Vec<f64>,
    /// The states that may follow, with their probabilities, and where the list of each state and action
    /// ends.
    successors: Vec<(usize, f64)>,
    ends: Vec<usize>,
    terminal: Vec<bool>,
    discount: f64,
}

/// How far the sum of a distribution may be from 1.
const SUM_TOLERANCE: f64 = 1e-9;

impl FiniteMdp {
    /// A process without terminal states: `rewards[s·A + a]`, `transitions[(s·A + a)·S + s']` and the
    /// discount γ.
    ///
    /// The transitions of an action that cannot be taken are not read.
    ///
    /// # Errors
    /// If there is no state or action, a length does not fit, a reward is NaN or +inf, a state has no action
    /// that can be taken, a probability is not a number from 0 to 1, those of a state and action do not sum
    /// to 1 within 1e-9; unless 0 ≤ γ ≤ 1.
    pub fn new(
        states: usize,
        actions: usize,
        rewards: &[f64],
        transitions: &[f64],
        discount: f64,
    ) -> Result<Self> {
        if states == 0 || actions == 0 {
            let given = format!("{states} × {actions}");
            return Err(Error::shape("number of states and actions", given, "at least 1 × 1"));
        }
        check_length("rewards", rewards.len(), states * actions)?;
        check_length("transitions", transitions.len(), states * actions * states)?;
        if !(0.0..=1.0).contains(&discount) {
            return Err(Error::parameter("discount", discount, "a number from 0 to 1"));
        }
        for (state, rewards) in rewards.chunks_exact(actions).enumerate() {
            if let Some(action) = rewards.iter().position(|reward| !(*reward < f64::INFINITY)) {
                let what = format!("reward of action {action} in state {state}");
                return Err(Error::new(ErrorKind::Value, what, rewards[action], "a finite number or -inf"));
            }
            if rewards.iter().all(|reward| *reward == f64::NEG_INFINITY) {
                let what = format!("reward of every action in state {state}");
                return Err(Error::new(ErrorKind::Value, what, "-inf", "an action that can be taken"));
            }
        }
        let (mut successors, mut ends) = (Vec::new(), Vec::with_capacity(rewards.len()));
        for (row, (probabilities, &reward)) in transitions.chunks_exact(states).zip(rewards).enumerate() {
            if reward > f64::NEG_INFINITY {
                let of = format!("from state {} by action {}", row / actions, row % actions);
                check_distribution(&of, probabilities)?;
                let pairs = probabilities.iter().copied().enumerate();
                successors.extend(pairs.filter(|&(_, probability)| probability > 0.0));
            }
            ends.push(successors.len());
        }
        let (rewards, terminal) = (rewards.to_vec(), vec![false; states]);
        Ok(FiniteMdp { states, actions, rewards, successors, ends, terminal, discount })
    }

    /// The same process with these terminal states; what it earns in them, and where it goes from them, no
    /// longer counts.
    ///
    /// # Errors
    /// If there is not one entry for each state.
    pub fn with_terminal(mut self, terminal: &[bool]) -> Result<Self> {
        check_length("terminal states", terminal.len(), self.states)?;
        self.terminal = terminal.to_vec();
        Ok(self)
    }

    /// Number of states S.
    pub fn states(&self) -> usize {
        self.states
    }

    /// Number of actions A.
    pub fn actions(&self) -> usize {
        self.actions
    }

    /// The discount γ.
    pub fn discount(&self) -> f64 {
        self.discount
    }

    /// The rewards, `[s·A + a]`.
    pub fn rewards(&self) -> &[f64] {
        &self.rewards
    }

    /// Whether a state is terminal.
    ///
    /// # Panics
    /// If there is no such state.
    pub fn is_terminal(&self, state: usize) -> bool {
        self.terminal[state]
    }

    /// The states that may follow, with their probabilities; none after an action that cannot be taken.
    ///
    /// # Panics
    /// If there is no such state or action.
    pub fn successors(&self, state: usize, action: usize) -> &[(usize, f64)] {
        let row = self.row(state, action);
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.successors[start..self.ends[row]]
    }

    /// The state that follows, at a uniform number of the cumulative distribution.
    ///
    /// # Errors
    /// If the action cannot be taken; unless 0 ≤ `uniform` < 1.
    ///
    /// # Panics
    /// If there is no such state or action.
    pub fn next_state(&self, state: usize, action: usize, uniform: f64) -> Result<usize> {
        check_uniform(uniform)?;
        let mut left = uniform;
        let successors = self.successors(state, action);
        for &(next, probability) in successors {
            if left < probability {
                return Ok(next);
            }
            left -= probability;
        }
        // Rounding left a rest behind the last one.
        successors.last().map(|&(next, _)| next).ok_or_else(|| {
            let what = format!("action in state {state}");
            Error::new(ErrorKind::Value, what, action, "an action that can be taken")
        })
    }

    /// Q = r + γ·Σ P·V for every state and action, `[s·A + a]`, if the states are worth `values`: 0 in
    /// terminal states, -inf for actions that cannot be taken.
    ///
    /// # Errors
    /// If there is not one finite value for each state.
    pub fn action_values(&self, values: &[f64]) -> Result<Vec<f64>> {
        check_length("values of the states", values.len(), self.states)?;
        if let Some(state) = values.iter().position(|value| !value.is_finite()) {
            let what = format!("value of state {state}");
            return Err(Error::new(ErrorKind::Value, what, values[state], "a finite number"));
        }
        let mut q = Vec::with_capacity(self.rewards.len());
        for state in 0..self.states {
            q.extend((0..self.actions).map(|action| self.action_value(values, state, action)));
        }
        Ok(q)
    }

    fn action_value(&self, values: &[f64], state: usize, action: usize) -> f64 {
        if self.terminal[state] {
            return 0.0;
        }
        let successors = self.successors(state, action).iter();
        let next: f64 = successors.map(|&(next, probability)| probability * self.value(values, next)).sum();
        self.rewards[self.row(state, action)] + self.discount * next
    }

    fn value(&self, values: &[f64], state: usize) -> f64 {
        if self.terminal[state] { 0.0 } else { values[state] }
    }

    fn row(&self, state: usize, action: usize) -> usize {
        assert!(state < self.states && action < self.actions);
        state * self.actions + action
    }
}

/// A distribution, described as `of`.
pub(super) fn check_distribution(of: &str, probabilities: &[f64]) -> Result<()> {
    if let Some(column) = probabilities.iter().position(|p| !(0.0..=1.0).contains(p)) {
        let what = format!("probability {of}");
        return Err(Error::new(ErrorKind::Value, what, probabilities[column], "a number from 0 to 1")
            .at_column(column));
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() <= SUM_TOLERANCE {
        Ok(())
    } else {
        let what = format!("sum of the probabilities {of}");
        Err(Error::new(ErrorKind::Value, what, sum, "1 within 1e-9"))
    }
}
