//! Temperature scaling against exact roots and scikit-learn, and every way in which published fits fail.

mod common;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Cut, Sample, close, each_case, number, numbers, on_threads, softmax, text};
use half::{bf16, f16};
use proptest::prelude::*;
use temperance::calibrate::{
    self, Calibrated, Calibrator, Certificate, Flag, Temperature, TemperatureScaling,
};
use temperance::fold::Progress;
use temperance::metric::{Evaluation, Summaries};
use temperance::{
    Block, Element, ErrorKind, Labels, Logits, Parameter, Parameters, Probabilities, RowWeights, Rows,
    SoftLabels, Subset, Zeros,
};

/// Relative tolerances.
mod tolerance {
    /// T and the second derivative against 50 digits, from `f64` and from `f32` logits alike: a fit ends in
    /// `f64`, after a Newton step of at most this size. Most end far closer: within 1e-14 on the fixtures.
    pub(crate) const ROOT: f64 = 1e-12;
    /// Mean losses: rounding of a few hundred rows.
    pub(crate) const LOSS: f64 = 1e-14;
    /// scikit-learn minimises the loss itself, which is flat to rounding over half the digits of T.
    pub(crate) const SCIKIT_LEARN: f64 = 1e-7;
    /// A minimum by golden section, flat for the same reason.
    pub(crate) const GOLDEN_SECTION: f64 = 1e-6;
    /// The same data written in another way: other rounding of logits and sums.
    pub(crate) const SAME: f64 = 1e-11;
}

fn fit(rows: &dyn Rows) -> (f64, Certificate) {
    let (temperature, certificate) = TemperatureScaling::new().fit(rows).unwrap();
    (temperature.temperature(), certificate)
}

/// A fit with the row weights of a sample.
fn fit_weighted(sample: &Sample, weights: &[f64]) -> (f64, Certificate) {
    fit(&sample.block().with_weights(RowWeights::new(weights)).unwrap())
}

fn fit_soft(sample: &Sample, soft: &[f64]) -> (f64, Certificate) {
    let logits = Logits::new(&sample.logits, sample.classes).unwrap();
    fit(&Block::new(logits, SoftLabels::new(soft, sample.classes).unwrap()).unwrap())
}

fn one_hot(sample: &Sample) -> Vec<f64> {
    let row = |&label: &usize| (0..sample.classes).map(move |c| f64::from(u8::from(c == label)));
    sample.labels.iter().flat_map(row).collect()
}

/// The error of a fit to logits of two classes.
fn refusal(logits: &[f64], labels: &[usize]) -> String {
    let rows = Block::new(Logits::new(logits, 2).unwrap(), Labels::new(labels, 2)).unwrap();
    text(TemperatureScaling::new().fit(&rows))
}

// Parity

fn equals_the_exact_root<E: Element>() {
    each_case("temperature.json", |name, case| {
        let logits: Vec<E> = numbers(&case["logits"]).unwrap().into_iter().map(E::from_f64).collect();
        let labels: Vec<u32> = numbers(&case["labels"]).unwrap().iter().map(|&l| l as u32).collect();
        let weights = numbers(&case["sample_weight"]).unwrap_or(vec![1.0; labels.len()]);
        let classes = case["classes"].as_u64().unwrap() as usize;
        let rows = Block::new(Logits::new(&logits, classes).unwrap(), Labels::new(&labels, classes)).unwrap();
        let (t, certificate) = fit(&rows.with_weights(RowWeights::new(&weights)).unwrap());
        let check = |key: &str, got, tolerance| {
            close(&format!("{name} {key}"), got, number(&case[key]), tolerance, 0.0)
        };
        check("temperature_root", t, tolerance::ROOT);
        check("temperature_sklearn", t, tolerance::SCIKIT_LEARN);
        check("hessian", certificate.curvature.unwrap(), tolerance::ROOT);
        check("nll_before", certificate.nll_before, tolerance::LOSS);
        check("nll_after", certificate.nll_after, tolerance::LOSS);
        assert!(certificate.gradient.unwrap() < 1e-13 * t, "{name}: {:?}", certificate.gradient);
        assert!(certificate.flags.is_empty());
        assert!(certificate.iterations <= 10, "{name}: {}", certificate.iterations);
    });
}

#[test]
fn equals_the_exact_root_in_f64() {
    equals_the_exact_root::<f64>();
}

#[test]
fn equals_the_exact_root_in_f32() {
    equals_the_exact_root::<f32>();
}

#[test]
fn every_number_type_gives_the_t_of_its_values_in_f64() {
    fn check<E: Element>(sample: &Sample) {
        let rounded: Vec<E> = sample.logits.iter().map(|&z| E::from_f64(z)).collect();
        let same = Sample { logits: rounded.iter().map(|z| z.to_f64()).collect(), ..sample.clone() };
        let logits = Logits::new(&rounded, sample.classes).unwrap();
        let (t, c) = fit(&Block::new(logits, Labels::new(&sample.labels, sample.classes)).unwrap());
        let (expected, certificate) = fit(&same.block());
        close("T", t, expected, tolerance::SAME, 0.0);
        close("loss", c.nll_before, certificate.nll_before, tolerance::LOSS, 0.0);
        close("error", c.standard_error.unwrap(), certificate.standard_error.unwrap(), tolerance::SAME, 0.0);
    }
    for (seed, temperature) in [(0, 0.05), (1, 1.0), (2, 30.0)] {
        let sample = Sample::new(seed, 300, 7, temperature);
        check::<f32>(&sample);
        check::<f16>(&sample);
        check::<bf16>(&sample);
    }
}

