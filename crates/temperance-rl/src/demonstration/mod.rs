//! What entropy does for a policy, and what it does not: demonstrations in numbers.
//!
//! Each module shows one thing. Its `Setup` says what is tried, by default as much as intervals need, under
//! `Setup::quick` as little as a look needs; `Setup::run` gives its `Findings`, the same bits for the same
//! setup on one machine, and tells an [`Observer`] of progress, which may stop it.
//!
//! | module | shows |
//! |---|---|
//! | [`corridor`] | entropy against premature convergence, and the trap of too much of it |
//! | [`bandit`] | how long policy gradient stays with a wrong arm |
//! | [`multi_goal`] | what a Gaussian policy cannot keep and a categorical one can |
//! | [`certificate`] | the reward robustness that entropy guarantees, exactly |
//! | [`obstacle`] | a way around what was not there in training |
//! | [`pendulum`] | a body that differs from that of training |
//! | [`mountain_car`] | where the entropy of actions is not exploration |
//! | [`target_entropy`] | what a target entropy does to α, and what it allows |

pub mod bandit;
pub mod certificate;
pub mod corridor;
pub mod mountain_car;
pub mod multi_goal;
pub mod obstacle;
pub mod pendulum;
pub mod target_entropy;

use std::sync::atomic::{AtomicU64, Ordering};

use temperance::fold::{Observer, Progress, tell};
use temperance::policy::FiniteMdp;
use temperance::{Parameter, Parameters, Result};

use crate::environment::make;
use crate::{Mode, Plan, Settings, Training};

/// First states of evaluations, other than those of training.
const EVALUATION_SEED: u64 = 1_000_000;

/// A run in an environment with its default parameters.
fn plan(environment: &str, settings: Settings, seed: u64, steps: u64) -> Plan {
    Plan { environment: environment.to_owned(), parameters: Parameters::new(), settings, seed, steps }
}

/// The mean return over whole episodes.
fn mean_return(
    training: &Training,
    episodes: u64,
    mode: Mode,
    parameters: Option<&Parameters>,
) -> Result<f64> {
    Ok(crate::mean_return(&training.evaluate(episodes, mode, EVALUATION_SEED, parameters, &())?))
}

/// Parameters of an environment.
fn parameters(named: &[(&str, f64)]) -> Parameters {
    let with = |all: Parameters, &(name, value): &(&str, f64)| all.with(name, Parameter::Number(value));
    named.iter().fold(Parameters::new(), with)
}

/// A finite environment as a process, and the state that it begins in.
fn process(environment: &str, parameters: &Parameters, discount: f64) -> Result<(FiniteMdp, usize)> {
    let mut environment = make(environment, parameters)?;
    let table = environment.table().expect("the environment has finitely many states");
    let mut observation = vec![0.0; table.states];
    environment.reset(Some(0), &mut observation);
    let start = observation.iter().position(|&entry| entry == 1.0).expect("one entry is 1");
    let mdp = FiniteMdp::new(table.states, table.actions, &table.rewards, &table.transitions, discount)?;
    Ok((mdp.with_terminal(&table.terminal)?, start))
}

/// Work that is told to an observer as it is done.
struct Work<'a> {
    task: &'static str,
    total: u64,
    done: AtomicU64,
    observer: &'a dyn Observer,
}

impl<'a> Work<'a> {
    fn new(task: &'static str, total: u64, observer: &'a dyn Observer) -> Self {
        Work { task, total, done: AtomicU64::new(0), observer }
    }

    fn add(&self, amount: u64) -> Result<()> {
        let rows = self.done.fetch_add(amount, Ordering::Relaxed) + amount;
        tell(self.observer, Progress { task: self.task, rows, total: Some(self.total), pass: 0 })
    }

    /// Trains to the end; asks `measure` after every `every` steps.
    fn train(&self, plan: Plan, every: u64, mut measure: impl FnMut(&mut Training)) -> Result<Training> {
        let mut training = Training::new(plan)?;
        while !training.is_done() {
            training.advance()?;
            if training.steps().is_multiple_of(every) {
                measure(&mut training);
                self.add(every)?;
            }
        }
        Ok(training)
    }
}
