//! A point between four equal goals: a Gaussian policy has one middle and goes to one of them; a categorical
//! policy can keep all four.

use rand::RngExt;
use rand_pcg::Pcg64Mcg;
use serde::Serialize;
use temperance::Result;
use temperance::fold::Observer;
use temperance::policy::{Categorical, FiniteMdp};

use super::{EVALUATION_SEED, Work, parameters};
use crate::environment::multi_goal::ENTRY;
use crate::environment::{Action, Environment, Step, make};
use crate::jobs::side_by_side;
use crate::network::Trace;
use crate::random::{Stream, stream};
use crate::{Mode, Plan, Settings};

/// What is tried: SAC on MultiGoal, discrete SAC over eight directions, and soft value iteration over the same
/// directions, for every α and seed. Training begins near the middle; the walks that are counted begin in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// Fixed temperatures; none is a learned one, which soft value iteration leaves out.
    pub alphas: Vec<Option<f64>>,
    /// Seeds, from 0 on.
    pub seeds: u64,
    /// Steps of a run.
    pub steps: u64,
    /// Walks of each policy, with actions drawn from it.
    pub walks: u64,
}

/// What a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A Gaussian over all moves: SAC.
    Gaussian,
    /// A distribution over eight directions: discrete SAC.
    Categorical,
    /// The soft optimum over eight directions, with values between the points of a grid.
    SoftValueIteration,
}

/// Walks of a policy.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Walks {
    /// How many ended at the goals (5, 0), (-5, 0), (0, 5), (0, -5), and how many at none.
    pub ends: [u64; 5],
    /// The entropy of the goal among those that ended at one, in nats; at most ln 4.
    pub entropy: f64,
    /// The mean return.
    pub mean_return: f64,
    /// The mean number of steps.
    pub mean_steps: f64,
    /// The first of them.
    pub paths: Vec<Vec<[f32; 2]>>,
}

/// The policies of one kind and α.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// What they are.
    pub kind: Kind,
    /// α; none if it was learned.
    pub alpha: Option<f64>,
    /// α at the end, one for each seed.
    pub last_alphas: Vec<f64>,
    /// One for each seed; one in all of soft value iteration.
    pub walks: Vec<Walks>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Findings {
    /// What was tried.
    pub setup: Setup,
    /// Gaussian policies, then categorical ones, then soft value iteration, each in the order of the α.
    pub cases: Vec<Case>,
}

const DIRECTIONS: f64 = 8.0;
const DISCOUNT: f64 = 0.99;
/// Walks whose paths are kept.
const PATHS: u64 = 24;
const EVERY: u64 = 500;

impl Default for Setup {
    /// 5 seeds of 10 000 steps.
    fn default() -> Self {
        Setup { alphas: vec![Some(0.0), Some(0.1), Some(10.0), None], seeds: 5, steps: 10_000, walks: 1000 }
    }
}

impl Setup {
    /// One seed of 3 000 steps.
    pub fn quick() -> Self {
        Setup { seeds: 1, steps: 3000, walks: 200, ..Setup::default() }
    }

    /// Does it.
    ///
    /// # Errors
    /// An α is negative or not finite, or learning diverges; the observer breaks.
    pub fn run(&self, observer: &dyn Observer) -> Result<Findings> {
        let kinds = [Kind::Gaussian, Kind::Categorical];
        let cells: Vec<(Kind, Option<f64>)> =
            kinds.iter().flat_map(|&kind| self.alphas.iter().map(move |&alpha| (kind, alpha))).collect();
        let jobs: Vec<(Kind, Option<f64>, u64)> = cells
            .iter()
            .flat_map(|&(kind, alpha)| (0..self.seeds).map(move |seed| (kind, alpha, seed)))
            .collect();
        let work = Work::new("multi-goal", jobs.len() as u64 * self.steps, observer);
        let mut runs =
            side_by_side(&jobs, |&(kind, alpha, seed)| self.one(kind, alpha, seed, &work))?.into_iter();
        let mut cases: Vec<Case> = cells
            .iter()
            .map(|&(kind, alpha)| {
                let (last_alphas, walks) = runs.by_ref().take(self.seeds as usize).unzip();
                Case { kind, alpha, last_alphas, walks }
            })
            .collect();
        for alpha in self.alphas.iter().copied().flatten() {
            let walks = vec![self.optimal(alpha)?];
            cases.push(Case {
                kind: Kind::SoftValueIteration,
                alpha: Some(alpha),
                last_alphas: vec![alpha],
                walks,
            });
        }
        Ok(Findings { setup: self.clone(), cases })
    }

    /// α at the end of a run, and the walks of its policy.
    fn one(&self, kind: Kind, alpha: Option<f64>, seed: u64, work: &Work<'_>) -> Result<(f64, Walks)> {
        let directions = if kind == Kind::Gaussian { 0.0 } else { DIRECTIONS };
        let settings = Settings { alpha, discount: DISCOUNT, learning_starts: 500, ..Settings::small() };
        let plan = Plan {
            environment: ENTRY.name.to_owned(),
            parameters: parameters(&[("directions", directions)]),
            settings,
            seed,
            steps: self.steps,
        };
        let training = work.train(plan, EVERY, |_| ())?;
        let (agent, mut trace) = (training.agent(), Trace::default());
        let walks = self.walk(directions, |environment, place, rng| {
            let choice = agent.act(place, Mode::Stochastic, None, rng, &mut trace)?;
            environment.step(choice.action(), place)
        })?;
        Ok((agent.alpha(), walks))
    }

