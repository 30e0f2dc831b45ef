//! Softmax, log-softmax, entropy, and the two functions of the course reading under its own names.

use crate::calibrate::Temperature;
use crate::error::Result;
use crate::fold;
use crate::input::{Element, Fill, Layout, Logits, Scores, Values, close_row, open_row};
use crate::row::{self, Order, Path, Real};

/// Probabilities p_c = exp(z_c) / Σ exp(z), in the layout of the logits.
///
/// ```
/// use temperance::{Logits, softmax};
///
/// let mut p = [0.0_f32; 2];
/// softmax(&Logits::new(&[0.0_f32, f32::NEG_INFINITY], 2)?, &mut p)?;
/// assert_eq!(p, [1.0, 0.0]);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If `out` has another length than the logits, or a row is illegal.
pub fn softmax<E: Element>(logits: &Logits<'_>, out: &mut [E]) -> Result<()> {
    rewrite(logits, out, Rewrite::Softmax).map(|_| ())
}

/// Log-probabilities ln p_c = z_c - ln Σ exp(z) in nats, in the layout of the logits; -inf stays -inf.
///
/// ```
/// use temperance::{Logits, log_softmax};
///
/// let mut log_p = [0.0; 2];
/// log_softmax(&Logits::new(&[800.0, 800.0], 2)?, &mut log_p)?;
/// assert_eq!(log_p, [-2_f64.ln(); 2]);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// As [`softmax`].
pub fn log_softmax<E: Element>(logits: &Logits<'_>, out: &mut [E]) -> Result<()> {
    rewrite(logits, out, Rewrite::LogSoftmax).map(|_| ())
}

/// Entropy H = -Σ p_c·ln p_c of each row in nats, from 0 to ln K, with 0·ln 0 = 0.
///
/// ```
/// use temperance::{Logits, entropy};
///
/// let h = entropy(&Logits::new(&[5.0, 5.0, 1000.0, 0.0], 2)?)?;
/// assert_eq!(h, [2_f64.ln(), 0.0]);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If a row is illegal.
pub fn entropy(logits: &Logits<'_>) -> Result<Vec<f64>> {
    let mut out = vec![0.0; logits.rows()];
    let layout = Layout { outer: logits.rows(), classes: 1, inner: 1 };
    fold::map_chunks(layout, &mut out, |rows, _, out| {
        let sweep = Entropies { logits: logits.slice(rows.clone()), first_row: rows.start as u64, out };
        sweep.run()
    })?;
    Ok(out)
}

/// Probabilities softmax(z / T), one row after the other: the reading's `temperature_scale`.
///
/// ```
/// use temperance::{Logits, temperature_scale};
///
/// let p = temperature_scale(&Logits::new(&[3.0, 0.0], 2)?, 1.5)?;
/// assert!((p[0] - 1.0 / (1.0 + (-2.0_f64).exp())).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// Unless 1e-30 ≤ T ≤ 1e30; if a row is illegal.
pub fn temperature_scale(logits: &Logits<'_>, temperature: f64) -> Result<Vec<f64>> {
    Temperature::new(temperature)?.apply(logits)
}

/// -β · mean H of the rows, nats: the reading's `confidence_penalty`, to be added to a loss.
///
/// ```
/// use temperance::{Logits, confidence_penalty};
///
/// let penalty = confidence_penalty(&Logits::new(&[0.0, 0.0], 2)?, 0.1)?;
/// assert!((penalty + 0.1 * 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// Unless β is finite; if a row is illegal.
///
/// Source: Pereyra et al. 2017, section 3.
pub fn confidence_penalty(logits: &Logits<'_>, beta: f64) -> Result<f64> {
    if !beta.is_finite() {
        return Err(crate::Error::parameter("confidence penalty", beta, "a finite number"));
    }
    let entropies = entropy(logits)?;
    Ok(-beta * entropies.iter().sum::<f64>() / entropies.len() as f64)
}

#[derive(Clone, Copy)]
enum Rewrite {
    Softmax,
    LogSoftmax,
}

fn rewrite<E: Element>(logits: &Logits<'_>, out: &mut [E], what: Rewrite) -> Result<Vec<()>> {
    let double = Scores::from(*logits).is_double() || matches!(E::values(out), Values::F64(_));
    fold::map_chunks(logits.0.layout(), out, |rows, layout, out| {
        let (logits, first_row) = (logits.slice(rows.clone()), rows.start as u64);
        if double {
            Rows::<f64, E> { logits, first_row, layout, out, what, scratch: Vec::new() }.run()
        } else {
            Rows::<f32, E> { logits, first_row, layout, out, what, scratch: Vec::new() }.run()
        }
    })
}

struct Rows<'a, R, E> {
    logits: Logits<'a>,
    first_row: u64,
    layout: Layout,
    out: &'a mut [E],
    what: Rewrite,
    scratch: Vec<R>,
}

impl<R: Real, E: Element> Rows<'_, R, E> {
    fn run(self) -> Result<()> {
        let path = Path::best();
        let Rows { logits, first_row, layout, out, what, mut scratch } = self;
        for row in 0..logits.rows() {
            let z = open_row(out, layout, row, &mut scratch, Fill::From(&logits.0, row));
            let sums = path.sums::<R, { Order::NORMALISER }, false>(z, R::ONE);
            if !sums.is_valid() {
                return Err(logits.invalid(row, first_row));
            }
            match what {
                Rewrite::Softmax => path.softmax(z, R::ONE, &sums),
                Rewrite::LogSoftmax => row::log_softmax(z, R::ONE, &sums),
            }
            close_row(out, layout, row, &scratch);
        }
        Ok(())
    }
}

struct Entropies<'a> {
    logits: Logits<'a>,
    first_row: u64,
    out: &'a mut [f64],
}

impl Entropies<'_> {
    fn run(self) -> Result<()> {
        let path = Path::best();
        let mut scratch = Vec::new();
        for (row, out) in self.out.iter_mut().enumerate() {
            let z = self.logits.0.row::<f64>(row, &mut scratch);
            let sums = path.sums::<f64, { Order::ENTROPY }, false>(z, 1.0);
            if !sums.is_valid() {
                return Err(self.logits.invalid(row, self.first_row));
            }
            *out = sums.describe().entropy;
        }
        Ok(())
    }
}
