//! The loss of one row of cross-entropy with all its terms, from the sums of the row.

use super::criterion::Supervision;
use super::cross_entropy::{OfLabel, Prepared};
use super::objective::{Buffers, Objective, Place, Precision, Seen, check_row, product};
use crate::error::Result;
use crate::input::Targets;
use crate::row::{self, Base, Isa, Linear, Order, Plain, Real, Sums, ln_1p};

/// What the loss of a row is made of: v = w·t is its weighted target, d = z - max z.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts {
    pub(super) max: f64,
    /// Σe over all entries but the largest.
    pub(super) tail: f64,
    /// Σd·e.
    pub(super) first: f64,
    /// Σv.
    pub(super) mass: f64,
    /// Σv·d.
    pub(super) below: f64,
    /// Σz², where it is penalised.
    pub(super) norm: f64,
    /// What the terms besides the cross-entropy are weighted by.
    pub(super) weight: f64,
    /// The entry whose gradient is made of numbers that do not cancel, where p and v may both be near 1.
    pub(super) d: f64,
    pub(super) e: f64,
    pub(super) v: f64,
    /// Σv over all others.
    pub(super) others: f64,
}

/// The loss of a row, and its gradient e·(constant + slope·d) - v.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) value: f64,
    pub(super) log_sum: f64,
    pub(super) entropy: f64,
    pub(super) constant: f64,
    pub(super) slope: f64,
    /// The gradient of the entry that [`Facts`] names.
    pub(super) patch: f64,
}

/// The numbers of a loss that rows share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    pub(super) penalty: f64,
    /// The penalty is in force below this entropy,
    pub(super) threshold: f64,
    /// and counts from this one.
    pub(super) offset: f64,
    pub(super) z_loss: f64,
    pub(super) logit_penalty: f64,
}

impl Terms {
    /// The loss of a row from its sums: straight code, which becomes vectors over the rows of a tile.
    #[inline(always)]
    pub(super) fn outcome<I: Isa>(&self, facts: Facts) -> Outcome {
        let Facts { max, tail, first, mass, below, norm, weight, d, e, v, others } = facts;
        let sum = 1.0 + tail;
        let log_sum = ln_1p::<I>(tail);
        let entropy = log_sum - first / sum;
        let penalty = if entropy < self.threshold { self.penalty * weight } else { 0.0 };
        let normaliser = max + log_sum;
        let z_loss = weight * self.z_loss * normaliser;
        let penalties =
            penalty * (self.offset - entropy) + z_loss * normaliser + weight * self.logit_penalty * norm;
        // +inf comes from a target on a -inf logit.
        let value = mass * log_sum - below + penalties;
        let pull = 2.0 * z_loss;
        let p = e / sum;
        let log_p = if p > 0.0 { d - log_sum } else { 0.0 };
        // mass·p - v = (mass - v) - mass·(1 - p)
        let push = if d == 0.0 { others - mass * (tail / sum) } else { mass * p - v };
        Outcome {
            value,
            log_sum,
            entropy,
            constant: (mass + pull + penalty * (entropy - log_sum)) / sum,
            slope: penalty / sum,
            patch: push + p * (pull + penalty * (log_p + entropy)),
        }
    }
}

/// What a target makes of a row: see [`Facts`].
pub(super) struct OfRow<R> {
    mass: f64,
    below: f64,
    weight: f64,
    patched: usize,
    v: f64,
    others: f64,
    minimum: f64,
    /// The class with the largest target.
    top: usize,
    /// Σt and Σt·d of the target without smoothing and weights.
    given_mass: f64,
    given_below: f64,
    target: RowTarget<R>,
}

/// The target of a row.
#[derive(Debug)]
enum RowTarget<R> {
    /// The base of the smoothing and a label.
    Label(usize),
    /// w·t of every class.
    PerClass(Vec<R>),
}