// Divergence, early stops, negative temperatures

#[test]
fn t_scales_with_the_logits_whatever_their_size() {
    let sample = Sample::new(3, 400, 5, 1.0);
    let (t, _) = fit(&sample.block());
    for c in [1e-3, 3e-3, 0.1, 7.0, 100.0, 3e3, 8e3] {
        let (scaled, certificate) = fit(&sample.map(|z| c * z).block());
        close(&format!("scale {c}"), scaled, c * t, tolerance::SAME, 0.0);
        assert!(certificate.flags.is_empty() && certificate.iterations < 20, "{c}: {certificate:?}");
        // The same from f32, where the sweeps far from the root are coarse.
        let single: Vec<f32> = sample.logits.iter().map(|z| (c * z) as f32).collect();
        let single = Block::new(Logits::new(&single, 5).unwrap(), Labels::new(&sample.labels, 5)).unwrap();
        close(&format!("scale {c} in f32"), fit(&single).0, c * t, 1e-6, 0.0);
    }
    for (c, bound) in [(1e-5, 1e-4), (1e-30, 1e-4), (1e5, 1e4), (1e30, 1e4)] {
        let (scaled, certificate) = fit(&sample.map(|z| c * z).block());
        assert_eq!((scaled, &certificate.flags[..]), (bound, &[Flag::AtBound][..]), "scale {c}");
        assert_eq!((certificate.standard_error, certificate.interval), (None, None));
    }
}

#[test]
fn a_shift_of_each_row_changes_nothing() {
    let sample = Sample::new(4, 300, 4, 2.0);
    let mut moved = sample.clone();
    for (row, z) in moved.logits.chunks_mut(4).enumerate() {
        z.iter_mut().for_each(|z| *z += 1024.0 - 8.0 * row as f64);
    }
    close("T", fit(&moved.block()).0, fit(&sample.block()).0, tolerance::SAME, 0.0);
}

proptest! {
    #[test]
    fn no_data_make_it_diverge(
        (classes, logits, labels) in (2..6_usize, 2..40_usize).prop_flat_map(|(k, n)| (
            Just(k), prop::collection::vec(-10.0..10.0_f64, n * k), prop::collection::vec(0..k, n))),
        magnitude in -4.0..4.0_f64,
    ) {
        let single: Vec<f32> = logits.iter().map(|z| (z * 10_f64.powf(magnitude)) as f32).collect();
        let double: Vec<f64> = single.iter().map(|&z| z.into()).collect();
        let labels = Labels::new(&labels, classes);
        let block = Block::new(Logits::new(&double, classes).unwrap(), labels).unwrap();
        let singles = Block::new(Logits::new(&single, classes).unwrap(), labels).unwrap();
        let (temperature, c) = match TemperatureScaling::new().fit(&block) {
            Ok((temperature, certificate)) => (temperature.temperature(), certificate),
            Err(error) => {
                prop_assert_eq!(error.what(), "every label");
                prop_assert_eq!(error.kind(), ErrorKind::Fit);
                return Ok(());
            }
        };
        prop_assert!((1e-4..=1e4).contains(&temperature));
        prop_assert!(c.nll_after <= c.nll_before * (1.0 + tolerance::LOSS), "{c:?}");
        prop_assert!(c.iterations < 60, "{c:?}");
        if c.flags.is_empty() {
            prop_assert!(c.gradient.unwrap() <= 1e-10 * c.curvature.unwrap() / temperature, "{c:?}");
            let [low, high] = c.interval.unwrap();
            prop_assert!(low < temperature && temperature < high);
        }
        let (same, certificate) = fit(&singles);
        prop_assert!((same / temperature - 1.0).abs() < 1e-9, "{same} {temperature}");
        prop_assert_eq!(certificate.flags, c.flags);
    }
}

// The optimum at or beyond a bound

#[test]
fn separable_rows_go_to_the_bound_and_say_so() {
    // Every label on top, one of them tied.
    let (logits, labels) = ([2.0, 0.0, 1.0, 3.0, 1.0, 1.0], [0, 1, 1]);
    let rows = Block::new(Logits::new(&logits, 2).unwrap(), Labels::new(&labels, 2)).unwrap();
    let (t, certificate) = fit(&rows);
    assert_eq!(t, 1e-4);
    assert_eq!(certificate.flags, [Flag::Separable, Flag::AtBound]);
    assert_eq!((certificate.standard_error, certificate.interval), (None, None));
    close("only the tie is left", certificate.nll_after, 2_f64.ln() / 3.0, tolerance::LOSS, 0.0);
}

#[test]
fn anti_correlated_logits_go_to_the_bound_and_say_so() {
    let sample = Sample::new(5, 200, 3, 1.0).map(|z| -z);
    let (t, certificate) = fit(&sample.block());
    assert_eq!(t, 1e4);
    assert_eq!(certificate.flags, [Flag::WorseThanConstant, Flag::AtBound]);
    assert_eq!((certificate.standard_error, certificate.interval), (None, None));
    close("as good as constant", certificate.nll_after, 3_f64.ln(), 1e-3, 0.0);
}

