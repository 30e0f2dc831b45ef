//! Calibration errors: the numbers of the packages that measure them, and what they say of known models.

mod common;

use common::{Sample, close, each_case, number, numbers};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use temperance::metric::{Evaluation, SmoothReliability, Summaries};

mod tolerance {
    /// The same sums in another order.
    pub(crate) const SAME: f64 = 1e-12;
    /// torchmetrics computes in float32 inside.
    pub(crate) const TORCHMETRICS: f64 = 1e-6;
    /// The beta function of SciPy and ours, in an exponential.
    pub(crate) const BETA: f64 = 1e-8;
    /// relplot bisects ten times on a mesh of its own.
    pub(crate) const RELPLOT: f64 = 2e-3;
}

/// The metrics of a sample with some that are measured by name only.
fn measure(p: &[f64], y: &[f64], bins: usize, named: &[&str], name: &str) -> f64 {
    let rows = Summaries::from_confidences(p, y, None).unwrap();
    let evaluation = Evaluation::new().bins(bins).unwrap().named(named).unwrap();
    evaluation.measure_summaries(rows).unwrap().metric(name).unwrap_or(f64::NAN)
}

#[test]
fn the_packages_give_these_numbers() {
    each_case("calibration_errors.json", |case_name, case| {
        let (p, y) = (numbers(&case["p"]).unwrap(), numbers(&case["y"]).unwrap());
        let bins = case["bins"].as_u64().unwrap() as usize;
        for (key, expected) in case["packages"].as_object().unwrap() {
            let (name, tolerance) = match key.as_str() {
                key @ "relplot_smooth_ece" => (key, tolerance::RELPLOT),
                key if key.starts_with("torchmetrics") => (key, tolerance::TORCHMETRICS),
                "kde_ece" => ("kde_ece", tolerance::BETA),
                key => (key, tolerance::SAME),
            };
            let got = measure(&p, &y, bins, &[name], name);
            close(&format!("{case_name}, {key}"), got, number(expected), 0.0, tolerance);
        }
    });
}

/// Twelve points, "ECE in 5 bins": what each rule makes of them.
#[test]
fn the_table_of_disagreement() {
    let p = [0.0, 0.1, 0.2, 0.2, 0.35, 0.5, 0.5, 0.65, 0.8, 0.95, 1.0, 1.0];
    let y = [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0];
    for (name, expected) in [
        ("ece", 0.195833),
        ("scikit_learn_ece", 0.195833),
        ("uncertainty_calibration_ece", 0.195833),
        ("netcal_ece", 0.120833),
        ("torchmetrics_ece", 0.1625),
        ("torchmetrics_rmsce", 0.237975),
        ("torchmetrics_mce", 0.5),
        ("mapie_ece", 0.1625),
        ("relplot_ece", 0.1625),
        ("netcal_ace", 0.134167),
        ("netcal_mce", 0.35),
        ("uncertainty_calibration_ece_em", 0.204167),
        ("uncertainty_calibration_l2_debiased", 0.0),
        ("uncertainty_calibration_l2", 0.251178),
    ] {
        close(name, measure(&p, &y, 5, &[name], name), expected, 0.0, 1e-6);
    }
    let relplot = measure(&p, &y, 5, &["relplot_smooth_ece"], "relplot_smooth_ece");
    close("relplot_smooth_ece", relplot, 0.1018188, 0.0, tolerance::RELPLOT);
    // Three of the twelve lie on 0 or 1, where relplot drops half of a row.
    close("smooth_ece", measure(&p, &y, 5, &[], "smooth_ece"), 0.11382, 0.0, 1e-4);
}

#[test]
fn hand_values() {
    // One bin of four rows: d = 0.8 - 0.5, noise 0.25/3.
    let (p, y) = ([0.8; 4], [1.0, 0.0, 1.0, 0.0]);
    let at = |name: &str| measure(&p, &y, 1, &[name], name);
    close("l2", at("l2_debiased"), (0.09_f64 - 0.25 / 3.0).sqrt(), 1e-12, 0.0);
    // E|N(0.3, 0.25²)| = 0.25·√(2/π)·exp(-0.72) + 0.3·(1 - 2Φ(-1.2)).
    let folded =
        0.25 * (2.0 / std::f64::consts::PI).sqrt() * (-0.72_f64).exp() + 0.3 * (1.0 - 2.0 * 0.115069670);
    close("l1", at("l1_debiased"), 0.6 - folded, 0.0, 1e-8);
    // All errors -0.3 on average at one place: the kernel is 1.
    close("mmce", at("mmce"), 0.3, 1e-12, 0.0);
    close("sweep", at("ece_sweep"), 0.3, 1e-12, 0.0);
    close("top label", at("rmsce_equal_mass"), 0.3, 1e-12, 0.0);
}

#[test]
fn the_sweep_over_a_sorted_sample_is_the_double_sum() {
    let mut random = Pcg64::seed_from_u64(3);
    let p: Vec<f64> = (0..80).map(|_| (random.random::<f64>() * 20.0).round() / 20.0).collect();
    let y: Vec<f64> = p.iter().map(|&p| f64::from(u8::from(random.random::<f64>() < p))).collect();
    let mut sum = 0.0;
    for i in 0..80 {
        for j in 0..80 {
            sum += (y[i] - p[i]) * (y[j] - p[j]) * (-2.5 * (p[i] - p[j]).abs()).exp();
        }
    }
    close("mmce", measure(&p, &y, 15, &["mmce"], "mmce"), sum.sqrt() / 80.0, 1e-12, 0.0);
}

