//! The kernels of the GRU with the reset gate before the recurrent product,
//! [`Cell::GruResetBefore`](crate::Cell::GruResetBefore). The candidate reads the products of the reset gate with the
//! hidden state, so that a step has two phases. The buffers are those of [`kernels`](super::kernels).

use cubecl::prelude::*;

use super::kernels::{Plan, sigmoid, tanh};

/// The forward pass.
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
    let width = comptime!(plan.width());
    let sequence = CUBE_POS_X as usize;
    let length = lengths[sequence] as usize;

    let mut hidden = Shared::new_slice(comptime!(plan.size));
    let mut gated = Shared::new_slice(comptime!(plan.size)); // r ⊙ h
    let mut update = Shared::new_slice(comptime!(plan.size)); // z
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        hidden[unit] = initial[sequence * size + unit];
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    for index in 0..time {
        let step = if comptime!(plan.reverse) { time - 1 - index } else { index };
        let row = sequence * time + step;
        let is_step = step < length;

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let place = row * 5 * size + unit;
            let mut r = before_product(products, packed, row, unit, plan);
            let mut z = before_product(products, packed, row, size + unit, plan);
            for k in 0..size {
                r += hidden[k] * packed[k * width + unit];
                z += hidden[k] * packed[k * width + size + unit];
            }
            let r = sigmoid(r);
            let z = sigmoid(z);
            update[unit] = z;
            gated[unit] = r * hidden[unit];
            if comptime!(plan.keep) {
                saved[place] = r;
                saved[place + size] = z;
                saved[place + 3 * size] = hidden[unit];
                saved[place + 4 * size] = r * hidden[unit];
            }
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let mut n = before_product(products, packed, row, 2 * size + unit, plan);
            for k in 0..size {
                n += gated[k] * packed[k * width + 2 * size + unit];
            }
            let n = tanh(n);
            if comptime!(plan.keep) {
                saved[row * 5 * size + 2 * size + unit] = n;
            }
            let h = n + update[unit] * (hidden[unit] - n);
            hidden[unit] = select(is_step, h, hidden[unit]);
            all[row * size + unit] = select(is_step, h, 0.0f32);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();
    }

    let row = CUBE_COUNT_X as usize * time + sequence;
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        all[row * size + unit] = hidden[unit];
        unit += CUBE_DIM_X as usize;
    }
}

/// The pre-activation of one column of the gates without its recurrent product: input product and both biases.
#[cube]
fn before_product(products: &[f32], packed: &[f32], row: usize, column: usize, #[comptime] plan: Plan) -> f32 {
    let size = comptime!(plan.size);
    let width = comptime!(plan.width());
    products[row * width + column] + packed[size * width + column] + packed[(size + 1) * width + column]
}

/// The backward pass.
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
    let length = lengths[sequence] as usize;

    let mut d_hidden = Shared::new_slice(comptime!(plan.size));
    let mut d_gates = Shared::new_slice(comptime!(plan.width()));
    let last = CUBE_COUNT_X as usize * time + sequence;
    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        d_hidden[unit] = d_all[last * size + unit];
        unit += CUBE_DIM_X as usize;
    }
    sync_cube();

    for index in 0..time {
        let step = if comptime!(plan.reverse) { index } else { time - 1 - index };
        let row = sequence * time + step;
        let is_step = step < length;

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let place = row * 5 * size + unit;
            let z = saved[place + size];
            let n = saved[place + 2 * size];
            let h_before = saved[place + 3 * size];
            let d_h = d_hidden[unit] + d_all[row * size + unit];
            let d_z = select(is_step, d_h * (h_before - n) * z * (1.0f32 - z), 0.0f32);
            let d_n = select(is_step, d_h * (1.0f32 - z) * (1.0f32 - n * n), 0.0f32);
            saved[place + size] = d_z;
            saved[place + 2 * size] = d_n;
            d_gates[unit + size] = d_z;
            d_gates[unit + 2 * size] = d_n;
            d_hidden[unit] = select(is_step, d_h * z, d_hidden[unit]);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let place = row * 5 * size + unit;
            let mut d_gated = 0.0f32;
            for k in 2 * size..3 * size {
                d_gated += d_gates[k] * weight_hh[k * size + unit];
            }
            let r = saved[place];
            let d_r = select(is_step, d_gated * saved[place + 3 * size] * r * (1.0f32 - r), 0.0f32);
            saved[place] = d_r;
            d_gates[unit] = d_r;
            d_hidden[unit] += select(is_step, d_gated * r, 0.0f32);
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();

        let mut unit = UNIT_POS_X as usize;
        while unit < size {
            let mut sum = 0.0f32;
            for k in 0..2 * size {
                sum += d_gates[k] * weight_hh[k * size + unit];
            }
            d_hidden[unit] += sum;
            unit += CUBE_DIM_X as usize;
        }
        sync_cube();
    }

    let mut unit = UNIT_POS_X as usize;
    while unit < size {
        d_initial[sequence * size + unit] = d_hidden[unit];
        unit += CUBE_DIM_X as usize;
    }
}
