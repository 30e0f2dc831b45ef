//! What a smoothed or penalised loss tends to: targets, optimal logit gaps, minimum losses.
//!
//! A loss with targets t is smallest, over all p, at p = t, where it is the entropy H(t) and the logits of
//! two classes differ by ln(t_i/t_j). A confidence penalty -β·H(p) moves the optimum towards uniform;
//! where to is a Lambert W function. All logarithms are natural.
//!
//! Sources: the targets are those of Szegedy et al. 2016 and Müller et al. 2019, the penalty that of Pereyra
//! et al. 2017; the optima are derived here and tested against descent.

use super::Convention;
use super::smoothing::{check_epsilon, distribution};
use crate::error::{Error, ErrorKind, Result};
use crate::input::Probabilities;

/// The two probabilities of a smoothed label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// Probability of the label.
    pub label: f64,
    /// Probability of each of the K - 1 other classes.
    pub other: f64,
}

/// The smoothed target of a label.
///
/// `Uniform`: 1 - ε + ε/K and ε/K. `Others`: 1 - ε and ε/(K-1).
///
/// ```
/// use temperance::loss::{Convention, theory};
///
/// let target = theory::target(Convention::Uniform, 10, 0.5)?;
/// assert_eq!((target.label, target.other), (0.55, 0.05));
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes or ε is not a number from 0 to 1.
pub fn target(convention: Convention, classes: usize, epsilon: f64) -> Result<Target> {
    let k = check_classes(classes)?;
    let epsilon = check_epsilon(epsilon)?;
    Ok(match convention {
        Convention::Uniform => Target { label: 1.0 - epsilon + epsilon / k, other: epsilon / k },
        Convention::Others => Target { label: 1.0 - epsilon, other: epsilon / (k - 1.0) },
    })
}

/// The logit of the label less that of another class where the smoothed loss is smallest.
///
/// ln(t_y/t_o): `Uniform` ln(1 + K(1-ε)/ε), `Others` ln((1-ε)(K-1)/ε). ε = 0 gives infinity; ε = 1 gives 0
/// (`Uniform`) or -infinity (`Others`, which is negative from ε = (K-1)/K on).
///
/// ```
/// use temperance::loss::{Convention, theory};
///
/// let gap = theory::optimal_gap(Convention::Uniform, 10, 0.1)?;
/// assert!((gap - 91_f64.ln()).abs() < 1e-15); // 4.5109
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes or ε is not a number from 0 to 1.
pub fn optimal_gap(convention: Convention, classes: usize, epsilon: f64) -> Result<f64> {
    let k = check_classes(classes)?;
    let epsilon = check_epsilon(epsilon)?;
    // Below this the ratio may overflow, and 1 - ε and the 1 in the first form are rounded away.
    let tiny = epsilon < 1e-290;
    Ok(match convention {
        Convention::Uniform if tiny => k.ln() - epsilon.ln(),
        Convention::Uniform => (k * (1.0 - epsilon) / epsilon).ln_1p(),
        Convention::Others if tiny => (k - 1.0).ln() - epsilon.ln(),
        Convention::Others => {
            // The ratio less 1, rounded once, so that a gap near 0 keeps its digits.
            let excess = (-k).mul_add(epsilon, k - 1.0) / epsilon;
            if excess.abs() < 0.5 { excess.ln_1p() } else { ((1.0 - epsilon) * (k - 1.0) / epsilon).ln() }
        }
    })
}

/// The gap that texts print: ln((1-ε)(K-1)/ε), whatever their target.
///
/// It belongs to [`Convention::Others`], where the label keeps 1 - ε and each of the K - 1 others gets
/// ε/(K-1). It is often printed beside the target (1-ε)·onehot + ε/K, whose label keeps 1 - ε + ε/K; the gap
/// of that target is larger: ln(1 + K(1-ε)/ε). At ε = 0.1 they are 2.1972 and 2.9444 for 2 classes, 4.3944
/// and 4.5109 for 10; they agree to 4 decimals from some 20 000 classes on.
///
/// ```
/// use temperance::loss::theory;
///
/// assert!((theory::printed_gap(10, 0.1)? - 81_f64.ln()).abs() < 1e-15); // 4.3944
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes or ε is not a number from 0 to 1.
pub fn printed_gap(classes: usize, epsilon: f64) -> Result<f64> {
    optimal_gap(Convention::Others, classes, epsilon)
}

