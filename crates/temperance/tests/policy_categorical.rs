//! Categorical policies: hand values, gradients by differences, the loss's confidence penalty, draws,
//! extremes, refusals.

mod common;

use common::{close, differences, softmax, text};
use proptest::prelude::*;
use temperance::loss::{Criterion, CrossEntropy};
use temperance::policy::{Categorical, CategoricalBatch};
use temperance::{ClassWeights, Logits, SoftLabels};

const INF: f64 = f64::INFINITY;

fn entropy(p: &[f64]) -> f64 {
    -p.iter().map(|p| if *p > 0.0 { p * p.ln() } else { 0.0 }).sum::<f64>()
}

/// Σ π·(Q - α·ln π), from its definition.
fn soft_value(z: &[f64], q: &[f64], alpha: f64) -> f64 {
    let p = softmax(z);
    p.iter().zip(q).map(|(p, q)| if *p > 0.0 { p * (q - alpha * p.ln()) } else { 0.0 }).sum()
}

fn states() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    (2..9_usize)
        .prop_flat_map(|k| (prop::collection::vec(-4.0..4.0_f64, k), prop::collection::vec(-3.0..3.0_f64, k)))
}

/// What a policy writes into a buffer of its length.
fn filled(policy: &Categorical<'_>, fill: impl FnOnce(&mut [f64]) -> temperance::Result<()>) -> Vec<f64> {
    let mut out = vec![f64::NAN; policy.actions()];
    fill(&mut out).unwrap();
    out
}

#[test]
fn three_actions_by_hand() {
    // π = (1/2, 1/4, 1/4)
    let z = [2_f64.ln(), 0.0, 0.0];
    let policy = Categorical::new(&z).unwrap();
    assert_eq!((policy.actions(), policy.greedy()), (3, 0));
    close("π", policy.probability(0), 0.5, 1e-15, 0.0);
    close("ln π", policy.log_probability(1), 0.25_f64.ln(), 1e-15, 0.0);
    close("H", policy.entropy(), 1.5 * 2_f64.ln(), 1e-15, 0.0);
    // Σ πQ = 1/2·4 + 1/4·2 - 1/4·6
    let (q, alpha) = ([4.0, 2.0, -6.0], 2.0);
    close("V", policy.soft_value(&q, alpha).unwrap(), 1.0 + 3.0 * 2_f64.ln(), 1e-15, 0.0);
    let score = filled(&policy, |out| policy.log_probability_gradient(1, out));
    let ascent = filled(&policy, |out| policy.entropy_gradient(out));
    // -π·(ln π + H)
    let half = 0.5 * 2_f64.ln();
    for (j, (score_j, ascent_j)) in
        [(-0.5, -0.5 * half), (0.75, 0.25 * half), (-0.25, 0.25 * half)].into_iter().enumerate()
    {
        close("score", score[j], score_j, 1e-15, 0.0);
        close("entropy gradient", ascent[j], ascent_j, 1e-14, 0.0);
    }
    let descent = filled(&policy, |out| policy.actor_loss(&q, alpha, out).map(|_| ()));
    for (j, (q, p)) in q.iter().zip([0.5, 0.25, 0.25]).enumerate() {
        close("actor gradient", descent[j], -alpha * ascent[j] - p * (q - 1.0), 1e-14, 1e-15);
    }
}

