//! The family of entropy regularisers between the confidence penalty and label smoothing.

use super::criterion::{Criterion, Supervision, Work};
use super::cross_entropy::{self, CrossEntropy, strength};
use super::objective::{self, Buffers, Objective, Place, Precision, Seen, product};
use super::smoothing::distribution;
use super::terms::RowLoss;
use super::{Entry, Loss, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::input::Targets;
use crate::parameters::{Parameter, ParameterEntry, Parameters};

pub(super) const ENTRY: Entry = Entry {
    name: "entropy_family",
    summary: "cross-entropy with the generalised entropy regulariser: from the confidence penalty to label smoothing",
    formula: "-ln p_y + β·J_α,  J_α = KL(p‖m)/(1-α) + KL(u‖m)/α,  m = α·p + (1-α)·u,  u = 1/K",
    source: "Meister, Salesky, Cotterell 2020, Generalized Entropy Regularization, section 3",
    parameters: &[ALPHA, BETA],
    soft_labels: true,
    teacher: false,
    neutral: Some(&[(BETA.name, 0.0)]),
    build: |parameters| {
        parameters.only(&[ALPHA.name, BETA.name])?;
        let (alpha, beta) = (parameters.number_or(&ALPHA)?, parameters.number_or(&BETA)?);
        Ok(Box::new(EntropyFamily::new(alpha, beta)?))
    },
};

const ALPHA: ParameterEntry = ParameterEntry { name: "alpha", domain: "from 0 to 1", default: 0.5 };
const BETA: ParameterEntry = ParameterEntry { name: "beta", domain: "0 or above", default: 0.1 };

/// Cross-entropy with the generalised entropy regulariser: a skewed Jensen divergence between the prediction and
/// a prior u, uniform unless given.
///
/// For a row with logits z, p = softmax(z), target t and r the weight of the label (1 for soft labels):
///
/// ```text
/// loss = -Σ_c w_c·t_c·ln p_c + r·β·J_α
/// J_α = KL(p‖m)/(1-α) + KL(u‖m)/α,  m = α·p + (1-α)·u
/// ∂J_α/∂z_j = p_j/(1-α)·(ln(p_j/m_j) - KL(p‖m))
/// ```
///
/// | α | J_α | what it is |
/// |---|---|---|
/// | 0 | KL(p‖u) = ln K - H(p) | the confidence penalty of strength β, plus the constant β·ln K |
/// | 1/2 | 4·JS(p, u) | four times the Jensen-Shannon divergence |
/// | 1 | KL(u‖p) | label smoothing of ε = β/(1+β), times 1 + β, less the constant β·ln K |
///
/// The ends are the limits, exactly, and values near them keep their digits. J is 0 where p = u. Below α = 1
/// it is bounded, so a logit of -inf costs a finite amount and has gradient 0 unless it is the label's; at α = 1
/// it makes the loss +inf, with gradient -r·β·u. The least loss of a hard label is known under a uniform prior.
///
/// ```
/// use temperance::loss::{Criterion, CrossEntropy, EntropyFamily};
/// use temperance::{Labels, Logits};
///
/// let z = [3_f64.ln(), 0.0]; // p = (3/4, 1/4)
/// let logits = Logits::new(&z, 2)?;
/// let loss = EntropyFamily::new(0.5, 1.0)?.forward(&logits, Labels::new(&[0], 2))?;
/// // m = (5/8, 3/8).
/// let jensen_shannon = 0.5 * (0.75 * 1.2_f64.ln() + 0.25 * (2.0_f64 / 3.0).ln())
///     + 0.5 * (0.5 * 0.8_f64.ln() + 0.5 * (4.0_f64 / 3.0).ln());
/// assert!((loss.value - ((4.0_f64 / 3.0).ln() + 4.0 * jensen_shannon)).abs() < 1e-15);
///
/// let penalty = CrossEntropy::new().confidence_penalty(0.1)?.forward(&logits, Labels::new(&[0], 2))?;
/// let end = EntropyFamily::new(0.0, 0.1)?.forward(&logits, Labels::new(&[0], 2))?;
/// assert!((end.value - (penalty.value + 0.1 * 2_f64.ln())).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Meister, Salesky, Cotterell 2020, section 3, in the orientation of its code
/// (`rycolab/entropyRegularization`, which drops the constant Σ u·ln u).
#[derive(Debug, Clone, PartialEq)]
pub struct EntropyFamily {
    /// The cross-entropy of the labels, with the options of the whole.
    cross_entropy: CrossEntropy,
    alpha: f64,
    beta: f64,
    prior: Option<Vec<f64>>,
}

impl EntropyFamily {
    /// The member α of the family, times β.
    ///
    /// # Errors
    /// Unless 0 ≤ α ≤ 1 and 0 ≤ β < ∞.
    pub fn new(alpha: f64, beta: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&alpha) {
            return Err(Error::parameter(ALPHA.name, alpha, "a number from 0 to 1"));
        }
        let beta = strength(BETA.name, beta)?;
        Ok(EntropyFamily { cross_entropy: CrossEntropy::new(), alpha, beta, prior: None })
    }

    /// The same towards a distribution u over the classes, which is divided by its sum. Where u is 0, J pulls p
    /// to 0.
    ///
    /// # Errors
    /// If an entry is not a number from 0 to 1, or they do not sum to 1 within 0.01; at α = 0, where KL(p‖u)
    /// would be infinite, if an entry is 0.
    pub fn prior(mut self, prior: &[f64]) -> Result<Self> {
        let prior = distribution("prior", prior)?;
        if let Some(column) = prior.iter().position(|&u| u == 0.0 && self.alpha == 0.0) {
            let expected = "a number above 0, as alpha is 0";
            return Err(Error::new(ErrorKind::Value, "prior", 0, expected).at_column(column));
        }
        self.prior = Some(prior);
        Ok(self)
    }

    fn check_prior(&self, classes: usize) -> Result<()> {
        match &self.prior {
            Some(prior) if prior.len() != classes => {
                let expected = format!("one entry for each of the {classes} classes");
                Err(Error::shape("length of the prior", prior.len(), expected))
            }
            _ => Ok(()),
        }
    }
}