/// The smallest value of the smoothed loss, in nats: the entropy of the target.
///
/// H(t) = -t_y·ln t_y - (K-1)·t_o·ln t_o, with 0·ln 0 = 0. The loss less this is KL(t‖p), which is 0 at the
/// optimum.
///
/// ```
/// use temperance::loss::{Convention, theory};
///
/// let floor = theory::minimum_loss(Convention::Uniform, 2, 1.0)?;
/// assert!((floor - 2_f64.ln()).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes or ε is not a number from 0 to 1.
pub fn minimum_loss(convention: Convention, classes: usize, epsilon: f64) -> Result<f64> {
    let Target { label, .. } = target(convention, classes, epsilon)?;
    if epsilon == 0.0 {
        return Ok(0.0);
    }
    let k = classes as f64;
    // What is off the label, and ln t_o; -ln t_y through the former keeps its digits for small ε.
    let (wrong, ln_other) = match convention {
        Convention::Uniform => (epsilon * ((k - 1.0) / k), epsilon.ln() - k.ln()),
        Convention::Others => (epsilon, epsilon.ln() - (k - 1.0).ln()),
    };
    let ln_label = if wrong < 0.5 { (-wrong).ln_1p() } else { label.ln() };
    let of_label = if label > 0.0 { label * ln_label } else { 0.0 };
    Ok(-of_label - wrong * ln_other)
}

/// The optimum of a loss that treats all classes but the label alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optimum {
    /// The logit of the label less that of another class.
    pub gap: f64,
    /// Probability of the label.
    pub label: f64,
    /// Probability of each of the K - 1 other classes.
    pub other: f64,
    /// The loss there, in nats: the smallest of all.
    pub loss: f64,
}

/// The optimum of the cross-entropy with a confidence penalty, CE - β·H(p), under hard labels.
///
/// The gap g solves β·p_y·g = 1: g = 1/β + W((K-1)·e^(-1/β)/β), W the principal Lambert W function. The loss
/// there is (1-β)·ln(1+v) - v with v = (K-1)·e^(-g). β = 0 gives an infinite gap, p_y = 1 and loss 0. The
/// loss is negative at large β: it tends to ln K - β·ln K.
///
/// ```
/// use temperance::loss::theory;
///
/// let optimum = theory::penalty_gap(10, 1.0)?;
/// assert!((optimum.gap - 2.101).abs() < 5e-4);
/// assert!((optimum.label - 0.476).abs() < 5e-4);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes, or β is negative or not finite.
pub fn penalty_gap(classes: usize, beta: f64) -> Result<Optimum> {
    let others = check_classes(classes)? - 1.0;
    let beta = check_beta(beta)?;
    if beta == 0.0 {
        return Ok(Optimum { gap: f64::INFINITY, label: 1.0, other: 0.0, loss: 0.0 });
    }
    // The argument is at most (K-1)/e. Where it underflows, W is nothing beside 1/β.
    let w = lambert_w(others * (-1.0 / beta).exp() / beta);
    // 1 + v = 1/p_y = β·g
    let v = beta * w;
    let label = 1.0 / (1.0 + v);
    Ok(Optimum { gap: 1.0 / beta + w, label, other: v / others * label, loss: (1.0 - beta) * v.ln_1p() - v })
}

/// The optimum of a loss over all distributions.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The loss there, in nats.
    pub loss: f64,
    /// The distribution p where it is smallest.
    pub probabilities: Vec<f64>,
}

/// The smallest value over p of -Σ t·ln p - β·H(p), for any distribution t.
///
/// p_j = (t_j/β) / W(e^μ·t_j/β), or e^(-μ) where t_j = 0, with the μ for which p sums to 1. β = 0 gives p = t
/// and H(t). t is divided by its sum; 0·ln 0 = 0. β·H(p) keeps every p_j above 0 unless it underflows.
///
/// ```
/// use temperance::loss::theory;
///
/// let minimum = theory::minimum(&[0.5, 0.5], 3.0)?;
/// assert!((minimum.loss - (2_f64.ln() - 3.0 * 2_f64.ln())).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If t is not a distribution (entries from 0 to 1, sum 1 within 0.01), or β is negative or not finite.
pub fn minimum(target: &[f64], beta: f64) -> Result<Minimum> {
    let target = distribution("target", target)?;
    let beta = check_beta(beta)?;
    let groups: Vec<Group> = target.iter().map(|&target| Group { target, classes: 1.0 }).collect();
    let points = solve(&groups, beta);
    let loss = loss_at(&groups, &points, beta);
    Ok(Minimum { loss, probabilities: points.iter().map(|point| point.p).collect() })
}