    /// The walks of the soft optimum.
    fn optimal(&self, alpha: f64) -> Result<Walks> {
        let mut plane = Plane::new(alpha)?;
        let mut logits = [0.0; DIRECTIONS as usize];
        self.walk(DIRECTIONS, |environment, place, rng| {
            let values = plane.action_values(place)?;
            let action = if alpha == 0.0 {
                let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                values.iter().position(|&value| value == largest).unwrap_or(0)
            } else {
                logits.iter_mut().zip(&values).for_each(|(logit, value)| *logit = value / alpha);
                Categorical::new(&logits)?.sample(rng.random())?
            };
            environment.step(Action::Discrete(action), place)
        })
    }

    /// Walks from the middle; `step` goes on from a place, in the environment.
    fn walk(
        &self,
        directions: f64,
        mut step: impl FnMut(&mut dyn Environment, &mut [f32], &mut Pcg64Mcg) -> Result<Step>,
    ) -> Result<Walks> {
        let parameters = parameters(&[("directions", directions), ("start_deviation", 0.0)]);
        let mut environment = make(ENTRY.name, &parameters)?;
        let mut rng = stream(EVALUATION_SEED, Stream::Evaluation, 0);
        let mut walks =
            Walks { ends: [0; 5], entropy: 0.0, mean_return: 0.0, mean_steps: 0.0, paths: Vec::new() };
        for number in 0..self.walks {
            let mut place = [0.0; 2];
            environment.reset((number == 0).then_some(EVALUATION_SEED), &mut place);
            let mut path = vec![place];
            let end = loop {
                let step = step(&mut *environment, &mut place, &mut rng)?;
                path.push(place);
                walks.mean_return += step.reward / self.walks as f64;
                walks.mean_steps += 1.0 / self.walks as f64;
                if step.terminated {
                    break goal(place);
                }
                if step.truncated {
                    break 4;
                }
            };
            walks.ends[end] += 1;
            if number < PATHS {
                walks.paths.push(path);
            }
        }
        let arrived: u64 = walks.ends[..4].iter().sum();
        let shares = walks.ends[..4].iter().map(|&count| count as f64 / arrived as f64);
        walks.entropy = shares.filter(|&share| share > 0.0).fold(0.0, |sum, share| sum - share * share.ln());
        Ok(walks)
    }
}

/// The goal at an end of a walk.
fn goal([x, y]: [f32; 2]) -> usize {
    if x.abs() > y.abs() { usize::from(x < 0.0) } else { 2 + usize::from(y < 0.0) }
}

/// Points of the grid in a row, 0.5 apart from -7 to 7.
const POINTS: usize = 29;
const APART: f64 = 0.5;
const EDGE: f64 = 7.0;
/// The state after the end, behind the points.
const OVER: usize = POINTS * POINTS;

/// The soft optimum: values at the points of a grid, and the environment that says where moves lead.
struct Plane {
    environment: Box<dyn Environment>,
    values: Vec<f64>,
}

impl Plane {
    fn new(alpha: f64) -> Result<Self> {
        let mut plane = Plane {
            environment: make(ENTRY.name, &parameters(&[("directions", DIRECTIONS)]))?,
            values: Vec::new(),
        };
        let (states, actions) = (OVER + 1, DIRECTIONS as usize);
        let mut rewards = vec![0.0; states * actions];
        let mut transitions = vec![0.0; states * actions * states];
        for (at, row) in transitions.chunks_exact_mut(states).enumerate() {
            let (point, action) = (at / actions, at % actions);
            if point == OVER {
                row[OVER] = 1.0;
                continue;
            }
            let place = [point % POINTS, point / POINTS].map(|along| along as f64 * APART - EDGE);
            let (reward, next) = plane.outcome(place, action)?;
            rewards[at] = reward;
            next.into_iter().for_each(|(state, share)| row[state] += share);
        }
        let mut terminal = vec![false; states];
        terminal[OVER] = true;
        let mdp =
            FiniteMdp::new(states, actions, &rewards, &transitions, DISCOUNT)?.with_terminal(&terminal)?;
        plane.values = mdp.soft_value_iteration(alpha, 1e-6)?.values;
        Ok(plane)
    }

    /// The reward of a move from a place, and where it leads: shares of the four points around.
    fn outcome(&mut self, place: [f64; 2], action: usize) -> Result<(f64, Vec<(usize, f64)>)> {
        // The state of an episode: its generator, its steps, whether it is over, and last the place.
        let mut state = self.environment.save();
        let length = state.len();
        state[length - 4..].copy_from_slice(&[0, 0, place[0].to_bits(), place[1].to_bits()]);
        self.environment.restore(&state)?;
        let mut next = [0.0; 2];
        let step = self.environment.step(Action::Discrete(action), &mut next)?;
        if step.terminated {
            return Ok((step.reward, vec![(OVER, 1.0)]));
        }
        let [(left, x), (below, y)] = next.map(|coordinate| {
            let along = (f64::from(coordinate) + EDGE) / APART;
            let point = (along as usize).min(POINTS - 2);
            (point, along - point as f64)
        });
        let corners =
            [(0, 0, (1.0 - x) * (1.0 - y)), (1, 0, x * (1.0 - y)), (0, 1, (1.0 - x) * y), (1, 1, x * y)];
        let shares = corners.map(|(right, above, share)| ((below + above) * POINTS + left + right, share));
        Ok((step.reward, shares.into()))
    }

    /// Q of every direction from a place.
    fn action_values(&mut self, place: &[f32]) -> Result<Vec<f64>> {
        let place = [place[0], place[1]].map(f64::from);
        (0..DIRECTIONS as usize)
            .map(|action| {
                let (reward, next) = self.outcome(place, action)?;
                let value: f64 = next.iter().map(|&(state, share)| share * self.values[state]).sum();
                Ok(reward + DISCOUNT * value)
            })
            .collect()
    }
}
