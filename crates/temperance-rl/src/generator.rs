//! The random generator of NumPy, bit for bit: what Gymnasium draws its first states from.

use std::f64::consts::TAU;

use temperance::{Error, ErrorKind, Result};

/// The numbers of `numpy.random.default_rng(seed)`: PCG64 (128-bit congruential state, XSL-RR output), seeded
/// through `SeedSequence`.
///
/// ```
/// use temperance_rl::generator::Generator;
///
/// // numpy.random.default_rng(42).random()
/// assert_eq!(Generator::seeded(42).random(), 0.7739560485559633);
/// ```
///
/// Sources: O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
/// Number Generation"; O'Neill 2015, "Developing a seed_seq Alternative"; NumPy's `SeedSequence` and `PCG64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generator {
    state: u128,
    /// Always odd.
    increment: u128,
}

const MULTIPLIER: u128 = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645;

impl Generator {
    /// The generator of a seed.
    pub fn seeded(seed: u64) -> Self {
        let [state, stream] = seed_sequence(seed);
        let increment = stream << 1 | 1;
        let mut generator = Generator { state: increment.wrapping_add(state), increment };
        generator.advance();
        generator
    }

    fn advance(&mut self) {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(self.increment);
    }

    /// The next 64 bits: `bit_generator.random_raw()`.
    pub fn bits(&mut self) -> u64 {
        self.advance();
        let folded = (self.state >> 64) as u64 ^ self.state as u64;
        folded.rotate_right((self.state >> 122) as u32)
    }

    /// A number from 0 to below 1, a multiple of 2⁻⁵³: `random()`.
    pub fn random(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// low + (high - low)·random: `uniform(low, high)`.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random()
    }

    /// Two independent numbers from N(0, 1), by Box and Muller; NumPy's own normal numbers are others.
    pub fn normals(&mut self) -> [f64; 2] {
        let radius = (-2.0 * (1.0 - self.random()).ln()).sqrt();
        let (sin, cos) = (TAU * self.random()).sin_cos();
        [radius * cos, radius * sin]
    }

    /// State and increment, the high half of each first.
    pub fn save(&self) -> [u64; 4] {
        let halves = |number: u128| [(number >> 64) as u64, number as u64];
        let ([a, b], [c, d]) = (halves(self.state), halves(self.increment));
        [a, b, c, d]
    }

    /// The generator that [`Generator::save`] was asked of.
    ///
    /// # Errors
    /// If the increment, whose low half is the last word, is even: no generator has one.
    pub fn restored([a, b, c, d]: [u64; 4]) -> Result<Self> {
        let whole = |high, low| u128::from(high) << 64 | u128::from(low);
        if d % 2 == 1 {
            Ok(Generator { state: whole(a, b), increment: whole(c, d) })
        } else {
            Err(Error::new(ErrorKind::Value, "increment of the generator", whole(c, d), "an odd number"))
        }
    }
}

/// 256 bits of `SeedSequence(seed)`, as the two numbers that PCG64 is seeded with.
fn seed_sequence(seed: u64) -> [u128; 2] {
    // What is hashed is mixed with a constant that changes with every use.
    fn hash(constant: &mut u32, multiplier: u32, word: u32) -> u32 {
        let word = word ^ *constant;
        *constant = constant.wrapping_mul(multiplier);
        let word = word.wrapping_mul(*constant);
        word ^ word >> 16
    }
    fn mix(x: u32, y: u32) -> u32 {
        let mixed = x.wrapping_mul(0xca01_f9dd).wrapping_sub(y.wrapping_mul(0x4973_f715));
        mixed ^ mixed >> 16
    }

    let mut constant = 0x43b0_d7e5;
    let mut pool =
        [seed as u32, (seed >> 32) as u32, 0, 0].map(|word| hash(&mut constant, 0x931e_8875, word));
    for from in 0..4 {
        for to in (0..4).filter(|&to| to != from) {
            pool[to] = mix(pool[to], hash(&mut constant, 0x931e_8875, pool[from]));
        }
    }

    let mut constant = 0x8b51_f9dd;
    let mut word = |index: usize| u128::from(hash(&mut constant, 0x58f3_8ded, pool[index % 4]));
    // Words come low half first, numbers of 64 bits high half first.
    [0, 4].map(|first| [32 * 2, 32 * 3, 0, 32].iter().zip(first..).map(|(shift, i)| word(i) << shift).sum())
}