impl Criterion for EntropyFamily {
    fn name(&self) -> &'static str {
        ENTRY.name
    }

    fn parameters(&self) -> Parameters {
        Parameters::new()
            .with(ALPHA.name, Parameter::Number(self.alpha))
            .with(BETA.name, Parameter::Number(self.beta))
    }

    fn options(&self) -> &Options {
        self.cross_entropy.options()
    }

    fn options_mut(&mut self) -> &mut Options {
        self.cross_entropy.options_mut()
    }

    fn run(&self, work: Work<'_>) -> Result<Loss> {
        if self.beta == 0.0 {
            let classes = objective::check_work(self.options(), &work)?;
            self.check_prior(classes)?;
            return self.cross_entropy.run(work);
        }
        let soft = matches!(work.given.targets, Targets::Soft(_));
        objective::run(self.options(), work, |classes| Prepared::new(self, classes, soft))
    }
}

/// What all rows share.
struct Prepared<'a> {
    plain: cross_entropy::Prepared<'a>,
    beta: f64,
    divergence: Divergence,
    prior: Prior,
    /// The least loss of a row of weight 1; NaN where it is not known.
    minimum: f64,
}

/// u and ln u.
enum Prior {
    Uniform(f64, f64),
    PerClass(Vec<(f64, f64)>),
}

impl<'a> Prepared<'a> {
    fn new(loss: &'a EntropyFamily, classes: usize, soft: bool) -> Result<Self> {
        loss.check_prior(classes)?;
        let prior = match &loss.prior {
            Some(prior) => Prior::PerClass(prior.iter().map(|u| (*u, u.ln())).collect()),
            None => Prior::Uniform(1.0 / classes as f64, -(classes as f64).ln()),
        };
        let divergence = Divergence { alpha: loss.alpha, rest: 1.0 - loss.alpha };
        let minimum = match &prior {
            Prior::Uniform(..) if !soft => divergence.least_loss(loss.beta, classes),
            _ => f64::NAN,
        };
        let plain = loss.cross_entropy.prepare(classes, soft)?;
        Ok(Prepared { plain, beta: loss.beta, divergence, prior, minimum })
    }

    fn prior(&self, class: usize) -> (f64, f64) {
        match &self.prior {
            Prior::Uniform(u, log_u) => (*u, *log_u),
            Prior::PerClass(prior) => prior[class],
        }
    }
}

/// J_α, class by class.
///
/// Written as Σ [p·ln(p/m) - p + m]/(1-α) + Σ [u·ln(u/m) - u + m]/α, in which no term is negative, so that
/// nothing cancels; the added terms sum to 0.
#[derive(Debug, Clone, Copy)]
struct Divergence {
    alpha: f64,
    /// 1 - α.
    rest: f64,
}

/// A class's share of J, and v = p·ln(m/p)/(1-α), from which the gradient is p_j·Σv - v_j.
struct Term {
    share: f64,
    v: f64,
}

impl Divergence {
    fn term(self, p: f64, log_p: f64, (u, log_u): (f64, f64)) -> Term {
        let Divergence { alpha, rest } = self;
        let log_m = if rest == 0.0 { log_p } else { (alpha * p + rest * u).ln() };
        // m/p - 1 and m/u - 1. Near 0 their logarithms are taken from them, elsewhere from m.
        let (over_p, over_u) = (rest * (u - p) / p, alpha * (p - u) / u);
        let (of_p, v) = if rest == 0.0 {
            (0.0, u - p)
        } else if p == 0.0 {
            (u, 0.0)
        } else if over_p.abs() <= NEAR {
            (p * minus_ln_1p(over_p) / rest, p * over_p.ln_1p() / rest)
        } else {
            let v = p * (log_m - log_p) / rest;
            (u - p - v, v)
        };
        let of_u = if alpha == 0.0 {
            0.0
        } else if u == 0.0 {
            p
        } else if over_u.abs() <= NEAR {
            u * minus_ln_1p(over_u) / alpha
        } else {
            p - u - u * (log_m - log_u) / alpha
        };
        Term { share: of_p + of_u, v }
    }

