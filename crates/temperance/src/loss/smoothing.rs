//! Where label smoothing puts its mass.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::input::Probabilities;

/// What ε means: the two conventions in use. They share ε and differ in the target.
///
/// | convention | label | each other class | used by |
/// |---|---|---|---|
/// | `Uniform` | 1 - ε + ε/K | ε/K | Szegedy et al. 2016, Müller et al. 2019, PyTorch, Keras, optax, timm |
/// | `Others` | 1 - ε | ε/(K-1) | tensor2tensor, flax, fairseq since February 2021 |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Convention {
    /// ε is spread over all K classes, the label included: t = (1-ε)·onehot + ε/K.
    #[default]
    Uniform,
    /// ε is spread over the K - 1 other classes: 1 - ε on the label, ε/(K-1) elsewhere.
    Others,
}

impl Convention {
    /// The lower-case name: `uniform` or `others`.
    pub fn name(self) -> &'static str {
        match self {
            Convention::Uniform => "uniform",
            Convention::Others => "others",
        }
    }
}

/// Label smoothing: how much mass ε leaves the label, and where it goes.
///
/// t = (1-ε)·onehot + ε·q, with q uniform, uniform over the other classes, or a prior; a mask confines q to
/// some classes. A soft label t0 takes the place of the one-hot vector by t = a·t0 + b, with the a and b
/// that give the above when t0 is one-hot. The default is no smoothing.
///
/// ```
/// use temperance::loss::Smoothing;
///
/// assert_eq!(Smoothing::uniform(0.5)?.target(0, 4)?, [0.625, 0.125, 0.125, 0.125]);
/// assert_eq!(Smoothing::others(0.75)?.target(0, 4)?, [0.25, 0.25, 0.25, 0.25]);
/// assert_eq!(Smoothing::prior(0.5, &[0.5, 0.25, 0.25])?.target(2, 3)?, [0.25, 0.125, 0.625]);
///
/// let masked = Smoothing::uniform(0.5)?.allowed(&[true, true, false])?;
/// assert_eq!(masked.target(0, 3)?, [0.75, 0.25, 0.0]);
/// assert_eq!(
///     masked.target(2, 3).unwrap_err().to_string(),
///     "label is 2; expected a class that the mask of the smoothing allows"
/// );
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// Source: Szegedy et al. 2016 (uniform, prior); Pereyra et al. 2017 (unigram prior, mask of the classes
/// that never occur as labels).
#[derive(Debug, Clone, PartialEq)]
pub struct Smoothing {
    epsilon: f64,
    mass: Mass,
    allowed: Option<Vec<bool>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Mass {
    By(Convention),
    Prior(Vec<f64>),
}

impl Default for Smoothing {
    fn default() -> Self {
        Smoothing { epsilon: 0.0, mass: Mass::By(Convention::Uniform), allowed: None }
    }
}

impl Smoothing {
    /// Smoothing by ε in the given convention.
    ///
    /// # Errors
    /// If ε is not a number from 0 to 1.
    pub fn new(convention: Convention, epsilon: f64) -> Result<Self> {
        Ok(Smoothing { epsilon: check_epsilon(epsilon)?, mass: Mass::By(convention), allowed: None })
    }

    /// ε spread over all K classes: t = (1-ε)·onehot + ε/K.
    ///
    /// # Errors
    /// As [`Smoothing::new`].
    pub fn uniform(epsilon: f64) -> Result<Self> {
        Self::new(Convention::Uniform, epsilon)
    }

    /// ε spread over the K - 1 other classes: 1 - ε on the label, ε/(K-1) elsewhere; one-hot if K = 1.
    ///
    /// # Errors
    /// As [`Smoothing::new`].
    pub fn others(epsilon: f64) -> Result<Self> {
        Self::new(Convention::Others, epsilon)
    }

