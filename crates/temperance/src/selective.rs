//! Selective classification: scores that say which predictions to keep and which to leave to someone else.
//!
//! A score orders rows by confidence and need be no probability. The largest probability, the usual one, orders
//! badly after training with label smoothing, which lowers the largest logit most where the network is right
//! (Xia et al. 2025); dividing by a norm of the logits repairs it.

use crate::error::{Error, Result};
use crate::fold;
use crate::input::{Layout, Logits};
use crate::row::{self, Order, Path};

/// The largest logit over the p-norm of the logits, both after their mean is taken off (MaxLogit-pNorm).
///
/// ```text
/// score = max_k (z_k - μ)/(Σ_k |z_k - μ|^p)^(1/p),  μ the mean of z, or 0 if uncentred
/// ```
///
/// Scaling a row by a number above 0 does not change its score, nor does adding a number to it if centred. A
/// centred score lies between 0 and 1, and is 0 for a row whose logits are all equal; an uncentred one lies between
/// -1 and 1. With two classes every centred score is 2^(-1/p), or 0: nothing is left to order by.
///
/// Which p is best differs between networks: the authors take the whole number up to 8 that orders held-out rows
/// best, so there is no default. p = ∞ divides by the largest size of an entry. A logit of -inf is a class that
/// cannot occur and counts neither in the mean nor in the norm.
///
/// ```
/// use temperance::Logits;
/// use temperance::selective::MaxLogit;
///
/// // Centred: (4, -1, -3), whose Euclidean norm is √26.
/// let score = MaxLogit::new(2.0)?.score(&Logits::new(&[7.0, 2.0, 0.0], 3)?)?;
/// assert!((score[0] - 4.0 / 26_f64.sqrt()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Sources: Cattelan & Silva 2024, "How to Fix a Broken Confidence Estimator" (the score); Xia et al. 2025, "Towards
/// Understanding Why Label Smoothing Degrades Selective Classification and How to Fix It" (why it helps).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxLogit {
    p: f64,
    centred: bool,
}

impl MaxLogit {
    /// The centred score with that p.
    ///
    /// # Errors
    /// Unless 1 ≤ p ≤ ∞.
    pub fn new(p: f64) -> Result<Self> {
        if !(1.0..=f64::INFINITY).contains(&p) {
            return Err(Error::parameter(
                "p of the norm",
                p,
                "a number, 1 or above; inf for the largest entry",
            ));
        }
        Ok(MaxLogit { p, centred: true })
    }

    /// The same without taking off the mean.
    #[must_use]
    pub fn uncentred(mut self) -> Self {
        self.centred = false;
        self
    }

    /// The score of every row, in double precision.
    ///
    /// # Errors
    /// If a row is illegal.
    pub fn score(&self, logits: &Logits<'_>) -> Result<Vec<f64>> {
        let mut out = vec![0.0; logits.rows()];
        let layout = Layout { outer: logits.rows(), classes: 1, inner: 1 };
        fold::map_chunks(layout, &mut out, |rows, _, out| {
            let (logits, first_row) = (logits.slice(rows.clone()), rows.start as u64);
            Scores { score: *self, logits, first_row, out }.run()
        })?;
        Ok(out)
    }
}

struct Scores<'a> {
    score: MaxLogit,
    logits: Logits<'a>,
    first_row: u64,
    out: &'a mut [f64],
}

impl Scores<'_> {
    fn run(self) -> Result<()> {
        let path = Path::best();
        let mut scratch = Vec::new();
        for (row, out) in self.out.iter_mut().enumerate() {
            let z = self.logits.0.row::<f64>(row, &mut scratch);
            let sums = path.sums::<f64, { Order::NORMALISER }, false>(z, 1.0);
            if !sums.is_valid() {
                return Err(self.logits.invalid(row, self.first_row));
            }
            // How far the largest logit lies above the centre, without cancellation by a common shift.
            let (mut below, mut possible) = (0.0, 0.0);
            for &z in z {
                let counts = z > f64::NEG_INFINITY;
                below += if counts { sums.max - z } else { 0.0 };
                possible += if counts { 1.0 } else { 0.0 };
            }
            let lead = if self.score.centred { below / possible } else { sums.max };
            let norm = row::norm(z, sums.max - lead, self.score.p);
            *out = if norm > 0.0 { lead / norm } else { 0.0 };
        }
        Ok(())
    }
}
