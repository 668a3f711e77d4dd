//! Linear layer, softmax and cross-entropy loss over many classes: the output layer of a language model.
//!
//! `logits = inputs · weightᵀ + bias`; the loss of a row is `ln Σ exp(logit) − logit of the target class`. The gradient
//! of the logits is `exp(logit) / Σ exp(logit)`, minus 1 at the target class. The gradient overwrites the logits,
//! because they are the largest buffer of a language model. Every sum adds its terms in a fixed order, for any number
//! of threads.

use std::ops::Range;

use pulp::Simd;

use super::matrix::{Matrix, multiply, product};
use super::memory::{Aligned, Shared};
use super::simd::{exp, load, store};
use super::team::Member;
use super::{Job, member_units, run_team, vectors};

/// The smallest number of logits per thread when several threads are used.
const MIN_LOGITS: usize = 1 << 15;
/// The number of rows whose logits are in memory at the same time when no backward pass follows.
const BLOCK_ROWS: usize = 512;

/// The arguments of the kernel: a linear layer, its inputs and the target classes.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// The inputs of the linear layer, `[rows, features]`.
    pub inputs: &'a [f32],
    /// The weight matrix of the linear layer, `[classes, features]`.
    pub weight: &'a [f32],
    /// The bias of the linear layer, `[classes]`.
    pub bias: &'a [f32],
    /// The target class of each row, `[rows]`; each target is below the number of classes.
    pub targets: &'a [usize],
}

impl<'a> Dense<'a> {
    fn features(&self) -> usize {
        self.weight.len() / self.bias.len()
    }

    fn rows(&self, rows: Range<usize>) -> Self {
        let inputs = &self.inputs[rows.start * self.features()..rows.end * self.features()];
        Self { inputs, targets: &self.targets[rows], ..*self }
    }

    /// The work of the softmax, as a number of multiplications. The softmax computes one exponential function per
    /// logit, which takes about as long as 16 multiplications.
    fn work(&self) -> usize {
        16 * self.targets.len() * self.bias.len()
    }

    fn max_threads(&self) -> usize {
        (self.targets.len() * self.bias.len() / MIN_LOGITS).max(1)
    }
}

/// The values that the forward pass saves for [`backward`].
#[derive(Debug)]
pub(crate) struct SavedLogits {
    /// The logits, `[rows, classes]`.
    logits: Aligned,
    /// The largest logit of each row, `[rows]`. It is stored separately from `totals`, because the sum
    /// `largest + ln total` would lose digits of the smaller term.
    largest: Vec<f32>,
    /// The sum `Σ exp(logit − largest)` over the classes for each row, `[rows]`.
    totals: Vec<f32>,
}

/// Computes the loss of each row, `[rows]`, block by block, without saving the logits.
pub(crate) fn losses(dense: Dense) -> Vec<f32> {
    let rows = dense.targets.len();
    let blocks = (0..rows).step_by(BLOCK_ROWS).map(|start| start..rows.min(start + BLOCK_ROWS));
    blocks.flat_map(|block| forward(dense.rows(block)).0).collect()
}

/// Computes the loss of each row, `[rows]`, and the values for the backward pass.
pub(crate) fn forward(dense: Dense) -> (Vec<f32>, SavedLogits) {
    let (rows, classes, features) = (dense.targets.len(), dense.bias.len(), dense.features());
    let mut logits = Aligned::new(rows * classes);
    let weight = Matrix::new(dense.weight, features).transposed();
    multiply(Matrix::new(dense.inputs, features), weight, Some(dense.bias), Shared::new(logits.values_mut()));
    let [mut losses, mut largest, mut totals] = [(); 3].map(|()| vec![0.0; rows]);
    run_team(
        dense.max_threads(),
        dense.work(),
        &Forward {
            dense,
            logits: Shared::new(logits.values_mut()),
            losses: Shared::new(&mut losses),
            largest: Shared::new(&mut largest),
            totals: Shared::new(&mut totals),
        },
    );
    (losses, SavedLogits { logits, largest, totals })
}

struct Forward<'a> {
    dense: Dense<'a>,
    /// The logits, `[rows, classes]`.
    logits: Shared<'a>,
    /// The buffer for the losses, `[rows]`.
    losses: Shared<'a>,
    /// The buffer for [`SavedLogits::largest`].
    largest: Shared<'a>,
    /// The buffer for [`SavedLogits::totals`].
    totals: Shared<'a>,
}

