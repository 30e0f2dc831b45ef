//! Plain cross-entropy of a row, on which losses with a term beside it are built.

use super::Options;
use super::criterion::Supervision;
use super::objective::{Buffers, Objective, Place, Precision, Seen, check_row, product};
use crate::error::Result;
use crate::input::Targets;
use crate::row::{self, Base, Coefficients, Isa, Order, Sums};

/// -Σ_c w_c·t_c·ln p_c.
pub(super) struct Plain<'a> {
    pub(super) options: &'a Options,
}

/// What the loss of a row leaves for its gradient.
pub(super) struct RowLoss<R> {
    pub(super) sums: Sums,
    /// Σ w·t.
    pub(super) mass: f64,
    pub(super) target: RowTarget<R>,
}

/// What a row should have been.
pub(super) enum RowTarget<R> {
    /// The label and its weight.
    Label(usize, f64),
    /// w·t of every class.
    PerClass(Vec<R>),
}

impl<R> RowLoss<R> {
    /// The weight of the row's terms besides the cross-entropy.
    #[inline(always)]
    pub(super) fn weight(&self) -> f64 {
        match self.target {
            RowTarget::Label(_, weight) => weight,
            RowTarget::PerClass(_) => 1.0,
        }
    }
}

impl Objective for Plain<'_> {
    type Row<R> = RowLoss<R>;

    #[inline(always)]
    fn row<R: Precision, I: Isa>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, RowLoss<R>)>> {
        let sums = match &given.targets {
            Targets::Labels(labels) if labels.get(at.row, at.first_row)?.is_none() => return Ok(None),
            _ => row::sums::<R, I, { Order::ENTROPY }, false>(z, R::ONE),
        };
        check_row(&sums, z, at)?;
        let row::Described { log_sum, entropy, .. } = sums.describe();
        let (value, nll, minimum, mass, target, top) = match &given.targets {
            Targets::Labels(labels) => {
                let Some(label) = labels.get(at.row, at.first_row)? else { return Ok(None) };
                let (weight, nll) =
                    (self.options.term_weight(label), log_sum - (z[label].to_f64() - sums.max));
                (product(weight, nll), nll, 0.0, weight, RowTarget::Label(label, weight), label)
            }
            Targets::Soft(labels) => {
                let given = labels.row(at.row, at.first_row, &mut buffers.soft)?;
                let (mut top, mut value, mut nll, mut mass) = (0, 0.0, 0.0, 0.0);
                let mut target = Vec::with_capacity(z.len());
                for (class, (&t, z)) in given.iter().zip(z).enumerate() {
                    if t > given[top] {
                        top = class;
                    }
                    let (v, cost) = (t * self.options.term_weight(class), log_sum - (z.to_f64() - sums.max));
                    value += product(v, cost);
                    nll += product(t, cost);
                    mass += v;
                    target.push(R::from_f64(v));
                }
                (value, nll, f64::NAN, mass, RowTarget::PerClass(target), top)
            }
        };
        let correct = if top == sums.arg_max { 1.0 } else { 0.0 };
        Ok(Some((Seen { value, nll, entropy, correct, minimum }, RowLoss { sums, mass, target })))
    }

    #[inline(always)]
    fn gradient<R: Precision, I: Isa>(&self, row: &RowLoss<R>, z: &mut [R], scale: f64, _: &mut Buffers) {
        let RowLoss { sums, mass, target } = row;
        // The entry where p and t are both near 1 is patched below from numbers that did not cancel.
        let (targets, patched, own, others) = match target {
            RowTarget::Label(label, weight) => (Base::Constant(0.0), *label, *weight, 0.0),
            RowTarget::PerClass(target) => {
                let (top, mut others) = (sums.arg_max, 0.0);
                for (class, t) in target.iter().enumerate() {
                    others += if class == top { 0.0 } else { t.to_f64() };
                }
                (Base::PerClass(&target[..]), top, target[top].to_f64(), others)
            }
        };
        let d = z[patched].to_f64() - sums.max;
        let coefficients = Coefficients { mass: *mass, penalty: 0.0, entropy: 0.0, targets };
        row::gradient::<R, I>(z, sums, &coefficients, scale);
        let sum = 1.0 + sums.tail;
        let of_patched = if patched == sums.arg_max {
            // mass·p - own = (mass - own) - mass·(1 - p)
            others - mass * (sums.tail / sum)
        } else if d < R::LOWEST.to_f64() {
            -own
        } else {
            mass * (d.exp() / sum) - own
        };
        z[patched] = R::from_f64(scale * of_patched);
    }
}