#[test]
fn a_root_beyond_a_bound_gives_that_bound_exactly() {
    let sample = Sample::new(6, 300, 4, 2.0);
    let (t, _) = fit(&sample.block());
    assert!((1.5..2.5).contains(&t));
    // 1 / (1 / 49) is not 49.
    for (minimum, maximum, expected) in
        [(3.0, 49.0, 3.0), (49.0, 98.0, 49.0), (0.1, 0.3, 0.3), (1e-30, 1.1, 1.1)]
    {
        let method = TemperatureScaling::new().bounds(minimum, maximum).unwrap();
        let (temperature, certificate) = method.fit(&sample.block()).unwrap();
        assert_eq!(temperature.temperature(), expected);
        assert_eq!(certificate.flags, [Flag::AtBound]);
        assert_eq!((certificate.standard_error, certificate.interval), (None, None));
    }
    let method = TemperatureScaling::new().bounds(0.3, 49.0).unwrap();
    let worse = method.fit(&sample.map(|z| -z).block()).unwrap();
    assert_eq!(worse.0.temperature(), 49.0);
    let inside = TemperatureScaling::new().bounds(1e-30, 1e30).unwrap();
    close("widest bounds", inside.fit(&sample.block()).unwrap().0.temperature(), t, tolerance::SAME, 0.0);
}

#[test]
fn the_widest_bounds_work_in_f32() {
    let method = TemperatureScaling::new().bounds(1e-30, 1e30).unwrap();
    let labels = Labels::new(&[0, 1, 0], 2);
    for (logits, expected) in
        [([2.0_f32, 0.0, 0.0, 2.0, 1.0, 1.0], 1e-30), ([0.0, 2.0, 2.0, 0.0, 1.0, 1.0], 1e30)]
    {
        let rows = Block::new(Logits::new(&logits, 2).unwrap(), labels).unwrap();
        assert_eq!(method.fit(&rows).unwrap().0.temperature(), expected);
    }
}

#[test]
fn bounds_out_of_order_are_refused() {
    let refused = |minimum, maximum| text(TemperatureScaling::new().bounds(minimum, maximum));
    let least = "expected at least 1e-30 and below 1e30";
    assert_eq!(refused(0.0, 1.0), format!("minimum temperature is 0; {least}"));
    assert_eq!(refused(-1.0, 1.0), format!("minimum temperature is -1; {least}"));
    assert_eq!(refused(f64::NAN, 1.0), format!("minimum temperature is NaN; {least}"));
    let most = "expected above the minimum 2 and at most 1e30";
    assert_eq!(refused(2.0, 2.0), format!("maximum temperature is 2; {most}"));
    assert_eq!(refused(2.0, f64::INFINITY), format!("maximum temperature is inf; {most}"));
    for wrong in [0.0, -2.0, f64::NAN, f64::INFINITY] {
        let expected = format!("temperature is {wrong}; expected a number from 1e-30 to 1e30");
        assert_eq!(text(Temperature::new(wrong)), expected);
    }
}

// Rows that determine nothing

