//! The forward pass of one layer. One cube (a thread block, whose threads are called units) processes all steps of one
//! sequence in one direction, and keeps the state in shared memory. A pass over a layer is therefore one kernel launch,
//! or several launches if one launch would take too long.
//!
//! Buffers, for B sequences of T steps, D directions, H hidden units, G gates and S states (an LSTM has two, other
//! cells have one):
//!
//! | buffer | shape | contents |
//! |---|---|---|
//! | `products` | `[B·T, D·G·H]` | input products, without biases |
//! | `packed` | `[D, ⌈H / 4⌉ + 1, G·H]` vectors of 4 values | recurrent weights and biases, see [`pack`](super::pack) |
//! | `initial` | `[S·D, B, H]` | the initial hidden states and, for an LSTM, the initial cell states |
//! | `lengths` | `[B]` | the lengths of the sequences; not read if all sequences have T steps |
//! | `all` | `[B·T·D + S·D·B, H]` | outputs, `[B, T, D·H]`; then the final states, in the order of `initial` |
//! | `saved` | `[B·T, saved width]` | values for the backward pass, see [`Plan::saved_width`] |

use cubecl::prelude::*;

use super::plan::{LANES, Plan};
use crate::Cell;

/// The logistic function, computed with tanh. The usual formula with `exp` can overflow.
#[cube]
fn sigmoid(x: f32) -> f32 {
    0.5f32 * tanh(0.5f32 * x) + 0.5f32
}

/// The hyperbolic tangent. The built-in tanh of some GPU drivers returns NaN for large arguments.
#[cube]
pub(super) fn tanh(x: f32) -> f32 {
    clamp(x, -40.0f32, 40.0f32).tanh()
}

/// Returns the length of the sequence that this cube (thread block) processes.
#[cube]
pub(super) fn length(lengths: &[u32], time: usize, #[comptime] plan: Plan) -> usize {
    if comptime!(plan.ragged) { lengths[CUBE_POS_X as usize] as usize } else { time }
}

/// Returns the step that this cube (thread block) processes in iteration `index` of the loop over the steps. The
/// reverse direction starts at the last step.
#[cube]
pub(super) fn step_at(index: usize, time: usize, #[comptime] plan: Plan) -> usize {
    if comptime!(plan.directions == 2) {
        select(CUBE_POS_Y == 1, time - 1 - index, index)
    } else if comptime!(plan.reverse) {
        time - 1 - index
    } else {
        index
    }
}

/// Returns the index of the first value of this cube's sequence and direction in the tensor of all states,
/// `[states × directions, batch, hidden]`. `state`: 0 for the hidden state, and 1 for the cell state of an LSTM.
#[cube]
pub(super) fn state_row(#[comptime] state: usize, #[comptime] plan: Plan) -> usize {
    let row = comptime!(state * plan.directions) + CUBE_POS_Y as usize;
    (row * CUBE_COUNT_X as usize + CUBE_POS_X as usize) * comptime!(plan.size)
}

