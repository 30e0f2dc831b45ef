//! Ensemble temperature scaling: a mixture of the scaled model, the model as it is, and the uniform distribution.

use super::survey::{FitRecord, Kept, Survey, for_each_row};
use super::{Calibrator, Entry, Fitted, Flag, Method, ParameterEntry};
use crate::error::{Error, Result};
use crate::fold::{self, Fold, Observer, Progress};
use crate::input::{Block, Rows, Target, Zeros};
use crate::parameters::{Parameter, Parameters};

/// Registry line.
pub(super) const ENTRY: Entry = Entry {
    name: "ensemble_temperature",
    summary: "a mixture of the model at a temperature, the model as it is, and the uniform distribution (ETS)",
    source: "Zhang, Kailkhura, Han 2020, Mix-n-Match: Ensemble and Compositional Methods, section 4",
    parameters: &[
        ParameterEntry { name: "minimum", domain: "above 0: the least temperature", default: 0.05 },
        ParameterEntry { name: "maximum", domain: "above the minimum: the largest", default: 5.0 },
    ],
    binary: false,
    build: |parameters| {
        parameters.only(&["minimum", "maximum"])?;
        let [minimum, maximum] = [0, 1].map(|at| parameters.number_or(&ENTRY.parameters[at]));
        Ok(Box::new(EnsembleTemperatureScaling::new().bounds(minimum?, maximum?)?))
    },
    load: |parameters| {
        parameters.only(&["temperature", "weights"])?;
        let weights = parameters.numbers("weights")?;
        let &[scaled, given, uniform] = weights else {
            return Err(Error::parameter("weights", format!("{} numbers", weights.len()), "3 numbers"));
        };
        Ok(Box::new(EnsembleTemperature::new(parameters.number("temperature")?, [scaled, given, uniform])?))
    },
};

/// Ensemble temperature scaling, not yet fitted.
///
/// T minimises the mean Brier score of softmax(z / T) within its bounds; then the three weights of
/// softmax(z / T), softmax(z) and 1/K, none below 0 and 1 in all, minimise the mean Brier score of the mixture, which is a
/// quadratic problem solved exactly. The Brier score in T may have several minima: a grid of 33 temperatures in equal
/// ratios finds the lowest, a golden section the rest.
///
/// ```
/// use temperance::{Block, Labels, Logits};
/// use temperance::calibrate::{EnsembleTemperatureScaling, Method};
///
/// // Three rows are right and one is wrong, each with gap 2.
/// let logits = Logits::new(&[2.0, 0.0, 2.0, 0.0, 0.0, 2.0, 0.0, 2.0], 2)?;
/// let rows = Block::new(logits, Labels::new(&[0, 0, 1, 0], 2))?;
/// let fitted = EnsembleTemperatureScaling::new().fit_observed(&rows, &())?;
/// let mut row = [2.0, 0.0];
/// fitted.calibrator.transform(&mut row);
/// assert!((row[0].exp() - 0.75).abs() < 1e-6);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Zhang et al. 2020, section 4; its published code fits T by the same score, between 0.05 and 5.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsembleTemperatureScaling {
    bounds: (f64, f64),
}

impl Default for EnsembleTemperatureScaling {
    fn default() -> Self {
        EnsembleTemperatureScaling { bounds: (0.05, 5.0) }
    }
}

/// Temperatures of the grid.
const GRID: usize = 33;
/// How narrow the golden section makes the bracket of ln T: about the root of the rounding of the score.
const NARROW: f64 = 1e-8;

impl EnsembleTemperatureScaling {
    /// With T between 0.05 and 5.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with other bounds on T.
    ///
    /// # Errors
    /// Unless 1e-4 ≤ minimum < maximum ≤ 1e4.
    pub fn bounds(mut self, minimum: f64, maximum: f64) -> Result<Self> {
        if !(1e-4..1e4).contains(&minimum) {
            return Err(Error::parameter("minimum", minimum, "a number from 0.0001 to below 10000"));
        }
        if !(maximum > minimum && maximum <= 1e4) {
            let expected = format!("above the minimum {minimum} and at most 10000");
            return Err(Error::parameter("maximum", maximum, expected));
        }
        self.bounds = (minimum, maximum);
        Ok(self)
    }
}

