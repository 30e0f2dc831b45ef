//! Two links that hang from a joint, to be swung above a bar by a torque at the joint between them.
//!
//! State: angle θ₁ of the first link from hanging, angle θ₂ of the second from the first, both from -π to π, and
//! their speeds, at most 4π and 9π rad/s. Observed: cos θ₁, sin θ₁, cos θ₂, sin θ₂ and the speeds. Actions: a torque
//! τ of -1, 0 or 1 N·m. Links of 1 kg and 1 m with their centre in the middle and a moment of inertia of 1 kg·m²,
//! g = 9.8 m/s², dots for speeds:
//!
//! ```text
//! d₁ = 1/4 + (1 + 1/4 + cos θ₂) + 2,  d₂ = (1/4 + cos θ₂/2) + 1
//! φ₂ = g/2·cos(θ₁ + θ₂ - π/2)
//! φ₁ = -θ̇₂²·sin θ₂/2 - θ̇₂·θ̇₁·sin θ₂ + 3/2·g·cos(θ₁ - π/2) + φ₂
//! θ̈₂ = (τ + d₂/d₁·φ₁ - θ̇₁²·sin θ₂/2 - φ₂)/(1/4 + 1 - d₂²/d₁)
//! θ̈₁ = -(d₂·θ̈₂ + φ₁)/d₁
//! ```
//!
//! A step is one of Runge and Kutta's, of fourth order, over 0.2 s. The task ends where the tip is more than 1 m
//! above the joint, -cos θ₁ - cos(θ₁ + θ₂) > 1, and is cut off after 500 steps; the reward is -1 for every step but
//! the one that ends it, which earns 0. It begins with every number uniform from -0.1 to 0.1, rounded to `f32`.
//!
//! ```
//! use temperance::Parameters;
//! use temperance_rl::environment::{Action, make};
//!
//! // A torque the way that the second link turns.
//! let mut environment = make("Acrobot-v1", &Parameters::new())?;
//! let mut observation = [0.0; 6];
//! environment.reset(Some(0), &mut observation);
//! let mut total = 0.0;
//! loop {
//!     let action = if observation[5] < 0.0 { 0 } else { 2 };
//!     let step = environment.step(Action::Discrete(action), &mut observation)?;
//!     total += step.reward;
//!     if step.terminated || step.truncated {
//!         break;
//!     }
//! }
//! assert_eq!(total, -121.0);
//! # Ok::<(), temperance::Error>(())
//! ```
//!
//! Sources: Sutton 1996, "Generalization in Reinforcement Learning"; Sutton, Barto 1998, section 11.3, for the
//! equations; Acrobot-v1 of Gymnasium.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use temperance::calibrate::ParameterEntry;

use super::episode::{Episode, Task};
use super::{Action, Entry, Space, max_episode_steps};
use crate::generator::Generator;

/// Acrobot-v1.
pub static ENTRY: Entry = Entry {
    name: "Acrobot-v1",
    summary: "two hanging links, swung above a bar by a torque at the joint between them",
    source: "Sutton 1996; Gymnasium",
    parameters: &[LIMIT],
    build: |parameters| {
        let limit = ENTRY.limit(&LIMIT, parameters)?;
        let seen = Space::symmetric(&[1.0, 1.0, 1.0, 1.0, BOUNDS[2], BOUNDS[3]]);
        Ok(Episode::new(&ENTRY, seen, Space::Discrete(3), limit, Acrobot))
    },
};

const LIMIT: ParameterEntry = max_episode_steps(500.0);

const GRAVITY: f64 = 9.8;
const SECONDS: f64 = 0.2;
/// Of angles and speeds, on both sides.
const BOUNDS: [f64; 4] = [PI, PI, 4.0 * PI, 9.0 * PI];

struct Acrobot;

impl Task<4> for Acrobot {
    fn start(&self, generator: &mut Generator) -> [f64; 4] {
        [(); 4].map(|()| f64::from(generator.uniform(-0.1, 0.1) as f32))
    }

    fn advance(&self, state: &mut [f64; 4], action: Action<'_>, _: &mut Generator) -> (f64, bool) {
        let torque = action.number() as f64 - 1.0;
        let y = *state;
        let moved = |slope: [f64; 4], seconds: f64| along(|i| y[i] + seconds * slope[i]);
        let k1 = slopes(y, torque);
        let k2 = slopes(moved(k1, SECONDS / 2.0), torque);
        let k3 = slopes(moved(k2, SECONDS / 2.0), torque);
        let k4 = slopes(moved(k3, SECONDS), torque);
        let [mut first, mut second, speed, turning] =
            along(|i| y[i] + SECONDS / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        for angle in [&mut first, &mut second] {
            while *angle > PI {
                *angle -= TAU;
            }
            while *angle < -PI {
                *angle += TAU;
            }
        }
        *state = [first, second, speed.clamp(-BOUNDS[2], BOUNDS[2]), turning.clamp(-BOUNDS[3], BOUNDS[3])];
        let up = -first.cos() - (second + first).cos() > 1.0;
        (if up { 0.0 } else { -1.0 }, up)
    }

    fn observe(&self, &[first, second, speed, turning]: &[f64; 4], observation: &mut [f32]) {
        let seen = [first.cos(), first.sin(), second.cos(), second.sin(), speed, turning];
        observation.copy_from_slice(&seen.map(|number| number as f32));
    }

    fn admits(&self, state: &[f64; 4]) -> bool {
        state.iter().zip(BOUNDS).all(|(number, bound)| number.abs() <= bound)
    }
}

fn along(of: impl Fn(usize) -> f64) -> [f64; 4] {
    std::array::from_fn(of)
}

/// The change of a state per second.
fn slopes([first, second, speed, turning]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sin, cos) = second.sin_cos();
    let d1 = 0.25 + (1.25 + cos) + 1.0 + 1.0;
    let d2 = (0.25 + 0.5 * cos) + 1.0;
    let phi2 = 0.5 * GRAVITY * (first + second - FRAC_PI_2).cos();
    let phi1 = -0.5 * (turning * turning) * sin - turning * speed * sin
        + 1.5 * GRAVITY * (first - FRAC_PI_2).cos()
        + phi2;
    let turn = (torque + d2 / d1 * phi1 - 0.5 * (speed * speed) * sin - phi2) / (0.25 + 1.0 - d2 * d2 / d1);
    [speed, turning, -(d2 * turn + phi1) / d1, turn]
}