    /// ε spread as a distribution q over the classes: t = (1-ε)·onehot + ε·q. q is divided by its sum.
    ///
    /// # Errors
    /// If ε or an entry of q is not a number from 0 to 1, or q does not sum to 1 within 0.01.
    pub fn prior(epsilon: f64, prior: &[f64]) -> Result<Self> {
        let epsilon = check_epsilon(epsilon)?;
        Ok(Smoothing { epsilon, mass: Mass::Prior(distribution("prior", prior)?), allowed: None })
    }

    /// The same smoothing with its mass on the allowed classes only; a label must be one of them.
    ///
    /// Uniform mass is spread over the A allowed classes, that of `others` over the A - 1 other allowed
    /// classes, and a prior is conditioned on them: q_c / Σ q over the allowed.
    ///
    /// # Errors
    /// If no class is allowed.
    pub fn allowed(mut self, mask: &[bool]) -> Result<Self> {
        if !mask.contains(&true) {
            return Err(Error::parameter("number of classes that the smoothing allows", 0, "at least 1"));
        }
        self.allowed = Some(mask.to_vec());
        Ok(self)
    }

    /// ε.
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// The smoothed target of a label.
    ///
    /// # Errors
    /// If the label is not an allowed class, or the prior or the mask has no entry for each class.
    pub fn target(&self, label: usize, classes: usize) -> Result<Vec<f64>> {
        let resolved = self.resolve(classes)?;
        if label >= classes {
            let expected = format!("a class index from 0 to {}", classes - 1);
            return Err(Error::new(ErrorKind::Label, "label", label, expected));
        }
        self.check_label(label)?;
        Ok((0..classes).map(|class| resolved.target(class, label)).collect())
    }

    /// The smoothed target of a soft label, which is divided by its sum.
    ///
    /// ```
    /// use temperance::loss::Smoothing;
    ///
    /// assert_eq!(Smoothing::uniform(0.5)?.soft_target(&[0.75, 0.25])?, [0.625, 0.375]);
    /// # Ok::<(), temperance::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the soft label is not a distribution (sum 1 within 0.01) or has mass on a class that is not
    /// allowed, or the prior or the mask has no entry for each class.
    pub fn soft_target(&self, soft: &[f64]) -> Result<Vec<f64>> {
        let resolved = self.resolve(soft.len())?;
        let soft = distribution("soft label", soft)?;
        for (class, _) in soft.iter().enumerate().filter(|&(_, &t)| t > 0.0) {
            self.check_label(class)?;
        }
        Ok(soft.iter().enumerate().map(|(class, &t)| resolved.soft(class, t)).collect())
    }

    /// Whether a label (or a class on which a soft label has mass) is allowed; the label is below K.
    #[inline(always)]
    pub(crate) fn allows(&self, label: usize) -> bool {
        self.allowed.as_ref().is_none_or(|allowed| allowed[label])
    }

    /// Refuses a label that is not allowed.
    ///
    /// # Errors
    /// If it is not; the caller knows the row.
    #[inline]
    pub(crate) fn check_label(&self, label: usize) -> Result<()> {
        if self.allows(label) {
            return Ok(());
        }
        let expected = "a class that the mask of the smoothing allows";
        Err(Error::new(ErrorKind::Label, "label", label, expected))
    }

