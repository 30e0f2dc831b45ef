//! What several tests need: third-party data, fixtures, made-up rows, and ways to deliver them.

use std::path::{Path, PathBuf};

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use temperance::loss::Criterion;
use temperance::{Block, Labels, Logits, Result, Rows};

/// The folder of third-party data, if `$TEMPERANCE_SHARED` says where it is; says so if not.
#[allow(dead_code)]
pub(crate) fn shared(test: &str) -> Option<PathBuf> {
    match std::env::var_os("TEMPERANCE_SHARED") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => {
            eprintln!("skipped {test}: TEMPERANCE_SHARED is not set");
            None
        }
    }
}

/// A numeric array in NPY format, row-major.
#[allow(dead_code)]
pub(crate) fn npy<T: npyz::Deserialize>(path: &Path) -> Vec<T> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    npyz::NpyFile::new(&bytes[..]).unwrap().into_vec().unwrap()
}

/// A fixture beside the tests.
#[allow(dead_code)]
pub(crate) fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A number, or the name of one that JSON cannot write.
#[allow(dead_code)]
pub(crate) fn number(value: &Value) -> f64 {
    match value {
        Value::String(name) => name.parse().unwrap(),
        value => value.as_f64().unwrap(),
    }
}

/// A list of numbers; `None` for null.
#[allow(dead_code)]
pub(crate) fn numbers(value: &Value) -> Option<Vec<f64>> {
    value.as_array().map(|list| list.iter().map(number).collect())
}

/// |got - expected| within `relative` of the expected value and `absolute`.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn close(what: &str, got: f64, expected: f64, relative: f64, absolute: f64) {
    let ok = got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= relative * expected.abs() + absolute;
    assert!(ok, "{what}: got {got:e}, expected {expected:e}");
}

/// The gradient of `value` at `z` by differences of fourth order.
#[allow(dead_code)]
pub(crate) fn differences(z: &[f64], value: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let h = 1e-3;
    let at = |j: usize, steps: f64| {
        let mut moved = z.to_vec();
        moved[j] += steps * h;
        value(&moved)
    };
    (0..z.len())
        .map(|j| (8.0 * (at(j, 1.0) - at(j, -1.0)) - (at(j, 2.0) - at(j, -2.0))) / (12.0 * h))
        .collect()
}

/// Calls a closure with every case of a fixture.
#[allow(dead_code)]
pub(crate) fn each_case(file: &str, mut check: impl FnMut(&str, &Value)) {
    for case in fixture(file)["cases"].as_array().unwrap() {
        check(case["name"].as_str().unwrap(), case);
    }
}

/// Logits of a model and the labels that go with them.
#[allow(dead_code)]
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) logits: Vec<f64>,
    pub(crate) labels: Vec<usize>,
    pub(crate) classes: usize,
}

#[allow(dead_code)]
impl Sample {
    /// Normal logits times `temperature`, with labels drawn from the softmax before: the best T is near it.
    pub(crate) fn new(seed: u64, rows: usize, classes: usize, temperature: f64) -> Self {
        let mut random = Pcg64::seed_from_u64(seed);
        let mut normal = || {
            // Box and Muller.
            let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
            let angle = std::f64::consts::TAU * random.random::<f64>();
            (2.0 * radius * angle.cos(), random.random::<f64>())
        };
        let (mut logits, mut labels) = (Vec::new(), Vec::new());
        for _ in 0..rows {
            let (z, uniform): (Vec<f64>, Vec<f64>) = (0..classes).map(|_| normal()).unzip();
            labels.push(draw(&softmax(&z), uniform[0]));
            logits.extend(z.iter().map(|z| z * temperature));
        }
        Sample { logits, labels, classes }
    }

    /// The same with other logits.
    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        Sample { logits: self.logits.iter().map(|&z| f(z)).collect(), ..self.clone() }
    }

    /// All rows.
    pub(crate) fn block(&self) -> Block<'_> {
        let logits = Logits::new(&self.logits, self.classes).unwrap();
        Block::new(logits, Labels::new(&self.labels, self.classes)).unwrap()
    }

    /// The softmax of every row.
    pub(crate) fn probabilities(&self) -> Vec<f64> {
        self.logits.chunks(self.classes).flat_map(softmax).collect()
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.labels.len()
    }
}

/// The softmax, straight from its definition.
#[allow(dead_code)]
pub(crate) fn softmax(z: &[f64]) -> Vec<f64> {
    let max = z.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = z.iter().map(|z| (z - max).exp()).collect();
    let sum: f64 = e.iter().sum();
    e.iter().map(|e| e / sum).collect()
}

/// The class at `uniform` of the cumulative distribution.
#[allow(dead_code)]
pub(crate) fn draw(p: &[f64], uniform: f64) -> usize {
    let mut sum = 0.0;
    p.iter()
        .position(|p| {
            sum += p;
            uniform < sum
        })
        .unwrap_or(p.len() - 1)
}

/// The rows of a block, delivered in blocks of random sizes from 1 to `largest`.
#[allow(dead_code)]
pub(crate) struct Cut<'a> {
    pub(crate) block: Block<'a>,
    pub(crate) largest: usize,
    pub(crate) seed: u64,
}

impl Rows for Cut<'_> {
    fn classes(&self) -> usize {
        self.block.classes()
    }

    fn rows(&self) -> Option<u64> {
        None
    }

    fn for_each_block(&self, visit: &mut dyn FnMut(&Block<'_>) -> Result<()>) -> Result<()> {
        let mut random = Pcg64::seed_from_u64(self.seed);
        let mut start = 0;
        while start < self.block.rows() {
            let end = (start + random.random_range(1..=self.largest)).min(self.block.rows());
            visit(&self.block.slice(start..end))?;
            start = end;
        }
        Ok(())
    }
}

/// The text of an error.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn text<T: std::fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().to_string()
}

/// `work` in a pool of that many threads.
#[allow(dead_code)]
pub(crate) fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.unwrap().install(work)
}

/// The loss and gradient of a row with that label against an oracle and its differences of fourth order.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn agrees(loss: &impl Criterion, z: &[f64], label: usize, oracle: impl Fn(&[f64]) -> f64) {
    let logits = Logits::new(z, z.len()).unwrap();
    let label = [label];
    let (value, gradient) = loss.forward_backward::<f64>(&logits, Labels::new(&label, z.len())).unwrap();
    close("value", value.value, oracle(z), 1e-12, 1e-13);
    slopes_agree(&gradient, z, oracle);
}

/// A gradient against differences of fourth order.
#[allow(dead_code)]
#[track_caller]
pub(crate) fn slopes_agree(gradient: &[f64], z: &[f64], oracle: impl Fn(&[f64]) -> f64) {
    for (j, (&g, difference)) in gradient.iter().zip(differences(z, oracle)).enumerate() {
        close(&format!("gradient {j}"), g, difference, 1e-7, 1e-8);
    }
}
