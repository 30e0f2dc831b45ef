//! Adam, with the targets that follow in the same sweep.

use pulp::Arch;

use crate::network::Real;

/// The state of Adam for a vector of parameters (Kingma and Ba 2015, algorithm 1).
///
/// m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², x ← x - η/(1-β₁ᵗ) · m/(√(v/(1-β₂ᵗ)) + ε), as PyTorch computes it.
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
        let root = T::of((1.0 - BETA_2.powi(steps)).sqrt());
        let epsilon = T::of(rate.epsilon);
        let (first, second) = (&mut self.first[..], &mut self.second[..]);
        let count = parameters.len();
        let (first, second, gradient) = (&mut first[..count], &mut second[..count], &gradient[..count]);
        Arch::new().dispatch(
            #[inline(always)]
            || {
                for i in 0..count {
                    let g = gradient[i];
                    first[i] = first[i] + (g - first[i]) * T::of(1.0 - BETA_1);
                    second[i] = second[i] * T::of(BETA_2) + g * g * T::of(1.0 - BETA_2);
                    parameters[i] = parameters[i] - size * first[i] / (second[i].sqrt() / root + epsilon);
                }
            },
        );
        if let Some((target, share)) = target {
            let (share, rest) = (T::of(share), T::of(1.0 - share));
            Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (target, &value) in target.iter_mut().zip(&*parameters) {
                        *target = *target * rest + value * share;
                    }
                },
            );
        }
    }
}