/// [`minimum`] for a target with one probability for the label and another for each other class, in a time
/// that does not grow with K.
///
/// ```
/// use temperance::loss::theory;
///
/// let fast = theory::minimum_two_valued(0.75, 0.125, 3, 0.5)?;
/// let slow = theory::minimum(&[0.75, 0.125, 0.125], 0.5)?;
/// assert!((fast.loss - slow.loss).abs() < 1e-15);
/// # Ok::<(), temperance::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than 2 classes, a probability is not a number from 0 to 1, they do not sum to 1 within
/// 0.01, or β is negative or not finite.
pub fn minimum_two_valued(
    label_probability: f64,
    other_probability: f64,
    classes: usize,
    beta: f64,
) -> Result<Optimum> {
    let others = check_classes(classes)? - 1.0;
    for (what, p) in [("label probability", label_probability), ("other probability", other_probability)] {
        if !(0.0..=1.0).contains(&p) {
            return Err(Error::parameter(what, p, "a number from 0 to 1"));
        }
    }
    let sum = others.mul_add(other_probability, label_probability);
    if !((sum - 1.0).abs() <= Probabilities::SUM_TOLERANCE) {
        return Err(Error::new(ErrorKind::Value, "sum of the target", sum, "1 within 0.01"));
    }
    let beta = check_beta(beta)?;
    let groups = [
        Group { target: label_probability / sum, classes: 1.0 },
        Group { target: other_probability / sum, classes: others },
    ];
    let points = solve(&groups, beta);
    let (label, other) = (points[0], points[1]);
    // ln p = v - μ. Where a target is 0, so is its v, and its p may underflow; else v - v may cancel.
    let gap = if beta > 0.0 && (label.v == 0.0 || other.v == 0.0) {
        label.v - other.v
    } else {
        (label.p / other.p).ln()
    };
    Ok(Optimum { gap, label: label.p, other: other.p, loss: loss_at(&groups, &points, beta) })
}

/// Classes that share a target.
#[derive(Debug, Clone, Copy)]
struct Group {
    target: f64,
    classes: f64,
}

/// The optimal p of each class of a group, and v = t/(β·p).
#[derive(Debug, Clone, Copy)]
struct Point {
    p: f64,
    v: f64,
}

/// The optimum of -Σ t·ln p - β·H(p), for targets that sum to 1.
///
/// Stationarity, -t/p + β(ln p + 1) + λ = 0, reads v - ln p = μ with μ = 1 + λ/β, so that v + ln v =
/// μ + ln(t/β): v is a Lambert W function of an exponential. ln Σp is convex and decreasing in μ, and
/// Σp·(v - ln p) = μ puts μ in [1/β, 1/β + ln K]; from the left Newton's steps do not overshoot.
fn solve(groups: &[Group], beta: f64) -> Vec<Point> {
    // ln p - ln t is -β(ln t + H) to first order: so small a β changes nothing but its own term.
    if beta < 1e-20 {
        let v = |target: f64| if target > 0.0 { 1.0 / beta } else { 0.0 };
        return groups.iter().map(|g| Point { p: g.target, v: v(g.target) }).collect();
    }
    let at = |group: &Group, mu: f64| {
        if group.target == 0.0 {
            return Point { p: (-mu).exp(), v: 0.0 };
        }
        let v = w_of_exp(mu + (group.target.ln() - beta.ln()));
        // v - μ cancels where v is large.
        let p = if v > 1.0 { group.target / (beta * v) } else { (v - mu).exp() };
        Point { p, v }
    };
    let ln_k = groups.iter().map(|g| g.classes).sum::<f64>().ln();
    let (mut low, mut high) = ((1.0 / beta).max(ln_k), 1.0 / beta + ln_k);
    let mut mu = low;
    for _ in 0..100 {
        let (mut sum, mut slope) = (0.0, 0.0);
        for group in groups {
            let Point { p, v } = at(group, mu);
            sum += group.classes * p;
            slope += group.classes * p / (1.0 + v);
        }
        if sum > 1.0 {
            low = mu;
        } else {
            high = mu;
        }
        let mut next = mu + sum.ln() * sum / slope;
        if !(low..=high).contains(&next) {
            next = 0.5 * (low + high);
        }
        let step = (next - mu).abs();
        mu = next;
        // The next step would be about the square of this one.
        if step <= 1e-10 * mu {
            break;
        }
    }
    let points: Vec<Point> = groups.iter().map(|group| at(group, mu)).collect();
    let sum: f64 = points.iter().zip(groups).map(|(point, group)| group.classes * point.p).sum();
    points.into_iter().map(|point| Point { p: point.p / sum, ..point }).collect()
}

/// -Σ t·ln p + β·Σ p·ln p.
fn loss_at(groups: &[Group], points: &[Point], beta: f64) -> f64 {
    let term = |weight: f64, p: f64| if weight == 0.0 { 0.0 } else { weight * p.ln() };
    let terms =
        groups.iter().zip(points).map(|(g, point)| g.classes * term(beta * point.p - g.target, point.p));
    // From +0: a loss of 0 is not -0.
    terms.fold(0.0, |sum, term| sum + term)
}

pub(super) fn check_classes(classes: usize) -> Result<f64> {
    if classes >= 2 {
        Ok(classes as f64)
    } else {
        Err(Error::shape("number of classes", classes, "at least 2"))
    }
}

fn check_beta(beta: f64) -> Result<f64> {
    if (0.0..f64::INFINITY).contains(&beta) {
        Ok(beta)
    } else {
        Err(Error::parameter("beta", beta, "a finite number, 0 or above"))
    }
}

// The crate lambert_w (2.1.8, after Fukushima) takes the argument itself, which is e^μ·t/β here and
// overflows once β is below some 1/700. The log form would remain beside it, and does all.

