//! A linear system with quadratic costs, whose best policies are known in closed form, with entropy and without.
//!
//! State, observed: a number x. Action: a control u from -2 to 2. A step, with v drawn from N(0, 1):
//!
//! ```text
//! reward = -(q·x² + r·u²)
//! x ← a·x + b·u + noise·v
//! ```
//!
//! The task never ends; it is cut off after 100 steps. It begins with x uniform from -1 to 1. Its best policy and its
//! maximum-entropy policy are those of [`LinearQuadratic`](temperance::policy::LinearQuadratic), but that a bounded
//! control is never quite a Gaussian.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, linear_quadratic, make};
//!
//! let mut environment = make("LinearQuadratic", &Parameters::new())?;
//! let mut x = [0.0];
//! environment.reset(Some(0), &mut x);
//! let before = f64::from(x[0]);
//! let step = environment.step(Action::Continuous(&[2.0]), &mut x)?;
//! assert!((step.reward + before.powi(2) + 0.1 * 4.0).abs() < 1e-6);
//!
//! // The optimum under γ = 0.99 is u = -1.3589·x, under 0.9 u = -1.3246·x; without control x strays four times as far in squares.
//! assert!((linear_quadratic::mean_return(1.3589, &Parameters::new())? + 11.5044).abs() < 1e-4);
//! assert!((linear_quadratic::mean_return(0.0, &Parameters::new())? + 46.6297).abs() < 1e-4);
//! # Ok::<(), temperance::Error>(())
//! ```

use temperance::calibrate::ParameterEntry;
use temperance::{Parameters, Result};

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// LinearQuadratic.
pub static ENTRY: Entry = Entry {
    name: "LinearQuadratic",
    summary: "a linear system with quadratic costs, whose optimum is known",
    source: "ours; its optimum is that of a Riccati equation",
    parameters: &[LIMIT, A, B, Q, R, NOISE],
    build: |parameters| {
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        let (seen, controls) = (Space::symmetric(&[f64::INFINITY]), Space::symmetric(&[2.0]));
        Ok(Episode::new(&ENTRY, seen, controls, limit, System::new(parameters)?))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(100.0);
const A: ParameterEntry = ParameterEntry { name: "a", domain: "a number from -1 to 1", default: 0.9 };
const B: ParameterEntry = ParameterEntry { name: "b", domain: "a finite number", default: 0.5 };
const Q: ParameterEntry = ParameterEntry { name: "q", domain: "a finite number, 0 or above", default: 1.0 };
const R: ParameterEntry = ParameterEntry { name: "r", domain: "a finite number, 0 or above", default: 0.1 };
const NOISE: ParameterEntry =
    ParameterEntry { name: "noise", domain: "a finite number, 0 or above", default: 0.3 };

struct System {
    a: f64,
    b: f64,
    q: f64,
    r: f64,
    noise: f64,
}

impl System {
    fn new(parameters: &Parameters) -> Result<Self> {
        Ok(System {
            a: ENTRY.number(&A, parameters, |value| value.abs() <= 1.0)?,
            b: ENTRY.number(&B, parameters, f64::is_finite)?,
            q: ENTRY.not_negative(&Q, parameters)?,
            r: ENTRY.not_negative(&R, parameters)?,
            noise: ENTRY.not_negative(&NOISE, parameters)?,
        })
    }
}

/// The mean return of u = -gain·x over an episode, undiscounted: -Σ (q + r·gain²)·E x², with E x² = 1/3 at the start and
/// (a - b·gain)²·E x² + noise² after a step.
///
/// # Errors
/// A parameter lies outside its domain.
pub fn mean_return(gain: f64, parameters: &Parameters) -> Result<f64> {
    let System { a, b, q, r, noise } = System::new(parameters)?;
    let (mut square, mut total) = (1.0 / 3.0, 0.0);
    for _ in 0..ENTRY.limit(&LIMIT, parameters)? {
        total -= (q + r * gain * gain) * square;
        square = (a - b * gain).powi(2) * square + noise * noise;
    }
    Ok(total)
}

impl Task<1> for System {
    fn start(&self, generator: &mut Generator) -> [f64; 1] {
        [generator.uniform(-1.0, 1.0)]
    }

    fn advance(&self, state: &mut [f64; 1], action: Action<'_>, generator: &mut Generator) -> (f64, bool) {
        let (x, u) = (state[0], f64::from(action.vector()[0]));
        let [normal, _] = generator.normals();
        state[0] = self.a * x + self.b * u + self.noise * normal;
        (-(self.q * x * x + self.r * u * u), false)
    }

    fn observe(&self, state: &[f64; 1], observation: &mut [f32]) {
        observation[0] = state[0] as f32;
    }
}