impl Job for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { dense: Dense { bias, targets, .. }, logits, losses, largest, totals } = *self;
        for index in member.part(targets.len()) {
            // SAFETY: no thread writes the logits.
            let row = unsafe { logits.read(index * bias.len(), bias.len()) };
            let most = largest_of(simd, row);
            let total = sum_of_exp(simd, row, most);
            let loss = total.ln() + (most - row[targets[index]]);
            for (to, value) in [(losses, loss), (largest, most), (totals, total)] {
                // SAFETY: only this thread uses its rows.
                unsafe { to.write(index, 1)[0] = value };
            }
        }
    }
}

/// Returns the largest logit of a row. The result may ignore a NaN among the logits, but [`sum_of_exp`] then returns
/// NaN.
#[inline(always)]
fn largest_of<S: Simd>(simd: S, logits: &[f32]) -> f32 {
    let (logits, rest) = S::as_simd_f32s(logits);
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for &logits in logits {
        most = simd.max_f32s(most, logits);
    }
    rest.iter().fold(simd.reduce_max_f32s(most), |largest, &logit| largest.max(logit))
}

/// The number of terms that are summed in single precision. These partial sums are added in double precision, because a
/// long sum in single precision would lose digits.
const SUM_BLOCK: usize = 512;

/// Returns the sum `Σ exp(logit − largest)` over the logits of a row.
#[inline(always)]
fn sum_of_exp<S: Simd>(simd: S, row: &[f32], largest: f32) -> f32 {
    let largest = simd.splat_f32s(largest);
    let mut sum = 0.0;
    for logits in row.chunks(SUM_BLOCK) {
        let (vectors, rest) = S::as_simd_f32s(logits);
        let mut some = simd.splat_f32s(0.0);
        for &logits in vectors {
            some = simd.add_f32s(some, exp(simd, simd.sub_f32s(logits, largest)));
        }
        let mut last = [0.0f32; 64];
        store(simd, &mut last[..rest.len()], exp(simd, simd.sub_f32s(load(simd, rest), largest)));
        sum += f64::from(simd.reduce_sum_f32s(some)) + f64::from(last.iter().sum::<f32>());
    }
    sum as f32
}

/// The gradients with respect to the tensors of [`Dense`], with the shapes of these tensors.
pub(crate) struct Gradients {
    pub inputs: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// Computes the gradients from the saved values and `d_losses`, the gradients of the losses, `[rows]`.
pub(crate) fn backward(dense: Dense, mut saved: SavedLogits, d_losses: &[f32]) -> Gradients {
    let (classes, features) = (dense.bias.len(), dense.features());
    let mut bias = vec![0.0; classes];
    run_team(
        dense.max_threads(),
        dense.work(),
        &Backward {
            targets: dense.targets,
            largest: &saved.largest,
            totals: &saved.totals,
            d_losses,
            logits: Shared::new(saved.logits.values_mut()),
            d_bias: Shared::new(&mut bias),
        },
    );
    let d_logits = Matrix::new(saved.logits.values(), classes);
    Gradients {
        inputs: product(d_logits, Matrix::new(dense.weight, features), None),
        weight: product(d_logits.transposed(), Matrix::new(dense.inputs, features), None),
        bias,
    }
}

struct Backward<'a> {
    targets: &'a [usize],
    largest: &'a [f32],
    totals: &'a [f32],
    d_losses: &'a [f32],
    /// The logits, `[rows, classes]`, which are replaced by their gradients.
    logits: Shared<'a>,
    d_bias: Shared<'a>,
}

impl Job for Backward<'_> {
    /// Computes the gradients of the logits and of the bias. Each thread computes some classes for all rows, so that
    /// the sum over the rows in the gradient of the bias has a fixed order.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { targets, largest, totals, d_losses, logits, d_bias } = *self;
        let classes = logits.length() / targets.len().max(1);
        let own = member_units(member, classes);
        // SAFETY: only this thread uses its classes, here and below.
        let d_bias = unsafe { d_bias.write(own.start, own.len()) };
        for row in 0..targets.len() {
            let logits = unsafe { logits.write(row * classes + own.start, own.len()) };
            let most = simd.splat_f32s(largest[row]);
            let scale = simd.splat_f32s(d_losses[row] / totals[row]);
            for part in vectors(0..own.len(), S::F32_LANES) {
                let power = exp(simd, simd.sub_f32s(load(simd, &logits[part.clone()]), most));
                store(simd, &mut logits[part], simd.mul_f32s(scale, power));
            }
            if own.contains(&targets[row]) {
                logits[targets[row] - own.start] -= d_losses[row];
            }
            for (sum, logit) in d_bias.iter_mut().zip(logits) {
                *sum += *logit;
            }
        }
    }
}