#[test]
fn kernel_errors_are_the_double_sums_they_are_written_as() {
    let sample = Sample::new(12, 60, 3, 2.0);
    let measured = Evaluation::new().named(&["skce", "skce_biased", "kde_ece"]).unwrap();
    let measured = measured.measure(&sample.block()).unwrap();
    let p: Vec<Vec<f64>> = sample
        .logits
        .chunks(3)
        .map(|z| {
            let sum: f64 = z.iter().map(|z| z.exp()).sum();
            z.iter().map(|z| z.exp() / sum).collect()
        })
        .collect();
    let error = |i: usize, class: usize| f64::from(u8::from(sample.labels[i] == class)) - p[i][class];
    let (mut all, mut own) = (0.0, 0.0);
    for i in 0..60 {
        for j in 0..60 {
            let distance: f64 = (0..3).map(|c| (p[i][c] - p[j][c]).abs()).sum();
            let h = (-0.5 * distance).exp() * (0..3).map(|c| error(i, c) * error(j, c)).sum::<f64>();
            all += h;
            own += if i == j { h } else { 0.0 };
        }
    }
    close("skce", measured.metric("skce").unwrap(), (all - own) / (60.0 * 59.0), 1e-10, 1e-14);
    close("skce_biased", measured.metric("skce_biased").unwrap(), all / 3600.0, 1e-10, 1e-14);
}

#[test]
fn the_unbiased_kernel_error_of_a_calibrated_model_is_0_on_average() {
    let one = |seed, temperature| {
        let sample = Sample::new(seed, 150, 3, temperature);
        Evaluation::new().named(&["skce"]).unwrap().measure(&sample.block()).unwrap().metric("skce").unwrap()
    };
    let values: Vec<f64> = (0..200).map(|seed| one(seed, 1.0)).collect();
    let mean = values.iter().sum::<f64>() / 200.0;
    let spread = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 199.0).sqrt();
    assert!(mean.abs() < 3.0 * spread / 200_f64.sqrt(), "{mean} {spread}");
    assert!((0..50).map(|seed| one(seed, 3.0)).all(|value| value > 0.0));
}

/// Mean of a metric over samples of a model that says `says(p)` where the truth is p.
fn mean_over_samples(name: &str, rows: usize, says: impl Fn(f64) -> f64) -> f64 {
    const SAMPLES: u64 = 200;
    let one = |seed| {
        let mut random = Pcg64::seed_from_u64(seed);
        let truth: Vec<f64> = (0..rows).map(|_| random.random::<f64>()).collect();
        let y: Vec<f64> = truth.iter().map(|&p| f64::from(u8::from(random.random::<f64>() < p))).collect();
        let p: Vec<f64> = truth.iter().map(|&p| says(p)).collect();
        measure(&p, &y, 15, &[], name)
    };
    (0..SAMPLES).map(one).sum::<f64>() / SAMPLES as f64
}

#[test]
fn debiased_and_smooth_errors_of_a_calibrated_model_are_small() {
    let plain = mean_over_samples("ece_equal_mass", 500, |p| p);
    // What is left of each is the clipping at 0, or the width.
    for (name, share) in [("l1_debiased", 0.65), ("ece_sweep", 0.75), ("smooth_ece", 0.75)] {
        let debiased = mean_over_samples(name, 500, |p| p);
        assert!(debiased < share * plain, "{name}: {debiased}, plain {plain}");
    }
    let l2 = mean_over_samples("l2_debiased", 500, |p| p);
    let plain = mean_over_samples("rmsce", 500, |p| p);
    assert!(l2 < 0.5 * plain, "{l2} {plain}");
}

#[test]
fn debiased_errors_find_a_known_error() {
    // Says p + 0.1 below 0.9, where the truth is p: the error is 0.1 wherever rows are.
    let shift = |p: f64| 0.05 + 0.8 * p;
    // |shift(p) - p| = |0.05 - 0.2·p|, of which the mean is 0.0625 and the mean square 0.0058333.
    let l1 = mean_over_samples("l1_debiased", 4000, shift);
    close("l1", l1, 0.0625, 0.05, 0.0);
    let l2 = mean_over_samples("l2_debiased", 4000, shift);
    close("l2", l2, 0.005_833_333_f64.sqrt(), 0.03, 0.0);
}

#[test]
fn a_smooth_diagram_shows_the_truth() {
    let mut random = Pcg64::seed_from_u64(9);
    let p: Vec<f64> = (0..100_000).map(|_| random.random::<f64>()).collect();
    let y: Vec<f64> =
        p.iter().map(|&p| f64::from(u8::from(random.random::<f64>() < p - 0.1 * p * (1.0 - p)))).collect();
    let curve = SmoothReliability::of(&Summaries::from_confidences(&p, &y, None).unwrap());
    for at in (15..90).step_by(5) {
        let t = curve.confidence[at];
        close("rate", curve.rate[at], t - 0.1 * t * (1.0 - t), 0.0, 0.03);
        close("density", curve.density[at], 1.0, 0.0, 0.1);
    }
}
