//! The data of one shape, and everything in Rust that is timed on them.

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
// All of it, for the trait that the methods of the losses belong to.
use temperance::loss::*;
use temperance::{Labels, Layout, Logits};

use crate::{Result, Terms, bytes};

/// Entries that a thread copies at a time.
const PART: usize = 1 << 16;

/// One thread, and as many as there are cores.
pub(crate) struct Pools {
    one: ThreadPool,
    pub(crate) all: ThreadPool,
}

impl Pools {
    pub(crate) fn new() -> Result<Self> {
        let of = |threads| ThreadPoolBuilder::new().num_threads(threads).build();
        Ok(Pools { one: of(1)?, all: of(0)? })
    }
}

/// Buffers that are allocated once.
pub(crate) struct Arena {
    pub(crate) rows: usize,
    pub(crate) classes: usize,
    pub(crate) logits: Vec<f32>,
    pub(crate) labels: Vec<i64>,
    /// What a call for the gradient left.
    pub(crate) gradient: Vec<f32>,
    #[cfg(feature = "peers")]
    candle: Option<crate::candle::Tensors>,
}

impl Arena {
    pub(crate) fn load(folder: &Path, shape: &str) -> Result<Self> {
        let (rows, classes) = parse(shape)?;
        let logits: Vec<f32> = bytes::read(&folder.join(format!("{shape}.logits")))?;
        let labels: Vec<i64> = bytes::read(&folder.join(format!("{shape}.labels")))?;
        if (logits.len(), labels.len()) != (rows * classes, rows) {
            return Err(format!("the files of {shape} have another size").into());
        }
        let gradient = vec![f32::NAN; logits.len()];
        Ok(Arena {
            rows,
            classes,
            logits,
            labels,
            gradient,
            #[cfg(feature = "peers")]
            candle: None,
        })
    }

    /// One call: its seconds and the loss.
    pub(crate) fn call(
        &mut self,
        pools: &Pools,
        contestant: &str,
        terms: Terms,
        task: &str,
    ) -> Result<(f64, f64)> {
        #[cfg(feature = "peers")]
        if contestant == "candle" {
            if self.candle.is_none() {
                self.candle = Some(crate::candle::Tensors::new(self)?);
            }
            let tensors = self.candle.as_ref().ok_or("no tensors")?;
            return tensors.call(terms, task, &mut self.gradient);
        }
        let (name, pool) = match contestant.strip_suffix(", 1 thread") {
            Some(name) => (name, &pools.one),
            None => (contestant, &pools.all),
        };
        pool.install(|| match (name, task) {
            ("copy", "gradient") => Ok((self.copy(), f64::NAN)),
            ("copy", "loss") => Ok((self.read(), f64::NAN)),
            _ => self.temperance(name, terms, task),
        })
    }

    fn temperance(&mut self, name: &str, terms: Terms, task: &str) -> Result<(f64, f64)> {
        let loss = CrossEntropy::new().label_smoothing(terms.epsilon)?.confidence_penalty(terms.beta)?;
        if name == "temperance, in place" {
            self.copy();
        }
        let labels = Labels::new(&self.labels, self.classes);
        let logits = Logits::new(&self.logits, self.classes)?;
        let start = Instant::now();
        let value = match (name, task) {
            ("temperance", "loss") => loss.forward(&logits, labels)?,
            ("temperance", "gradient") => {
                loss.forward_backward_into(&logits, labels, Upstream::default(), &mut self.gradient)?
            }
            ("temperance, in place", "gradient") => {
                let layout = Layout { outer: self.rows, classes: self.classes, inner: 1 };
                loss.forward_backward_in_place(&mut self.gradient, layout, labels, Upstream::default())?
            }
            ("temperance, new buffer", "gradient") => {
                let (value, gradient) = loss.forward_backward::<f32>(&logits, labels)?;
                let seconds = start.elapsed().as_secs_f64();
                self.gradient.copy_from_slice(&gradient);
                return Ok((seconds, value.value));
            }
            _ => return Err(format!("no contestant {name} for {task}").into()),
        };
        Ok((start.elapsed().as_secs_f64(), value.value))
    }

    /// Seconds of writing the logits to the gradient.
    fn copy(&mut self) -> f64 {
        let start = Instant::now();
        let parts = self.gradient.par_chunks_mut(PART).zip(self.logits.par_chunks(PART));
        parts.for_each(|(to, from)| to.copy_from_slice(from));
        start.elapsed().as_secs_f64()
    }

    /// Seconds of reading the logits.
    fn read(&self) -> f64 {
        let start = Instant::now();
        let parts = self.logits.par_chunks(PART);
        let bits = |part: &[f32]| part.iter().fold(0, |bits, x| bits ^ x.to_bits());
        black_box(parts.map(bits).reduce(|| 0, |a, b| a ^ b));
        start.elapsed().as_secs_f64()
    }
}

fn parse(shape: &str) -> Result<(usize, usize)> {
    let (rows, classes) = shape.split_once('x').ok_or("a shape is ROWSxCLASSES")?;
    Ok((rows.parse()?, classes.parse()?))
}

/// Gaussian logits, and labels that are equally likely.
pub(crate) fn generate(folder: &Path, shape: &str, spread: f64, seed: u64) -> Result<()> {
    let (rows, classes) = parse(shape)?;
    let mut random = Pcg64::seed_from_u64(seed);
    let mut uniform = || (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    let logits: Vec<f32> = (0..rows * classes)
        .map(|_| {
            let radius = (-2.0 * (1.0 - uniform()).ln()).sqrt();
            (spread * radius * (std::f64::consts::TAU * uniform()).cos()) as f32
        })
        .collect();
    let labels: Vec<i64> = (0..rows).map(|_| (uniform() * classes as f64) as i64).collect();
    bytes::write(&folder.join(format!("{shape}.logits")), &logits)?;
    bytes::write(&folder.join(format!("{shape}.labels")), &labels)
}
