//! The backward pass of one layer. As in [`forward`](super::forward), one cube (a thread block, whose threads are
//! called units) processes all steps of one sequence in one direction.
//!
//! Buffers, for B sequences of T steps, D directions, H hidden units, G gates and S states (an LSTM has two, other
//! cells have one):
//!
//! | buffer | shape | contents |
//! |---|---|---|
//! | `saved` | `[B·T, saved width]` | values of the forward pass ([`Plan::saved_width`]); gradients replace the gates |
//! | `packed` | `[D, G, ⌈H / 4⌉, H]` vectors of 4 values | recurrent weights, see [`pack`](super::pack) |
//! | `d_all` | `[B·T·D + S·D·B, H]` | the gradients of the outputs and the final states |
//! | `lengths` | `[B]` | the lengths of the sequences; not read if all sequences have T steps |
//! | `d_initial` | `[S·D, B, H]` | the gradients of the initial states |

use cubecl::prelude::*;

use super::forward::{dot, extra_place, gate_place, length, state_row, step_at, tanh};
use super::plan::{LANES, Plan};
use crate::Cell;

/// Processes the iterations `first` to `last` (exclusive) of the loop over the steps, which begins with the step that
/// the forward pass processed last. A launch with `first > 0` continues with the gradients that the previous launch has
/// stored in `d_initial`.
#[cube(launch_unchecked)]
pub(super) fn backward<N: Size>(
    saved: &mut [f32],
    packed: &[Vector<f32, N>],
    d_all: &[f32],
    lengths: &[u32],
    d_initial: &mut [f32],
    time: usize,
    first: usize,
    last: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let directions = comptime!(plan.directions);
    let direction = CUBE_POS_Y as usize;
    let sequence = CUBE_POS_X as usize;
    let length = length(lengths, time, plan);
    let states = CUBE_COUNT_X as usize * time * directions * size;

    let mut d_hidden = Shared::new_slice(comptime!(plan.size));
    let mut d_memory = Shared::new_slice(comptime!(plan.memory_values()));
    let mut d_gates = Shared::new_slice(comptime!(plan.cell.gates() * plan.padded()));
    let mut partial = Shared::new_slice(comptime!(plan.partial_values(1)));
    let mut unit = UNIT_POS_X as usize;
    while unit < comptime!(plan.cell.gates() * plan.padded()) {
        d_gates[unit] = 0.0f32;
        if unit < size {
            let place = state_row(0usize, plan) + unit;
            d_hidden[unit] = if first == 0 { d_all[states + place] } else { d_initial[place] };
            if comptime!(plan.cell.has_memory()) {
                let place = state_row(1usize, plan) + unit;
                d_memory[unit] = if first == 0 { d_all[states + place] } else { d_initial[place] };
            }
        }
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    for index in first..last {
        let step = step_at(time - 1 - index, time, plan);
        let row = sequence * time + step;
        let is_step = step < length;

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let d_h = d_hidden[unit] + d_all[(row * directions + direction) * size + unit];
            let direct = differentiate(d_h, &mut d_memory, unit, is_step, saved, row, &mut d_gates, plan);
            d_hidden[unit] = select(is_step, direct, d_hidden[unit]);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        if comptime!(plan.has_two_phases()) {
            if comptime!(plan.slices > 1) {
                partial_gradients(&d_gates, packed, &mut partial, 2usize, 1usize, plan);
                sync_cube();
            }
            let mut unit = UNIT_POS_X as usize;
            while unit < size {
                // The gradient of r⊙h, the product of reset gate and hidden state.
                let d_gated = recurrent_gradient(&d_gates, packed, &partial, unit, 2usize, 1usize, plan);
                let reset = gate_place(row, unit, 0usize, plan);
                let r = saved[reset];
                let h_before = saved[extra_place(row, unit, 1usize, plan)];
                let d_r = select(is_step, d_gated * h_before * r * (1.0f32 - r), 0.0f32);
                saved[reset] = d_r;
                d_gates[unit] = d_r;
                d_hidden[unit] += select(is_step, d_gated * r, 0.0f32);
                unit += CUBE_DIM_X as usize;
            }
            sync_cube();
        }

        if comptime!(plan.slices > 1) {
            partial_gradients(&d_gates, packed, &mut partial, 0usize, comptime!(plan.first_gates()), plan);
            sync_cube();
        }
        // The gradients of the gates are zero in the padding, so this code also runs for padding.
        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            d_hidden[unit] +=
                recurrent_gradient(&d_gates, packed, &partial, unit, 0usize, comptime!(plan.first_gates()), plan);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();
    }

    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        d_initial[state_row(0usize, plan) + unit] = d_hidden[unit];
        if comptime!(plan.cell.has_memory()) {
            d_initial[state_row(1usize, plan) + unit] = d_memory[unit];
        }
        unit += CUBE_DIM_X as usize;
    }
}

