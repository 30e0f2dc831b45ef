//! The Rust side of the benchmarks. `temperance-bench FOLDER` answers one line on stdout for each line on stdin;
//! fields are separated by tabs. A shape is `ROWSxCLASSES`; its data are `SHAPE.logits` (float32) and
//! `SHAPE.labels` (int64) in the folder, row-major and little-endian.
//!
//! ```text
//! about                                               threads, and the peers that were built in
//! generate SHAPE SPREAD SEED                          writes the data
//! load SHAPE                                          reads them, for good
//! run CONTESTANT SHAPE EPSILON BETA TASK REPEATS      seconds per call; TASK is gradient or loss
//! save CONTESTANT SHAPE EPSILON BETA TASK FILE        the loss; for the task gradient, writes that
//! check SHAPE EPSILON BETA FILE                       the loss in float64, and the error of the gradient in FILE
//! rows STEM TYPE GRADIENT-TYPE CLASSES EPSILON BETA   reads STEM.logits and STEM.labels, writes the loss of every
//!                                                     row (STEM.rows) and the gradient of their sum (STEM.gradient)
//! ```

mod arena;
mod bytes;
#[cfg(feature = "peers")]
mod candle;
mod reference;
mod rows;

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};

use arena::{Arena, Pools};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Cross-entropy smoothed by ε/K, minus β·H, averaged.
#[derive(Debug, Clone, Copy)]
struct Terms {
    epsilon: f64,
    beta: f64,
}

fn main() -> Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: temperance-bench FOLDER")?);
    let pools = Pools::new()?;
    let mut arenas = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let fields: Vec<&str> = line.split('\t').collect();
        let reply =
            answer(&folder, &pools, &mut arenas, &fields).map_err(|error| format!("{line}: {error}"))?;
        println!("{reply}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(
    folder: &Path,
    pools: &Pools,
    arenas: &mut HashMap<String, Arena>,
    fields: &[&str],
) -> Result<String> {
    let terms = |epsilon: &str, beta: &str| -> Result<Terms> {
        Ok(Terms { epsilon: epsilon.parse()?, beta: beta.parse()? })
    };
    match *fields {
        ["about"] => {
            let peers = if cfg!(feature = "peers") { "candle" } else { "" };
            Ok(format!("{}\t{peers}", pools.all.current_num_threads()))
        }
        ["generate", shape, spread, seed] => {
            arena::generate(folder, shape, spread.parse()?, seed.parse()?)?;
            Ok("ok".to_owned())
        }
        ["load", shape] => {
            arenas.insert(shape.to_owned(), Arena::load(folder, shape)?);
            Ok("ok".to_owned())
        }
        ["run", contestant, shape, epsilon, beta, task, repeats] => {
            let (arena, terms, repeats) = (find(arenas, shape)?, terms(epsilon, beta)?, repeats.parse()?);
            let mut seconds = 0.0;
            for _ in 0..repeats {
                seconds += arena.call(pools, contestant, terms, task)?.0;
            }
            Ok((seconds / f64::from(repeats)).to_string())
        }
        ["save", contestant, shape, epsilon, beta, task, file] => {
            let arena = find(arenas, shape)?;
            arena.gradient.fill(f32::NAN);
            let (_, value) = arena.call(pools, contestant, terms(epsilon, beta)?, task)?;
            if task == "gradient" {
                bytes::write(Path::new(file), &arena.gradient)?;
            }
            Ok(value.to_string())
        }
        ["check", shape, epsilon, beta, file] => {
            let gradient = bytes::read(Path::new(file))?;
            let (value, error) = reference::check(find(arenas, shape)?, terms(epsilon, beta)?, &gradient);
            Ok(format!("{value}\t{error}"))
        }
        ["rows", stem, of, gradient_of, classes, epsilon, beta] => {
            rows::measure(Path::new(stem), of, gradient_of, classes.parse()?, terms(epsilon, beta)?)?;
            Ok("ok".to_owned())
        }
        _ => Err("unknown request".into()),
    }
}

fn find<'a>(arenas: &'a mut HashMap<String, Arena>, shape: &str) -> Result<&'a mut Arena> {
    Ok(arenas.get_mut(shape).ok_or_else(|| format!("{shape} is not loaded"))?)
}
