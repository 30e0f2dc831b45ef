//! Smooth calibration error: a reflected Gaussian in the place of bins, of a width that the data choose.

use std::f64::consts::PI;

use super::{Cost, Entry, Summaries};

/// Points of the mesh that rows are put on, by linear weights between neighbours.
const MESH: usize = 2048;
/// The smoothed error is integrated over the middles of ten parts of a width.
const PARTS_OF_WIDTH: f64 = 10.0;
/// And of this many parts of [0, 1] at least.
const PARTS: f64 = 200.0;
/// A term of the series this small is left out.
const NEGLIGIBLE: f64 = 1e-12;
/// The most terms of the series: kernels down to a width of 0.0023.
const MOST_TERMS: usize = 1024;

/// Sums over rows, smoothed by a Gaussian that is reflected at 0 and 1.
///
/// The kernel is its cosine series, 1 + 2·Σ_k exp(-σ²π²k²/2)·cos(πkt)·cos(πkf): all reflections, and nothing to
/// normalise. So a sum over rows is smoothed at any width from its cosine coefficients.
struct Series(Vec<f64>);

impl Series {
    /// The first coefficients of Σ value·δ(f), each (confidence, value) put on the mesh.
    fn new(mesh: &[f64], terms: usize) -> Self {
        let mut sums = vec![0.0; terms];
        for (index, value) in mesh.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            let cosine = (PI * index as f64 / MESH as f64).cos();
            // cos((k + 1)θ) = 2·cos θ·cos(kθ) - cos((k - 1)θ).
            let (mut before, mut now) = (cosine, 1.0);
            for sum in &mut sums {
                *sum += value * now;
                (before, now) = (now, 2.0 * cosine * now - before);
            }
        }
        Series(sums)
    }

    /// The smoothed sum at t.
    fn at(&self, t: f64, factors: &[f64]) -> f64 {
        let cosine = (PI * t).cos();
        let (mut before, mut now, mut sum) = (cosine, 1.0, 0.0);
        for (coefficient, factor) in self.0.iter().zip(factors) {
            sum += coefficient * factor * now;
            (before, now) = (now, 2.0 * cosine * now - before);
        }
        sum
    }

    /// ∫|smoothed sum|.
    fn mean_size(&self, sigma: f64) -> f64 {
        let factors = factors(sigma, self.0.len());
        let points = (PARTS_OF_WIDTH / sigma).max(PARTS).ceil();
        let point = |at: usize| self.at((at as f64 + 0.5) / points, &factors).abs();
        (0..points as usize).map(point).sum::<f64>() / points
    }
}

/// Factors of the coefficients at width σ, as far as they matter.
fn factors(sigma: f64, terms: usize) -> Vec<f64> {
    let factor = |k: usize| (-0.5 * (sigma * PI * k as f64).powi(2)).exp() * if k == 0 { 1.0 } else { 2.0 };
    (0..terms).map(factor).take_while(|factor| *factor > NEGLIGIBLE).collect()
}

/// The least width whose series ends before `terms`.
fn least_width(terms: usize) -> f64 {
    (-2.0 * NEGLIGIBLE.ln()).sqrt() / (PI * terms as f64)
}

/// Puts values on the mesh at the confidence of their rows.
fn on_mesh(rows: &Summaries, value: impl Fn(usize) -> f64) -> Vec<f64> {
    let mut mesh = vec![0.0; MESH + 1];
    for row in 0..rows.rows() {
        let at = rows.confidence[row] * MESH as f64;
        let below = (at as usize).min(MESH - 1);
        let (share, value) = (at - below as f64, value(row));
        mesh[below] += (1.0 - share) * value;
        mesh[below + 1] += share * value;
    }
    mesh
}

/// The smooth calibration error and its width: the σ with ∫|Σ w·(y - f)·K_σ(t, f)| dt / Σ w = σ.
///
/// The left side falls as σ grows; the crossing is found to 1e-7. Below σ = 0.0023 the width stays there.
fn smooth_ece(rows: &Summaries) -> (f64, f64) {
    crossing(&errors(rows))
}

/// w·(y - f) / Σ w on the mesh.
fn errors(rows: &Summaries) -> Vec<f64> {
    let total = rows.total_weight();
    on_mesh(rows, |row| rows.weight[row] * (rows.correct[row] - rows.confidence[row]) / total)
}

/// The number of relplot 1.0.3: what lies on 0 or 1 is reflected onto itself once too few, and counts half.
pub(super) fn relplot(rows: &Summaries) -> f64 {
    let mut mesh = errors(rows);
    let weights = on_mesh(rows, |row| rows.weight[row] / rows.total_weight());
    let left = 1.0 - 0.5 * (weights[0] + weights[MESH]);
    mesh[0] *= 0.5;
    mesh[MESH] *= 0.5;
    mesh.iter_mut().for_each(|value| *value /= left);
    crossing(&mesh).0
}

/// The smoothed size and the width that equals it.
fn crossing(mesh: &[f64]) -> (f64, f64) {
    let mut terms = 128;
    loop {
        let series = Series::new(mesh, terms);
        let mut low = least_width(terms);
        let at_low = series.mean_size(low);
        if at_low <= low {
            if terms == MOST_TERMS {
                return (at_low, low);
            }
            terms *= 2;
            continue;
        }
        // As the left side falls, its value at the lower end is an upper end. False position, where an end that stays
        // twice counts half (Illinois).
        let mut high = at_low;
        let (mut above, mut below) = (at_low - low, series.mean_size(high) - high);
        let mut stayed = 0;
        while high - low > 1e-7 {
            let width = (low + (high - low) * above / (above - below)).clamp(low, high);
            let difference = series.mean_size(width) - width;
            if difference.abs() < 1e-9 {
                return (width + difference, width);
            }
            if difference > 0.0 {
                (low, above) = (width, difference);
                below *= if stayed == 1 { 0.5 } else { 1.0 };
                stayed = 1;
            } else {
                (high, below) = (width, difference);
                above *= if stayed == -1 { 0.5 } else { 1.0 };
                stayed = -1;
            }
        }
        let width = 0.5 * (low + high);
        return (series.mean_size(width), width);
    }
}

