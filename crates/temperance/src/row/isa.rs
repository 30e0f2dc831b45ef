//! Which instructions a sweep may use: chosen at run time, once per chunk of rows.
//!
//! A sweep is an [`Operation`]: plain loops over lanes, inlined whole into a function compiled for the
//! chosen instruction set, where the compiler turns the lanes into vectors. Everything an operation calls
//! must be `#[inline(always)]`, which a closure cannot be: one missed inline costs a factor of thirty and
//! nothing warns.

use std::marker::PhantomData;

/// A set of instructions, as a type, so that an operation is compiled for each.
pub(crate) trait Isa: Copy + Send + Sync + 'static {
    /// a·b + c is one instruction; where it is not, `f32::mul_add` would be a library call.
    const FUSED: bool;
}

/// Instruction sets with a fused multiply-add: AVX-512, AVX2 with FMA, NEON.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fused;
impl Isa for Fused {
    const FUSED: bool = true;
}

/// Everything else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain;
impl Isa for Plain {
    const FUSED: bool = false;
}

/// Work that can be compiled for any instruction set.
pub(crate) trait Operation {
    type Output;
    /// Must be `#[inline(always)]`, and everything it calls.
    fn run<I: Isa>(self) -> Self::Output;
}

/// The instruction sets an operation is compiled for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Path {
    #[cfg(target_arch = "x86_64")]
    Avx512(pulp::x86::V4),
    #[cfg(target_arch = "x86_64")]
    Avx2(pulp::x86::V3),
    #[cfg(target_arch = "aarch64")]
    Neon,
    Plain,
}

impl Path {
    /// The paths this machine can run, best first.
    pub(crate) fn available() -> impl Iterator<Item = Path> {
        [
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V4::try_new().map(Path::Avx512),
            #[cfg(target_arch = "x86_64")]
            pulp::x86::V3::try_new().map(Path::Avx2),
            #[cfg(target_arch = "aarch64")]
            Some(Path::Neon),
            Some(Path::Plain),
        ]
        .into_iter()
        .flatten()
    }

    /// The best path this machine can run.
    pub(crate) fn best() -> Path {
        Path::available().next().unwrap_or(Path::Plain)
    }

    /// Runs `operation` on this path.
    #[inline(always)]
    pub(crate) fn run<O: Operation>(self, operation: O) -> O::Output {
        match self {
            #[cfg(target_arch = "x86_64")]
            Path::Avx512(simd) => simd.vectorize(Call::<O, Fused>(operation, PhantomData)),
            #[cfg(target_arch = "x86_64")]
            Path::Avx2(simd) => simd.vectorize(Call::<O, Fused>(operation, PhantomData)),
            #[cfg(target_arch = "aarch64")]
            Path::Neon => operation.run::<Fused>(),
            Path::Plain => operation.run::<Plain>(),
        }
    }
}

/// A closure cannot be forced inline; this can.
#[cfg(target_arch = "x86_64")]
struct Call<O, I>(O, PhantomData<I>);

#[cfg(target_arch = "x86_64")]
impl<O: Operation, I: Isa> pulp::NullaryFnOnce for Call<O, I> {
    type Output = O::Output;

    #[inline(always)]
    fn call(self) -> O::Output {
        self.0.run::<I>()
    }
}
