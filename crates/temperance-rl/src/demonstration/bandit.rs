//! Two arms of nearly the same reward: how long exact policy gradient stays with the wrong one.

use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;
use temperance::policy::preference_steps;

use super::Work;
use crate::jobs::side_by_side;

/// What is tried: softmax policy gradient on arms of 1 and 0.9.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// The temperatures τ of the entropy.
    pub temperatures: Vec<f64>,
    /// The probabilities of the best arm at the start.
    pub probabilities: Vec<f64>,
    /// The rate of the gradient.
    pub rate: f64,
    /// Steps after which it is given up.
    pub limit: u64,
}

/// How long it took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Time {
    /// τ.
    pub temperature: f64,
    /// The probability of the best arm at the start.
    pub probability: f64,
    /// Steps until the best arm has more than half of the probability; none if the limit came before.
    pub steps: Option<u64>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// In the order of the temperatures, each in the order of the probabilities.
    pub times: Vec<Time>,
    /// For each temperature, the probability of the best arm in the end, 1/(1 + exp(-0.1/τ)). Soft policy
    /// iteration has it after one step from anywhere.
    pub limits: Vec<f64>,
}

const REWARDS: [f64; 2] = [1.0, 0.9];

impl Default for Setup {
    /// Down to a probability of 1/10000.
    fn default() -> Self {
        Setup {
            temperatures: vec![0.0, 0.05, 0.2],
            probabilities: vec![1e-1, 1e-2, 1e-3, 1e-4],
            rate: 0.4,
            limit: 1_000_000,
        }
    }
}

impl Setup {
    /// Down to 1/1000.
    pub fn quick() -> Self {
        Setup { probabilities: vec![1e-1, 1e-2, 1e-3], ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// A temperature is negative or not finite, or a probability is not between 0 and 1; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let cells: Vec<(f64, f64)> = self
            .temperatures
            .iter()
            .flat_map(|&temperature| self.probabilities.iter().map(move |&p| (temperature, p)))
            .collect();
        let work = Work::new("bandit", cells.len() as u64, observer);
        let times = side_by_side(&cells, |&(temperature, probability)| {
            let logits = [0.0, (1.0 / probability - 1.0).ln()];
            let steps = preference_steps(&REWARDS, &logits, self.rate, temperature, self.limit)?;
            work.add(1)?;
            Ok(Time { temperature, probability, steps })
        })?;
        let gap = REWARDS[0] - REWARDS[1];
        let limits = self.temperatures.iter().map(|temperature| 1.0 / (1.0 + (-gap / temperature).exp()));
        Ok(Findings { setup: self.clone(), times, limits: limits.collect() })
    }
}
