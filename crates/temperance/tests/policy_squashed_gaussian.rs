//! The squashed Gaussian: the density integrates to 1, holds far out, and its gradients are differences.

mod common;

use common::{close, differences, text};
use proptest::prelude::*;
use temperance::policy::{
    LogStdBounds, SquashedGaussian, SquashedGaussianBatch, log_probability_in_units, log_tanh_slope,
};

/// ∫ f from `low` to `high` by Simpson's rule.
fn integral(low: f64, high: f64, intervals: usize, f: impl Fn(f64) -> f64) -> f64 {
    let h = (high - low) / intervals as f64;
    let weight = |i: usize| {
        if i == 0 || i == intervals {
            1.0
        } else if i % 2 == 1 {
            4.0
        } else {
            2.0
        }
    };
    (0..=intervals).map(|i| weight(i) * f(low + h * i as f64)).sum::<f64>() * h / 3.0
}

#[test]
fn the_density_integrates_to_one() {
    // Where σ is small the density vanishes at both ends, and the integral over a has no trouble there.
    for (mean, log_std) in [(0.0, -1.5), (0.5, -1.0), (-0.8, -1.2)] {
        let policy = SquashedGaussian { mean, log_std };
        let density = |a: f64| if a.abs() < 1.0 { policy.log_probability(a.atanh()).exp() } else { 0.0 };
        close("∫p da", integral(-1.0, 1.0, 20_000, density), 1.0, 1e-9, 0.0);
    }
    // Where it is large, in u: da = exp(ln(1 - tanh² u))·du.
    for (mean, log_std) in [(0.0, 0.0), (3.0, 1.0), (-10.0, 2.0)] {
        let policy = SquashedGaussian { mean, log_std };
        let density = |u: f64| (policy.log_probability(u) + log_tanh_slope(u)).exp();
        close("∫p da", integral(mean - 90.0, mean + 90.0, 20_000, density), 1.0, 1e-12, 0.0);
    }
}

/// 4/(e^u + e^-u)² has no difference in it.
fn log_slope_oracle(u: f64) -> f64 {
    4_f64.ln() - 2.0 * (u.exp() + (-u).exp()).ln()
}

#[test]
fn the_logarithm_of_the_slope_holds_far_out() {
    // The usual ln(1 - a² + 1e-6) gives -13.43, -13.70 and -13.82.
    for (u, expected) in [(8.0, -14.61), (9.0, -16.61), (15.0, -28.61)] {
        assert!((log_tanh_slope(u) - expected).abs() < 5e-3);
    }
    for i in -200..=200 {
        let u = f64::from(i) / 10.0;
        close("value", log_tanh_slope(u), log_slope_oracle(u), 1e-15, 4e-16);
        assert_eq!(log_tanh_slope(u), log_tanh_slope(-u));
    }
    assert_eq!(log_tanh_slope(0.0), 0.0);
    assert_eq!(log_tanh_slope(1e300), -2e300);
    // The derivative of -ln(1 - tanh² u) is 2·tanh u: 2 where the clamped form has 0.
    for u in [-20.0, -9.5, 0.3, 9.5, 20.0] {
        let policy = SquashedGaussian { mean: u, log_std: 0.0 };
        close("gradient", policy.actor_gradient(0.0, 1.0, 0.0).mean, 2.0 * u.tanh(), 1e-15, 0.0);
        let difference = differences(&[u], |u| -log_tanh_slope(u[0]))[0];
        close("difference", difference, 2.0 * u.tanh(), 1e-9, 0.0);
    }
}

#[test]
fn a_component_by_hand() {
    let policy = SquashedGaussian { mean: 0.25, log_std: 0.5_f64.ln() };
    let drawn = policy.sample(1.5);
    close("u", drawn.pre_action, 1.0, 1e-15, 0.0);
    close("a", drawn.action, 1_f64.tanh(), 1e-15, 0.0);
    let normal = -1.125 + 2_f64.ln() - 0.5 * std::f64::consts::TAU.ln();
    let expected = normal - (1.0 - 1_f64.tanh().powi(2)).ln();
    close("ln π", drawn.log_probability, expected, 1e-14, 0.0);
    close("ln π of u", policy.log_probability(1.0), expected, 1e-14, 0.0);
    close("median", policy.median(), 0.25_f64.tanh(), 1e-15, 0.0);
    // -∫ p ln p of a normal distribution.
    let entropy = integral(-10.0, 10.0, 4000, |u| {
        let log_p = policy.log_probability(u) + log_tanh_slope(u);
        -log_p.exp() * log_p
    });
    close("entropy of u", policy.entropy_before_squashing(), entropy, 1e-10, 0.0);
    close(
        "in units",
        log_probability_in_units(-1.0, &[2.0, 0.5, 4.0]).unwrap(),
        -1.0 - 4_f64.ln(),
        1e-15,
        0.0,
    );
}

