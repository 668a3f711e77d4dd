//! The kernels of one layer in one direction. One cube (a thread block, whose threads are called units) processes all
//! steps of one sequence. A pass over a layer is therefore one launch, and the state stays in shared memory.
//!
//! Buffers, for B sequences of T steps, H hidden units and G gates:
//!
//! | buffer | shape | contents |
//! |---|---|---|
//! | `products` | `[B, T, G·H]` | input products, without biases |
//! | `packed` | `[H + 2, G·H]` | transposed recurrent weights, input biases, recurrent biases |
//! | `initial` | `[S, B, H]` | the initial hidden state and, for an LSTM (S = 2), the initial cell state |
//! | `all` | `[B·T + S·B, H]` | outputs, final hidden states, final cell states |
//! | `saved` | `[B·T, slots·H]` | values for the backward pass: see [`Plan::slots`] |

use cubecl::prelude::*;

use crate::Cell;

/// The compile-time settings of the kernels of one layer. Each plan is compiled to separate kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Plan {
    /// The recurrence.
    pub cell: Cell,
    /// The number of hidden units, H.
    pub size: usize,
    /// The number of units of a cube that share the recurrent sum of one hidden unit.
    pub slices: usize,
    /// Whether the steps are processed from the last to the first.
    pub reverse: bool,
    /// Whether the forward pass saves the values that the backward pass needs.
    pub keep: bool,
}

impl Plan {
    /// The number of columns of all gates, G·H.
    pub fn width(&self) -> usize {
        self.cell.gates() * self.size
    }

    /// The number of states: 2 for an LSTM, otherwise 1.
    pub fn states(&self) -> usize {
        if self.cell.has_memory() { 2 } else { 1 }
    }

    /// The number of saved values per step, sequence and hidden unit. In this order: Elman `y h`, LSTM `i f g o c h`,
    /// GRU `q r z n h`, GRU with the reset gate before the product `r z n h r⊙h`. `h` and `c` are the states before the
    /// step, and `q` is the recurrent product of the candidate `n` with its bias. The backward pass replaces the values
    /// of the gates by the gradients of their pre-activations.
    pub fn slots(&self) -> usize {
        match self.cell {
            Cell::Elman | Cell::ElmanRelu => 2,
            Cell::Gru | Cell::GruResetBefore => 5,
            Cell::Lstm => 6,
        }
    }

    /// The values in shared memory that the backward kernel needs. The forward kernel needs fewer.
    pub fn shared_values(&self) -> usize {
        self.states() * self.size + self.width() + self.partial_values()
    }

    /// The partial sums in shared memory: one row per slice, or one unused value.
    fn partial_values(&self) -> usize {
        if self.slices > 1 { self.slices * self.width() } else { 1 }
    }

    /// The values in shared memory for the cell state: H for an LSTM, otherwise one unused value.
    fn memory_values(&self) -> usize {
        if self.cell.has_memory() { self.size } else { 1 }
    }
}

/// The logistic function, in a form that cannot overflow. `exp` can overflow.
#[cube]
pub(super) fn sigmoid(x: f32) -> f32 {
    0.5f32 * tanh(0.5f32 * x) + 0.5f32
}

/// The hyperbolic tangent. The built-in tanh of some GPU drivers returns NaN for large arguments.
#[cube]
pub(super) fn tanh(x: f32) -> f32 {
    clamp(x, -40.0f32, 40.0f32).tanh()
}

/// Packs weights and biases for the forward kernels.
#[cube(launch_unchecked)]
pub(super) fn pack(weight_hh: &[f32], bias_ih: &[f32], bias_hh: &[f32], packed: &mut [f32], #[comptime] plan: Plan) {
    let size = comptime!(plan.size);
    let width = comptime!(plan.width());
    let index = ABSOLUTE_POS;
    if index < (size + 2) * width {
        let row = index / width;
        let column = index % width;
        if row < size {
            packed[index] = weight_hh[column * size + row];
        } else if row == size {
            packed[index] = bias_ih[column];
        } else {
            packed[index] = bias_hh[column];
        }
    }
}

/// Sets the padding of an input, `[B, T, features]`, to zero. A gradient of zero times NaN would be NaN.
#[cube(launch_unchecked)]
pub(super) fn clear_padding(input: &[f32], lengths: &[u32], cleared: &mut [f32], time: usize, features: usize) {
    let index = ABSOLUTE_POS;
    if index < cleared.len() {
        let row = index / features;
        let length = lengths[row / time] as usize;
        cleared[index] = select(row % time < length, input[index], 0.0f32);
    }
}