/// W0(a) for a ≥ 0: the w with w·e^w = a.
fn lambert_w(a: f64) -> f64 {
    if a > 1.0 {
        return w_of_exp(a.ln());
    }
    // w·e^w is convex and a an upper bound: Newton's steps, in a form without a difference, fall to the root.
    newton(a, |w| (w * w + a * (-w).exp()) / (1.0 + w))
}

/// W0(e^x), without e^x: the w with w + ln w = x.
fn w_of_exp(x: f64) -> f64 {
    if x <= 0.0 {
        return lambert_w(x.exp());
    }
    // w + ln w is concave: Newton's steps land left of the root, and rise to it.
    let start = if x > 1.0 { x - x.ln() } else { 0.5 };
    newton(start, |w| w / (1.0 + w) * (1.0 + x - w.ln()))
}

/// Quadratically convergent steps from `w` to their fixed point.
fn newton(mut w: f64, step: impl Fn(f64) -> f64) -> f64 {
    for _ in 0..50 {
        let next = step(w);
        let change = (next - w).abs();
        w = next;
        // The next change would be about the square of this one.
        if change <= 1e-9 * w {
            break;
        }
    }
    w
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::f64::consts::{E, LN_2};

    fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
        result.unwrap_err().to_string()
    }

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs().max(1.0)
    }

    fn relative(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * b.abs()
    }

    fn softmax(logits: &[f64]) -> Vec<f64> {
        let max = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logits.iter().map(|z| (z - max).exp()).sum();
        logits.iter().map(|z| (z - max).exp() / sum).collect()
    }

    fn entropy(p: &[f64]) -> f64 {
        p.iter().filter(|&&p| p > 0.0).map(|p| -p * p.ln()).sum()
    }

    /// -Σ t·ln p - β·H(p).
    fn objective(t: &[f64], p: &[f64], beta: f64) -> f64 {
        let cross: f64 = t.iter().zip(p).filter(|(t, _)| **t > 0.0).map(|(t, p)| -t * p.ln()).sum();
        cross - beta * entropy(p)
    }

    /// Its gradient with respect to the logits of p.
    fn gradient(t: &[f64], p: &[f64], beta: f64) -> Vec<f64> {
        let h = entropy(p);
        let penalty = |p: f64| if p > 0.0 { beta * p * (p.ln() + h) } else { 0.0 };
        t.iter().zip(p).map(|(t, &p)| p - t + penalty(p)).collect()
    }

    fn smoothed(convention: Convention, classes: usize, label: usize, epsilon: f64) -> Vec<f64> {
        super::super::Smoothing::new(convention, epsilon).unwrap().target(label, classes).unwrap()
    }

    #[test]
    fn gaps_and_minima_are_the_tabulated() {
        // K, gap and floor of each convention at ε = 0.1.
        let table = [
            (2, 2.9444, 2.1972, 0.1985, 0.3251),
            (10, 4.5109, 4.3944, 0.5003, 0.5448),
            (100, 6.8035, 6.7923, 0.7778, 0.7846),
            (1000, 9.1051, 9.1040, 1.0148, 1.0158),
            (32000, 12.5707, 12.5707, 1.3624, 1.3624),
        ];
        for (k, gap_uniform, gap_others, floor_uniform, floor_others) in table {
            for (value, printed) in [
                (optimal_gap(Convention::Uniform, k, 0.1).unwrap(), gap_uniform),
                (optimal_gap(Convention::Others, k, 0.1).unwrap(), gap_others),
                (printed_gap(k, 0.1).unwrap(), gap_others),
                (minimum_loss(Convention::Uniform, k, 0.1).unwrap(), floor_uniform),
                (minimum_loss(Convention::Others, k, 0.1).unwrap(), floor_others),
            ] {
                assert!((value - printed).abs() <= 0.5e-4, "K = {k}: {value} is not {printed}");
            }
        }
    }

    #[test]
    fn gaps_at_the_ends() {
        for k in [2, 10, 1000] {
            for convention in [Convention::Uniform, Convention::Others] {
                assert_eq!(optimal_gap(convention, k, 0.0).unwrap(), f64::INFINITY);
                assert_eq!(minimum_loss(convention, k, 0.0).unwrap(), 0.0);
                // No overflow of (K-1)/ε.
                let tiny = 1e-300;
                let gap = optimal_gap(convention, k, f64::MIN_POSITIVE * 1e-10).unwrap();
                assert!(gap.is_finite() && gap > 700.0, "{gap}");
                // Its own entropy: ε(1 + ln(K-1) - ln ε) to first order (with (K-1)ε/K for ε in `Uniform`).
                let wrong =
                    if convention == Convention::Uniform { tiny * (k - 1) as f64 / k as f64 } else { tiny };
                let floor = minimum_loss(convention, k, tiny).unwrap();
                assert!(
                    relative(floor, wrong * (1.0 + ((k - 1) as f64).ln() - wrong.ln()), 1e-14),
                    "{floor}"
                );
            }
            assert_eq!(optimal_gap(Convention::Uniform, k, 1.0).unwrap(), 0.0);
            assert_eq!(optimal_gap(Convention::Others, k, 1.0).unwrap(), f64::NEG_INFINITY);
            let uniform = minimum_loss(Convention::Uniform, k, 1.0).unwrap();
            assert!(relative(uniform, (k as f64).ln(), 1e-15), "{uniform}");
            let others = minimum_loss(Convention::Others, k, 1.0).unwrap();
            assert!(close(others, ((k - 1) as f64).ln(), 1e-15), "{others}");
        }
        // Around the sign change: K = 4 and ε = 3/4·(1+δ) give the targets (1-3δ)/4 and (1+δ)/4.
        let delta = 2_f64.powi(-40);
        let gap = optimal_gap(Convention::Others, 4, 0.75 * (1.0 + delta)).unwrap();
        let exact = (1.0 - 3.0 * delta).ln() - delta.ln_1p();
        assert!(relative(gap, -4.0 * delta, 1e-11) && close(gap, exact, 1e-15), "{gap}");
        assert_eq!(optimal_gap(Convention::Others, 4, 0.75).unwrap(), 0.0);
    }

    #[test]
    fn the_penalty_optimum_is_the_tabulated() {
        for (beta, gap) in [(0.1, 10.004), (1.0, 2.101), (2.0, 1.502)] {
            let value = penalty_gap(10, beta).unwrap().gap;
            assert!((value - gap).abs() <= 5e-4, "β = {beta}: {value} is not {gap}");
        }
        assert!((penalty_gap(10, 0.1).unwrap().label - 0.9996).abs() <= 5e-5);
        assert!((penalty_gap(10, 1.0).unwrap().label - 0.476).abs() <= 5e-4);
        // K = 2, β = 1: the gap is 1 + W(1/e), by the definition of W.
        let optimum = penalty_gap(2, 1.0).unwrap();
        let w = optimum.gap - 1.0;
        assert!(close(w * w.exp(), 1.0 / E, 1e-15));
    }

    #[test]
    fn the_penalty_optimum_holds_at_every_beta() {
        for k in [2, 10, 1000, 128_256, usize::MAX] {
            for exponent in -60..=60 {
                let beta = 10_f64.powf(f64::from(exponent) / 10.0);
                let Optimum { gap, label, other, loss } = penalty_gap(k, beta).unwrap();
                assert!(relative(beta * label * gap, 1.0, 1e-12), "K = {k}, β = {beta}");
                let others = k as f64 - 1.0;
                assert!(close(label + others * other, 1.0, 1e-15), "K = {k}, β = {beta}");
                // For tiny and large β the second form cancels.
                if other > 0.0 {
                    assert!(close((label / other).ln(), gap, 1e-12), "K = {k}, β = {beta}");
                    let direct = -label.ln() + beta * (label * label.ln() + others * other * other.ln());
                    assert!(close(loss, direct, 1e-13), "K = {k}, β = {beta}: {loss}, {direct}");
                }
            }
            let zero = penalty_gap(k, 0.0).unwrap();
            assert_eq!(zero, Optimum { gap: f64::INFINITY, label: 1.0, other: 0.0, loss: 0.0 });
            let small = penalty_gap(k, 1e-3).unwrap();
            assert_eq!((small.gap, small.label, small.loss), (1000.0, 1.0, 0.0));
            let smallest = penalty_gap(k, f64::from_bits(1)).unwrap();
            assert_eq!((smallest.gap, smallest.label, smallest.loss), (f64::INFINITY, 1.0, 0.0));
            // A large β makes p uniform: gap = K/β.
            let large = penalty_gap(k, 1e100).unwrap();
            assert!(
                relative(large.gap, k as f64 / 1e100, 1e-14) && relative(large.label, 1.0 / k as f64, 1e-14)
            );
        }
    }

    #[test]
    fn lambert_w_is_the_inverse_of_w_exp_w() {
        // The omega constant, 30 digits.
        assert!(relative(lambert_w(1.0), 0.567143290409783872999968662210, 1e-15));
        assert_eq!(lambert_w(0.0), 0.0);
        assert!(relative(lambert_w(E), 1.0, 1e-15));
        assert!(relative(w_of_exp(1.0 + E), E, 1e-15));
        assert!(relative(w_of_exp(2.0 + LN_2), 2.0, 1e-15));
        assert_eq!(w_of_exp(-1e4), 0.0);
        assert_eq!(w_of_exp(f64::NEG_INFINITY), 0.0);
        for exponent in -3000..=3000 {
            let w = 10_f64.powf(f64::from(exponent) / 10.0);
            if w < 700.0 {
                assert!(relative(lambert_w(w * w.exp()), w, 4e-15), "{w}");
            }
            // x = w + ln w is itself rounded: by |x|·2^-53, and dw/w = dx/(1+w).
            let x = w + w.ln();
            let bound = 1e-15 + x.abs() * f64::EPSILON / (1.0 + w);
            assert!(relative(w_of_exp(x), w, bound), "{w}: {}", w_of_exp(x));
        }
    }

    #[test]
    fn minimum_at_the_ends() {
        // β = 0, and a β too small to move p, give t and H(t).
        for beta in [0.0, f64::from_bits(1), 1e-21] {
            let Minimum { loss, probabilities } = minimum(&[0.5, 0.25, 0.25, 0.0], beta).unwrap();
            assert_eq!(probabilities, [0.5, 0.25, 0.25, 0.0]);
            assert!(relative(loss, 1.5 * LN_2, 1e-15), "{loss}");
        }
        assert_eq!(minimum(&[0.0, 1.0], 0.0).unwrap().loss, 0.0);
        // Around the switch between the forms.
        for beta in [0.99e-20, 1.01e-20, 1e-15, 1e-10] {
            let Minimum { loss, probabilities } = minimum(&[0.5, 0.25, 0.25, 0.0], beta).unwrap();
            assert!(close(loss, 1.5 * LN_2 * (1.0 - beta), 1e-14), "{loss}");
            assert!(relative(probabilities[1], 0.25, 1e-9 + 1e-15), "{probabilities:?}");
        }
        // One class, and a uniform target, stay.
        assert_eq!(minimum(&[1.0], 2.0).unwrap(), Minimum { loss: 0.0, probabilities: vec![1.0] });
        let uniform = minimum(&[0.25; 4], 0.01).unwrap();
        assert!(relative(uniform.loss, 0.99 * 4_f64.ln(), 1e-14), "{}", uniform.loss);
        // A large β makes p uniform.
        let flat = minimum(&[1.0, 0.0, 0.0, 0.0], 1e9).unwrap();
        assert!(flat.probabilities.iter().all(|&p| close(p, 0.25, 1e-9)), "{flat:?}");
        assert!(relative(minimum(&[0.3, 0.7], 1e300).unwrap().loss, -1e300 * LN_2, 1e-14));
        // Tiny entries.
        let tiny = minimum(&[1.0, 1e-300, 5e-324], 0.01).unwrap();
        assert!(tiny.loss.abs() < 1e-12 && tiny.probabilities[2] > 0.0, "{tiny:?}");
    }

    #[test]
    fn two_valued_minimum_of_hard_labels_is_the_closed_form() {
        for k in [2, 10, 32000] {
            for beta in [1e-3, 0.03, 0.1, 0.5, 1.0, 2.0, 8.0, 1e3, 1e6] {
                let general = minimum_two_valued(1.0, 0.0, k, beta).unwrap();
                let closed = penalty_gap(k, beta).unwrap();
                let context = format!("K = {k}, β = {beta}: {general:?}, {closed:?}");
                assert!(relative(general.gap, closed.gap, 1e-11), "{context}");
                assert!(relative(general.label, closed.label, 1e-13), "{context}");
                assert!(close(general.other, closed.other, 1e-13), "{context}");
                assert!(close(general.loss, closed.loss, 1e-14), "{context}");
            }
            // No penalty: the smoothed label itself.
            let t = target(Convention::Uniform, k, 0.1).unwrap();
            let plain = minimum_two_valued(t.label, t.other, k, 0.0).unwrap();
            assert!(close(plain.gap, optimal_gap(Convention::Uniform, k, 0.1).unwrap(), 1e-14));
            assert!(close(plain.loss, minimum_loss(Convention::Uniform, k, 0.1).unwrap(), 1e-14));
        }
        assert_eq!(minimum_two_valued(1.0, 0.0, 3, 0.0).unwrap().gap, f64::INFINITY);
        assert_eq!(minimum_two_valued(0.0, 0.5, 3, 0.0).unwrap().gap, f64::NEG_INFINITY);
        // The mirror image for 2 classes.
        let (there, back) =
            (minimum_two_valued(1.0, 0.0, 2, 0.7).unwrap(), minimum_two_valued(0.0, 1.0, 2, 0.7).unwrap());
        assert!(close(there.gap, -back.gap, 1e-14) && close(there.loss, back.loss, 1e-14));
    }

    #[test]
    fn errors_name_what_is_wrong() {
        for convention in [Convention::Uniform, Convention::Others] {
            let epsilon = "epsilon is NaN; expected a number from 0 to 1";
            assert_eq!(text(target(convention, 3, f64::NAN)), epsilon);
            assert_eq!(text(optimal_gap(convention, 3, f64::NAN)), epsilon);
            assert_eq!(text(minimum_loss(convention, 3, f64::NAN)), epsilon);
            let classes = "number of classes is 1; expected at least 2";
            assert_eq!(text(target(convention, 1, 0.1)), classes);
            assert_eq!(text(optimal_gap(convention, 1, 0.1)), classes);
            assert_eq!(text(minimum_loss(convention, 1, 0.1)), classes);
            assert_eq!(text(penalty_gap(1, 0.1)), classes);
            assert_eq!(text(minimum_two_valued(1.0, 0.0, 1, 0.1)), classes);
        }
        assert_eq!(text(printed_gap(3, -0.5)), "epsilon is -0.5; expected a number from 0 to 1");
        for (beta, value) in [(-1.0, "-1"), (f64::NAN, "NaN"), (f64::INFINITY, "inf")] {
            let expected = format!("beta is {value}; expected a finite number, 0 or above");
            assert_eq!(text(penalty_gap(3, beta)), expected);
            assert_eq!(text(minimum(&[1.0], beta)), expected);
            assert_eq!(text(minimum_two_valued(1.0, 0.0, 3, beta)), expected);
        }
        assert_eq!(
            text(minimum(&[1.0, -0.5], 1.0)),
            "target is -0.5 at column 1 (counted from 0); expected a number from 0 to 1"
        );
        assert_eq!(text(minimum(&[0.5, 0.25], 1.0)), "sum of the target is 0.75; expected 1 within 0.01");
        assert_eq!(text(minimum(&[], 1.0)), "sum of the target is 0; expected 1 within 0.01");
        assert_eq!(
            text(minimum_two_valued(1.5, 0.0, 3, 1.0)),
            "label probability is 1.5; expected a number from 0 to 1"
        );
        assert_eq!(
            text(minimum_two_valued(0.5, f64::NAN, 3, 1.0)),
            "other probability is NaN; expected a number from 0 to 1"
        );
        assert_eq!(
            text(minimum_two_valued(0.5, 0.5, 3, 1.0)),
            "sum of the target is 1.5; expected 1 within 0.01"
        );
    }

    /// Softmax regression on one-hot inputs, x_i = e_i with label i: z = W·x, so the columns of W are logits.
    /// Plain gradient descent on the mean loss over the K inputs; returns the logits of each input.
    fn trained(classes: usize, steps: usize, gradient: impl Fn(&[f64], usize) -> Vec<f64>) -> Vec<Vec<f64>> {
        let mut state = 1_u64;
        let mut start = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 33) as f64 / (1_u64 << 31) as f64 - 0.5
        };
        let mut columns: Vec<Vec<f64>> =
            (0..classes).map(|_| (0..classes).map(|_| start()).collect()).collect();
        let rate = 2.0 * classes as f64;
        for _ in 0..steps {
            for (label, column) in columns.iter_mut().enumerate() {
                let g = gradient(&softmax(column), label);
                for (z, g) in column.iter_mut().zip(g) {
                    *z -= rate * g / classes as f64;
                }
            }
        }
        columns
    }

    #[test]
    fn a_trained_linear_model_reaches_the_gaps() {
        const K: usize = 10;
        let one_hot = |label: usize| smoothed(Convention::Uniform, K, label, 0.0);
        type Loss<'a> = (f64, f64, Box<dyn Fn(usize) -> Vec<f64> + 'a>, f64);
        let penalised = penalty_gap(K, 1.0).unwrap();
        let mut losses: Vec<Loss<'_>> = vec![(penalised.gap, penalised.loss, Box::new(one_hot), 1.0)];
        for convention in [Convention::Uniform, Convention::Others] {
            let gap = optimal_gap(convention, K, 0.1).unwrap();
            let floor = minimum_loss(convention, K, 0.1).unwrap();
            losses.push((gap, floor, Box::new(move |label| smoothed(convention, K, label, 0.1)), 0.0));
        }
        // Both at once.
        let t = target(Convention::Uniform, K, 0.1).unwrap();
        let both = minimum_two_valued(t.label, t.other, K, 0.5).unwrap();
        losses.push((
            both.gap,
            both.loss,
            Box::new(|label| smoothed(Convention::Uniform, K, label, 0.1)),
            0.5,
        ));
        for (gap, floor, target, beta) in losses {
            let targets: Vec<_> = (0..K).map(target).collect();
            let logits = trained(K, 4000, |p, label| gradient(&targets[label], p, beta));
            for (label, z) in logits.iter().enumerate() {
                for other in (0..K).filter(|&other| other != label) {
                    assert!((z[label] - z[other] - gap).abs() < 1e-6, "{} is not {gap}", z[label] - z[other]);
                }
                assert!(close(objective(&targets[label], &softmax(z), beta), floor, 1e-12));
            }
        }
    }

    fn distributions() -> impl Strategy<Value = Vec<f64>> {
        let entry = prop_oneof![4 => 0.0..1.0_f64, 1 => Just(0.0), 1 => 0.0..1e-6_f64];
        prop::collection::vec(entry, 1..7).prop_map(|mut weights| {
            weights[0] += 0.05;
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn label_smoothing_and_the_penalty_differ_by_the_direction_of_kl(
            logits in prop::collection::vec(-8.0..8.0_f64, 2..9),
            epsilon in 0.0..=1.0_f64,
            beta in 0.0..5.0_f64,
        ) {
            let p = softmax(&logits);
            let (k, u) = (p.len() as f64, 1.0 / p.len() as f64);
            let one_hot = smoothed(Convention::Uniform, p.len(), 0, 0.0);
            let cross_entropy = objective(&one_hot, &p, 0.0);
            let from_uniform: f64 = p.iter().map(|p| u * (u / p).ln()).sum();
            let to_uniform: f64 = p.iter().map(|p| p * (p / u).ln()).sum();
            let t = smoothed(Convention::Uniform, p.len(), 0, epsilon);
            // LS = (1-ε)·CE + ε·KL(u‖p) + ε·ln K
            let by_kl = (1.0 - epsilon) * cross_entropy + epsilon * from_uniform + epsilon * k.ln();
            prop_assert!(close(objective(&t, &p, 0.0), by_kl, 1e-13));
            // CP = CE + β·KL(p‖u) - β·ln K
            let by_kl = cross_entropy + beta * to_uniform - beta * k.ln();
            prop_assert!(close(objective(&one_hot, &p, beta), by_kl, 1e-13));
            // No p is below the minimum.
            prop_assert!(objective(&t, &p, beta) >= minimum(&t, beta).unwrap().loss - 1e-13);
        }

        #[test]
        fn minimum_is_stationary(t in distributions(), log_beta in -4.0..4.0_f64) {
            let beta = 10_f64.powf(log_beta);
            let Minimum { loss, probabilities: p } = minimum(&t, beta).unwrap();
            prop_assert!(close(p.iter().sum::<f64>(), 1.0, 1e-15));
            prop_assert!(close(loss, objective(&t, &p, beta), 1e-13));
            for g in gradient(&t, &p, beta) {
                prop_assert!(g.abs() <= 1e-13 * beta.max(1.0), "{g} at {p:?}");
            }
            // -t/p + β(ln p + 1) is the same for every class, to the digits of its terms.
            let sides: Vec<(f64, f64)> = t.iter().zip(&p).filter(|(_, p)| **p > f64::MIN_POSITIVE)
                .map(|(t, p)| (beta * (p.ln() + 1.0) - t / p, beta * (p.ln().abs() + 1.0) + t / p)).collect();
            for (side, size) in &sides {
                prop_assert!((side - sides[0].0).abs() <= 1e-13 * size.max(sides[0].1), "{sides:?}");
            }
        }

        #[test]
        fn minimum_is_what_descent_finds(t in distributions(), beta in 0.3..4.0_f64) {
            let mut z = vec![0.0; t.len()];
            let rate = 1.0 / (1.0 + 2.0 * beta);
            for _ in 0..10_000 {
                let gradient = gradient(&t, &softmax(&z), beta);
                for (z, g) in z.iter_mut().zip(gradient) {
                    *z -= rate * g;
                }
            }
            let found = objective(&t, &softmax(&z), beta);
            let Minimum { loss, probabilities } = minimum(&t, beta).unwrap();
            prop_assert!(close(found, loss, 1e-12), "{found} is not {loss}");
            for (p, q) in probabilities.iter().zip(softmax(&z)) {
                prop_assert!(close(q, *p, 1e-6), "{q} is not {p}");
            }
        }

        #[test]
        fn minimum_of_two_values_is_the_fast_form(
            classes in 2..20_usize,
            label in prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64],
            log_beta in -6.0..6.0_f64,
        ) {
            let beta = 10_f64.powf(log_beta);
            let other = (1.0 - label) / (classes - 1) as f64;
            let t: Vec<f64> = (0..classes).map(|class| if class == 0 { label } else { other }).collect();
            let slow = minimum(&t, beta).unwrap();
            let fast = minimum_two_valued(label, other, classes, beta).unwrap();
            prop_assert!(close(fast.loss, slow.loss, 1e-13));
            prop_assert!(close(fast.label, slow.probabilities[0], 1e-14));
            prop_assert!(close(fast.other, slow.probabilities[1], 1e-14));
            if fast.label.min(fast.other) > f64::MIN_POSITIVE {
                prop_assert!(close(fast.gap, (fast.label / fast.other).ln(), 1e-12));
            }
        }

        #[test]
        fn minimum_without_a_penalty_is_the_entropy(
            classes in 2..50_usize,
            epsilon in 0.0..=1.0_f64,
        ) {
            for convention in [Convention::Uniform, Convention::Others] {
                let t = smoothed(convention, classes, 0, epsilon);
                let floor = minimum_loss(convention, classes, epsilon).unwrap();
                prop_assert!(close(floor, minimum(&t, 0.0).unwrap().loss, 1e-14));
                let gap = optimal_gap(convention, classes, epsilon).unwrap();
                prop_assert!(close(gap, (t[0] / t[1]).ln(), 1e-12));
            }
        }
    }
}