/// Processes the iterations `first` to `last` (exclusive) of the loop over the steps, for all sequences. A launch with
/// `first > 0` continues with the states that the previous launch has stored in `all`.
#[cube(launch_unchecked)]
pub(super) fn forward<N: Size>(
    products: &[f32],
    packed: &[Vector<f32, N>],
    initial: &[f32],
    lengths: &[u32],
    all: &mut [f32],
    saved: &mut [f32],
    time: usize,
    first: usize,
    last: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let padded = comptime!(plan.padded());
    let directions = comptime!(plan.directions);
    let direction = CUBE_POS_Y as usize;
    let sequence = CUBE_POS_X as usize;
    let length = length(lengths, time, plan);
    // The index in `all` of the first final state.
    let states = CUBE_COUNT_X as usize * time * directions * size;

    let mut hidden = Shared::new_slice(comptime!(2 * plan.padded())); // the states before and after a step
    let mut memory = Shared::new_slice(comptime!(plan.memory_values()));
    let mut gated = Shared::new_slice(comptime!(plan.gated_values()));
    let mut partial = Shared::new_slice(comptime!(plan.partial_values(plan.first_gates())));
    let mut unit = UNIT_POS_X as usize;
    while unit < padded {
        let is_unit = unit < size;
        let place = state_row(0usize, plan) + select(is_unit, unit, 0);
        let value = if first == 0 { initial[place] } else { all[states + place] };
        hidden[unit] = select(is_unit, value, 0.0f32);
        hidden[padded + unit] = 0.0f32;
        if comptime!(plan.has_two_phases()) {
            gated[unit] = 0.0f32;
        }
        if comptime!(plan.cell.has_memory()) && is_unit {
            let place = state_row(1usize, plan) + unit;
            memory[unit] = if first == 0 { initial[place] } else { all[states + place] };
        }
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    // The bounds are scalars, equal for all threads, so that the barriers are in uniform control flow, as WebGPU
    // requires.
    for index in first..last {
        let step = step_at(index, time, plan);
        let before = ((index - first) % 2) * padded;
        let after = padded - before;
        let row = sequence * time + step;
        let is_step = step < length;

        if comptime!(plan.slices > 1) {
            partial_products(&hidden, before, packed, &mut partial, 0usize, comptime!(plan.first_gates()), plan);
            sync_cube();
        }
        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let h_before = hidden[before + unit];
            let x = input_products(products, packed, row, unit, plan);
            let u = recurrent_products(
                &hidden,
                before,
                packed,
                &partial,
                unit,
                0usize,
                comptime!(plan.first_gates()),
                plan,
            );
            if comptime!(plan.has_two_phases()) {
                let r = sigmoid(x[0] + u[0]);
                memory[unit] = sigmoid(x[1] + u[1]); // the update gate z, which is read below
                gated[unit] = r * h_before;
                if comptime!(plan.keep) {
                    save_gate(saved, row, unit, 0usize, r, plan);
                    save_extra(saved, row, unit, 0usize, r * h_before, plan);
                }
            } else {
                let h = activate(&x, &u, h_before, &mut memory, unit, is_step, saved, row, plan);
                hidden[after + unit] = select(is_step, h, h_before);
                all[(row * directions + direction) * size + unit] = select(is_step, h, 0.0f32);
            }
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        if comptime!(plan.has_two_phases()) {
            if comptime!(plan.slices > 1) {
                partial_products(&gated, 0, packed, &mut partial, 2usize, 1usize, plan);
                sync_cube();
            }
            let mut unit = UNIT_POS_X as usize;
            while unit < size {
                let h_before = hidden[before + unit];
                let x = input_products(products, packed, row, unit, plan);
                let u = recurrent_products(&gated, 0, packed, &partial, unit, 2usize, 1usize, plan);
                let z = memory[unit];
                let n = tanh(x[2] + u[0]);
                if comptime!(plan.keep) {
                    save_gate(saved, row, unit, 1usize, z, plan);
                    save_gate(saved, row, unit, 2usize, n, plan);
                    save_extra(saved, row, unit, 1usize, h_before, plan);
                }
                let h = n + z * (h_before - n);
                hidden[after + unit] = select(is_step, h, h_before);
                all[(row * directions + direction) * size + unit] = select(is_step, h, 0.0f32);
                unit += CUBE_DIM_X as usize;
            }
            sync_cube();
        }
    }

    let end = ((last - first) % 2) * padded;
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        all[states + state_row(0usize, plan) + unit] = hidden[end + unit];
        if comptime!(plan.cell.has_memory()) {
            all[states + state_row(1usize, plan) + unit] = memory[unit];
        }
        unit += CUBE_DIM_X as usize;
    }
}

/// Returns the sum of four products: the four weights times the four values in shared memory from index `first`.
#[cube]
pub(super) fn dot<N: Size>(weights: Vector<f32, N>, values: &Shared<[f32]>, first: usize) -> f32 {
    let mut sum = 0.0f32;
    #[unroll]
    for lane in 0..LANES {
        sum = fma(weights.extract(lane), values[first + lane], sum);
    }
    sum
}