    /// ln(m/p)/(1-α), finite where p underflows but ln p does not.
    fn slope(self, p: f64, log_p: f64, u: f64) -> f64 {
        let Divergence { alpha, rest } = self;
        let over_p = rest * (u - p) / p;
        if rest == 0.0 {
            (u - p) / p
        } else if over_p.abs() <= NEAR {
            over_p.ln_1p() / rest
        } else {
            ((alpha * p + rest * u).ln() - log_p) / rest
        }
    }

    /// The least value of -ln p_y + β·J under a uniform prior. By symmetry and convexity it lies where all other
    /// classes are alike, at the gap between the label's logit and theirs that solves 1/p_y = β·(slope of the
    /// others - slope of the label).
    fn least_loss(self, beta: f64, classes: usize) -> f64 {
        let k = classes as f64;
        let (u, others) = (1.0 / k, k - 1.0);
        if beta == 0.0 || classes == 1 {
            return 0.0;
        }
        let at = |gap: f64| {
            let label = -(others * (-gap).exp()).ln_1p();
            (label, label - gap)
        };
        let is_below = |gap: f64| {
            let (label, other) = at(gap);
            let slopes = self.slope(other.exp(), other, u) - self.slope(label.exp(), label, u);
            beta * label.exp() * slopes < 1.0
        };
        let (mut low, mut high) = (0.0, 1.0);
        while is_below(high) && high < 1e300 {
            (low, high) = (high, 2.0 * high);
        }
        // The loss is flat at its minimum: half the digits of the gap give all of the loss.
        for _ in 0..50 {
            let middle = 0.5 * (low + high);
            if is_below(middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let (label, other) = at(high);
        let prior = (u, -k.ln());
        let divergence =
            self.term(label.exp(), label, prior).share + others * self.term(other.exp(), other, prior).share;
        beta * divergence - label
    }
}

/// Up to here ln(1 + x) is taken from x itself.
const NEAR: f64 = 1.0 / 16.0;

/// x - ln(1 + x) for |x| ≤ 1/16, without cancellation: with s = x/(2 + x), ln(1 + x) = 2·(s + s³/3 + s⁵/5 + …)
/// and x - 2·s = x·s.
fn minus_ln_1p(x: f64) -> f64 {
    let s = x / (2.0 + x);
    let q = s * s;
    let series = 1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0 + q * (1.0 / 9.0 + q * (1.0 / 11.0 + q / 13.0))));
    s * x - 2.0 * s * q * series
}

/// What the loss of a row leaves for its gradient; p and v of every class are in the buffers.
struct Row<R> {
    plain: RowLoss<R>,
    /// r·β.
    strength: f64,
    /// Σv.
    sum: f64,
    /// Σv - v/p of the largest logit, summed over the others alone so that nothing cancels.
    above_top: f64,
}

impl Objective for Prepared<'_> {
    type Row<R> = Row<R>;

    fn row<R: Precision>(
        &self,
        z: &[R],
        given: &Supervision<'_>,
        at: Place,
        buffers: &mut Buffers,
    ) -> Result<Option<(Seen, Row<R>)>> {
        let Some((seen, plain)) = self.plain.row(z, given, at, buffers)? else {
            return Ok(None);
        };
        let strength = self.beta * plain.weight();
        let Buffers { path, own: p, soft: v } = buffers;
        let (sums, top) = (&plain.sums, plain.sums.arg_max);
        let log_sum = sums.tail.ln_1p();
        p.clear();
        p.extend(z.iter().map(|z| z.to_f64()));
        path.softmax(p, 1.0, sums);

        let Term { share: mut divergence, v: v_top } =
            self.divergence.term(p[top], -log_sum, self.prior(top));
        let slope_top = v_top / p[top];
        let mut above_top = 0.0;
        v.clear();
        for (class, (&p, z)) in p.iter().zip(z).enumerate() {
            if class == top {
                v.push(v_top);
                continue;
            }
            let log_p = z.to_f64() - sums.max - log_sum;
            let term = self.divergence.term(p, log_p, self.prior(class));
            divergence += term.share;
            above_top += term.v - p * slope_top;
            v.push(term.v);
        }
        let minimum = plain.weight() * self.minimum;
        let seen = Seen { value: seen.value + product(strength, divergence), minimum, ..seen };
        Ok(Some((seen, Row { plain, strength, sum: above_top + slope_top, above_top })))
    }

    fn gradient<R: Precision>(&self, row: &Row<R>, z: &mut [R], scale: f64, buffers: &mut Buffers) {
        self.plain.gradient(&row.plain, z, scale, buffers);
        let Buffers { own: p, soft: v, .. } = buffers;
        let (scale, top) = (scale * row.strength, row.plain.sums.arg_max);
        let of_top = z[top] + R::from_f64(scale * p[top] * row.above_top);
        for ((z, &p), &v) in z.iter_mut().zip(p.iter()).zip(v.iter()) {
            *z = *z + R::from_f64(scale * (p * row.sum - v));
        }
        z[top] = of_top;
    }
}
