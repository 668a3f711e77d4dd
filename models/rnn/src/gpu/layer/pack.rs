//! Kernels that prepare the weights and the input for [`forward`](super::forward) and [`backward`](super::backward).

use cubecl::prelude::*;

use super::plan::{LANES, Plan};

/// Copies the weights and biases of one direction to `packed`, in the order in which the forward pass reads them. The
/// buffer `packed` has the shape `[directions, ⌈hidden / 4⌉ + 1, gates × hidden]` and holds vectors of four values. A
/// vector has four recurrent weights of one gate and hidden unit. The vectors of the last row start with the input bias
/// and the recurrent bias.
#[cube(launch_unchecked)]
pub(super) fn pack_forward<N: Size>(
    weight_hh: &[f32],
    bias_ih: &[f32],
    bias_hh: &[f32],
    packed: &mut [Vector<f32, N>],
    direction: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let width = comptime!(plan.width());
    let vectors = comptime!(plan.packed_vectors()[0]);
    let index = ABSOLUTE_POS;
    if index < vectors {
        let first = (index / width) * LANES;
        let column = index % width;
        let mut values = Vector::<f32, N>::new(0.0f32);
        if index < comptime!(plan.vectors() * plan.width()) {
            #[unroll]
            for lane in 0..LANES {
                if first + lane < size {
                    values.insert(lane, weight_hh[column * size + first + lane]);
                }
            }
        } else {
            values.insert(0usize, bias_ih[column]);
            values.insert(1usize, bias_hh[column]);
        }
        packed[direction * vectors + index] = values;
    }
}

/// Copies the recurrent weights of one direction to `packed`, in the order in which the backward pass reads them. The
/// buffer `packed` has the shape `[directions, gates, ⌈hidden / 4⌉, hidden]` and holds vectors of four values. The last
/// dimension is the hidden unit whose state the weights multiply. A vector has four of these weights: those of one gate
/// of four consecutive hidden units.
#[cube(launch_unchecked)]
pub(super) fn pack_backward<N: Size>(
    weight_hh: &[f32],
    packed: &mut [Vector<f32, N>],
    direction: usize,
    #[comptime] plan: Plan,
) {
    let size = comptime!(plan.size);
    let groups = comptime!(plan.vectors());
    let vectors = comptime!(plan.packed_vectors()[1]);
    let index = ABSOLUTE_POS;
    if index < vectors {
        let unit = index % size;
        let group = index / size;
        let first = (group % groups) * LANES;
        let gate = group / groups;
        let mut values = Vector::<f32, N>::new(0.0f32);
        #[unroll]
        for lane in 0..LANES {
            if first + lane < size {
                values.insert(lane, weight_hh[(gate * size + first + lane) * size + unit]);
            }
        }
        packed[direction * vectors + index] = values;
    }
}

/// Copies an input, `[batch, time, features]`, and sets the padding to zero, because a NaN in the padding times a
/// gradient of zero would be NaN.
#[cube(launch_unchecked)]
pub(super) fn clear_padding(input: &[f32], lengths: &[u32], cleared: &mut [f32], time: usize, features: usize) {
    let index = ABSOLUTE_POS;
    if index < cleared.len() {
        let row = index / features;
        let length = lengths[row / time] as usize;
        cleared[index] = select(row % time < length, input[index], 0.0f32);
    }
}