proptest! {
    #[test]
    fn gradients_equal_differences((z, q) in states(), alpha in 0.0..3.0_f64, pick in 0..9_usize) {
        let policy = Categorical::new(&z).unwrap();
        let action = pick % z.len();
        let checks = [
            (
                filled(&policy, |out| policy.log_probability_gradient(action, out)),
                differences(&z, |z| softmax(z)[action].ln()),
            ),
            (filled(&policy, |out| policy.entropy_gradient(out)), differences(&z, |z| entropy(&softmax(z)))),
            (
                filled(&policy, |out| policy.actor_loss(&q, alpha, out).map(|_| ())),
                differences(&z, |z| -soft_value(z, &q, alpha)),
            ),
        ];
        for (gradient, differences) in checks {
            for (g, difference) in gradient.iter().zip(&differences) {
                close("gradient", *g, *difference, 1e-7, 1e-8);
            }
            prop_assert!(gradient.iter().sum::<f64>().abs() < 1e-13);
        }
        let value = policy.soft_value(&q, alpha).unwrap();
        close("V", value, soft_value(&z, &q, alpha), 1e-13, 1e-13);
        let loss = policy.actor_loss(&q, alpha, &mut vec![0.0; z.len()]).unwrap();
        close("loss", loss, -value, 1e-13, 1e-13);
    }

    #[test]
    fn batches_are_their_rows(rows in 1..6_usize, k in 2..7_usize, alpha in 0.0..2.0_f64, seed in 0..1000_u64) {
        let numbers = |shift: u64| -> Vec<f64> {
            (0..(rows * k) as u64).map(|i| (((i + shift) * 7919 + seed) % 101) as f64 / 20.0 - 2.5).collect()
        };
        let (z, q) = (numbers(0), numbers(31));
        let uniforms: Vec<f64> = (0..rows).map(|row| (row as f64 * 0.37 + 0.11).fract()).collect();
        let batch = CategoricalBatch::new(&z, k).unwrap();
        prop_assert_eq!(batch.rows(), rows);
        let (mut values, mut entropies, mut drawn) = (vec![0.0; rows], vec![0.0; rows], vec![0; rows]);
        batch.soft_values_into(&q, alpha, &mut values).unwrap();
        batch.entropies_into(&mut entropies).unwrap();
        batch.sample_into(&uniforms, &mut drawn).unwrap();
        let mut gradient = vec![0.0; rows * k];
        let loss = batch.mean_actor_loss(&q, alpha, &mut gradient).unwrap();
        let (mut sum, mut own) = (0.0, vec![0.0; k]);
        for row in 0..rows {
            let (z, q) = (&z[row * k..][..k], &q[row * k..][..k]);
            let policy = Categorical::new(z).unwrap();
            sum += policy.actor_loss(q, alpha, &mut own).unwrap();
            prop_assert_eq!(values[row], policy.soft_value(q, alpha).unwrap());
            prop_assert_eq!(entropies[row], policy.entropy());
            prop_assert_eq!(drawn[row], policy.sample(uniforms[row]).unwrap());
            for (g, own) in gradient[row * k..].iter().zip(&own) {
                close("gradient", *g, own / rows as f64, 1e-14, 1e-16);
            }
        }
        close("loss", loss.value, sum / rows as f64, 1e-13, 1e-14);
        close("entropy", loss.entropy, entropies.iter().sum::<f64>() / rows as f64, 1e-13, 0.0);
    }

    /// The confidence penalty alone: soft labels on a class of weight 0 leave no cross-entropy.
    #[test]
    fn entropy_is_the_confidence_penalty_of_the_losses((mut z, _) in states(), sure in 0.0..30.0_f64) {
        z[0] += sure;
        let k = z.len();
        let (mut weights, mut labels) = (vec![1.0; k], vec![0.0; k]);
        (weights[0], labels[0]) = (0.0, 1.0);
        let penalty = CrossEntropy::new()
            .confidence_penalty(1.0)
            .unwrap()
            .class_weights(ClassWeights::new(&weights).unwrap());
        let logits = Logits::new(&z, k).unwrap();
        let (loss, gradient) =
            penalty.forward_backward::<f64>(&logits, SoftLabels::new(&labels, k).unwrap()).unwrap();
        let policy = Categorical::new(&z).unwrap();
        close("H", policy.entropy(), -loss.value, 4e-16, 0.0);
        prop_assert_eq!(policy.entropy(), temperance::entropy(&logits).unwrap()[0]);
        let ascent = filled(&policy, |out| policy.entropy_gradient(out));
        for (action, (ascent, descent)) in ascent.iter().zip(&gradient).enumerate() {
            // An ulp of the two terms -π·ln π and π·H, which the loss adds and which may cancel.
            let terms = policy.probability(action) * (policy.entropy() - policy.log_probability(action));
            close("gradient", *ascent, -descent, 0.0, 2.0 * f64::EPSILON * terms);
        }
    }

    #[test]
    fn draws_follow_the_cumulative_distribution((z, _) in states(), uniform in 0.0..1.0_f64) {
        let policy = Categorical::new(&z).unwrap();
        let action = policy.sample(uniform).unwrap();
        let p = softmax(&z);
        let before: f64 = p[..action].iter().sum();
        prop_assert!(before <= uniform + 1e-14 && uniform < before + p[action] + 1e-14);
    }

    #[test]
    fn extremes_stay_finite(
        z in prop::collection::vec(prop::sample::select(vec![-1e300, -700.0, 0.0, 1.0, 700.0, 1e300, -INF]), 1..7),
        power in -12.0..12.0_f64,
        size in prop::sample::select(vec![0.0, 1.0, 1e100, 1e300]),
    ) {
        prop_assume!(z.iter().any(|z| *z > -INF));
        let policy = Categorical::new(&z).unwrap();
        let alpha = 10_f64.powf(power);
        let q: Vec<f64> = (0..z.len()).map(|j| if j % 2 == 0 { size } else { -size }).collect();
        let mut gradient = vec![0.0; z.len()];
        prop_assert!(policy.soft_value(&q, alpha).unwrap().is_finite());
        prop_assert!(policy.actor_loss(&q, alpha, &mut gradient).unwrap().is_finite());
        prop_assert!(gradient.iter().all(|g| g.is_finite()));
        prop_assert!((0.0..=(z.len() as f64).ln() + 1e-15).contains(&policy.entropy()));
        policy.entropy_gradient(&mut gradient).unwrap();
        prop_assert!(gradient.iter().all(|g| g.is_finite()));
        for uniform in [0.0, 0.3, 1.0 - f64::EPSILON / 2.0] {
            prop_assert!(policy.probability(policy.sample(uniform).unwrap()) > 0.0);
        }
    }
}