/// Returns the input product plus the input bias for each gate of one hidden unit. `row` is `sequence × time + step`.
#[cube]
fn input_products<N: Size>(
    products: &[f32],
    packed: &[Vector<f32, N>],
    row: usize,
    unit: usize,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let gates = comptime!(plan.cell.gates());
    let size = comptime!(plan.size);
    let direction = CUBE_POS_Y as usize;
    let mut x = Array::<f32>::new(gates);
    #[unroll]
    for gate in 0..gates {
        let column = gate * size + unit;
        let product = products[(row * comptime!(plan.directions) + direction) * comptime!(plan.width()) + column];
        x[gate] = product + biases(packed, column, plan).extract(0usize);
    }
    x
}

/// Returns a vector that starts with the input bias and the recurrent bias of one gate and hidden unit; `column` is
/// `gate × hidden + unit`.
#[cube]
fn biases<N: Size>(packed: &[Vector<f32, N>], column: usize, #[comptime] plan: Plan) -> Vector<f32, N> {
    let row = comptime!(plan.vectors() * plan.width());
    packed[CUBE_POS_Y as usize * comptime!(plan.packed_vectors()[0]) + row + column]
}

/// Computes partial sums of the recurrent products. Each unit (thread) multiplies one slice (range) of `values` with
/// the weights of one hidden unit, and writes one sum per gate to `partial`.
#[cube]
fn partial_products<N: Size>(
    values: &Shared<[f32]>,
    start: usize,
    packed: &[Vector<f32, N>],
    partial: &mut Shared<[f32]>,
    #[comptime] first_gate: usize,
    #[comptime] gates: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let part = comptime!(plan.vectors().div_ceil(plan.slices));
    let unit = UNIT_POS_X as usize % size;
    let slice = UNIT_POS_X as usize / size;
    if slice < comptime!(plan.slices) {
        let end = min((slice + 1) * part, comptime!(plan.vectors()));
        let sums = sums(values, start, packed, unit, slice * part, end, first_gate, gates, plan);
        #[unroll]
        for gate in 0..gates {
            partial[(slice * gates + gate) * size + unit] = sums[gate];
        }
    }
}

/// Returns the recurrent product plus the recurrent bias of one hidden unit for each of the gates `first_gate` to
/// `first_gate + gates` (exclusive).
#[cube]
fn recurrent_products<N: Size>(
    values: &Shared<[f32]>,
    start: usize,
    packed: &[Vector<f32, N>],
    partial: &Shared<[f32]>,
    unit: usize,
    #[comptime] first_gate: usize,
    #[comptime] gates: usize,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let size = comptime!(plan.size);
    let mut u = Array::<f32>::new(gates);
    if comptime!(plan.slices > 1) {
        #[unroll]
        for gate in 0..gates {
            let mut sum = 0.0f32;
            #[unroll]
            for slice in 0..comptime!(plan.slices) {
                sum += partial[(slice * gates + gate) * size + unit];
            }
            u[gate] = sum;
        }
    } else {
        let sums = sums(values, start, packed, unit, 0, comptime!(plan.vectors()), first_gate, gates, plan);
        #[unroll]
        for gate in 0..gates {
            u[gate] = sums[gate];
        }
    }
    #[unroll]
    for gate in 0..gates {
        u[gate] += biases(packed, comptime!((first_gate + gate) * plan.size) + unit, plan).extract(1usize);
    }
    u
}

/// Returns one sum for each of the gates `first_gate` to `first_gate + gates` (exclusive): the scalar product of
/// `values` with row `unit` of the recurrent weights of this gate, over the vectors `first` to `last` (exclusive). A
/// vector has four values. Vector 0 begins at the index `start` of `values`.
#[cube]
fn sums<N: Size>(
    values: &Shared<[f32]>,
    start: usize,
    packed: &[Vector<f32, N>],
    unit: usize,
    first: usize,
    last: usize,
    #[comptime] first_gate: usize,
    #[comptime] gates: usize,
    #[comptime] plan: Plan,
) -> Array<f32> {
    let weights = CUBE_POS_Y as usize * comptime!(plan.packed_vectors()[0]) + unit;
    let mut sums = Array::<f32>::new(gates);
    #[unroll]
    for gate in 0..gates {
        sums[gate] = 0.0f32;
    }
    for vector in first..last {
        #[unroll]
        for gate in 0..gates {
            let column = comptime!((first_gate + gate) * plan.size);
            let place = weights + vector * comptime!(plan.width()) + column;
            sums[gate] += dot(packed[place], values, start + vector * LANES);
        }
    }
    sums
}