/// The forward pass of Elman, LSTM and GRU layers.
#[cube(launch_unchecked)]
pub(super) fn forward(
    products: &[f32],
    packed: &[f32],
    initial: &[f32],
    lengths: &[u32],
    all: &mut [f32],
    saved: &mut [f32],
    time: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let gates = comptime!(plan.cell.gates());
    let sequence = CUBE_POS_X as usize;
    let batch = CUBE_COUNT_X as usize;
    let length = lengths[sequence] as usize;

    let mut hidden = Shared::new_slice(comptime!(2 * plan.size)); // before and after a step, in turn
    let mut memory = Shared::new_slice(comptime!(plan.memory_values()));
    let mut partial = Shared::new_slice(comptime!(plan.partial_values()));
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        hidden[unit] = initial[sequence * size + unit];
        if comptime!(plan.cell.has_memory()) {
            memory[unit] = initial[(batch + sequence) * size + unit];
        }
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    // The bound is a scalar, equal for all units, so that the barriers are in uniform control flow.
    for index in 0..time {
        let step = if comptime!(plan.reverse) { time - 1 - index } else { index };
        let before = (index % 2) * size;
        let after = size - before;
        let row = sequence * time + step;
        let is_step = step < length;

        if comptime!(plan.slices > 1) {
            partial_products(&hidden, before, packed, &mut partial, plan);
            sync_cube();
        }
        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let mut x = Array::<f32>::new(gates); // input products with biases
            let mut u = Array::<f32>::new(gates); // recurrent products with biases
            #[unroll]
            for gate in 0..gates {
                let column = gate * size + unit;
                x[gate] = products[row * gates * size + column] + packed[size * gates * size + column];
                u[gate] = packed[(size + 1) * gates * size + column];
            }
            recurrent_products(&hidden, before, packed, &partial, unit, &mut u, plan);
            let h_before = hidden[before + unit];
            let h = activate(&x, &u, h_before, &mut memory, unit, is_step, saved, row, plan);
            hidden[after + unit] = select(is_step, h, h_before);
            all[row * size + unit] = select(is_step, h, 0.0f32);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();
    }

    let last = (time % 2) * size;
    let row = batch * time + sequence;
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        all[row * size + unit] = hidden[last + unit];
        if comptime!(plan.cell.has_memory()) {
            all[(row + batch) * size + unit] = memory[unit];
        }
        unit += CUBE_DIM_X as usize;
    }
}

/// The recurrent products of one slice of the hidden state: one sum per gate and hidden unit.
#[cube]
fn partial_products(
    hidden: &Shared<[f32]>,
    before: usize,
    packed: &[f32],
    partial: &mut Shared<[f32]>,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let gates = comptime!(plan.cell.gates());
    let part = comptime!(plan.size.div_ceil(plan.slices));
    let units = CUBE_DIM_X as usize / comptime!(plan.slices);
    let unit = UNIT_POS_X as usize % units;
    let slice = UNIT_POS_X as usize / units;
    if unit < size {
        let mut sums = Array::<f32>::new(gates);
        for k in slice * part..min((slice + 1) * part, size) {
            let h = hidden[before + k];
            #[unroll]
            for gate in 0..gates {
                sums[gate] += h * packed[(k * gates + gate) * size + unit];
            }
        }
        #[unroll]
        for gate in 0..gates {
            partial[(slice * gates + gate) * size + unit] = sums[gate];
        }
    }
}

/// Adds the recurrent products of the gates of one hidden unit to `u`.
#[cube]
fn recurrent_products(
    hidden: &Shared<[f32]>,
    before: usize,
    packed: &[f32],
    partial: &Shared<[f32]>,
    unit: usize,
    u: &mut Array<f32>,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let gates = comptime!(plan.cell.gates());
    if comptime!(plan.slices > 1) {
        for slice in 0..comptime!(plan.slices) {
            #[unroll]
            for gate in 0..gates {
                u[gate] += partial[(slice * gates + gate) * size + unit];
            }
        }
    } else {
        for k in 0..size {
            let h = hidden[before + k];
            #[unroll]
            for gate in 0..gates {
                u[gate] += h * packed[(k * gates + gate) * size + unit];
            }
        }
    }
}

