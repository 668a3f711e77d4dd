//! The recurrent cells (Elman, LSTM, GRU): gate activations and their derivatives.

use pulp::Simd;

use super::simd::{relu, sigmoid, tanh};

/// A cell with `G` gates that saves `N` values per hidden unit and step for the backward pass. The index of a saved
/// value, from 0 to `N − 1`, is called its slot.
///
/// All functions work on one SIMD vector of hidden units of one sequence at one step.
pub(crate) trait Gates<const G: usize, const N: usize>: Sync {
    /// The slot (index among the saved values) of the cell state; `None` for cells without a cell state.
    const CELL: Option<usize>;
    /// For each gate, the slot (index among the saved values) that first holds the product of input and input weights,
    /// then the activation of the gate, and in the backward pass the gradient of that product.
    const INPUTS: [usize; G];
    /// For each gate, the slot (index among the saved values) that holds the gradient of its recurrent product, `U·h`,
    /// in the backward pass. The slots of the gates are consecutive.
    const RECURRENT: [usize; G];
    /// The gate whose recurrent bias must be added to its recurrent product, because the reset gate scales their sum.
    /// The recurrent biases of all other gates are added to the input products.
    const RECURRENT_BIAS: Option<usize> = None;
    /// The number of slots (saved values per hidden unit and step) that the backward pass replaces with gradients.
    /// These are the slots from 0 to `GRADIENTS − 1`.
    const GRADIENTS: usize;

    /// Computes one step. Returns the saved values and the hidden state after the step, from the input product `W·x`
    /// and the recurrent product `U·h` of each gate. `before` is the cell state before the step, or the hidden state
    /// for cells without a cell state.
    fn forward<S: Simd>(
        simd: S,
        input: [S::f32s; G],
        recurrent: [S::f32s; G],
        before: S::f32s,
    ) -> ([S::f32s; N], S::f32s);

    /// Computes the backward pass of one step. Returns two results: the saved values, with the gradients of the input
    /// products and recurrent products in the slots below `GRADIENTS`; and the gradients of the states before the step.
    /// `before` is the cell state before the step, or the hidden state for cells without a cell state. `after` has the
    /// gradients of the states after the step.
    fn backward<S: Simd>(
        simd: S,
        saved: [S::f32s; N],
        before: S::f32s,
        after: StateGradients<S>,
    ) -> ([S::f32s; N], StateGradients<S>);
}

/// The gradients of the hidden state and of the cell state of one SIMD vector of hidden units, before or after a step.
///
/// For the states before a step, `hidden` excludes the gradient through the recurrent product, which is added later.
#[derive(Clone, Copy)]
pub(crate) struct StateGradients<S: Simd> {
    pub hidden: S::f32s,
    pub cell: S::f32s,
}

/// The derivative of tanh, `1 − y²`, where `y` is the value of tanh.
#[inline(always)]
pub(super) fn tanh_slope<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(y, y, simd.splat_f32s(1.0))
}

/// The derivative of the logistic function, `y (1 − y)`, where `y` is the value of the logistic function.
#[inline(always)]
pub(super) fn sigmoid_slope<S: Simd>(simd: S, y: S::f32s) -> S::f32s {
    simd.negate_mul_add_e_f32s(y, y, y)
}

/// The Elman cell, with tanh or ReLU. It saves the hidden state for the backward pass.
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
    fn backward<S: Simd>(
        simd: S,
        [y]: [S::f32s; 1],
        _: S::f32s,
        after: StateGradients<S>,
    ) -> ([S::f32s; 1], StateGradients<S>) {
        let zero = simd.splat_f32s(0.0);
        let d_sum = if RELU {
            simd.select_f32s(simd.greater_than_f32s(y, zero), after.hidden, zero)
        } else {
            simd.mul_f32s(after.hidden, tanh_slope(simd, y))
        };
        ([d_sum], StateGradients { hidden: zero, cell: zero })
    }
}

/// The LSTM. It saves the gate activations i, f, g and o and the cell state for the backward pass.
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
        let cell = simd.mul_add_e_f32s(f, before, simd.mul_f32s(i, g));
        ([i, f, g, o, cell], simd.mul_f32s(o, tanh(simd, cell)))
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        saved: [S::f32s; 5],
        before: S::f32s,
        after: StateGradients<S>,
    ) -> ([S::f32s; 5], StateGradients<S>) {
        let [i, f, g, o, cell] = saved;
        let tanh_cell = tanh(simd, cell);
        let through_output = simd.mul_f32s(after.hidden, o);
        let d_cell = simd.mul_add_e_f32s(through_output, tanh_slope(simd, tanh_cell), after.cell);
        let d_i = simd.mul_f32s(simd.mul_f32s(d_cell, g), sigmoid_slope(simd, i));
        let d_f = simd.mul_f32s(simd.mul_f32s(d_cell, before), sigmoid_slope(simd, f));
        let d_g = simd.mul_f32s(simd.mul_f32s(d_cell, i), tanh_slope(simd, g));
        let d_o = simd.mul_f32s(simd.mul_f32s(after.hidden, tanh_cell), sigmoid_slope(simd, o));
        let before = StateGradients { hidden: simd.splat_f32s(0.0), cell: simd.mul_f32s(d_cell, f) };
        ([d_i, d_f, d_g, d_o, cell], before)
    }
}

/// PyTorch's GRU, with the reset gate after the recurrent product. It saves the candidate n, the gates r and z, and
/// `q`, the recurrent product of the candidate. In this order, the gradients of the input products (n, r, z) are
/// consecutive, and so are the gradients of the recurrent products (r, z, q).
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
        let n = tanh(simd, simd.mul_add_e_f32s(r, q, x[2]));
        let hidden = simd.mul_add_e_f32s(z, simd.sub_f32s(before, n), n);
        ([n, r, z, q], hidden)
    }

    #[inline(always)]
    fn backward<S: Simd>(
        simd: S,
        saved: [S::f32s; 4],
        before: S::f32s,
        after: StateGradients<S>,
    ) -> ([S::f32s; 4], StateGradients<S>) {
        let [n, r, z, q] = saved;
        let direct = simd.mul_f32s(after.hidden, z);
        let d_n = simd.mul_f32s(simd.sub_f32s(after.hidden, direct), tanh_slope(simd, n));
        let d_z = simd.mul_f32s(simd.mul_f32s(after.hidden, simd.sub_f32s(before, n)), sigmoid_slope(simd, z));
        let d_r = simd.mul_f32s(simd.mul_f32s(d_n, q), sigmoid_slope(simd, r));
        let d_q = simd.mul_f32s(d_n, r);
        ([d_n, d_r, d_z, d_q], StateGradients { hidden: direct, cell: after.cell })
    }
}
