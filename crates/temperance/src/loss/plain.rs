//! Plain cross-entropy as an objective, for the losses that are made of it: no smoothing and no penalties.

use super::Options;
use super::criterion::Supervision;
use super::objective::{Buffers, Objective, Place, Precision, Seen, check_row, product};
use crate::error::Result;
use crate::input::Targets;
use crate::row::{self, Base, Coefficients, Isa, Order, Sums};

/// Σ_c v_c·(-ln p_c) with v = w·t, the weighted target.
pub(super) struct Plain<'a> {
    pub(super) options: &'a Options,
}

/// What the loss of a row leaves for its gradient.
pub(super) struct PlainRow<R> {
    pub(super) sums: Sums,
    pub(super) target: Target<R>,
}

/// What a row should have been.
pub(super) enum Target<R> {
    /// The label and its weight.
    Label(usize, f64),
    /// v of every class, their sum, and that of all classes but the largest.
    Soft(Vec<R>, f64, f64),
}

impl<R> PlainRow<R> {
    /// What multiplies terms besides the cross-entropy: the weight of the label, 1 for soft labels.
    pub(super) fn weight(&self) -> f64 {
        match self.target {
            Target::Label(_, weight) => weight,
            Target::Soft(..) => 1.0,
        }
    }
}

impl Objective for Plain<'_> {
    type Row<R> = PlainRow<R>;

    #[inline(always)]
    fn row<R: Precision, I: Isa>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, PlainRow<R>)>> {
        let label = match &given.targets {
            Targets::Labels(labels) => match labels.get(at.row, at.first_row)? {
                Some(label) => Some(label),
                None => return Ok(None),
            },
            Targets::Soft(_) => None,
        };
        let sums = row::sums::<R, I, { Order::ENTROPY }, false>(z, R::ONE);
        check_row(&sums, z, at)?;
        let row::Described { log_sum, entropy, .. } = sums.describe();
        let mut seen = Seen { entropy, minimum: f64::NAN, ..Seen::default() };
        let (target, top) = match (label, &given.targets) {
            (Some(label), _) => {
                let weight = self.options.class_weight(label);
                seen.nll = log_sum - (z[label].to_f64() - sums.max);
                seen.value = product(weight, seen.nll);
                seen.minimum = 0.0;
                (Target::Label(label, weight), label)
            }
            (None, Targets::Soft(labels)) => {
                let t = labels.row(at.row, at.first_row, &mut buffers.soft)?;
                let (mut targets, mut top) = (Vec::with_capacity(z.len()), 0);
                let (mut mass, mut others) = (0.0, 0.0);
                for (class, (&t_class, &z)) in t.iter().zip(z).enumerate() {
                    top = if t_class > t[top] { class } else { top };
                    let v = t_class * self.options.class_weight(class);
                    let nll = log_sum - (z.to_f64() - sums.max);
                    seen.nll += product(t_class, nll);
                    seen.value += product(v, nll);
                    mass += v;
                    others += if class == sums.arg_max { 0.0 } else { v };
                    targets.push(R::from_f64(v));
                }
                (Target::Soft(targets, mass, others), top)
            }
            (None, Targets::Labels(_)) => return Ok(None),
        };
        seen.correct = if top == sums.arg_max { 1.0 } else { 0.0 };
        Ok(Some((seen, PlainRow { sums, target })))
    }

    #[inline(always)]
    fn gradient<R: Precision, I: Isa>(&self, row: &PlainRow<R>, z: &mut [R], scale: f64, _: &mut Buffers) {
        // The entry where p and t may both be near 1 is patched from numbers that do not cancel.
        let (targets, mass, patched, own, others) = match &row.target {
            Target::Label(label, weight) => (Base::Constant(0.0), *weight, *label, *weight, 0.0),
            Target::Soft(targets, mass, others) => {
                let top = row.sums.arg_max;
                (Base::PerClass(targets.as_slice()), *mass, top, targets[top].to_f64(), *others)
            }
        };
        let (p, rest) = row.sums.probability(patched, z[patched].to_f64() - row.sums.max);
        let coefficients = Coefficients { mass, penalty: 0.0, entropy: 0.0, targets };
        row::gradient::<R, I>(z, &row.sums, &coefficients, scale);
        // mass·p - own = (mass - own) - mass·(1 - p)
        let push = if patched == row.sums.arg_max { others - mass * rest } else { mass * p - own };
        z[patched] = R::from_f64(scale * push);
    }
}