/// The hidden state of one unit after a step. Updates the cell state in `memory`, and saves the values for the backward
/// pass.
#[cube]
fn activate(
    x: &Array<f32>,
    u: &Array<f32>,
    h_before: f32,
    memory: &mut Shared<[f32]>,
    unit: usize,
    is_step: bool,
    saved: &mut [f32],
    row: usize,
    #[comptime] plan: Plan,
) -> f32 {
    let size = comptime!(plan.size);
    let place = row * comptime!(plan.slots() * plan.size) + unit;
    match plan.cell {
        Cell::Lstm => {
            let i = sigmoid(x[0] + u[0]);
            let f = sigmoid(x[1] + u[1]);
            let g = tanh(x[2] + u[2]);
            let o = sigmoid(x[3] + u[3]);
            let c_before = memory[unit];
            let c = f * c_before + i * g;
            if comptime!(plan.keep) {
                saved[place] = i;
                saved[place + size] = f;
                saved[place + 2 * size] = g;
                saved[place + 3 * size] = o;
                saved[place + 4 * size] = c_before;
                saved[place + 5 * size] = h_before;
            }
            memory[unit] = select(is_step, c, c_before);
            o * tanh(c)
        }
        Cell::Gru => {
            let r = sigmoid(x[0] + u[0]);
            let z = sigmoid(x[1] + u[1]);
            let n = tanh(x[2] + r * u[2]);
            if comptime!(plan.keep) {
                saved[place] = u[2];
                saved[place + size] = r;
                saved[place + 2 * size] = z;
                saved[place + 3 * size] = n;
                saved[place + 4 * size] = h_before;
            }
            n + z * (h_before - n)
        }
        Cell::ElmanRelu => {
            let y = max(x[0] + u[0], 0.0f32);
            if comptime!(plan.keep) {
                saved[place] = y;
                saved[place + size] = h_before;
            }
            y
        }
        _ => {
            let y = tanh(x[0] + u[0]);
            if comptime!(plan.keep) {
                saved[place] = y;
                saved[place + size] = h_before;
            }
            y
        }
    }
}

/// The backward pass of Elman, LSTM and GRU layers. `weight_hh`: `[G·H, H]`; `d_all`: the gradients of `all`;
/// `d_initial`: the gradients of `initial`.
#[cube(launch_unchecked)]
pub(super) fn backward(
    saved: &mut [f32],
    weight_hh: &[f32],
    d_all: &[f32],
    lengths: &[u32],
    d_initial: &mut [f32],
    time: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let sequence = CUBE_POS_X as usize;
    let batch = CUBE_COUNT_X as usize;
    let length = lengths[sequence] as usize;

    let mut d_hidden = Shared::new_slice(comptime!(plan.size));
    let mut d_memory = Shared::new_slice(comptime!(plan.memory_values()));
    let mut d_gates = Shared::new_slice(comptime!(plan.width()));
    let mut partial = Shared::new_slice(comptime!(plan.partial_values()));
    let last = batch * time + sequence;
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        d_hidden[unit] = d_all[last * size + unit];
        if comptime!(plan.cell.has_memory()) {
            d_memory[unit] = d_all[(last + batch) * size + unit];
        }
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    for index in 0..time {
        let step = if comptime!(plan.reverse) { index } else { time - 1 - index };
        let row = sequence * time + step;
        let is_step = step < length;

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let d_h = d_hidden[unit] + d_all[row * size + unit];
            let direct = differentiate(d_h, &mut d_memory, unit, is_step, saved, row, &mut d_gates, plan);
            d_hidden[unit] = select(is_step, direct, d_hidden[unit]);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        if comptime!(plan.slices > 1) {
            partial_gradients(&d_gates, weight_hh, &mut partial, plan);
            sync_cube();
        }
        // The gradients of the gates are zero in the padding.
        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            d_hidden[unit] += recurrent_gradient(&d_gates, weight_hh, &partial, unit, plan);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();
    }

    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        d_initial[sequence * size + unit] = d_hidden[unit];
        if comptime!(plan.cell.has_memory()) {
            d_initial[(batch + sequence) * size + unit] = d_memory[unit];
        }
        unit += CUBE_DIM_X as usize;
    }
}

/// The gradient of the hidden state through one slice of the recurrent products.
#[cube]
fn partial_gradients(d_gates: &Shared<[f32]>, weight_hh: &[f32], partial: &mut Shared<[f32]>, #[comptime] plan: Plan) {
    let size = comptime!(plan.size);
    let width = comptime!(plan.width());
    let part = comptime!(plan.width().div_ceil(plan.slices));
    let units = CUBE_DIM_X as usize / comptime!(plan.slices);
    let unit = UNIT_POS_X as usize % units;
    let slice = UNIT_POS_X as usize / units;
    if unit < size {
        let mut sum = 0.0f32;
        for k in slice * part..min((slice + 1) * part, width) {
            sum += d_gates[k] * weight_hh[k * size + unit];
        }
        partial[slice * size + unit] = sum;
    }
}

