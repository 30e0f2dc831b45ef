//! Adam, with the targets that follow in the same sweep.

use pulp::Arch;

use crate::network::Real;

/// The state of Adam for a vector of parameters (Kingma and Ba 2015, algorithm 1).
///
/// m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², x ← x - η/(1-β₁ᵗ) · m/(√(v/(1-β₂ᵗ)) + ε), as PyTorch has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Adam<T> {
    pub(crate) steps: u64,
    pub(crate) first: Vec<T>,
    pub(crate) second: Vec<T>,
}

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;

/// How large a step is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// η.
    pub learning_rate: f64,
    /// ε.
    pub epsilon: f64,
}

impl<T: Real> Adam<T> {
    /// Before the first step.
    pub fn new(parameters: usize) -> Self {
        Adam { steps: 0, first: vec![T::zero(); parameters], second: vec![T::zero(); parameters] }
    }

    /// Takes a step against a gradient. A target follows the parameters, target ← τx + (1-τ)target, if there is one.
    pub fn step(
        &mut self,
        parameters: &mut [T],
        gradient: &[T],
        rate: Rate,
        target: Option<(&mut [T], f64)>,
    ) {
        self.steps += 1;
        let steps = i32::try_from(self.steps).unwrap_or(i32::MAX);
        let size = T::of(rate.learning_rate / (1.0 - BETA_1.powi(steps)));
        let root = T::of(1.0 / (1.0 - BETA_2.powi(steps)).sqrt());
        let epsilon = T::of(rate.epsilon);
        // A closure that consumes what it goes over is inlined into the code for wide vectors; one that could be called
        // again is not.
        let count = parameters.len();
        let moments = self.first[..count].iter_mut().zip(&mut self.second[..count]);
        let all = parameters.iter_mut().zip(&gradient[..count]).zip(moments);
        Arch::new().dispatch(
            #[inline(always)]
            move || {
                for ((x, &g), (first, second)) in all {
                    *first = *first + (g - *first) * T::of(1.0 - BETA_1);
                    *second = *second * T::of(BETA_2) + g * g * T::of(1.0 - BETA_2);
                    *x = *x - size * *first / (second.sqrt() * root + epsilon);
                }
            },
        );
        if let Some((target, share)) = target {
            let (share, rest) = (T::of(share), T::of(1.0 - share));
            let all = target.iter_mut().zip(&*parameters);
            Arch::new().dispatch(
                #[inline(always)]
                move || {
                    for (target, &value) in all {
                        *target = *target * rest + value * share;
                    }
                },
            );
        }
    }
}
