//! Real model outputs that we did not make, against figures that an independent script computed in `f64`.

mod common;

use common::{close, npy, shared};
use serde_json::Value;
use temperance::calibrate::{Calibrated, TemperatureScaling};
use temperance::metric::{Evaluation, Measured};
use temperance::select::{Split, SplitRule};
use temperance::{Block, Labels, Logits, Subset};

/// Relative tolerance of every figure; absolute for calibration errors near 0.
const TOLERANCE: f64 = 1e-6;

/// Sets whose first half holds one class: a fit on it is refused, whatever the figure in the file.
const SORTED_BY_LABEL: [&str; 1] = ["cleanlab_label_errors/imdb"];

fn check(set: &str, expected: &Value, when: &str, measured: &Measured, names: &[(&str, &str)]) {
    for (ours, theirs) in names {
        let got = measured.metric(ours).unwrap();
        close(&format!("{set} {ours} {when}"), got, expected[theirs].as_f64().unwrap(), TOLERANCE, 1e-9);
    }
}

#[test]
fn every_set_of_the_golden_file() {
    let Some(folder) = shared("every_set_of_the_golden_file") else {
        return;
    };
    let golden: Value =
        serde_json::from_slice(&std::fs::read(folder.join("data/golden.json")).unwrap()).unwrap();
    let golden = golden.as_object().unwrap();
    assert!(golden.len() >= 20);
    for (set, expected) in golden {
        let logits: Vec<f32> = npy(&folder.join(format!("data/{set}.logits.npy")));
        let labels: Vec<i32> = npy(&folder.join(format!("data/{set}.labels.npy")));
        let classes = expected["k"].as_u64().unwrap() as usize;
        let logits = Logits::new(&logits, classes).unwrap();
        let labels = Labels::new(&labels, classes);
        let rows = Block::new(logits, labels).unwrap();

        let before = Evaluation::new().measure(&rows).unwrap();
        let names = [
            ("accuracy", "acc"),
            ("mean_confidence", "mean_conf"),
            ("nll", "nll"),
            ("brier", "brier"),
            ("ece", "ece15"),
            ("mce", "mce15"),
        ];
        check(set, expected, "before", &before, &names);

        let (temperature, certificate) = TemperatureScaling::new().fit(&rows).unwrap();
        let t = expected["T_all"].as_f64().unwrap();
        close(&format!("{set} T"), temperature.temperature(), t, TOLERANCE, 0.0);
        assert!(certificate.flags.is_empty(), "{set}: {:?}", certificate.flags);
        assert!(certificate.gradient.unwrap() < 1e-12, "{set}: gradient {:?}", certificate.gradient);
        close(set, certificate.nll_before, expected["nll"].as_f64().unwrap(), TOLERANCE, 0.0);
        close(set, certificate.nll_after, expected["nll_T_all"].as_f64().unwrap(), TOLERANCE, 0.0);

        let after = Evaluation::new().measure(&Calibrated::new(&rows, &temperature)).unwrap();
        check(set, expected, "after", &after, &[("nll", "nll_T_all"), ("ece", "ece15_T_all")]);
        assert_eq!(before.metric("accuracy"), after.metric("accuracy"), "{set}: the arg-max changed");

        let half = &expected["half_split"];
        let fitted = half["n_cal"].as_u64().unwrap() as usize;
        let fraction = fitted as f64 / rows.rows() as f64;
        let split = Split::new(&rows.targets(), fraction, SplitRule::Sequential).unwrap();
        assert_eq!(split.fit.len(), fitted);
        let half_fit = TemperatureScaling::new().fit(&Subset::new(rows, split.fit).unwrap());
        if SORTED_BY_LABEL.contains(&set.as_str()) {
            let expected = "every label is 0; expected at least two classes among the labels of a fit";
            assert_eq!(half_fit.unwrap_err().to_string(), expected, "{set}");
            continue;
        }
        let (temperature, _) = half_fit.unwrap();
        close(
            &format!("{set} half T"),
            temperature.temperature(),
            half["T"].as_f64().unwrap(),
            TOLERANCE,
            0.0,
        );
        let test = Subset::new(rows, split.test).unwrap();
        let before = Evaluation::new().measure(&test).unwrap();
        check(set, half, "half", &before, &[("nll", "test_nll_before"), ("ece", "test_ece_before")]);
        let after = Evaluation::new().measure(&Calibrated::new(&test, &temperature)).unwrap();
        check(set, half, "half", &after, &[("nll", "test_nll_after"), ("ece", "test_ece_after")]);
    }
}