/// The gradient of the hidden state before a step through the recurrent products, for one unit.
#[cube]
fn recurrent_gradient(
    d_gates: &Shared<[f32]>,
    weight_hh: &[f32],
    partial: &Shared<[f32]>,
    unit: usize,
    #[comptime] plan: Plan,
) -> f32 {
    let size = comptime!(plan.size);
    let mut sum = 0.0f32;
    if comptime!(plan.slices > 1) {
        for slice in 0..comptime!(plan.slices) {
            sum += partial[slice * size + unit];
        }
    } else {
        for k in 0..comptime!(plan.width()) {
            sum += d_gates[k] * weight_hh[k * size + unit];
        }
    }
    sum
}

/// Computes the gradients of the pre-activations of one unit, from the gradient `d_h` of its hidden state after a step.
/// Writes these gradients to `saved` in place of the gates, and copies the gradients of the recurrent products to
/// `d_gates`, in the order of the weights. Returns the part of the gradient of the hidden state before the step that
/// does not pass through the recurrent products.
#[cube]
fn differentiate(
    d_h: f32,
    d_memory: &mut Shared<[f32]>,
    unit: usize,
    is_step: bool,
    saved: &mut [f32],
    row: usize,
    d_gates: &mut Shared<[f32]>,
    #[comptime] plan: Plan,
) -> f32 {
    let size = comptime!(plan.size);
    let place = row * comptime!(plan.slots() * plan.size) + unit;
    match plan.cell {
        Cell::Lstm => {
            let i = saved[place];
            let f = saved[place + size];
            let g = saved[place + 2 * size];
            let o = saved[place + 3 * size];
            let c_before = saved[place + 4 * size];
            let c = tanh(f * c_before + i * g);
            let d_c = d_memory[unit] + d_h * o * (1.0f32 - c * c);
            let d_i = select(is_step, d_c * g * i * (1.0f32 - i), 0.0f32);
            let d_f = select(is_step, d_c * c_before * f * (1.0f32 - f), 0.0f32);
            let d_g = select(is_step, d_c * i * (1.0f32 - g * g), 0.0f32);
            let d_o = select(is_step, d_h * c * o * (1.0f32 - o), 0.0f32);
            saved[place] = d_i;
            saved[place + size] = d_f;
            saved[place + 2 * size] = d_g;
            saved[place + 3 * size] = d_o;
            d_gates[unit] = d_i;
            d_gates[unit + size] = d_f;
            d_gates[unit + 2 * size] = d_g;
            d_gates[unit + 3 * size] = d_o;
            d_memory[unit] = select(is_step, d_c * f, d_memory[unit]);
            0.0f32.runtime()
        }
        Cell::Gru => {
            let q = saved[place];
            let r = saved[place + size];
            let z = saved[place + 2 * size];
            let n = saved[place + 3 * size];
            let h_before = saved[place + 4 * size];
            let d_n = select(is_step, d_h * (1.0f32 - z) * (1.0f32 - n * n), 0.0f32);
            let d_z = select(is_step, d_h * (h_before - n) * z * (1.0f32 - z), 0.0f32);
            let d_r = select(is_step, d_n * q * r * (1.0f32 - r), 0.0f32);
            let d_q = select(is_step, d_n * r, 0.0f32);
            saved[place] = d_q;
            saved[place + size] = d_r;
            saved[place + 2 * size] = d_z;
            saved[place + 3 * size] = d_n;
            d_gates[unit] = d_r;
            d_gates[unit + size] = d_z;
            d_gates[unit + 2 * size] = d_q;
            d_h * z
        }
        Cell::ElmanRelu => {
            let d_y = select(is_step && saved[place] > 0.0f32, d_h, 0.0f32);
            saved[place] = d_y;
            d_gates[unit] = d_y;
            0.0f32.runtime()
        }
        _ => {
            let y = saved[place];
            let d_y = select(is_step, d_h * (1.0f32 - y * y), 0.0f32);
            saved[place] = d_y;
            d_gates[unit] = d_y;
            0.0f32.runtime()
        }
    }
}
