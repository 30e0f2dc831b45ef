//! Times temperature fits on arrays in memory; reading the files is not counted:
//! `cargo run --release -p temperance --example fit_temperature -- --logits z.npy --labels y.npy`
//!
//! Logits are float32 of rows by classes, labels int64. Options: `--threads N` (default: all cores) and
//! `--repeats N` (default: 1). Prints JSON: seconds of each fit, T, passes over the rows, threads.

use std::error::Error;
use std::fs::File;
use std::io::BufReader;
use std::time::Instant;

use temperance::calibrate::TemperatureScaling;
use temperance::{Block, Labels, Logits};

/// Rows of the fit that wakes the threads before the clock runs.
const WARM_UP_ROWS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut logits, mut labels, mut threads, mut repeats) = (None, None, 0, 1);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--logits" => logits = Some(value),
            "--labels" => labels = Some(value),
            "--threads" => threads = value.parse()?,
            "--repeats" => repeats = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    let (shape, logits) = read::<f32>(&logits.ok_or("--logits is missing")?)?;
    let (_, labels) = read::<i64>(&labels.ok_or("--labels is missing")?)?;
    let &[rows, classes] = shape.as_slice() else {
        return Err(format!("logits have shape {shape:?}; expected rows by classes").into());
    };
    let (rows, classes) = (usize::try_from(rows)?, usize::try_from(classes)?);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;

    let fit = |rows: usize| {
        let scores = Logits::new(&logits[..rows * classes], classes)?;
        let block = Block::new(scores, Labels::new(&labels[..rows], classes))?;
        pool.install(|| TemperatureScaling::new().fit(&block))
    };
    fit(rows.min(WARM_UP_ROWS))?;
    let mut seconds = Vec::new();
    let mut answer = (f64::NAN, 0);
    for _ in 0..repeats {
        let start = Instant::now();
        let (temperature, certificate) = fit(rows)?;
        seconds.push(start.elapsed().as_secs_f64());
        answer = (temperature.temperature(), certificate.iterations);
    }
    let (temperature, passes) = answer;
    let threads = pool.current_num_threads();
    println!(
        "{}",
        serde_json::json!({ "seconds": seconds, "temperature": temperature, "passes": passes, "threads": threads })
    );
    Ok(())
}

/// Shape and values of a row-major `.npy` file.
fn read<T: npyz::Deserialize>(path: &str) -> Result<(Vec<u64>, Vec<T>), Box<dyn Error>> {
    let file = npyz::NpyFile::new(BufReader::new(File::open(path)?))?;
    if file.order() != npyz::Order::C {
        return Err(format!("{path} is not row-major").into());
    }
    Ok((file.shape().to_vec(), file.into_vec()?))
}