impl Method for EnsembleTemperatureScaling {
    fn fit_observed(&self, rows: &dyn Rows, observer: &dyn Observer) -> Result<Fitted> {
        let survey = Survey::of_fit(rows, observer)?;
        let kept = Kept::if_small(rows, &survey, observer, 1)?;
        let block = kept.as_ref().map(Kept::block).transpose()?;
        let source: &dyn Rows = block.as_ref().map_or(rows, |block| block);
        let mut passes = 1;
        let mut sweep = |logs: Vec<f64>| -> Result<Vec<Scores>> {
            let betas = logs.iter().map(|log| (-log).exp()).collect();
            let progress = Progress { task: "fitting", rows: 0, total: source.rows(), pass: passes };
            passes += 1;
            fold::observed(&Sweep { betas }, source, observer, progress)
        };
        let score = |scores: &Scores| scores.gram[0][0] - 2.0 * scores.target[0];

        let (low, high) = (self.bounds.0.ln(), self.bounds.1.ln());
        let step = (high - low) / (GRID - 1) as f64;
        let grid: Vec<f64> = (0..GRID).map(|at| low + step * at as f64).collect();
        let scores = sweep(grid.clone())?;
        let best =
            (0..GRID).fold(0, |best, at| if score(&scores[at]) < score(&scores[best]) { at } else { best });
        let (mut a, mut b) = (grid[best.saturating_sub(1)], grid[(best + 1).min(GRID - 1)]);
        let golden = (5_f64.sqrt() - 1.0) / 2.0;
        let (mut x, mut y) = (b - golden * (b - a), a + golden * (b - a));
        let inner = sweep(vec![x, y])?;
        let (mut at_x, mut at_y) = (score(&inner[0]), score(&inner[1]));
        while b - a > NARROW {
            if at_x <= at_y {
                (b, y, at_y) = (y, x, at_x);
                x = b - golden * (b - a);
                at_x = score(&sweep(vec![x])?[0]);
            } else {
                (a, x, at_x) = (x, y, at_y);
                y = a + golden * (b - a);
                at_y = score(&sweep(vec![y])?[0]);
            }
        }
        // The ends of the range are no inner points: they win where the score falls towards them.
        let middle = (a + b) / 2.0;
        let near = [low, high].into_iter().filter(|end| (end - middle).abs() < step);
        let ends: Vec<f64> = std::iter::once(middle).chain(near).collect();
        let scores = sweep(ends.clone())?;
        let best = (0..ends.len())
            .fold(0, |best, at| if score(&scores[at]) < score(&scores[best]) { at } else { best });
        let at_bound = ends[best] == low || ends[best] == high;
        let calibrator = EnsembleTemperature::new(ends[best].exp(), scores[best].best_weights())?;
        let flags = if at_bound { vec![Flag::AtBound] } else { Vec::new() };
        let record = FitRecord { gradient: None, iterations: passes, flags };
        let certificate = survey.certify(&calibrator, rows, observer, record)?;
        Ok(Fitted { calibrator: Box::new(calibrator), certificate })
    }
}

/// The fold of one pass: what the Brier score of every mixture is made of, at each β.
struct Sweep {
    betas: Vec<f64>,
}

/// With p₀ = softmax(βz), p₁ = softmax(z) and p₂ = 1/K: Σ w·pᵢ·pⱼ and Σ w·pᵢ·t.
#[derive(Debug, Clone, Default)]
struct Scores {
    gram: [[f64; 3]; 3],
    target: [f64; 3],
}

impl Fold for Sweep {
    type State = Vec<Scores>;
    type Output = Vec<Scores>;

    fn start(&self) -> Vec<Scores> {
        vec![Scores::default(); self.betas.len()]
    }

    fn absorb(&self, states: &mut Vec<Scores>, block: &Block<'_>) -> Result<()> {
        let mut scaled = Vec::new();
        for_each_row(block, &mut |log_p, target, weight| {
            let k = log_p.len() as f64;
            let max = log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            for log_p in log_p.iter_mut() {
                *log_p = log_p.max(Zeros::CLIP.ln());
            }
            let given: Vec<f64> = log_p.iter().map(|log_p| log_p.exp()).collect();
            let hit = |p: &[f64]| match target {
                Target::Class(label) => p[label],
                Target::Distribution(shares) => p.iter().zip(shares).map(|(p, share)| p * share).sum(),
            };
            let mass = match target {
                Target::Class(_) => 1.0,
                Target::Distribution(shares) => shares.iter().sum(),
            };
            for (beta, state) in self.betas.iter().zip(states.iter_mut()) {
                scaled.clear();
                scaled.extend(log_p.iter().map(|log_p| (beta * (log_p - max)).exp()));
                let sum: f64 = scaled.iter().sum();
                scaled.iter_mut().for_each(|p| *p /= sum);
                let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
                let gram = [
                    [dot(&scaled, &scaled), dot(&scaled, &given), 1.0 / k],
                    [dot(&scaled, &given), dot(&given, &given), 1.0 / k],
                    [1.0 / k, 1.0 / k, 1.0 / k],
                ];
                for (sums, row) in state.gram.iter_mut().zip(gram) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += weight * value);
                }
                let hits = [hit(&scaled), hit(&given), mass / k];
                state.target.iter_mut().zip(hits).for_each(|(sum, value)| *sum += weight * value);
            }
            Ok(())
        })
    }

    fn merge(&self, states: &mut Vec<Scores>, later: Vec<Scores>) {
        for (state, later) in states.iter_mut().zip(later) {
            for (sums, later) in state.gram.iter_mut().zip(later.gram) {
                sums.iter_mut().zip(later).for_each(|(sum, later)| *sum += later);
            }
            state.target.iter_mut().zip(later.target).for_each(|(sum, later)| *sum += later);
        }
    }

    fn finish(&self, states: Vec<Scores>) -> Result<Vec<Scores>> {
        Ok(states)
    }
}