proptest! {
    #[test]
    fn gradients_equal_differences(
        mean in -3.0..3.0_f64, log_std in -3.0..1.0_f64, noise in -3.0..3.0_f64,
        alpha in 0.0..2.0_f64, slope in -5.0..5.0_f64, curve in -2.0..2.0_f64,
    ) {
        // Q(a) = slope·a + curve·a²
        let loss = |at: &[f64]| {
            let drawn = SquashedGaussian { mean: at[0], log_std: at[1] }.sample(noise);
            let a = drawn.action;
            alpha * drawn.log_probability - slope * a - curve * a * a
        };
        let policy = SquashedGaussian { mean, log_std };
        let a = policy.sample(noise).action;
        let gradient = policy.actor_gradient(noise, alpha, slope + 2.0 * curve * a);
        let expected = differences(&[mean, log_std], loss);
        close("μ", gradient.mean, expected[0], 1e-6, 1e-7);
        close("ℓ", gradient.log_std, expected[1], 1e-6, 1e-7);
    }

    #[test]
    fn batches_sum_their_components(
        rows in 1..5_usize, dimension in 1..4_usize, seed in 0..1000_u64, alpha in 0.0..2.0_f64
    ) {
        let size = rows * dimension;
        let numbers = |shift: u64| -> Vec<f64> {
            (0..size as u64).map(|i| (((i + shift) * 7919 + seed) % 101) as f64 / 40.0 - 1.25).collect()
        };
        let (means, log_stds, noise, slopes) = (numbers(0), numbers(11), numbers(23), numbers(47));
        let batch = SquashedGaussianBatch::new(&means, &log_stds, dimension).unwrap();
        prop_assert_eq!(batch.rows(), rows);
        let (mut actions, mut logs) = (vec![0.0; size], vec![0.0; rows]);
        batch.sample_into(&noise, &mut actions, &mut logs).unwrap();
        let (mut of_means, mut of_stds) = (vec![0.0; size], vec![0.0; size]);
        batch.mean_actor_gradient(&noise, alpha, &slopes, &mut of_means, &mut of_stds).unwrap();
        let (mut sums, mut pre_actions) = (vec![0.0; rows], vec![0.0; size]);
        for at in 0..size {
            let policy = SquashedGaussian { mean: means[at], log_std: log_stds[at] };
            let drawn = policy.sample(noise[at]);
            prop_assert_eq!(drawn.action, actions[at]);
            sums[at / dimension] += drawn.log_probability;
            pre_actions[at] = drawn.pre_action;
            let gradient = policy.actor_gradient(noise[at], alpha, slopes[at]);
            close("μ", of_means[at], gradient.mean / rows as f64, 1e-14, 0.0);
            close("ℓ", of_stds[at], gradient.log_std / rows as f64, 1e-14, 0.0);
        }
        prop_assert_eq!(&sums, &logs);
        let mut given = vec![0.0; rows];
        batch.log_probabilities_into(&pre_actions, &mut given).unwrap();
        for (given, drawn) in given.iter().zip(&logs) {
            close("ln π", *given, *drawn, 1e-13, 1e-13);
        }
    }

    #[test]
    fn bounds_hold_and_slopes_are_differences(x in -30.0..30.0_f64) {
        let clamp = LogStdBounds::clamp(-20.0, 2.0).unwrap();
        let rescale = LogStdBounds::rescale(-5.0, 2.0).unwrap();
        prop_assert!((-20.0..=2.0).contains(&clamp.value(x)));
        prop_assert!((-5.0..=2.0).contains(&rescale.value(x)));
        close("rescale", rescale.slope(x), differences(&[x], |x| rescale.value(x[0]))[0], 1e-8, 1e-10);
        if (x + 20.0).abs() > 0.01 && (x - 2.0).abs() > 0.01 {
            close("clamp", clamp.slope(x), differences(&[x], |x| clamp.value(x[0]))[0], 1e-9, 1e-9);
        }
    }

    #[test]
    fn extremes_stay_finite(u in -1e150..1e150_f64, log_std in -20.0..2.0_f64, power in -12.0..12.0_f64) {
        let policy = SquashedGaussian { mean: u, log_std };
        let alpha = 10_f64.powf(power);
        for noise in [-8.0, 0.0, 8.0] {
            prop_assert!(policy.sample(noise).log_probability.is_finite());
            let gradient = policy.actor_gradient(noise, alpha, 1e3);
            prop_assert!(gradient.mean.is_finite() && gradient.log_std.is_finite());
        }
    }
}

#[test]
fn refusals() {
    assert_eq!(
        text(LogStdBounds::clamp(2.0, f64::NAN)),
        "log standard deviation is from 2 to NaN; expected two finite numbers, the first below"
    );
    assert_eq!(
        text(LogStdBounds::rescale(f64::NEG_INFINITY, 1.0)),
        "log standard deviation is from -inf to 1; expected two finite numbers, the first below"
    );
    assert_eq!(
        text(log_probability_in_units(0.0, &[1.0, 0.0])),
        "scale of an action is 0 at column 1 (counted from 0); expected a finite number above 0"
    );
    assert_eq!(
        text(SquashedGaussianBatch::new(&[0.0; 3], &[0.0; 3], 2)),
        "number of means is 3; expected a multiple of the 2 components of an action, at least 1"
    );
    assert_eq!(
        text(SquashedGaussianBatch::new(&[0.0; 2], &[0.0; 3], 2)),
        "length of the log standard deviations is 3; expected 2"
    );
    let means = [0.0, f64::NAN];
    let batch = SquashedGaussianBatch::new(&means, &[0.0; 2], 1).unwrap();
    assert_eq!(
        text(batch.sample_into(&[0.0; 2], &mut [0.0; 2], &mut [0.0; 2])),
        "log-probability is NaN at row 1 (counted from 0); expected a finite number: means, log standard deviations and \
         draws are"
    );
    assert_eq!(
        text(batch.mean_actor_gradient(&[0.0; 2], -1.0, &[0.0; 2], &mut [0.0; 2], &mut [0.0; 2])),
        "entropy temperature is -1; expected a finite number, 0 or above"
    );
}
