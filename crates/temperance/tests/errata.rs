//! What the reading prints and what holds: one test for each row of `docs/errata.md` that can be shown here.

use temperance::loss::{Convention, Criterion, CrossEntropy, EntropyFamily, theory};
use temperance::{Labels, Logits, SoftLabels, entropy, log_softmax};

const LABEL: i64 = 1;
const ROW: [f64; 4] = [0.3, 1.7, -0.4, 0.9];
const K: usize = ROW.len();

fn logits(row: &[f64]) -> Logits<'_> {
    Logits::new(row, row.len()).unwrap()
}

fn value(loss: &impl Criterion, row: &[f64]) -> f64 {
    loss.forward(&logits(row), Labels::new(&[LABEL], row.len())).unwrap().value
}

fn gradient(loss: &impl Criterion, row: &[f64]) -> Vec<f64> {
    loss.forward_backward(&logits(row), Labels::new(&[LABEL], row.len())).unwrap().1
}

fn log_p(row: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; row.len()];
    log_softmax(&logits(row), &mut out).unwrap();
    out
}

/// KL(u‖p) = -ln K - Σ ln p_c / K, from logarithms alone.
fn kl_from_uniform(row: &[f64]) -> f64 {
    let k = row.len() as f64;
    -k.ln() - log_p(row).iter().sum::<f64>() / k
}

/// KL(p‖u) = ln K - H(p).
fn kl_to_uniform(row: &[f64]) -> f64 {
    (row.len() as f64).ln() - entropy(&logits(row)).unwrap()[0]
}

/// The other logits are 0.
fn with_gap(gap: f64, classes: usize) -> Vec<f64> {
    let mut row = vec![0.0; classes];
    row[LABEL as usize] = gap;
    row
}

fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-13 * b.abs().max(1.0), "{a} and {b}");
}

#[test]
fn erratum_1_the_printed_gap_belongs_to_another_target() {
    let smoothed = CrossEntropy::new().label_smoothing(0.1).unwrap();
    let (own, printed) = (91_f64.ln(), 81_f64.ln()); // 4.5109 and 4.3944
    assert_close(theory::optimal_gap(Convention::Uniform, 10, 0.1).unwrap(), own);
    assert_close(theory::printed_gap(10, 0.1).unwrap(), printed);
    assert!(gradient(&smoothed, &with_gap(own, 10)).iter().all(|g| g.abs() < 1e-15));
    let at_printed = gradient(&smoothed, &with_gap(printed, 10));
    assert_close(at_printed[LABEL as usize], 0.9 - 0.91);
}

#[test]
fn erratum_2_the_penalties_are_opposite_divergences() {
    let (epsilon, beta, ln_k) = (0.1, 0.1, (K as f64).ln());
    let plain = value(&CrossEntropy::new(), &ROW);
    let smoothed = CrossEntropy::new().label_smoothing(epsilon).unwrap();
    let penalised = CrossEntropy::new().confidence_penalty(beta).unwrap();
    assert_close(
        value(&smoothed, &ROW),
        (1.0 - epsilon) * plain + epsilon * kl_from_uniform(&ROW) + epsilon * ln_k,
    );
    assert_close(value(&penalised, &ROW), plain + beta * kl_to_uniform(&ROW) - beta * ln_k);

    // One has no bound, the other is at most ln K: at a gap of 2000, 1498.6 and 1.3863.
    let sure = with_gap(2000.0, K);
    assert_close(kl_from_uniform(&sure), 1500.0 - ln_k);
    assert_close(kl_to_uniform(&sure), ln_k);
    assert_close(value(&smoothed, &sure), epsilon * 1500.0);
    assert_close(value(&penalised, &sure), 0.0);
}

#[test]
fn erratum_2_they_agree_only_near_uniform() {
    // Halving the distance from uniform divides the divergence by 4 and what the two differ by by 8.
    let scaled = |by: f64| ROW.map(|z| z * by);
    let difference = |by: f64| kl_from_uniform(&scaled(by)) - kl_to_uniform(&scaled(by));
    assert!((difference(1e-3) / difference(5e-4) - 8.0).abs() < 0.2);
    assert!((kl_to_uniform(&scaled(1e-3)) / kl_to_uniform(&scaled(5e-4)) - 4.0).abs() < 0.1);
    assert!(difference(1e-3).abs() < 1e-3 * kl_to_uniform(&scaled(1e-3)));
    // At the row itself they are 0.2867 and 0.2594.
    assert!((kl_from_uniform(&ROW) - 0.2867).abs() < 5e-5, "{}", kl_from_uniform(&ROW));
    assert!((kl_to_uniform(&ROW) - 0.2594).abs() < 5e-5, "{}", kl_to_uniform(&ROW));
}