/// Computes partial sums of the gradient that `recurrent_gradient` returns. For one hidden unit, each unit (thread)
/// computes one slice (range of terms) of the sum over the gates `first_gate` to `first_gate + gates` (exclusive), and
/// writes the result to `partial`.
#[cube]
fn partial_gradients<N: Size>(
    d_gates: &Shared<[f32]>,
    packed: &[Vector<f32, N>],
    partial: &mut Shared<[f32]>,
    #[comptime] first_gate: usize,
    #[comptime] gates: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let first = comptime!(first_gate * plan.vectors());
    let last = comptime!((first_gate + gates) * plan.vectors());
    let part = comptime!((gates * plan.vectors()).div_ceil(plan.slices));
    let unit = UNIT_POS_X as usize % size;
    let slice = UNIT_POS_X as usize / size;
    if slice < comptime!(plan.slices) {
        let start = first + slice * part;
        partial[slice * size + unit] = sum(d_gates, packed, unit, start, min(start + part, last), plan);
    }
}

/// Returns the gradient that flows back through the recurrent products of the gates `first_gate` to
/// `first_gate + gates` (exclusive), for the hidden unit `unit`. It is the gradient of the vector that the recurrent
/// weights of these gates multiply: the hidden state or, for the candidate of a GRU with the reset gate before the
/// recurrent product, `r ⊙ h`.
#[cube]
fn recurrent_gradient<N: Size>(
    d_gates: &Shared<[f32]>,
    packed: &[Vector<f32, N>],
    partial: &Shared<[f32]>,
    unit: usize,
    #[comptime] first_gate: usize,
    #[comptime] gates: usize,
    #[comptime] plan: Plan,
) -> f32 {
    if comptime!(plan.slices > 1) {
        let mut total = 0.0f32;
        #[unroll]
        for slice in 0..comptime!(plan.slices) {
            total += partial[slice * comptime!(plan.size) + unit];
        }
        total
    } else {
        let first = comptime!(first_gate * plan.vectors()).runtime();
        let last = comptime!((first_gate + gates) * plan.vectors());
        sum(d_gates, packed, unit, first, last, plan)
    }
}

/// Multiplies gradients of the gates by the recurrent weights with which the gates multiply the hidden unit `unit`, and
/// returns the sum of these products. The sum includes the vectors `first` to `last` (exclusive) of `d_gates`. A vector
/// has four values.
#[cube]
fn sum<N: Size>(
    d_gates: &Shared<[f32]>,
    packed: &[Vector<f32, N>],
    unit: usize,
    first: usize,
    last: usize,
    #[comptime] plan: Plan,
) -> f32 {
    let weights = CUBE_POS_Y as usize * comptime!(plan.packed_vectors()[1]) + unit;
    let mut sum = 0.0f32;
    for vector in first..last {
        sum += dot(packed[weights + vector * comptime!(plan.size)], d_gates, vector * LANES);
    }
    sum
}

