//! Comparison on real model outputs: what is recommended does no harm.

mod common;

use common::{npy, shared};
use temperance::calibrate::{self, Calibrated};
use temperance::metric::{Bootstrap, Evaluation, Summaries};
use temperance::select::{Comparison, Split, SplitRule};
use temperance::{Block, Labels, Logits, Parameters, Subset};

/// Methods that are compared: the costly ones are left to the benchmark.
const METHODS: [&str; 6] =
    ["temperature", "temperature_biases", "platt", "structured_vector", "structured_matrix", "isotonic"];

#[test]
fn the_recommended_method_is_never_significantly_worse_on_held_out_rows() {
    let Some(folder) = shared("the_recommended_method_is_never_significantly_worse_on_held_out_rows") else {
        return;
    };
    for set in [
        "r_small/probably-segment_logistic",
        "r_small/probably-segment_naive_bayes",
        "r_small/probably-species_probs",
        "r_small/yardstick-hpc_cv",
        "r_small/yardstick-two_class_example",
        "cleanlab_label_errors/mnist",
        "minilm_text/reuters-r8.lr_C100",
    ] {
        let at = |part: &str| folder.join(format!("data/{set}.{part}.npy"));
        let labels: Vec<i32> = npy(&at("labels"));
        let logits: Vec<f32> = npy(&at("logits"));
        let classes = logits.len() / labels.len();
        let block =
            Block::new(Logits::new(&logits, classes).unwrap(), Labels::new(&labels, classes)).unwrap();
        let split = Split::new(&block.targets(), 0.5, SplitRule::Stratified { seed: 0 }).unwrap();
        let comparison = Comparison::new().methods(&METHODS).unwrap().within(&split.fit);
        let recommended = comparison.run(block).unwrap().recommended().method;
        let (fit, test) =
            (Subset::new(block, split.fit.clone()).unwrap(), Subset::new(block, split.test).unwrap());
        let held_out = |name: &str| {
            let method = (calibrate::method(name).unwrap().build)(&Parameters::new()).unwrap();
            let fitted = method.fit_observed(&fit, &()).unwrap();
            Summaries::of(&Calibrated::new(&test, fitted.calibrator.as_ref())).unwrap()
        };
        let models = [held_out(recommended), held_out("identity"), held_out("temperature")];
        let models: Vec<&Summaries> = models.iter().collect();
        let replicates = Bootstrap::new().only(&["nll", "ece"]).run(&Evaluation::new(), &models).unwrap();
        for (other, name) in [(1, "the uncalibrated model"), (2, "temperature scaling")] {
            let difference = replicates.difference(0, other, "nll").unwrap();
            assert!(difference.lower <= 0.0, "{set}: {recommended} against {name}: {difference:?}");
        }
        if set.ends_with("species_probs") {
            // Temperature scaling raises the ECE of this model, and is not recommended.
            let ece = |model| replicates.interval(model, "ece").unwrap().estimate;
            assert!(ece(2) > ece(1), "{} {}", ece(2), ece(1));
            assert_eq!(recommended, "identity");
        }
        if set.ends_with("mnist") {
            assert_eq!(recommended, "identity");
        }
    }
}