/// What the loss of a row leaves for its gradient.
#[derive(Debug)]
pub(super) struct RowLoss<R> {
    pub(super) sums: Sums,
    outcome: Outcome,
    /// The entry whose gradient is [`Outcome::patch`].
    patched: usize,
    weight: f64,
    logit_penalty: f64,
    target: RowTarget<R>,
}

impl<R: Precision> RowLoss<R> {
    /// The label, if it is hard.
    #[inline(always)]
    pub(super) fn label(&self) -> Option<usize> {
        match self.target {
            RowTarget::Label(label) => Some(label),
            RowTarget::PerClass(_) => None,
        }
    }

    /// w·t of every class for soft labels, nothing for a label.
    #[inline(always)]
    pub(super) fn targets(&self) -> &[R] {
        match &self.target {
            RowTarget::Label(_) => &[],
            RowTarget::PerClass(target) => target,
        }
    }

    /// What multiplies terms besides the cross-entropy: the weight of the label, 1 for soft labels.
    #[inline(always)]
    pub(super) fn weight(&self) -> f64 {
        self.weight
    }

    /// The gradient, but for the entry that [`RowLoss::finish`] patches.
    #[inline(always)]
    pub(super) fn linear<'a>(&'a self, prepared: &'a Prepared<'_>, scale: f64) -> Linear<'a, R> {
        let Outcome { constant, slope, .. } = self.outcome;
        let targets = match &self.target {
            RowTarget::Label(_) => prepared.base::<R>(),
            RowTarget::PerClass(target) => Base::PerClass(target.as_slice()),
        };
        Linear { constant: scale * constant, slope: scale * slope, scale, targets }
    }

    /// Makes the gradient whole.
    #[inline(always)]
    pub(super) fn finish<Z: Real>(&self, gradient: &mut [R], z: &[Z], scale: f64) {
        gradient[self.patched] = R::from_f64(scale * self.outcome.patch);
        let factor = 2.0 * scale * self.weight * self.logit_penalty;
        if factor != 0.0 {
            for (g, z) in gradient.iter_mut().zip(z) {
                let z = z.to_f64();
                let z = if z == f64::NEG_INFINITY { 0.0 } else { z };
                *g = R::from_f64(g.to_f64() + factor * z);
            }
        }
    }

    /// Gives back the memory of the target.
    pub(super) fn into_target(self) -> Vec<R> {
        match self.target {
            RowTarget::Label(_) => Vec::new(),
            RowTarget::PerClass(target) => target,
        }
    }

    /// What [`Saved`](super::Saved) keeps of a row.
    pub(super) fn saved(&self) -> [f64; 3] {
        [self.sums.max, self.sums.tail, self.sums.first]
    }
}

