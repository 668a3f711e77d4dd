//! A dense layer, a softmax over its many classes and their cross-entropy: the end of a language model, where half of its
//! time goes.
//!
//! `scores = inputs · weightᵀ + bias`; the cost is `ln Σ exp(score) − score of the right class`, a row at a time. The gradient of
//! the scores is `exp(score) / Σ exp(score)`, less 1 at the right class, and is written where the scores were: they are
//! the largest thing in a language model's memory. Every sum has one order, whatever the number of threads.

use std::ops::Range;

use gemm::Parallelism;
use pulp::Simd;

use super::memory::{Aligned, Shared};
use super::simd::{exp, load, store};
use super::team::Member;
use super::{Job, own_units, vectors, work};

/// The fewest scores of a member.
const FEWEST_SCORES: usize = 1 << 15;
/// Rows whose scores are made at once where nothing is kept.
const BLOCK_ROWS: usize = 512;

/// A dense layer, what it reads, and the right classes.
#[derive(Clone, Copy)]
pub(crate) struct Dense<'a> {
    /// `[N, features]`
    pub inputs: &'a [f32],
    /// `[classes, features]`
    pub weight: &'a [f32],
    /// `[classes]`
    pub bias: &'a [f32],
    /// `[N]`, all below `classes`.
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

    fn members(&self) -> usize {
        (self.targets.len() * self.bias.len() / FEWEST_SCORES).max(1)
    }
}

/// What [`backward`] needs.
#[derive(Debug)]
pub(crate) struct Kept {
    /// `[N, classes]`
    scores: Aligned,
    /// `[N]`. Apart from `totals`, because the sum of their logarithms would lose the digits of the smaller.
    largest: Vec<f32>,
    /// `Σ exp(score − largest)`, `[N]`
    totals: Vec<f32>,
}

/// The cross-entropies, `[N]`, without what the way back would need.
pub(crate) fn costs(dense: Dense) -> Vec<f32> {
    let rows = dense.targets.len();
    let blocks = (0..rows).step_by(BLOCK_ROWS).map(|start| start..rows.min(start + BLOCK_ROWS));
    blocks.flat_map(|block| forward(dense.rows(block)).0).collect()
}

/// The cross-entropies, `[N]`.
pub(crate) fn forward(dense: Dense) -> (Vec<f32>, Kept) {
    let (rows, classes, features) = (dense.targets.len(), dense.bias.len(), dense.features());
    let mut scores = Aligned::new(rows * classes);
    let weight = Matrix::new(dense.weight, features).transposed();
    // SAFETY: there are so many scores.
    unsafe { multiply(Matrix::new(dense.inputs, features), weight, scores.values_mut().as_mut_ptr()) };
    let [mut costs, mut largest, mut totals] = [(); 3].map(|()| vec![0.0; rows]);
    work(
        dense.members(),
        &Forward {
            dense,
            scores: Shared::new(scores.values_mut()),
            costs: Shared::new(&mut costs),
            largest: Shared::new(&mut largest),
            totals: Shared::new(&mut totals),
        },
    );
    (costs, Kept { scores, largest, totals })
}

struct Forward<'a> {
    dense: Dense<'a>,
    /// Without the bias; then with it.
    scores: Shared<'a>,
    costs: Shared<'a>,
    largest: Shared<'a>,
    totals: Shared<'a>,
}

impl Job for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { dense: Dense { bias, targets, .. }, scores, costs, largest, totals } = *self;
        for index in member.part(targets.len()) {
            // SAFETY: a row of this member's own.
            let row = unsafe { scores.write(index * bias.len(), bias.len()) };
            let most = add_bias(simd, row, bias);
            let total = sum_of_powers(simd, row, most);
            let cost = total.ln() + (most - row[targets[index]]);
            for (to, value) in [(costs, cost), (largest, most), (totals, total)] {
                // SAFETY: a row of this member's own.
                unsafe { to.write(index, 1)[0] = value };
            }
        }
    }
}

/// Adds the bias to a row of scores, and returns the largest. NaN need not be found here: it comes out of the sum.
#[inline(always)]
fn add_bias<S: Simd>(simd: S, scores: &mut [f32], bias: &[f32]) -> f32 {
    let (scores, scores_rest) = S::as_mut_simd_f32s(scores);
    let (bias, bias_rest) = S::as_simd_f32s(bias);
    let mut most = simd.splat_f32s(f32::NEG_INFINITY);
    for (score, bias) in scores.iter_mut().zip(bias) {
        *score = simd.add_f32s(*score, *bias);
        most = simd.max_f32s(most, *score);
    }
    let mut largest = simd.reduce_max_f32s(most);
    for (score, bias) in scores_rest.iter_mut().zip(bias_rest) {
        *score += bias;
        largest = largest.max(*score);
    }
    largest
}

/// How many powers are added in single precision: more would lose digits in a sum of thousands.
const FEW: usize = 512;