#[test]
fn data_that_determine_no_temperature_are_refused() {
    let one_class = "every label is 1; expected at least two classes among the labels of a fit";
    assert_eq!(refusal(&[1.0, 0.0, 0.0, 2.0], &[1, 1]), one_class);
    assert_eq!(
        refusal(&[1.0, 1.0, -3.0, -3.0], &[0, 1]),
        "difference of the logits in every row is 0; expected logits that differ between classes, else no \
         temperature matters"
    );
    assert_eq!(
        refusal(&[1.0, f64::NEG_INFINITY, f64::NEG_INFINITY, 3.0], &[0, 1]),
        "difference of the logits in every row is 0; expected logits that differ between classes, else no \
         temperature matters"
    );
    let logits = Logits::new(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
    let refused = |rows: &dyn Rows| text(TemperatureScaling::new().fit(rows));
    let soft = [0.0, 1.0, 0.0, 1.0];
    assert_eq!(refused(&Block::new(logits, SoftLabels::new(&soft, 2).unwrap()).unwrap()), one_class);
    let ignored = Block::new(logits, Labels::with_ignored(&[-1, -1], 2, -1)).unwrap();
    assert_eq!(refused(&ignored), "number of rows that count is 0; expected at least 1");
    let rows = Block::new(logits, Labels::new(&[0, 1], 2)).unwrap();
    let weighted = |weights| rows.with_weights(RowWeights::new(weights)).unwrap();
    assert_eq!(refused(&weighted(&[0.0, 0.0])), "every row weight is 0; expected at least one above 0");
    // The only row of the other class, and the only row whose logits differ, do not count.
    let three = Logits::new(&[1.0, 0.0, 0.0, 2.0, 1.0, 1.0], 2).unwrap();
    let rows = Block::new(three, Labels::new(&[0, 1, 1], 2)).unwrap();
    let weighted = |weights| rows.with_weights(RowWeights::new(weights)).unwrap();
    assert_eq!(refused(&weighted(&[0.0, 1.0, 1.0])), one_class);
    let single = Block::new(Logits::new(&[1.0, 2.0], 1).unwrap(), Labels::new(&[0, 0], 1)).unwrap();
    assert_eq!(refused(&single), "number of classes is 1; expected at least 2 to fit a temperature");
}

#[test]
fn the_curve_refuses_what_a_fit_refuses() {
    let logits = Logits::new(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
    let ignored = Block::new(logits, Labels::with_ignored(&[-1, -1], 2, -1)).unwrap();
    let curve = |rows, t| TemperatureScaling::new().curve(rows, &[t]);
    assert_eq!(text(curve(&ignored, 1.0)), "number of rows that count is 0; expected at least 1");
    let rows = Block::new(logits, Labels::new(&[0, 1], 2)).unwrap();
    assert_eq!(text(curve(&rows, 0.0)), "temperature is 0; expected a number from 1e-30 to 1e30");
}

#[test]
fn illegal_weights_are_named() {
    let sample = Sample::new(7, 5, 2, 1.0);
    for wrong in [-1.0, f64::NAN, f64::INFINITY] {
        let weights = [1.0, 1.0, 1.0, wrong, 1.0];
        let rows = sample.block().with_weights(RowWeights::new(&weights)).unwrap();
        let expected =
            format!("row weight is {wrong} at row 3 (counted from 0); expected a finite number, 0 or above");
        assert_eq!(text(TemperatureScaling::new().fit(&rows)), expected);
        let subset = Subset::new(rows, vec![4, 3]).unwrap();
        assert_eq!(text(TemperatureScaling::new().fit(&subset)), expected);
    }
    let refused = text(sample.block().with_weights(RowWeights::new(&[1.0])));
    assert_eq!(refused, "number of row weights is 1; expected one for each of the 5 rows");
}

#[test]
fn an_illegal_logit_is_named_by_its_row_in_the_source() {
    let rows = 9_000;
    let mut sample = Sample::new(8, rows, 8, 1.0);
    sample.logits[8_007 * 8 + 3] = f64::NAN;
    sample.logits[8_500 * 8] = f64::INFINITY;
    let expected = "logit is NaN at row 8007, column 3 (counted from 0); expected a finite number or -inf";
    let fitted = |rows: &dyn Rows| text(TemperatureScaling::new().fit(rows));
    let measured = |rows: &dyn Rows| text(Evaluation::new().measure(rows).map(|_| ()));
    let block = sample.block();
    let cut = |largest| Cut { block, largest, seed: 1 };
    // The bad rows come first or last in the subset; its own row 0 is row 8999 of the block.
    let reversed = Subset::new(block.slice(0..8_400), (0..8_400).rev().collect()).unwrap();
    let late = Subset::new(block, (7_000..rows).collect()).unwrap();
    let temperature = Temperature::new(2.0).unwrap();
    let sources: [&dyn Rows; 5] = [&block, &cut(7), &cut(3_000), &reversed, &late];
    for source in sources {
        assert_eq!(fitted(source), expected);
        assert_eq!(measured(source), expected);
        assert_eq!(measured(&Calibrated::new(source, &temperature)), expected);
    }
    let all_masked = [0.0, 1.0, f64::NEG_INFINITY, f64::NEG_INFINITY];
    let expected =
        "every logit is -inf at row 1 (counted from 0); expected at least one finite logit in a row";
    assert_eq!(refusal(&all_masked, &[0, 1]), expected);
}

// Masked classes and probabilities

#[test]
fn masked_classes_do_not_matter_but_cannot_be_labels() {
    let sample = Sample::new(9, 300, 4, 2.0);
    let masked = |row: &[f64]| [row, &[f64::NEG_INFINITY]].concat();
    let logits: Vec<f64> = sample.logits.chunks(4).flat_map(masked).collect();
    let with_mask = Sample { logits, classes: 5, ..sample.clone() };
    let ((t, a), (expected, b)) = (fit(&with_mask.block()), fit(&sample.block()));
    close("T", t, expected, tolerance::SAME, 0.0);
    close("curvature", a.curvature.unwrap(), b.curvature.unwrap(), tolerance::SAME, 0.0);

    let mut labels = sample.labels.clone();
    labels[7] = 4;
    let expected = "logit of the label is -inf at row 7 (counted from 0); expected a finite logit: a class that \
                    cannot occur cannot be a label";
    assert_eq!(text(TemperatureScaling::new().fit(&Sample { labels, ..with_mask }.block())), expected);
    let soft = [0.5, 0.5, 0.0, 1.0];
    let logits = Logits::new(&[1.0, f64::NEG_INFINITY, 0.0, 1.0], 2).unwrap();
    let rows = Block::new(logits, SoftLabels::new(&soft, 2).unwrap()).unwrap();
    assert_eq!(text(TemperatureScaling::new().fit(&rows)), expected.replace("row 7", "row 0"));
}

#[test]
fn probabilities_give_the_t_of_their_logits() {
    for (seed, k, temperature) in [(10, 2, 0.5), (11, 2, 2.0), (12, 6, 0.7), (13, 6, 3.0)] {
        let sample = Sample::new(seed, 300, k, temperature);
        let p = sample.probabilities();
        let fit_to = |p: &[f64]| {
            fit(&Block::new(Probabilities::new(p, k).unwrap(), Labels::new(&sample.labels, k)).unwrap())
        };
        let (expected, certificate) = fit(&sample.block());
        let (t, c) = fit_to(&p);
        close("T", t, expected, tolerance::SAME, 0.0);
        close("loss", c.nll_before, certificate.nll_before, tolerance::SAME, 0.0);
        // A constant factor of a row is a shift of ln p.
        let scaled: Vec<f64> = p.iter().map(|p| p * 0.996).collect();
        close("scaled", fit_to(&scaled).0, expected, tolerance::SAME, 0.0);
    }
}

#[test]
fn zeros_follow_their_rule() {
    // Two of the labels have p = 0.
    let p = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.3, 0.7, 0.6, 0.4, 0.0, 1.0];
    let labels = [0, 1, 1, 1, 0, 0];
    let under = |zeros| {
        let p = Probabilities::new(&p, 2).unwrap().zeros(zeros);
        assert_eq!(p.zeros_rule(), zeros);
        TemperatureScaling::new().fit(&Block::new(p, Labels::new(&labels, 2)).unwrap())
    };
    assert_eq!(Probabilities::new(&p, 2).unwrap().zeros_rule(), Zeros::Clip);
    let clipped: Vec<f64> = p.iter().map(|p: &f64| p.max(1.175_494_350_822_287_5e-38).ln()).collect();
    let rows = Block::new(Logits::new(&clipped, 2).unwrap(), Labels::new(&labels, 2)).unwrap();
    assert_eq!(under(Zeros::Clip).unwrap().0.temperature(), fit(&rows).0);
    assert_eq!(
        text(under(Zeros::Error)),
        "probability is 0 at row 0, column 1 (counted from 0); expected a probability above 0, or zeros handled \
         by name (clip, infinite)"
    );
    assert_eq!(
        text(under(Zeros::Infinite)),
        "probability of the label is 0 at row 2 (counted from 0); expected a number above 0: a class that cannot \
         occur cannot be a label"
    );
    // Zeros off the label mask their class.
    let p = [0.6, 0.4, 0.0, 0.2, 0.0, 0.8, 0.5, 0.3, 0.2];
    let rule = Probabilities::new(&p, 3).unwrap().zeros(Zeros::Infinite);
    let masked: Vec<f64> = p.iter().map(|p: &f64| p.ln()).collect();
    let labels = Labels::new(&[0, 0, 2], 3);
    let expected = fit(&Block::new(Logits::new(&masked, 3).unwrap(), labels).unwrap()).0;
    assert_eq!(fit(&Block::new(rule, labels).unwrap()).0, expected);
}

#[test]
fn probabilities_passed_as_such_are_checked() {
    let refused = |p: &[f64]| {
        let rows = Block::new(Probabilities::new(p, 2).unwrap(), Labels::new(&[0, 1], 2)).unwrap();
        text(TemperatureScaling::new().fit(&rows))
    };
    // Logits by mistake.
    let expected = "probability is -1 at row 1, column 1 (counted from 0); expected a number from 0 to 1";
    assert_eq!(
        refused(&[0.4, 0.6, 2.0, -1.0]).replace("2 at row 1, column 0", "-1 at row 1, column 1"),
        expected
    );
    let expected = "sum of the probabilities is 0.9 at row 1 (counted from 0); expected 1 within 0.01";
    assert_eq!(refused(&[0.4, 0.6, 0.5, 0.4]), expected);
    let expected = "probability is NaN at row 0, column 0 (counted from 0); expected a number from 0 to 1";
    assert_eq!(refused(&[f64::NAN, 0.6, 0.5, 0.5]), expected);
}

#[test]
fn a_row_is_calibrated_alone_as_in_a_batch() {
    // The row that scikit-learn takes for probabilities when it is alone.
    let temperature = Temperature::new(0.5).unwrap();
    let batch = temperature.apply(&Logits::new(&[0.7, 0.3, 2.0, -1.0], 2).unwrap()).unwrap();
    let alone = temperature.apply(&Logits::new(&[0.7, 0.3], 2).unwrap()).unwrap();
    assert_eq!(batch[..2], alone);
    close("softmax(1.4, 0.6)", alone[0], 1.0 / (1.0 + (-0.8_f64).exp()), 1e-15, 0.0);

    let sample = Sample::new(14, 10_000, 9, 1.5);
    let all = temperature.apply(&Logits::new(&sample.logits, 9).unwrap()).unwrap();
    for row in [0, 1, 5_000, 9_999] {
        let at = row * 9..(row + 1) * 9;
        let alone = temperature.apply(&Logits::new(&sample.logits[at.clone()], 9).unwrap()).unwrap();
        assert_eq!(all[at], alone);
    }
}

#[test]
fn two_classes_hide_no_factor_of_two() {
    // Three of four right at gap 2 x: the best gap is ln 3.
    for x in [0.5, 1.0, 8.0] {
        let logits = [x, -x, x, -x, -x, x, -x, x];
        let rows = Block::new(Logits::new(&logits, 2).unwrap(), Labels::new(&[0, 1, 1, 1], 2)).unwrap();
        close("T", fit(&rows).0, 2.0 * x / 3_f64.ln(), tolerance::ROOT, 0.0);
    }
}

// Weights, soft labels, ignored rows

#[test]
fn integer_weights_are_repeated_rows_for_all_but_the_error() {
    let sample = Sample::new(15, 200, 4, 2.0);
    let weights: Vec<f64> = (0..200).map(|row| f64::from(row % 4)).collect();
    let mut repeated = Sample { logits: Vec::new(), labels: Vec::new(), classes: 4 };
    for (row, z) in sample.logits.chunks(4).enumerate() {
        for _ in 0..row % 4 {
            repeated.logits.extend_from_slice(z);
            repeated.labels.push(sample.labels[row]);
        }
    }
    let ((t, a), (expected, b)) = (fit_weighted(&sample, &weights), fit(&repeated.block()));
    close("T", t, expected, tolerance::ROOT, 0.0);
    close("curvature", a.curvature.unwrap(), b.curvature.unwrap(), tolerance::ROOT, 0.0);
    close("loss", a.nll_after, b.nll_after, tolerance::ROOT, 0.0);
    assert_eq!(a.weight, b.weight);
    // The sandwich takes one row of weight w for one observation, w repeated rows for w: Σw²g² against Σwg².
    let (mut squares, mut repeated_squares, mut curvature) = (0.0, 0.0, 0.0);
    for ((z, &y), w) in sample.logits.chunks(4).zip(&sample.labels).zip(&weights) {
        let p = softmax(&z.iter().map(|z| z / t).collect::<Vec<_>>());
        let mean: f64 = p.iter().zip(z).map(|(p, z)| p * z).sum();
        let variance: f64 = p.iter().zip(z).map(|(p, z)| p * (z - mean).powi(2)).sum();
        squares += w * w * (mean - z[y]).powi(2);
        repeated_squares += w * (mean - z[y]).powi(2);
        curvature += w * variance;
    }
    let error = |squares: f64| t * t * squares.sqrt() / curvature;
    close("error of weighted rows", a.standard_error.unwrap(), error(squares), tolerance::SAME, 0.0);
    close("error of repeated rows", b.standard_error.unwrap(), error(repeated_squares), tolerance::SAME, 0.0);
    // 1 row in 4 of weight 2 and so on: the ratio is that of the effective numbers of rows, up to chance.
    close("ratio", squares / repeated_squares, 14.0 / 6.0, 0.2, 0.0);
}

#[test]
fn weights_have_no_unit_and_zero_is_absence() {
    let sample = Sample::new(16, 200, 3, 0.6);
    let weights: Vec<f64> = (0..200).map(|row| 0.5 + f64::from(row % 7)).collect();
    let (t, certificate) = fit_weighted(&sample, &weights);
    for unit in [1e-6, 3.0, 1e9] {
        let (same, c) = fit_weighted(&sample, &weights.iter().map(|w| w * unit).collect::<Vec<_>>());
        close("T", same, t, tolerance::SAME, 0.0);
        close("error", c.standard_error.unwrap(), certificate.standard_error.unwrap(), tolerance::SAME, 0.0);
    }
    // Rows 150 and later: of weight 0, ignored, or not there; with logits that would matter.
    let mut wild = sample.clone();
    wild.logits[150 * 3..].iter_mut().for_each(|z| *z *= -50.0);
    let (expected, certificate) = fit(&wild.block().slice(0..150));
    let weights: Vec<f64> = (0..200).map(|row| f64::from(u8::from(row < 150))).collect();
    let (weightless, c) = fit_weighted(&wild, &weights);
    assert_eq!(
        (weightless, c.interval, c.curvature),
        (expected, certificate.interval, certificate.curvature)
    );
    let labels: Vec<i64> =
        (0..200).map(|row| if row < 150 { wild.labels[row] as i64 } else { -100 }).collect();
    let logits = Logits::new(&wild.logits, 3).unwrap();
    let ignored = fit(&Block::new(logits, Labels::with_ignored(&labels, 3, -100)).unwrap());
    assert_eq!(ignored, (expected, certificate));
}

#[test]
fn one_hot_soft_labels_are_hard_labels() {
    let sample = Sample::new(17, 300, 5, 2.0);
    assert_eq!(fit_soft(&sample, &one_hot(&sample)), fit(&sample.block()));
}

/// The temperature of the smallest mean loss, by golden section.
fn golden_section(sample: &Sample, soft: &[f64]) -> f64 {
    let loss = |u: f64| -> f64 {
        let rows = sample.logits.chunks(sample.classes).zip(soft.chunks(sample.classes));
        rows.map(|(z, t)| {
            let p = softmax(&z.iter().map(|z| z / u.exp()).collect::<Vec<_>>());
            t.iter().zip(p).map(|(t, p)| -t * p.ln()).sum::<f64>()
        })
        .sum()
    };
    let ratio = (5_f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (-3.0, 3.0);
    while high - low > 1e-9 {
        let step = ratio * (high - low);
        if loss(high - step) < loss(low + step) {
            high = low + step;
        } else {
            low = high - step;
        }
    }
    low.exp()
}

#[test]
fn soft_labels_give_the_minimum_found_by_hand() {
    for (seed, temperature) in [(18, 0.5), (19, 3.0)] {
        let sample = Sample::new(seed, 100, 4, temperature);
        let teacher = Sample::new(seed + 100, 100, 4, 0.5).probabilities();
        let soft: Vec<f64> = one_hot(&sample).iter().zip(&teacher).map(|(h, p)| 0.7 * h + 0.3 * p).collect();
        let (t, certificate) = fit_soft(&sample, &soft);
        close("T", t, golden_section(&sample, &soft), tolerance::GOLDEN_SECTION, 0.0);
        assert!(certificate.gradient.unwrap() < 1e-13);
    }
}

#[test]
fn soft_labels_that_miss_one_give_the_minimum_of_the_measured_loss() {
    let sample = Sample::new(20, 100, 3, 2.0);
    // A rounded file: rows sum to 0.995 or 1.005.
    let teacher = sample.map(|z| z / 1.5).probabilities();
    let factor = |i: usize| if (i / 3).is_multiple_of(2) { 0.995 } else { 1.005 };
    let soft: Vec<f64> = teacher.iter().enumerate().map(|(i, t)| (t * factor(i)).min(1.0)).collect();
    let logits = Logits::new(&sample.logits, 3).unwrap();
    let rows = Block::new(logits, SoftLabels::new(&soft, 3).unwrap()).unwrap();
    let (t, certificate) = fit(&rows);
    close("T", t, golden_section(&sample, &soft), tolerance::GOLDEN_SECTION, 0.0);
    let measured = Evaluation::new().measure(&rows).unwrap().metric("nll").unwrap();
    close("loss", certificate.nll_before, measured, tolerance::LOSS, 0.0);
}

#[test]
fn illegal_soft_labels_are_named() {
    let logits = Logits::new(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
    let refused = |soft: &[f64]| {
        text(TemperatureScaling::new().fit(&Block::new(logits, SoftLabels::new(soft, 2).unwrap()).unwrap()))
    };
    let expected = "soft label is 1.5 at row 1, column 0 (counted from 0); expected a number from 0 to 1";
    assert_eq!(refused(&[1.0, 0.0, 1.5, -0.5]), expected);
    let expected = "sum of the soft labels is 0.5 at row 1 (counted from 0); expected 1 within 0.01";
    assert_eq!(refused(&[1.0, 0.0, 0.25, 0.25]), expected);
}

// Certificate

#[test]
fn the_interval_covers_the_truth_as_often_as_it_says() {
    let (simulations, truth) = (300, 1.7);
    let covered = (0..simulations)
        .filter(|seed| {
            let (t, certificate) = fit(&Sample::new(1_000 + seed, 400, 5, truth).block());
            let [low, high] = certificate.interval.unwrap();
            assert!(low < t && t < high);
            low <= truth && truth <= high
        })
        .count();
    let share = covered as f64 / simulations as f64;
    println!("coverage of the 95 % interval: {share}");
    assert!((0.91..=0.98).contains(&share), "{share}");
}

#[test]
fn a_second_fit_finds_one_and_never_makes_the_loss_worse() {
    for seed in 0..50 {
        let sample = Sample::new(seed, 200, 5, 2.0);
        let (t, _) = fit(&sample.block());
        let again: Vec<f32> = sample.logits.iter().map(|z| (z / t) as f32).collect();
        let rows = Block::new(Logits::new(&again, 5).unwrap(), Labels::new(&sample.labels, 5)).unwrap();
        let (t, certificate) = fit(&rows);
        close("T", t, 1.0, 1e-6, 0.0);
        // Both losses are sums in f64: equal up to their rounding, not that of f32.
        assert!(certificate.nll_after <= certificate.nll_before * (1.0 + tolerance::LOSS), "{certificate:?}");
    }
}

#[test]
fn the_curve_is_lowest_at_t() {
    let sample = Sample::new(22, 500, 6, 3.0);
    let (t, certificate) = fit(&sample.block());
    let temperatures = [0.01, 1.0, 0.9 * t, 0.999 * t, t, 1.001 * t, 1.1 * t, 100.0];
    let curve = TemperatureScaling::new().curve(&sample.block(), &temperatures).unwrap();
    close("at T", curve[4], certificate.nll_after, tolerance::LOSS, 0.0);
    close("at 1", curve[1], certificate.nll_before, tolerance::LOSS, 0.0);
    assert!(curve[..5].is_sorted_by(|a, b| a > b) && curve[4..].is_sorted_by(|a, b| a < b));
    // Second differences are the curvature, carried from β to T: h / T⁴ at the minimum.
    let step = 1e-3 * t;
    let second = (curve[3] - 2.0 * curve[4] + curve[5]) / (step * step);
    close("curvature", second, certificate.curvature.unwrap() / t.powi(4), 1e-3, 0.0);
}

// Observer, threads, blocks

#[test]
fn an_observer_is_told_of_every_pass_and_can_stop() {
    let sample = Sample::new(23, 30_000, 5, 2.0);
    let sources: [(&dyn Rows, Option<u64>); 3] = [
        (&sample.block(), Some(30_000)),
        // Blocks far smaller than a chunk.
        (&Cut { block: sample.block(), largest: 100, seed: 2 }, None),
        (&sample.block().slice(0..50), Some(50)),
    ];
    for (source, total) in sources {
        let (calls, last) = (AtomicUsize::new(0), std::sync::Mutex::new((0, 0)));
        let observer = |progress: Progress| {
            assert_eq!((progress.task, progress.total), ("fitting temperature", total));
            let mut last = last.lock().unwrap();
            assert!((progress.pass, progress.rows) > *last);
            *last = (progress.pass, progress.rows);
            calls.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        };
        let method = TemperatureScaling::new();
        let observed = method.fit_with(source, &observer).unwrap();
        assert_eq!(observed, method.fit(source).unwrap());
        let calls = calls.into_inner();
        let passes = observed.1.iterations;
        assert_eq!(*last.lock().unwrap(), (passes - 1, observed.1.rows));
        assert!(calls >= passes as usize);
        for stop_at in [0, calls / 2, calls - 1] {
            let seen = AtomicUsize::new(0);
            let stop = |_: Progress| match seen.fetch_add(1, Ordering::Relaxed) {
                call if call == stop_at => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            };
            let error = method.fit_with(source, &stop).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Interrupted);
            assert_eq!(error.to_string(), "fitting temperature is interrupted; expected it to finish");
            assert_eq!(seen.into_inner(), stop_at + 1, "nothing is told after a stop");
        }
    }
}

#[test]
fn threads_and_blocks_do_not_change_a_bit() {
    let sample = Sample::new(24, 25_000, 6, 1.6);
    let single: Vec<f32> = sample.logits.iter().map(|&z| z as f32).collect();
    let weights: Vec<f32> = (0..25_000).map(|row| 0.1 + (row % 13) as f32).collect();
    let labels = Labels::new(&sample.labels, 6);
    let block = Block::new(Logits::new(&single, 6).unwrap(), labels).unwrap();
    let block = block.with_weights(RowWeights::new(&weights)).unwrap();
    let all = Subset::new(block, (0..25_000).collect()).unwrap();
    let temperature = Temperature::new(1.3).unwrap();
    let run = |rows: &dyn Rows| {
        let calibrated = Calibrated::new(rows, &temperature);
        let measure = |rows| Evaluation::new().top_k(&[2]).unwrap().measure(rows).unwrap();
        (fit(rows), measure(rows), measure(&calibrated), Summaries::of(rows).unwrap())
    };
    let expected = on_threads(1, || run(&block));
    for threads in [1, 2, 7] {
        on_threads(threads, || {
            assert_eq!(run(&block), expected, "{threads} threads");
            assert_eq!(run(&all), expected, "{threads} threads, a subset of all rows");
            for largest in [1, 90, 5_000, 20_000] {
                let cut = Cut { block, largest, seed: threads as u64 };
                assert_eq!(run(&cut), expected, "{threads} threads, blocks of up to {largest}");
            }
        });
    }
}

// Registry

#[test]
fn every_method_builds_fits_and_survives_its_file() {
    let sample = Sample::new(25, 500, 4, 2.0);
    let logits = Logits::new(&sample.logits, 4).unwrap();
    assert!(calibrate::method("no such method").is_none());
    for entry in calibrate::METHODS {
        assert!(std::ptr::eq(calibrate::method(entry.name).unwrap(), entry));
        assert!(!entry.summary.is_empty() && !entry.source.is_empty());
        let defaults = entry
            .parameters
            .iter()
            .fold(Parameters::new(), |parameters, p| parameters.with(p.name, Parameter::Number(p.default)));
        let fitted = (entry.build)(&defaults).unwrap().fit_observed(&sample.block(), &()).unwrap();
        let plain = (entry.build)(&Parameters::new()).unwrap().fit_observed(&sample.block(), &()).unwrap();
        assert_eq!(plain.certificate, fitted.certificate);
        assert_eq!(plain.calibrator.parameters(), fitted.calibrator.parameters());
        assert_eq!(fitted.calibrator.method(), entry.name);

        let json = serde_json::to_string(&fitted.calibrator.parameters()).unwrap();
        let loaded = (entry.load)(&serde_json::from_str(&json).unwrap()).unwrap();
        let apply = |calibrator: &dyn Calibrator| {
            let mut out = vec![0.0; sample.logits.len()];
            calibrate::probabilities_into(calibrator, &logits.into(), &mut out).unwrap();
            out
        };
        let p = apply(&*fitted.calibrator);
        assert_eq!(apply(&*loaded), p);
        for p in p.chunks(4) {
            assert!(p.iter().all(|p| (0.0..=1.0).contains(p)));
            close(entry.name, p.iter().sum(), 1.0, 1e-15, 0.0);
        }
        let json = serde_json::to_string(&fitted.certificate).unwrap();
        assert_eq!(serde_json::from_str::<Certificate>(&json).unwrap(), fitted.certificate);

        let names: Vec<&str> = entry.parameters.iter().map(|p| p.name).collect();
        let unknown = Parameters::new().with("learning_rate", Parameter::Number(0.1));
        let names = if names.is_empty() { "no parameters".to_owned() } else { names.join(", ") };
        let expected = format!("parameter is \"learning_rate\"; expected {names}");
        assert_eq!(text((entry.build)(&unknown)), expected);
        assert_eq!((entry.load)(&unknown).unwrap_err().kind(), ErrorKind::Parameter);
    }
}

#[test]
fn the_file_of_a_temperature_is_checked() {
    let entry = calibrate::method("temperature").unwrap();
    let load = |parameters: &Parameters| text((entry.load)(parameters));
    let with = |value| Parameters::new().with("temperature", value);
    assert_eq!(load(&Parameters::new()), "temperature is missing; expected one number");
    assert_eq!(
        load(&with(Parameter::Numbers(vec![1.0, 2.0]))),
        "temperature is 2 numbers; expected one number"
    );
    assert_eq!(
        load(&with(Parameter::Number(-1.0))),
        "temperature is -1; expected a number from 1e-30 to 1e30"
    );
    let wide =
        Parameters::new().with("minimum", Parameter::Number(2.0)).with("maximum", Parameter::Number(1.0));
    let expected = "maximum temperature is 1; expected above the minimum 2 and at most 1e30";
    assert_eq!(text((entry.build)(&wide)), expected);
    for value in [f64::INFINITY, f64::NEG_INFINITY, 0.1, 5e-324] {
        let json = serde_json::to_string(&with(Parameter::Number(value))).unwrap();
        assert_eq!(serde_json::from_str::<Parameters>(&json).unwrap(), with(Parameter::Number(value)));
    }
    let error = serde_json::from_str::<Parameters>(r#"{"temperature": "warm"}"#).unwrap_err().to_string();
    assert!(!error.is_empty());
}

#[test]
fn temperature_changes_no_answer() {
    let sample = Sample::new(26, 3_000, 7, 2.5);
    let block = sample.block();
    let before = Summaries::of(&block).unwrap();
    for t in [1e-4, 0.3, 1.0, 7.0, 1e4] {
        let temperature = Temperature::new(t).unwrap();
        let after = Summaries::of(&Calibrated::new(&block, &temperature)).unwrap();
        assert_eq!(before.correct, after.correct);
        let ranks = |s: &Summaries| s.detail.iter().map(|row| (row.predicted, row.rank)).collect::<Vec<_>>();
        assert_eq!(ranks(&before), ranks(&after));
    }
    let one = Temperature::new(1.0).unwrap();
    assert_eq!(Summaries::of(&Calibrated::new(&block, &one)).unwrap(), before);
}

#[test]
fn a_buffer_of_another_length_is_refused() {
    let temperature = Temperature::new(2.0).unwrap();
    let logits = Logits::new(&[1.0, 0.0, 0.0, 2.0], 2).unwrap();
    let refused = text(temperature.apply_into(&logits, &mut [0.0; 3]));
    assert_eq!(refused, "length of the output is 3; expected 4, one entry for each logit");
}

#[test]
fn labels_drawn_at_a_temperature_give_it_back() {
    // Up to the bounds; the error is that of 20 000 rows.
    for truth in [0.003, 0.05, 1.0, 40.0, 3_000.0] {
        let (t, certificate) = fit(&Sample::new(27, 20_000, 4, truth).block());
        close("T", t, truth, 0.05, 0.0);
        close("in errors", (t - truth) / certificate.standard_error.unwrap(), 0.0, 0.0, 3.0);
    }
}