    /// The targets as a·onehot + b for `classes` classes.
    ///
    /// # Errors
    /// If there is no class, the prior or the mask has another length, or the prior is 0 wherever the mask
    /// allows.
    pub(crate) fn resolve(&self, classes: usize) -> Result<Resolved> {
        if classes == 0 {
            return Err(Error::shape("number of classes", 0, "at least 1"));
        }
        let one_each = |what: &'static str, length: usize| {
            if length == classes {
                Ok(())
            } else {
                Err(Error::shape(what, length, format!("one entry for each of the {classes} classes")))
            }
        };
        if let Some(mask) = &self.allowed {
            one_each("length of the smoothing mask", mask.len())?;
        }
        // A mask that allows all is none.
        let mask = self.allowed.as_deref().filter(|mask| mask.contains(&false));
        let epsilon = self.epsilon;
        let (label_mass, each) = match &self.mass {
            Mass::Prior(prior) => {
                one_each("length of the prior", prior.len())?;
                let is_allowed = |class: usize| mask.is_none_or(|mask| mask[class]);
                let kept: f64 =
                    (0..classes).filter(|&class| is_allowed(class)).map(|class| prior[class]).sum();
                if !(kept > 0.0) {
                    return Err(Error::parameter(
                        "mass of the prior on the allowed classes",
                        kept,
                        "a number above 0",
                    ));
                }
                let share = |class: usize| match mask {
                    None => prior[class],
                    Some(mask) if mask[class] => prior[class] / kept,
                    Some(_) => 0.0,
                };
                let base = (0..classes).map(|class| epsilon * share(class)).collect();
                return Ok(Resolved { label_mass: 1.0 - epsilon, base: BaseMass::PerClass(base) });
            }
            Mass::By(convention) => {
                let count = mask.map_or(classes, |mask| mask.iter().filter(|&&allowed| allowed).count());
                match convention {
                    Convention::Uniform => (1.0 - epsilon, epsilon / count as f64),
                    Convention::Others if count == 1 => (1.0, 0.0),
                    Convention::Others => {
                        let other = epsilon / (count - 1) as f64;
                        (1.0 - epsilon - other, other)
                    }
                }
            }
        };
        let base = match mask {
            None => BaseMass::Constant(each),
            Some(mask) => {
                BaseMass::PerClass(mask.iter().map(|&allowed| if allowed { each } else { 0.0 }).collect())
            }
        };
        Ok(Resolved { label_mass, base })
    }
}

/// A smoothing for a known K: t_c = label_mass·[c = y] + base_c.
///
/// `label_mass` is negative for `others` with ε above (K-1)/K; targets are not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Resolved {
    /// What the label gets over `base`.
    pub(crate) label_mass: f64,
    /// What every class gets.
    pub(crate) base: BaseMass,
}

/// A number per class.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BaseMass {
    /// The same for every class.
    Constant(f64),
    /// Its own for every class.
    PerClass(Vec<f64>),
}

impl Resolved {
    /// b of a class.
    #[inline]
    pub(crate) fn base(&self, class: usize) -> f64 {
        match &self.base {
            BaseMass::Constant(base) => *base,
            BaseMass::PerClass(base) => base[class],
        }
    }

    /// The target of a class under a hard label.
    #[inline]
    pub(crate) fn target(&self, class: usize, label: usize) -> f64 {
        self.soft(class, if class == label { 1.0 } else { 0.0 })
    }

    /// The target of a class whose soft label is `t`.
    #[inline]
    pub(crate) fn soft(&self, class: usize, t: f64) -> f64 {
        self.label_mass * t + self.base(class)
    }
}

/// ε, a number from 0 to 1.
pub(super) fn check_epsilon(epsilon: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&epsilon) {
        Ok(epsilon)
    } else {
        Err(Error::parameter("epsilon", epsilon, "a number from 0 to 1"))
    }
}

