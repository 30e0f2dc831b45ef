//! What entropy guarantees if the rewards turn out other than they were: the worst rewards of the guarantee
//! and random ones, on a frozen lake whose every number is known.

use rand::RngExt;
use rand_distr::StandardNormal;
use serde::Serialize;
use temperance::fold::Observer;
use temperance::policy::{FiniteMdp, RewardRobustness};
use temperance::{Parameters, Result};

use super::{Work, process};
use crate::environment::frozen_lake::ENTRY;
use crate::random::{Stream, stream};

/// What is tried: the optimal soft policy of FrozenLake-v1 under other rewards, each of them raised or
/// lowered as a whole until its constraint is 0, the edge of the set of the guarantee.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// α.
    pub alpha: f64,
    /// γ.
    pub discount: f64,
    /// Random rewards: the worst ones and normal noise, whose deviation is log-uniform from 0.001 to 1.
    pub draws: u64,
    /// Chooses them.
    pub seed: u64,
}

/// What a policy earns under other rewards.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Other {
    /// The deviation of the noise, or t of the line r - t·α·ln π.
    pub place: f64,
    /// What it earns, less what is guaranteed: never below 0, but for rounding.
    pub margin: f64,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// Discounted rewards and α times entropies: the smallest sum of rewards that the set allows.
    pub guarantee: f64,
    /// What it earns under the rewards that it was made for.
    pub value: f64,
    /// Under the worst rewards r - α·ln π.
    pub worst: Other,
    /// On the line of the rewards r - t·α·ln π through the worst ones, t from 0 to 2.
    pub line: Vec<Other>,
    /// Under random rewards.
    pub random: Vec<Other>,
}

impl Default for Setup {
    /// 2000 random rewards.
    fn default() -> Self {
        Setup { alpha: 0.1, discount: 0.95, draws: 2000, seed: 0 }
    }
}

impl Setup {
    /// 200 random rewards.
    pub fn quick() -> Self {
        Setup { draws: 200, ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// Unless α is from 1e-30 to 1e30 and 0 ≤ γ < 1; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let (mdp, start) = process(ENTRY.name, &Parameters::new(), self.discount)?;
        let policy = mdp.soft_policy_iteration(self.alpha, 1e-9)?.policy;
        let mut first = vec![0.0; mdp.states()];
        first[start] = 1.0;
        let judge = Judge { mdp: &mdp, alpha: self.alpha, policy: &policy, start: &first };
        let work = Work::new("certificate", self.draws, observer);

        let worst = mdp.worst_rewards(self.alpha, &policy)?;
        let line = (0..=40).map(|step| {
            let t = f64::from(step) / 20.0;
            let rewards: Vec<f64> =
                mdp.rewards().iter().zip(&worst).map(|(own, worst)| own + t * (worst - own)).collect();
            judge.at_the_edge(t, rewards)
        });
        let line = line.collect::<Result<_>>()?;
        let random = (0..self.draws).map(|draw| {
            let mut rng = stream(self.seed, Stream::Noise, draw);
            let deviation = 10_f64.powf(-3.0 * rng.random::<f64>());
            let noise = |worst: &f64| worst + deviation * rng.sample::<f64, _>(StandardNormal);
            let rewards = worst.iter().map(noise).collect();
            work.add(1)?;
            judge.at_the_edge(deviation, rewards)
        });
        let random = random.collect::<Result<_>>()?;
        let own = judge.robustness(mdp.rewards())?;
        let at_worst = judge.robustness(&worst)?;
        Ok(Findings {
            setup: self.clone(),
            guarantee: own.guarantee,
            value: own.value,
            worst: Other { place: 1.0, margin: at_worst.value - at_worst.guarantee },
            line,
            random,
        })
    }
}

struct Judge<'a> {
    mdp: &'a FiniteMdp,
    alpha: f64,
    policy: &'a [f64],
    start: &'a [f64],
}

impl Judge<'_> {
    fn robustness(&self, rewards: &[f64]) -> Result<RewardRobustness> {
        self.mdp.reward_robustness(self.alpha, self.policy, self.start, rewards)
    }

    /// Rewards of constraint 0. A rise of all rewards by c lowers the constraint by c·E Σγᵗ.
    fn at_the_edge(&self, place: f64, mut rewards: Vec<f64>) -> Result<Other> {
        let time = self.robustness(&vec![1.0; rewards.len()])?.value;
        let rise = self.robustness(&rewards)?.constraint / time;
        rewards.iter_mut().for_each(|reward| *reward += rise);
        let robustness = self.robustness(&rewards)?;
        Ok(Other { place, margin: robustness.value - robustness.guarantee })
    }
}