/// Computes the backward pass of the activation functions for one hidden unit at one step. `d_h` is the gradient of the
/// hidden state after the step.
///
/// In `saved`, replaces each gate by the gradient of the input of its activation function (pre-activation), and `q`,
/// the recurrent product of the candidate of PyTorch's GRU, by its gradient. Does not compute the gradient of a reset
/// gate that acts before the recurrent product. Writes the gradients of the recurrent products to `d_gates`, and the
/// gradient of an LSTM's cell state before the step to `d_memory`.
///
/// Returns the part of the gradient of the hidden state before the step that does not pass through the recurrent
/// products.
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
    let padded = comptime!(plan.padded());
    match plan.cell {
        Cell::Lstm => {
            let i = saved[gate_place(row, unit, 0usize, plan)];
            let f = saved[gate_place(row, unit, 1usize, plan)];
            let g = saved[gate_place(row, unit, 2usize, plan)];
            let o = saved[gate_place(row, unit, 3usize, plan)];
            let c_before = saved[extra_place(row, unit, 0usize, plan)];
            let c = tanh(f * c_before + i * g);
            let d_c = d_memory[unit] + d_h * o * (1.0f32 - c * c);
            let d_i = select(is_step, d_c * g * i * (1.0f32 - i), 0.0f32);
            let d_f = select(is_step, d_c * c_before * f * (1.0f32 - f), 0.0f32);
            let d_g = select(is_step, d_c * i * (1.0f32 - g * g), 0.0f32);
            let d_o = select(is_step, d_h * c * o * (1.0f32 - o), 0.0f32);
            saved[gate_place(row, unit, 0usize, plan)] = d_i;
            saved[gate_place(row, unit, 1usize, plan)] = d_f;
            saved[gate_place(row, unit, 2usize, plan)] = d_g;
            saved[gate_place(row, unit, 3usize, plan)] = d_o;
            d_gates[unit] = d_i;
            d_gates[padded + unit] = d_f;
            d_gates[2 * padded + unit] = d_g;
            d_gates[3 * padded + unit] = d_o;
            d_memory[unit] = select(is_step, d_c * f, d_memory[unit]);
            0.0f32.runtime()
        }
        Cell::Gru => {
            let r = saved[gate_place(row, unit, 0usize, plan)];
            let z = saved[gate_place(row, unit, 1usize, plan)];
            let n = saved[gate_place(row, unit, 2usize, plan)];
            let q = saved[extra_place(row, unit, 0usize, plan)];
            let h_before = saved[extra_place(row, unit, 1usize, plan)];
            let d_n = select(is_step, d_h * (1.0f32 - z) * (1.0f32 - n * n), 0.0f32);
            let d_z = select(is_step, d_h * (h_before - n) * z * (1.0f32 - z), 0.0f32);
            let d_r = select(is_step, d_n * q * r * (1.0f32 - r), 0.0f32);
            let d_q = select(is_step, d_n * r, 0.0f32);
            saved[gate_place(row, unit, 0usize, plan)] = d_r;
            saved[gate_place(row, unit, 1usize, plan)] = d_z;
            saved[gate_place(row, unit, 2usize, plan)] = d_n;
            saved[extra_place(row, unit, 0usize, plan)] = d_q;
            d_gates[unit] = d_r;
            d_gates[padded + unit] = d_z;
            d_gates[2 * padded + unit] = d_q;
            d_h * z
        }
        Cell::GruResetBefore => {
            let z = saved[gate_place(row, unit, 1usize, plan)];
            let n = saved[gate_place(row, unit, 2usize, plan)];
            let h_before = saved[extra_place(row, unit, 1usize, plan)];
            let d_z = select(is_step, d_h * (h_before - n) * z * (1.0f32 - z), 0.0f32);
            let d_n = select(is_step, d_h * (1.0f32 - z) * (1.0f32 - n * n), 0.0f32);
            saved[gate_place(row, unit, 1usize, plan)] = d_z;
            saved[gate_place(row, unit, 2usize, plan)] = d_n;
            d_gates[padded + unit] = d_z;
            d_gates[2 * padded + unit] = d_n;
            d_h * z
        }
        Cell::ElmanRelu => {
            let y = saved[gate_place(row, unit, 0usize, plan)];
            let d_y = select(is_step && y > 0.0f32, d_h, 0.0f32);
            saved[gate_place(row, unit, 0usize, plan)] = d_y;
            d_gates[unit] = d_y;
            0.0f32.runtime()
        }
        _ => {
            let y = saved[gate_place(row, unit, 0usize, plan)];
            let d_y = select(is_step, d_h * (1.0f32 - y * y), 0.0f32);
            saved[gate_place(row, unit, 0usize, plan)] = d_y;
            d_gates[unit] = d_y;
            0.0f32.runtime()
        }
    }
}
