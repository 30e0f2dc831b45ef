//! How often 95 % bootstrap intervals of metrics hold the truth, over many simulated samples:
//! `cargo run --release -p temperance --example coverage`
//!
//! Options: `--simulations N` (default: 1000), `--rows N` (default: 2000), `--replicates N` (default: 1000),
//! `--kind percentile|basic|bca` (default: percentile). Labels are drawn from softmax(z) with z normal; the model says
//! softmax(T·z), so that T = 1 is calibrated and T = 1.5 over-confident. The truth of a metric is its value on two
//! million rows. Prints a table.

use std::error::Error;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;
use temperance::metric::{Bootstrap, Evaluation, IntervalKind, Summaries};
use temperance::{Block, Labels, Logits};

/// What the default intervals of a report are of.
const METRICS: [&str; 7] = ["accuracy", "nll", "brier", "ece", "ece_equal_mass", "l2_debiased", "mce"];
const CLASSES: usize = 10;
/// Rows that stand for all there could be.
const TRUTH_ROWS: usize = 2_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut simulations, mut rows, mut replicates, mut kind) = (1000, 2000, 1000, IntervalKind::Percentile);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match (name.as_str(), value.as_str()) {
            ("--simulations", number) => simulations = number.parse()?,
            ("--rows", number) => rows = number.parse()?,
            ("--replicates", number) => replicates = number.parse()?,
            ("--kind", "percentile") => kind = IntervalKind::Percentile,
            ("--kind", "basic") => kind = IntervalKind::Basic,
            ("--kind", "bca") => kind = IntervalKind::Bca,
            _ => return Err(format!("unknown option {name} {value}").into()),
        }
    }
    println!(
        "{simulations} samples of {rows} rows, {CLASSES} classes; {replicates} replicates, {kind:?} intervals\n"
    );
    println!("| metric | T | truth | mean estimate | covered |\n|---|---|---|---|---|");
    for temperature in [1.0, 1.5] {
        let truth = measure(&draw(u64::MAX, TRUTH_ROWS, temperature)?)?;
        let mut covered = [0_usize; METRICS.len()];
        let mut sums = [0.0; METRICS.len()];
        for simulation in 0..simulations {
            let sample = draw(simulation as u64, rows, temperature)?;
            let bootstrap = Bootstrap::new().replicates(replicates)?.seed(simulation as u64).kind(kind);
            let replicates = bootstrap.only(&METRICS).run(&Evaluation::new(), &[&sample])?;
            for (at, name) in METRICS.iter().enumerate() {
                if let Some(interval) = replicates.interval(0, name) {
                    covered[at] += usize::from(interval.lower <= truth[at] && truth[at] <= interval.upper);
                    sums[at] += interval.estimate;
                }
            }
        }
        for (at, name) in METRICS.iter().enumerate() {
            let share = 100.0 * covered[at] as f64 / simulations as f64;
            let mean = sums[at] / simulations as f64;
            println!("| {name} | {temperature} | {:.5} | {mean:.5} | {share:.1} % |", truth[at]);
        }
    }
    Ok(())
}

/// The metrics of a sample.
fn measure(sample: &Summaries) -> Result<Vec<f64>, Box<dyn Error>> {
    let measured = Evaluation::new().measure_summaries(sample.clone())?;
    Ok(METRICS.iter().map(|name| measured.metric(name).unwrap_or(f64::NAN)).collect())
}

/// Rows of a model whose logits are `temperature` times those that the labels were drawn from.
fn draw(seed: u64, rows: usize, temperature: f64) -> temperance::Result<Summaries> {
    let mut random = Pcg64::seed_from_u64(seed);
    let (mut logits, mut labels) = (Vec::with_capacity(rows * CLASSES), Vec::with_capacity(rows));
    for _ in 0..rows {
        let z: [f64; CLASSES] = std::array::from_fn(|_| {
            // Box and Muller.
            let radius = (-2.0 * (1.0 - random.random::<f64>()).ln()).sqrt();
            2.0 * radius * (std::f64::consts::TAU * random.random::<f64>()).cos()
        });
        let total: f64 = z.iter().map(|z| z.exp()).sum();
        let mut left = random.random::<f64>() * total;
        let label = z.iter().position(|z| {
            left -= z.exp();
            left <= 0.0
        });
        labels.push(label.unwrap_or(CLASSES - 1));
        logits.extend(z.iter().map(|z| z * temperature));
    }
    Summaries::of(&Block::new(Logits::new(&logits, CLASSES)?, Labels::new(&labels, CLASSES))?)
}