/// Returns the index of one gate value in `saved`, the buffer of the values for the backward pass. `unit` is the hidden
/// unit, and `row` is `sequence × time + step`.
#[cube]
pub(super) fn gate_place(row: usize, unit: usize, #[comptime] gate: usize, #[comptime] plan: Plan) -> usize {
    let column = CUBE_POS_Y as usize * comptime!(plan.width()) + comptime!(gate * plan.size);
    row * comptime!(plan.saved_width()) + column + unit
}

/// Returns the index of one [extra value](Plan::extras) in `saved`, the buffer of the values for the backward pass.
/// `unit` is the hidden unit, and `row` is `sequence × time + step`.
#[cube]
pub(super) fn extra_place(row: usize, unit: usize, #[comptime] extra: usize, #[comptime] plan: Plan) -> usize {
    let direction = CUBE_POS_Y as usize * comptime!(plan.extras() * plan.size);
    row * comptime!(plan.saved_width()) + comptime!(plan.extra_column(0, extra)) + direction + unit
}

#[cube]
fn save_gate(saved: &mut [f32], row: usize, unit: usize, #[comptime] gate: usize, value: f32, #[comptime] plan: Plan) {
    saved[gate_place(row, unit, gate, plan)] = value;
}

#[cube]
fn save_extra(
    saved: &mut [f32],
    row: usize,
    unit: usize,
    #[comptime] extra: usize,
    value: f32,
    #[comptime] plan: Plan,
) {
    saved[extra_place(row, unit, extra, plan)] = value;
}

/// Returns the state of one hidden unit after a step, for all cells except [`Cell::GruResetBefore`], whose candidate
/// needs the reset gate first. `x` has the input products and `u` the recurrent products of all gates, with biases.
/// Updates the cell state in `memory`, and saves the values for the backward pass.
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
    if comptime!(plan.keep) {
        save_extra(saved, row, unit, comptime!(plan.extras() - 1), h_before, plan);
    }
    match plan.cell {
        Cell::Lstm => {
            let i = sigmoid(x[0] + u[0]);
            let f = sigmoid(x[1] + u[1]);
            let g = tanh(x[2] + u[2]);
            let o = sigmoid(x[3] + u[3]);
            let c_before = memory[unit];
            let c = f * c_before + i * g;
            if comptime!(plan.keep) {
                save_gate(saved, row, unit, 0usize, i, plan);
                save_gate(saved, row, unit, 1usize, f, plan);
                save_gate(saved, row, unit, 2usize, g, plan);
                save_gate(saved, row, unit, 3usize, o, plan);
                save_extra(saved, row, unit, 0usize, c_before, plan);
            }
            memory[unit] = select(is_step, c, c_before);
            o * tanh(c)
        }
        Cell::Gru => {
            let r = sigmoid(x[0] + u[0]);
            let z = sigmoid(x[1] + u[1]);
            let n = tanh(x[2] + r * u[2]);
            if comptime!(plan.keep) {
                save_gate(saved, row, unit, 0usize, r, plan);
                save_gate(saved, row, unit, 1usize, z, plan);
                save_gate(saved, row, unit, 2usize, n, plan);
                save_extra(saved, row, unit, 0usize, u[2], plan);
            }
            n + z * (h_before - n)
        }
        Cell::ElmanRelu => {
            let y = max(x[0] + u[0], 0.0f32);
            if comptime!(plan.keep) {
                save_gate(saved, row, unit, 0usize, y, plan);
            }
            y
        }
        _ => {
            let y = tanh(x[0] + u[0]);
            if comptime!(plan.keep) {
                save_gate(saved, row, unit, 0usize, y, plan);
            }
            y
        }
    }
}