/// The reliability diagram without bins: how often the outcome comes about near a probability.
///
/// At t it is Σ w·y·K_σ(t, f) / Σ w·K_σ(t, f), K_σ the Gaussian reflected at 0 and 1 and σ the width of the smooth
/// calibration error.
///
/// ```
/// use temperance::metric::{SmoothReliability, Summaries};
///
/// let rows = Summaries::from_confidences(&[0.6; 10], &[1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], None)?;
/// let curve = SmoothReliability::of(&rows);
/// assert!((curve.rate[60] - 0.6).abs() < 1e-6); // six of ten
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Błasiok, Nakkiran 2023, Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing.
#[derive(Debug, Clone, PartialEq)]
pub struct SmoothReliability {
    /// The width σ.
    pub width: f64,
    /// Probabilities, from 0 to 1 in steps of 1/100.
    pub confidence: Vec<f64>,
    /// The smoothed rate of the outcome there; the probability itself where there are no rows near.
    pub rate: Vec<f64>,
    /// The smoothed density of the rows there; its mean is 1.
    pub density: Vec<f64>,
}

impl SmoothReliability {
    /// The curve of summaries.
    pub fn of(rows: &Summaries) -> Self {
        const STEPS: usize = 100;
        let (_, width) = smooth_ece(rows);
        let factors = factors(width, MOST_TERMS);
        let total = rows.total_weight();
        let series = |value: &dyn Fn(usize) -> f64| Series::new(&on_mesh(rows, value), factors.len());
        let (hits, weights) = (
            series(&|row| rows.weight[row] * rows.correct[row] / total),
            series(&|row| rows.weight[row] / total),
        );
        let confidence: Vec<f64> = (0..=STEPS).map(|at| at as f64 / STEPS as f64).collect();
        let density: Vec<f64> = confidence.iter().map(|&t| weights.at(t, &factors).max(0.0)).collect();
        let rate = confidence.iter().zip(&density).map(|(&t, &density)| {
            if density > 1e-6 { (hits.at(t, &factors) / density).clamp(0.0, 1.0) } else { t }
        });
        SmoothReliability { width, rate: rate.collect(), density, confidence }
    }
}

pub(super) const SMOOTH_ECE: Entry = Entry {
    name: "smooth_ece",
    summary: "calibration error smoothed by a reflected Gaussian whose width equals it: no bins",
    formula: "σ with ∫|Σ w·(correct - confidence)·K_σ(t, confidence)| dt / Σ w = σ; cosine series, mesh of 2048",
    source: "Błasiok, Nakkiran 2023, Smooth ECE, definition 6",
    cost: Cost::Columns,
    measure: |sample| Some(smooth_ece(sample.summaries).0),
    ..Entry::STANDARD
};

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by Gaussians and their reflections, row by row.
    fn exact(rows: &Summaries, sigma: f64) -> f64 {
        const FINE: usize = 4000;
        let kernel = |x: f64| (-0.5 * (x / sigma).powi(2)).exp() / (sigma * (2.0 * PI).sqrt());
        let reflected = |t: f64, f: f64| {
            (-3..=3)
                .map(|m| kernel(t - f + 2.0 * f64::from(m)) + kernel(t + f + 2.0 * f64::from(m)))
                .sum::<f64>()
        };
        let total = rows.total_weight();
        let at = |t: f64| {
            let one = |row: usize| rows.weight[row] * (rows.correct[row] - rows.confidence[row]);
            (0..rows.rows()).map(|row| one(row) * reflected(t, rows.confidence[row])).sum::<f64>() / total
        };
        (0..FINE).map(|i| at((i as f64 + 0.5) / FINE as f64).abs()).sum::<f64>() / FINE as f64
    }

    #[test]
    fn is_the_integral_of_reflected_gaussians() {
        let confidence: Vec<f64> = (0..60).map(|i| (f64::from(i) * 0.37).fract()).collect();
        let correct: Vec<f64> = (0..60).map(|i| f64::from(u8::from(i % 3 == 0))).collect();
        let rows = Summaries::from_confidences(&confidence, &correct, None).unwrap();
        let (value, width) = smooth_ece(&rows);
        assert!((value - width).abs() < 2e-6);
        assert!((exact(&rows, width) - value).abs() < 1e-5, "{} {value}", exact(&rows, width));
    }

    #[test]
    fn a_mesh_hides_little_at_small_widths() {
        // 3 000 calibrated rows: the width is small.
        let confidence: Vec<f64> =
            (0..3000).map(|i| 0.5 + 0.5 * (f64::from(i) * 0.618_033_988).fract()).collect();
        let correct: Vec<f64> = confidence
            .iter()
            .enumerate()
            .map(|(i, p)| f64::from(u8::from((i as f64 * 0.754_877_666).fract() < *p)))
            .collect();
        let rows = Summaries::from_confidences(&confidence, &correct, None).unwrap();
        let (value, width) = smooth_ece(&rows);
        assert!(width < 0.02, "{width}");
        assert!((exact(&rows, width) - value).abs() < 5e-6, "{} {value}", exact(&rows, width));
    }
}