#[test]
fn a_sure_policy_keeps_the_digits_of_its_gradients() {
    let z = [50.0, 0.0];
    let policy = Categorical::new(&z).unwrap();
    let rest = (-50_f64).exp();
    let score = filled(&policy, |out| policy.log_probability_gradient(0, out));
    close("1 - π", score[0], rest, 1e-14, 0.0);
    let descent = filled(&policy, |out| policy.actor_loss(&[1e6, 1e6 + 1.0], 0.0, out).map(|_| ()));
    close("actor", descent[0], rest, 1e-14, 0.0);
    let ascent = filled(&policy, |out| policy.entropy_gradient(out));
    close("entropy", ascent[0], -50.0 * rest, 1e-14, 0.0);
}

#[test]
fn an_action_that_cannot_be_taken_does_not_count() {
    let (z, q) = ([-INF, 1.0, -INF, 0.5], [f64::NAN, 2.0, INF, -1.0]);
    let policy = Categorical::new(&z).unwrap();
    let possible = Categorical::new(&[1.0, 0.5]).unwrap();
    assert_eq!((policy.probability(0), policy.log_probability(2), policy.greedy()), (0.0, -INF, 1));
    assert_eq!(policy.entropy(), possible.entropy());
    assert_eq!(policy.soft_value(&q, 0.3).unwrap(), possible.soft_value(&[2.0, -1.0], 0.3).unwrap());
    let descent = filled(&policy, |out| policy.actor_loss(&q, 0.3, out).map(|_| ()));
    let own = filled(&possible, |out| possible.actor_loss(&[2.0, -1.0], 0.3, out).map(|_| ()));
    assert_eq!(descent, [0.0, own[0], 0.0, own[1]]);
    let ascent = filled(&policy, |out| policy.entropy_gradient(out));
    assert_eq!([ascent[0], ascent[2]], [0.0, 0.0]);
    assert_eq!([0.0, 0.999_999].map(|uniform| policy.sample(uniform).unwrap()), [1, 3]);
    // Ties go to the first.
    assert_eq!(Categorical::new(&[0.0, 1.0, 1.0]).unwrap().greedy(), 1);
}

#[test]
fn refusals() {
    assert_eq!(text(Categorical::new(&[])), "number of classes is 0; expected at least 1");
    assert_eq!(
        text(Categorical::new(&[0.0, f64::NAN])),
        "logit is NaN at row 0, column 1 (counted from 0); expected a finite number or -inf"
    );
    assert_eq!(
        text(CategoricalBatch::new(&[0.0; 4], 2).unwrap().soft_values_into(
            &[0.0, 0.0, 0.0, INF],
            1.0,
            &mut [0.0; 2]
        )),
        "value of an action is inf at row 1, column 1 (counted from 0); expected a finite number, whose sums are finite too"
    );
    let illegal = [0.0, 0.0, -INF, -INF];
    let batch = CategoricalBatch::new(&illegal, 2).unwrap();
    let every = "every logit is -inf at row 1 (counted from 0); expected at least one finite logit in a row";
    assert_eq!(text(batch.entropies_into(&mut [0.0; 2])), every);
    assert_eq!(text(batch.mean_actor_loss(&[0.0; 4], 1.0, &mut [0.0; 4])), every);
    assert_eq!(
        text(CategoricalBatch::new(&[0.0; 5], 2)),
        "number of logits is 5; expected a multiple of the 2 classes"
    );
    let policy = Categorical::new(&[0.0, 0.0]).unwrap();
    assert_eq!(text(policy.sample(1.0)), "uniform number is 1; expected a number from 0 to below 1");
    assert_eq!(
        text(CategoricalBatch::new(&[0.0; 4], 2).unwrap().sample_into(&[0.0, f64::NAN], &mut [0; 2])),
        "uniform number is NaN at row 1 (counted from 0); expected a number from 0 to below 1"
    );
    assert_eq!(
        text(policy.soft_value(&[0.0; 2], -1.0)),
        "entropy temperature is -1; expected a finite number, 0 or above"
    );
    assert_eq!(text(policy.soft_value(&[0.0; 3], 1.0)), "length of the action values is 3; expected 2");
    assert_eq!(text(policy.entropy_gradient(&mut [0.0; 1])), "length of the buffer is 1; expected 2");
    assert_eq!(
        text(policy.soft_value(&[f64::MAX, f64::MAX], f64::MAX)),
        "soft value is not finite at row 0 (counted from 0); expected a finite number, whose sums are finite too"
    );
}