/// Values from 0 to 1 that sum to 1 within the tolerance of all inputs, divided by their sum.
pub(super) fn distribution(what: &'static str, values: &[f64]) -> Result<Vec<f64>> {
    if let Some(column) = values.iter().position(|v| !(0.0..=1.0).contains(v)) {
        return Err(
            Error::new(ErrorKind::Value, what, values[column], "a number from 0 to 1").at_column(column)
        );
    }
    // From +0: the empty sum is -0.
    let sum = values.iter().fold(0.0, |sum, v| sum + v);
    if !((sum - 1.0).abs() <= Probabilities::SUM_TOLERANCE) {
        return Err(Error::new(ErrorKind::Value, format!("sum of the {what}"), sum, "1 within 0.01"));
    }
    Ok(values.iter().map(|v| v / sum).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn uniform_resolves_to_a_constant() {
        let resolved = Smoothing::uniform(0.1).unwrap().resolve(10).unwrap();
        assert_eq!(resolved, Resolved { label_mass: 1.0 - 0.1, base: BaseMass::Constant(0.1 / 10.0) });
        assert_eq!(
            Smoothing::default().resolve(3).unwrap(),
            Smoothing::uniform(0.0).unwrap().resolve(3).unwrap()
        );
    }

    #[test]
    fn others_resolves_to_a_constant() {
        let resolved = Smoothing::others(0.1).unwrap().resolve(10).unwrap();
        let other = 0.1 / 9.0;
        assert_eq!(resolved, Resolved { label_mass: 1.0 - 0.1 - other, base: BaseMass::Constant(other) });
        let one = Smoothing::others(0.1).unwrap().resolve(1).unwrap();
        assert_eq!(one, Resolved { label_mass: 1.0, base: BaseMass::Constant(0.0) });
        // All mass on the others.
        assert_eq!(Smoothing::others(1.0).unwrap().target(1, 3).unwrap(), [0.5, 0.0, 0.5]);
    }

    #[test]
    fn prior_resolves_to_its_share() {
        let resolved = Smoothing::prior(0.2, &[0.5, 0.5, 0.0]).unwrap().resolve(3).unwrap();
        let base = BaseMass::PerClass(vec![0.2 * 0.5, 0.2 * 0.5, 0.0]);
        assert_eq!(resolved, Resolved { label_mass: 1.0 - 0.2, base });
        // A rounded prior is divided by its sum.
        let thirds = Smoothing::prior(1.0, &[0.333, 0.333, 0.333]).unwrap().target(0, 3).unwrap();
        assert!((thirds.iter().sum::<f64>() - 1.0).abs() < 1e-15, "{thirds:?}");
    }

    #[test]
    fn a_mask_confines_every_kind_of_mass() {
        let mask = [true, false, true, true];
        let uniform = Smoothing::uniform(0.3).unwrap().allowed(&mask).unwrap();
        assert_eq!(uniform.target(0, 4).unwrap(), [1.0 - 0.3 + 0.3 / 3.0, 0.0, 0.3 / 3.0, 0.3 / 3.0]);
        let others = Smoothing::others(0.3).unwrap().allowed(&mask).unwrap();
        assert_eq!(others.target(0, 4).unwrap(), [1.0 - 0.3 - 0.15 + 0.15, 0.0, 0.15, 0.15]);
        let prior = Smoothing::prior(0.5, &[0.25, 0.5, 0.25, 0.0]).unwrap().allowed(&mask).unwrap();
        assert_eq!(prior.target(3, 4).unwrap(), [0.25, 0.0, 0.25, 0.5]);
        let alone = Smoothing::others(0.3).unwrap().allowed(&[false, true]).unwrap();
        assert_eq!(alone.target(1, 2).unwrap(), [0.0, 1.0]);
        let all = Smoothing::uniform(0.3).unwrap().allowed(&[true; 4]).unwrap();
        assert_eq!(all.resolve(4).unwrap(), Smoothing::uniform(0.3).unwrap().resolve(4).unwrap());
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for (epsilon, value) in [(-0.1, "-0.1"), (1.5, "1.5"), (f64::NAN, "NaN")] {
            let expected = format!("epsilon is {value}; expected a number from 0 to 1");
            assert_eq!(text(Smoothing::uniform(epsilon)), expected);
            assert_eq!(text(Smoothing::others(epsilon)), expected);
            assert_eq!(text(Smoothing::prior(epsilon, &[1.0])), expected);
        }
        assert_eq!(
            text(Smoothing::prior(0.1, &[1.5, -0.5])),
            "prior is 1.5 at column 0 (counted from 0); expected a number from 0 to 1"
        );
        assert_eq!(
            text(Smoothing::prior(0.1, &[0.5, f64::NAN])),
            "prior is NaN at column 1 (counted from 0); expected a number from 0 to 1"
        );
        assert_eq!(
            text(Smoothing::prior(0.1, &[0.5, 0.25])),
            "sum of the prior is 0.75; expected 1 within 0.01"
        );
        assert_eq!(text(Smoothing::prior(0.1, &[])), "sum of the prior is 0; expected 1 within 0.01");
        let prior = Smoothing::prior(0.1, &[0.5, 0.5]).unwrap();
        assert_eq!(
            text(prior.resolve(3)),
            "length of the prior is 2; expected one entry for each of the 3 classes"
        );
        assert_eq!(
            text(Smoothing::uniform(0.1).unwrap().allowed(&[true]).unwrap().resolve(2)),
            "length of the smoothing mask is 1; expected one entry for each of the 2 classes"
        );
        assert_eq!(
            text(Smoothing::uniform(0.1).unwrap().allowed(&[false, false])),
            "number of classes that the smoothing allows is 0; expected at least 1"
        );
        assert_eq!(
            text(Smoothing::prior(0.1, &[1.0, 0.0]).unwrap().allowed(&[false, true]).unwrap().resolve(2)),
            "mass of the prior on the allowed classes is 0; expected a number above 0"
        );
        let masked = Smoothing::uniform(0.0).unwrap().allowed(&[false, true]).unwrap();
        let not_allowed = "label is 0; expected a class that the mask of the smoothing allows";
        assert_eq!(text(masked.check_label(0)), not_allowed);
        assert_eq!(text(masked.soft_target(&[0.5, 0.5])), not_allowed);
        assert!(masked.check_label(1).is_ok());
        assert_eq!(masked.soft_target(&[0.0, 1.0]).unwrap(), [0.0, 1.0]);
        assert_eq!(text(masked.target(2, 2)), "label is 2; expected a class index from 0 to 1");
        assert_eq!(
            text(masked.soft_target(&[0.5, 0.0])),
            "sum of the soft label is 0.5; expected 1 within 0.01"
        );
        assert_eq!(text(masked.resolve(0)), "number of classes is 0; expected at least 1");
    }

    #[test]
    fn conventions_have_lower_case_names() {
        for convention in [Convention::Uniform, Convention::Others] {
            let json = format!("\"{}\"", convention.name());
            assert_eq!(serde_json::to_string(&convention).unwrap(), json);
            assert_eq!(serde_json::from_str::<Convention>(&json).unwrap(), convention);
        }
    }

    proptest! {
        #[test]
        fn every_target_is_a_distribution(
            weights in prop::collection::vec((0.01..1.0_f64, any::<bool>()), 1..8),
            epsilon in 0.0..=1.0_f64,
        ) {
            let classes = weights.len();
            let sum: f64 = weights.iter().map(|w| w.0).sum();
            let prior: Vec<f64> = weights.iter().map(|w| w.0 / sum).collect();
            let mut mask: Vec<bool> = weights.iter().map(|w| w.1).collect();
            mask[0] = true;
            for smoothing in [
                Smoothing::uniform(epsilon).unwrap(),
                Smoothing::others(epsilon).unwrap(),
                Smoothing::prior(epsilon, &prior).unwrap(),
            ] {
                let masked = smoothing.clone().allowed(&mask).unwrap();
                for t in [
                    smoothing.target(0, classes).unwrap(),
                    smoothing.soft_target(&prior).unwrap(),
                    masked.target(0, classes).unwrap(),
                ] {
                    prop_assert!((t.iter().sum::<f64>() - 1.0).abs() < 1e-14, "{t:?}");
                    prop_assert!(t.iter().all(|&t| t >= -1e-16), "{t:?}");
                }
                let one_hot: Vec<f64> = (0..classes).map(|class| if class == 0 { 1.0 } else { 0.0 }).collect();
                prop_assert_eq!(masked.soft_target(&one_hot).unwrap(), masked.target(0, classes).unwrap());
            }
        }
    }
}