#[test]
fn erratum_2_the_family_joins_them_exactly() {
    let (beta, ln_k) = (0.25, (K as f64).ln());
    let member = |alpha: f64| value(&EntropyFamily::new(alpha, beta).unwrap(), &ROW);
    let penalised = CrossEntropy::new().confidence_penalty(beta).unwrap();
    assert_close(member(0.0), value(&penalised, &ROW) + beta * ln_k);
    // ε/(1-ε) = β.
    let smoothed = CrossEntropy::new().label_smoothing(beta / (1.0 + beta)).unwrap();
    assert_close(member(1.0), (1.0 + beta) * value(&smoothed, &ROW) - beta * ln_k);
}

#[test]
fn erratum_6_the_entropy_of_a_sure_row_is_zero_and_not_nan() {
    let row = [0.0_f32, 1000.0];
    let p: Vec<f32> = row.iter().map(|z| (z - 1000.0).exp()).collect();
    assert_eq!(p, [0.0, 1.0]);
    // As printed: p·ln p, and its derivative by the logit, (ln p + 1)·p·(1 - p).
    assert!((p[0] * p[0].ln()).is_nan());
    assert!(((p[0].ln() + 1.0) * p[0] * (1.0 - p[0])).is_nan());

    let sure = Logits::new(&row, 2).unwrap();
    assert_eq!(entropy(&sure).unwrap(), [0.0]);
    let loss = CrossEntropy::new().confidence_penalty(0.1).unwrap();
    let (loss, gradient) = loss.forward_backward::<f32>(&sure, Labels::new(&[1], 2)).unwrap();
    assert_eq!((loss.value, gradient), (0.0, vec![0.0, 0.0]));
}

#[test]
fn erratum_7_the_printed_signs_reward_confidence() {
    let (beta, threshold) = (0.5, 1.0);
    let (unsure, sure) = (with_gap(0.0, K), with_gap(50.0, K));
    let below = |row: &[f64]| (threshold - entropy(&logits(row)).unwrap()[0]).max(0.0);
    // The penalty of this library is the plus form.
    let loss = CrossEntropy::new().confidence_penalty(beta).unwrap().penalty_threshold(threshold).unwrap();
    for row in [&unsure, &sure] {
        assert_close(value(&loss, row), value(&CrossEntropy::new(), row) + beta * below(row));
    }
    // As printed, -β·max(0, Γ - H): a sure row gets 0.5 off, one that is not gets nothing.
    assert_close(-beta * below(&sure), -0.5);
    assert_close(-beta * below(&unsure), 0.0);

    // As printed, -ln p - KL(u‖p) has no lower bound: -36.1 at a gap of 50, and falling.
    let printed = |row: &[f64]| value(&CrossEntropy::new(), row) - kl_from_uniform(row);
    assert_close(printed(&sure), (K as f64).ln() - 37.5);
    assert!(printed(&with_gap(100.0, K)) < printed(&sure));
}

#[test]
fn erratum_8_the_sum_is_over_equal_terms() {
    let epsilon = 0.1;
    let uniform = [1.0 / K as f64; K];
    let against = SoftLabels::new(&uniform, K).unwrap();
    let ce_uniform = CrossEntropy::new().forward(&logits(&ROW), against).unwrap().value;
    // The same number K times, over K.
    let printed: f64 = (0..K).map(|_| epsilon / K as f64 * ce_uniform).sum();
    assert_close(printed, epsilon * ce_uniform);
    let smoothed = CrossEntropy::new().label_smoothing(epsilon).unwrap();
    assert_close(value(&smoothed, &ROW), (1.0 - epsilon) * value(&CrossEntropy::new(), &ROW) + printed);
}

#[test]
fn the_page_names_every_test() {
    let page = include_str!("../../../docs/errata.md");
    let tests = include_str!("errata.rs").lines().filter_map(|line| line.strip_prefix("fn erratum_"));
    for name in tests.map(|rest| rest.trim_end_matches("() {")) {
        assert!(page.contains(&format!("`erratum_{name}`")), "erratum_{name}");
    }
}
