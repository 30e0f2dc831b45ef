//! The temperature of the entropy: its loss in both forms, targets, and what a target allows.

mod common;

use common::{close, differences, text};
use proptest::prelude::*;
use temperance::policy::{CategoricalTarget, ContinuousTarget, TemperatureLoss, largest_probability};

proptest! {
    #[test]
    fn both_losses_pull_the_same_way(log_alpha in -12.0..12.0_f64, entropy in -5.0..5.0_f64, target in -5.0..5.0_f64) {
        let forms = [TemperatureLoss::LogAlpha, TemperatureLoss::Alpha];
        for form in forms {
            let gradient = form.gradient(log_alpha, entropy, target);
            let difference = differences(&[log_alpha], |at| form.value(at[0], entropy, target))[0];
            close("gradient", gradient, difference, 1e-9, 1e-9 * log_alpha.exp().max(1.0));
            prop_assert_eq!(form.gradient(log_alpha, target, target), 0.0);
        }
        let [by_log, by_alpha] = forms.map(|form| form.gradient(log_alpha, entropy, target));
        prop_assert_eq!(by_log.partial_cmp(&0.0), by_alpha.partial_cmp(&0.0));
        close("ratio", by_alpha, log_alpha.exp() * by_log, 1e-15, 0.0);
    }

    #[test]
    fn the_largest_probability_has_the_target_entropy(actions in 2..20_usize, scale in 0.0..0.999_f64) {
        let target = CategoricalTarget::Scaled(scale).nats(actions).unwrap();
        let p = largest_probability(target, actions).unwrap();
        let rest = (1.0 - p) / (actions as f64 - 1.0);
        let term = |p: f64| if p > 0.0 { -p * p.ln() } else { 0.0 };
        close("entropy", term(p) + (actions as f64 - 1.0) * term(rest), target, 1e-12, 1e-12);
        prop_assert!(p >= 1.0 / actions as f64);
    }
}

#[test]
fn losses_by_hand() {
    assert_eq!(TemperatureLoss::default(), TemperatureLoss::LogAlpha);
    close("by ln α", TemperatureLoss::LogAlpha.value(2.0, 1.5, 1.0), 1.0, 1e-15, 0.0);
    close("by α", TemperatureLoss::Alpha.value(2_f64.ln(), 1.5, 1.0), 1.0, 1e-15, 0.0);
    assert_eq!(ContinuousTarget::default().nats(17).unwrap(), -17.0);
    assert_eq!(ContinuousTarget::MinusHalfDimension.nats(17).unwrap(), -8.5);
    assert_eq!(ContinuousTarget::Nats(1.3).nats(2).unwrap(), 1.3);
    close("0.98", CategoricalTarget::Scaled(0.98).nats(4).unwrap(), 0.98 * 4_f64.ln(), 1e-15, 0.0);
    assert_eq!(CategoricalTarget::Nats(0.5).nats(2).unwrap(), 0.5);
    assert_eq!(CategoricalTarget::Scaled(1.0).nats(3).unwrap(), 3_f64.ln());
}

#[test]
fn a_target_bounds_the_largest_probability() {
    for (scale, actions, expected) in
        [(0.98, 2, 0.583), (0.89, 2, 0.693), (0.7, 2, 0.811), (0.5, 2, 0.890), (0.98, 4, 0.356)]
    {
        let target = CategoricalTarget::Scaled(scale).nats(actions).unwrap();
        let p = largest_probability(target, actions).unwrap();
        assert!((p - expected).abs() < 6e-4, "{scale} of {actions}: {p}");
    }
    assert_eq!(largest_probability(0.0, 4).unwrap(), 1.0);
    assert_eq!(largest_probability(0.0, 1).unwrap(), 1.0);
    // Entropy is flat at its largest.
    close("uniform", largest_probability(5_f64.ln(), 5).unwrap(), 0.2, 1e-7, 0.0);
}

#[test]
fn refusals() {
    let above = "target entropy is 0.7; expected a number of nats from 0 to 0.6931, which is ln 2";
    assert_eq!(text(CategoricalTarget::Nats(0.7).nats(2)), above);
    assert_eq!(text(largest_probability(0.7, 2)), above);
    assert_eq!(
        text(CategoricalTarget::Scaled(f64::NAN).nats(3)),
        "target entropy is NaN; expected a number of nats from 0 to 1.0986, which is ln 3"
    );
    assert_eq!(text(CategoricalTarget::Scaled(0.5).nats(0)), "number of actions is 0; expected at least 1");
    assert_eq!(
        text(ContinuousTarget::Nats(2.1).nats(3)),
        "target entropy is 2.1; expected a finite number of nats below 2.0794, which is 3·ln 2"
    );
    assert_eq!(
        text(ContinuousTarget::Nats(f64::NEG_INFINITY).nats(1)),
        "target entropy is -inf; expected a finite number of nats below 0.6931, which is 1·ln 2"
    );
    assert_eq!(text(ContinuousTarget::default().nats(0)), "number of components is 0; expected at least 1");
}