impl Prepared<'_> {
    /// What a label makes of a row; `below` is Σb·d of the base.
    #[inline(always)]
    pub(super) fn of_hard<R: Precision>(
        &self,
        label: usize,
        z: &[R],
        at: Place,
        sums: &Sums,
        below: f64,
    ) -> Result<OfRow<R>> {
        self.check_label(label).map_err(|error| error.at_row(at.absolute()))?;
        let d = z[label].to_f64() - sums.max;
        let OfLabel { weight, own, v, mass, others, minimum } = self.of_label(label);
        let below = below + product(own, d);
        let (given_mass, given_below, target) = (1.0, d, RowTarget::Label(label));
        Ok(OfRow {
            mass,
            below,
            weight,
            patched: label,
            v,
            others,
            minimum,
            top: label,
            given_mass,
            given_below,
            target,
        })
    }

    /// What a soft label makes of a row.
    #[inline(always)]
    pub(super) fn of_soft<R: Precision>(
        &self,
        given: &[f64],
        z: &[R],
        at: Place,
        sums: &Sums,
        mut target: Vec<R>,
    ) -> Result<OfRow<R>> {
        target.clear();
        let (mut top, mut others) = (0, 0.0);
        let (mut mass, mut below, mut given_mass, mut given_below) = (0.0, 0.0, 0.0, 0.0);
        for (class, (&t, &z)) in given.iter().zip(z).enumerate() {
            if t != 0.0 {
                self.check_label(class).map_err(|error| error.at_row(at.absolute()))?;
            }
            if t > given[top] {
                top = class;
            }
            let d = z.to_f64() - sums.max;
            let v = self.soft(class, t);
            mass += v;
            others += if class == sums.arg_max { 0.0 } else { v };
            below += product(v, d);
            given_mass += t;
            given_below += product(t, d);
            target.push(R::from_f64(v));
        }
        Ok(OfRow {
            mass,
            below,
            weight: 1.0,
            patched: sums.arg_max,
            v: target[sums.arg_max].to_f64(),
            others,
            minimum: f64::NAN,
            top,
            given_mass,
            given_below,
            target: RowTarget::PerClass(target),
        })
    }

    /// The loss of a row from its sums and its target.
    #[inline(always)]
    pub(super) fn loss<R: Precision>(&self, z: &[R], sums: &Sums, row: OfRow<R>) -> (Seen, RowLoss<R>) {
        let terms = self.terms();
        let OfRow { mass, below, weight, patched, v, others, .. } = row;
        let Sums { max, tail, first, .. } = *sums;
        let norm = if terms.logit_penalty > 0.0 { row::squared_norm(z) } else { 0.0 };
        let d = z[patched].to_f64() - max;
        let e = if d < R::LOWEST.to_f64() { 0.0 } else { d.exp() };
        let facts = Facts { max, tail, first, mass, below, norm, weight, d, e, v, others };
        let outcome = terms.outcome::<Plain>(facts);
        let seen = Seen {
            value: outcome.value,
            nll: row.given_mass * outcome.log_sum - row.given_below,
            entropy: outcome.entropy,
            correct: if row.top == sums.arg_max { 1.0 } else { 0.0 },
            minimum: row.minimum,
        };
        let logit_penalty = terms.logit_penalty;
        (seen, RowLoss { sums: *sums, outcome, patched, weight, logit_penalty, target: row.target })
    }
}

/// Cross-entropy as a part of other losses.
impl Objective for Prepared<'_> {
    type Row<R> = RowLoss<R>;

    #[inline(always)]
    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, RowLoss<R>)>> {
        let label = match &given.targets {
            Targets::Labels(labels) => match labels.get(at.row, at.first_row)? {
                Some(label) => Some(label),
                None => return Ok(None),
            },
            Targets::Soft(_) => None,
        };
        let sums = buffers.path.sums::<R, { Order::ENTROPY }, false>(z, R::ONE);
        check_row(&sums, z, at)?;
        let row = match (label, &given.targets) {
            (None, Targets::Soft(labels)) => {
                let given = labels.row(at.row, at.first_row, &mut buffers.soft)?;
                self.of_soft(given, z, at, &sums, Vec::with_capacity(z.len()))?
            }
            (None, Targets::Labels(_)) => return Ok(None),
            (Some(label), _) => {
                let max = R::from_f64(sums.max);
                let below = match self.base::<R>() {
                    Base::Constant(0.0) => 0.0,
                    Base::Constant(base) => base * row::dot(z, None, max),
                    Base::PerClass(base) => row::dot(z, Some(base), max),
                };
                self.of_hard(label, z, at, &sums, below)?
            }
        };
        Ok(Some(self.loss(z, &sums, row)))
    }

    #[inline(always)]
    fn gradient<R: Precision>(&self, row: &RowLoss<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        if row.logit_penalty > 0.0 {
            buffers.own.clear();
            buffers.own.extend(z.iter().map(|z| z.to_f64()));
        }
        buffers.path.gradient(z, row.sums.max, &row.linear(self, scale));
        row.finish(z, &buffers.own, scale);
    }
}
