//! What tells one cell from another: the functions of its gates, and their derivatives.

use pulp::Simd;

use super::simd::{relu, sigmoid, tanh};

/// A cell of `G` gates, of which `N` values a unit and step are kept for the way back.
///
/// Everything below is one vector of units of one sequence.
pub(crate) trait Gates<const G: usize, const N: usize>: Sync {
    /// Where the kept values hold the cell state, of cells that have one.
    const CELL: Option<usize>;
    /// Which kept value the input product of each gate becomes.
    const INPUTS: [usize; G];
    /// Which kept values the recurrent product of each gate led to, side by side.
    const RECURRENT: [usize; G];
    /// The gate whose recurrent bias belongs to the recurrent product, as a function of another gate scales both. The other
    /// biases are added to the input product.
    const RECURRENT_BIAS: Option<usize> = None;
    /// How many kept values, from the first, the way back turns to gradients.
    const GRADIENTS: usize;

    /// What is kept, and the hidden state, from the products with the input and with the hidden state. `before` is the
    /// cell state before the step, and the hidden state of cells without one.
    fn forward<S: Simd>(
        simd: S,
        input: [S::f32s; G],
        recurrent: [S::f32s; G],
        before: S::f32s,
    ) -> ([S::f32s; N], S::f32s);

    /// The gradients of what was kept, from those of the states after the step.
    fn backward<S: Simd>(simd: S, kept: [S::f32s; N], before: S::f32s, after: Pair<S>) -> ([S::f32s; N], Pair<S>);
}

/// Gradients of the hidden state and, where there is one, of the cell state.
///
/// Before a step, the part of the hidden state's gradient that does not flow through the recurrent product.
#[derive(Clone, Copy)]
pub(crate) struct Pair<S: Simd> {
    pub hidden: S::f32s,
    pub cell: S::f32s,
}

/// `1 − y²`, the derivative of tanh where its value is `y`.
#[inline(always)]
pub(super) fn tanh_slope<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    simd.negate_mul_add_f32s(y, y, simd.splat_f32s(1.0))
}

/// `y (1 − y)`, the derivative of the logistic function where its value is `y`.
#[inline(always)]
pub(super) fn sigmoid_slope<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    simd.negate_mul_add_f32s(y, y, y)
}

/// Elman's cell, with tanh or with max(0, x), kept as its hidden state.
pub(crate) struct Elman<const RELU: bool>;

impl<const RELU: bool> Gates<1, 1> for Elman<RELU> {
    const CELL: Option<usize> = None;
    const INPUTS: [usize; 1] = [0];
    const RECURRENT: [usize; 1] = [0];
    const GRADIENTS: usize = 1;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, [x]: [S::f32s; 1], [r]: [S::f32s; 1], _: S::f32s) -> ([S::f32s; 1], S::f32s) {
        let sum = simd.add_f32s(x, r);
        let hidden = if RELU { relu(simd, sum) } else { tanh(simd, sum) };
        ([hidden], hidden)
    }

    #[inline(always)]
    fn backward<S: Simd>(simd: S, [y]: [S::f32s; 1], _: S::f32s, after: Pair<S>) -> ([S::f32s; 1], Pair<S>) {
        let zero = simd.splat_f32s(0.0);
        let d_sum = if RELU {
            simd.select_f32s(simd.greater_than_f32s(y, zero), after.hidden, zero)
        } else {
            simd.mul_f32s(after.hidden, tanh_slope(simd, y))
        };
        ([d_sum], Pair { hidden: zero, cell: zero })
    }
}

/// Kept: i, f, g, o and the cell state.
pub(crate) struct Lstm;

impl Gates<4, 5> for Lstm {
    const CELL: Option<usize> = Some(4);
    const INPUTS: [usize; 4] = [0, 1, 2, 3];
    const RECURRENT: [usize; 4] = [0, 1, 2, 3];
    const GRADIENTS: usize = 4;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: [S::f32s; 4], r: [S::f32s; 4], before: S::f32s) -> ([S::f32s; 5], S::f32s) {
        let gate = |index: usize| simd.add_f32s(x[index], r[index]);
        let i = sigmoid(simd, gate(0));
        let f = sigmoid(simd, gate(1));
        let g = tanh(simd, gate(2));
        let o = sigmoid(simd, gate(3));
        let cell = simd.mul_add_f32s(f, before, simd.mul_f32s(i, g));
        ([i, f, g, o, cell], simd.mul_f32s(o, tanh(simd, cell)))
    }

    #[inline(always)]
    fn backward<S: Simd>(simd: S, kept: [S::f32s; 5], before: S::f32s, after: Pair<S>) -> ([S::f32s; 5], Pair<S>) {
        let [i, f, g, o, cell] = kept;
        let bent = tanh(simd, cell);
        let through_output = simd.mul_f32s(after.hidden, o);
        let d_cell = simd.mul_add_f32s(through_output, tanh_slope(simd, bent), after.cell);
        let d_i = simd.mul_f32s(simd.mul_f32s(d_cell, g), sigmoid_slope(simd, i));
        let d_f = simd.mul_f32s(simd.mul_f32s(d_cell, before), sigmoid_slope(simd, f));
        let d_g = simd.mul_f32s(simd.mul_f32s(d_cell, i), tanh_slope(simd, g));
        let d_o = simd.mul_f32s(simd.mul_f32s(after.hidden, bent), sigmoid_slope(simd, o));
        let before = Pair { hidden: simd.splat_f32s(0.0), cell: simd.mul_f32s(d_cell, f) };
        ([d_i, d_f, d_g, d_o, cell], before)
    }
}

/// Kept: n, r, z, and the recurrent product of gate n, `q`, in an order that has the gradients of both products side by
/// side: those with the input n, r, z, those with the hidden state r, z, q.
pub(crate) struct Gru;

impl Gates<3, 4> for Gru {
    const CELL: Option<usize> = None;
    const INPUTS: [usize; 3] = [1, 2, 0];
    const RECURRENT: [usize; 3] = [1, 2, 3];
    const RECURRENT_BIAS: Option<usize> = Some(2);
    const GRADIENTS: usize = 4;

    #[inline(always)]
    fn forward<S: Simd>(simd: S, x: [S::f32s; 3], [r, z, q]: [S::f32s; 3], before: S::f32s) -> ([S::f32s; 4], S::f32s) {
        let r = sigmoid(simd, simd.add_f32s(x[0], r));
        let z = sigmoid(simd, simd.add_f32s(x[1], z));
        let n = tanh(simd, simd.mul_add_f32s(r, q, x[2]));
        let hidden = simd.mul_add_f32s(z, simd.sub_f32s(before, n), n);
        ([n, r, z, q], hidden)
    }

    #[inline(always)]
    fn backward<S: Simd>(simd: S, kept: [S::f32s; 4], before: S::f32s, after: Pair<S>) -> ([S::f32s; 4], Pair<S>) {
        let [n, r, z, q] = kept;
        let direct = simd.mul_f32s(after.hidden, z);
        let d_n = simd.mul_f32s(simd.sub_f32s(after.hidden, direct), tanh_slope(simd, n));
        let d_z = simd.mul_f32s(simd.mul_f32s(after.hidden, simd.sub_f32s(before, n)), sigmoid_slope(simd, z));
        let d_r = simd.mul_f32s(simd.mul_f32s(d_n, q), sigmoid_slope(simd, r));
        let d_q = simd.mul_f32s(d_n, r);
        ([d_n, d_r, d_z, d_q], Pair { hidden: direct, cell: after.cell })
    }
}
