//! The cross-entropy of a softmax over many classes: the end of a language model.
//!
//! `ln Σ exp(score) − score of the right class`, a row at a time; its gradient is `exp(score) / Σ exp(score)`, less 1 at the
//! right class. Rows are shared among threads, and each row's sum has one order.

use pulp::Simd;

use super::memory::Shared;
use super::simd::{exp, load, store};
use super::team::Member;
use super::{Job, work};

/// The fewest scores of a member.
const FEWEST_SCORES: usize = 1 << 15;

/// Rows of scores and the right class of each.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// `[N, classes]`
    pub scores: &'a [f32],
    pub classes: usize,
    /// `[N]`, all below `classes`.
    pub targets: &'a [usize],
}

impl<'a> Rows<'a> {
    fn row(&self, index: usize) -> &'a [f32] {
        &self.scores[index * self.classes..][..self.classes]
    }

    fn members(&self) -> usize {
        (self.scores.len() / FEWEST_SCORES).max(1)
    }
}

/// The cross-entropies, `[N]`, and what [`backward`] needs.
pub(crate) fn forward(rows: Rows) -> (Vec<f32>, Sums) {
    let [mut costs, mut largest, mut totals] = [(); 3].map(|()| vec![0.0; rows.targets.len()]);
    let [to_costs, to_largest, to_totals] = [&mut costs, &mut largest, &mut totals].map(|to| Shared::new(to));
    work(rows.members(), &Forward { rows, costs: to_costs, largest: to_largest, totals: to_totals });
    (costs, Sums { largest, totals })
}

/// Of each row, `[N]`. Apart, because their logarithms' sum would lose the digits of the smaller.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    largest: Vec<f32>,
    /// `Σ exp(score − largest)`
    totals: Vec<f32>,
}

struct Forward<'a> {
    rows: Rows<'a>,
    costs: Shared<'a>,
    largest: Shared<'a>,
    totals: Shared<'a>,
}

impl Job for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { rows, costs, largest, totals } = *self;
        for index in member.part(rows.targets.len()) {
            let row = rows.row(index);
            let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let total = sum_of_powers(simd, row, most);
            let cost = total.ln() + (most - row[rows.targets[index]]);
            for (to, value) in [(costs, cost), (largest, most), (totals, total)] {
                // SAFETY: a row of this member's own.
                unsafe { to.write(index, 1)[0] = value };
            }
        }
    }
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

/// The gradient of the scores, `[N, classes]`, from those of the cross-entropies.
pub(crate) fn backward(rows: Rows, sums: &Sums, d_costs: &[f32]) -> Vec<f32> {
    let mut d_scores = vec![0.0; rows.scores.len()];
    work(rows.members(), &Backward { rows, sums, d_costs, d_scores: Shared::new(&mut d_scores) });
    d_scores
}

struct Backward<'a> {
    rows: Rows<'a>,
    sums: &'a Sums,
    d_costs: &'a [f32],
    d_scores: Shared<'a>,
}

impl Job for Backward<'_> {
    #[inline(always)]
    fn run<S: Simd>(&self, simd: S, member: &Member) {
        let Self { rows, sums, d_costs, d_scores } = *self;
        for index in member.part(rows.targets.len()) {
            // SAFETY: a row of this member's own.
            let to = unsafe { d_scores.write(index * rows.classes, rows.classes) };
            let largest = simd.splat_f32s(sums.largest[index]);
            let scale = simd.splat_f32s(d_costs[index] / sums.totals[index]);
            for (from, to) in rows.row(index).chunks(S::F32_LANES).zip(to.chunks_mut(S::F32_LANES)) {
                let power = exp(simd, simd.sub_f32s(load(simd, from), largest));
                store(simd, to, simd.mul_f32s(scale, power));
            }
            to[rows.targets[index]] -= d_costs[index];
        }
    }
}