impl Scores {
    /// The Brier score of a mixture, up to a constant.
    fn of(&self, w: [f64; 3]) -> f64 {
        let quadratic: f64 = (0..3).map(|i| (0..3).map(|j| w[i] * w[j] * self.gram[i][j]).sum::<f64>()).sum();
        quadratic - 2.0 * (0..3).map(|i| w[i] * self.target[i]).sum::<f64>()
    }

    /// The weights of the lowest score: inside the simplex, on an edge of it, or at a corner; of equal ones the corner.
    fn best_weights(&self) -> [f64; 3] {
        let mut candidates = vec![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        // The slope from corner i towards corner j, and the curvature between the two directions j and l from i.
        let slope = |i: usize, j: usize| self.gram[i][j] - self.gram[i][i] - self.target[j] + self.target[i];
        let bend = |i: usize, j: usize, l: usize| {
            self.gram[j][l] - self.gram[i][j] - self.gram[i][l] + self.gram[i][i]
        };
        for (i, j) in [(0, 1), (0, 2), (1, 2)] {
            let share = -slope(i, j) / bend(i, j, j);
            if share > 0.0 && share < 1.0 {
                let mut w = [0.0; 3];
                (w[i], w[j]) = (1.0 - share, share);
                candidates.push(w);
            }
        }
        let (a, b, c) = (bend(0, 1, 1), bend(0, 1, 2), bend(0, 2, 2));
        let determinant = a * c - b * b;
        if determinant > 1e-12 * a * c {
            let one = (-slope(0, 1) * c + slope(0, 2) * b) / determinant;
            let two = (-slope(0, 2) * a + slope(0, 1) * b) / determinant;
            if one > 0.0 && two > 0.0 && one + two < 1.0 {
                candidates.push([1.0 - one - two, one, two]);
            }
        }
        candidates
            .into_iter()
            .reduce(|best, w| if self.of(w) < self.of(best) { w } else { best })
            .expect("corners")
    }
}

/// A fitted ensemble: p = w₀·softmax(z / T) + w₁·softmax(z) + w₂/K.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsembleTemperature {
    temperature: f64,
    weights: [f64; 3],
}

impl EnsembleTemperature {
    /// An ensemble chosen by hand: T, and the weights of the model at T, the model as it is, and the uniform distribution.
    ///
    /// # Errors
    /// Unless T is finite and above 0, and the weights are 0 or above and sum to 1.
    pub fn new(temperature: f64, weights: [f64; 3]) -> Result<Self> {
        if !(temperature > 0.0 && temperature < f64::INFINITY) {
            return Err(Error::parameter("temperature", temperature, "a finite number above 0"));
        }
        if let Some(weight) = weights.iter().find(|weight| !(0.0..=1.0).contains(*weight)) {
            return Err(Error::parameter("weights", weight, "numbers from 0 to 1"));
        }
        let sum: f64 = weights.iter().sum();
        if (sum - 1.0).abs() > 1e-9 {
            return Err(Error::parameter("sum of the weights", sum, "1"));
        }
        Ok(EnsembleTemperature { temperature, weights })
    }

    /// T.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    /// The weights of the model at T, the model as it is, and the uniform distribution.
    pub fn weights(&self) -> [f64; 3] {
        self.weights
    }
}

impl Calibrator for EnsembleTemperature {
    fn method(&self) -> &'static str {
        ENTRY.name
    }

    fn classes(&self) -> Option<usize> {
        None
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with("temperature", Parameter::Number(self.temperature))
            .with("weights", Parameter::Numbers(self.weights.to_vec()))
    }

    fn transform(&self, row: &mut [f64]) {
        let max = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let [scaled, given, uniform] = self.weights;
        let sum_at = |temperature: f64| row.iter().map(|z| ((z - max) / temperature).exp()).sum::<f64>();
        let (sum_scaled, sum_given) = (sum_at(self.temperature), sum_at(1.0));
        let floor = uniform / row.len() as f64;
        for z in row.iter_mut().filter(|z| **z > f64::NEG_INFINITY) {
            let d = *z - max;
            let p = scaled * (d / self.temperature).exp() / sum_scaled + given * d.exp() / sum_given + floor;
            *z = p.max(Zeros::CLIP).ln();
        }
    }
}