/// `Σ exp(score − largest)`.
#[inline(always)]
fn sum_of_powers<S: Simd>(simd: S, row: &[f32], largest: f32) -> f32 {
    let largest = simd.splat_f32s(largest);
    let mut sum = 0.0;
    for scores in row.chunks(FEW) {
        let (vectors, rest) = S::as_simd_f32s(scores);
        let mut some = simd.splat_f32s(0.0);
        for &scores in vectors {
            some = simd.add_f32s(some, exp(simd, simd.sub_f32s(scores, largest)));
        }
        let mut last = [0.0f32; 64];
        store(simd, &mut last[..rest.len()], exp(simd, simd.sub_f32s(load(simd, rest), largest)));
        sum += f64::from(simd.reduce_sum_f32s(some)) + f64::from(last.iter().sum::<f32>());
    }
    sum as f32
}

/// Gradients of what a [`Dense`] reads, in the shapes given there.
pub(crate) struct Gradients {
    pub inputs: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// From the gradients of the cross-entropies, `[N]`.
pub(crate) fn backward(dense: Dense, mut kept: Kept, d_costs: &[f32]) -> Gradients {
    let (classes, features) = (dense.bias.len(), dense.features());
    let mut bias = vec![0.0; classes];
    work(
        dense.members(),
        &Backward {
            targets: dense.targets,
            largest: &kept.largest,
            totals: &kept.totals,
            d_costs,
            scores: Shared::new(kept.scores.values_mut()),
            d_bias: Shared::new(&mut bias),
        },
    );
    let d_scores = Matrix::new(kept.scores.values(), classes);
    Gradients {
        inputs: product(d_scores, Matrix::new(dense.weight, features)),
        weight: product(d_scores.transposed(), Matrix::new(dense.inputs, features)),
        bias,
    }
}

struct Backward<'a> {
    targets: &'a [usize],
    largest: &'a [f32],
    totals: &'a [f32],
    d_costs: &'a [f32],
    /// The scores, and then their gradients.
    scores: Shared<'a>,
    d_bias: Shared<'a>,
}

impl Job for Backward<'_> {
    /// A member takes some classes of all rows: the bias's gradient is a sum over rows, in their order.
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { targets, largest, totals, d_costs, scores, d_bias } = *self;
        let classes = scores.length() / targets.len().max(1);
        let own = own_units(member, classes);
        // SAFETY: classes of this member's own, here and below.
        let d_bias = unsafe { d_bias.write(own.start, own.len()) };
        for row in 0..targets.len() {
            let scores = unsafe { scores.write(row * classes + own.start, own.len()) };
            let most = simd.splat_f32s(largest[row]);
            let scale = simd.splat_f32s(d_costs[row] / totals[row]);
            for part in vectors(0..own.len(), S::F32_LANES) {
                let power = exp(simd, simd.sub_f32s(load(simd, &scores[part.clone()]), most));
                store(simd, &mut scores[part], simd.mul_f32s(scale, power));
            }
            if own.contains(&targets[row]) {
                scores[targets[row] - own.start] -= d_costs[row];
            }
            for (sum, score) in d_bias.iter_mut().zip(scores) {
                *sum += *score;
            }
        }
    }
}

/// A matrix in memory, row after row or column after column.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    shape: [usize; 2],
    strides: [isize; 2],
}

impl<'a> Matrix<'a> {
    /// Of rows of some length.
    fn new(values: &'a [f32], columns: usize) -> Self {
        assert!(values.len().is_multiple_of(columns), "a matrix of whole rows");
        Self { values, shape: [values.len() / columns, columns], strides: [columns as isize, 1] }
    }

    fn transposed(self) -> Self {
        let Self { values, shape: [rows, columns], strides: [down, across] } = self;
        Self { values, shape: [columns, rows], strides: [across, down] }
    }
}

/// `left · right`
fn product(left: Matrix, right: Matrix) -> Vec<f32> {
    let length = left.shape[0] * right.shape[1];
    let mut to = Vec::with_capacity(length);
    // SAFETY: there is room for so many, and they are written.
    unsafe {
        multiply(left, right, to.as_mut_ptr());
        to.set_len(length);
    }
    to
}

/// Writes `left · right` row after row, by the crate that burn too multiplies with: what is large and plain needs no kernel of
/// our own.
///
/// # Safety
///
/// At `to` there is room for as many values as `left` has rows times `right` columns, and nobody else uses it.
unsafe fn multiply(left: Matrix, right: Matrix, to: *mut f32) {
    let ([rows, depth], [other, columns]) = (left.shape, right.shape);
    assert_eq!(depth, other, "a product of matrices that do not fit");
    // SAFETY: the matrices are as long as their shapes and strides say, which `Matrix::new` sees to; else the caller's promise.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            depth,
            to,
            1,
            columns as isize,
            false,
            left.values.as_ptr(),
            left.strides[1],
            left.strides[0],
            right.values.as_ptr(),
            right.strides[1],
            right.strides[0],
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::Rayon(0),
        );
    }
}
