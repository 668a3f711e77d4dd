//! The gradient of a layer on a GPU, as one node of the autodiff graph.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Cube, TensorMetadata};
use burn::tensor::{Shape, Slice};
use burn_cubecl::tensor::CubeTensor;

use super::launch::Call;
use super::{CubeLayer, CubeOptions};
use crate::Cell;
use crate::gpu::product::{Block, Columns, column_sums, product, sum_of_outer_products};

impl<C: CheckpointStrategy> CubeLayer for Autodiff<Cube, C> {
    fn one_direction(
        input: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        options: CubeOptions,
    ) -> FloatTensor<Self> {
        track::<6, C>([input, initial, weight_ih, weight_hh, bias_ih, bias_hh], options)
    }

    fn both_directions(
        input: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        c: FloatTensor<Self>,
        d: FloatTensor<Self>,
        e: FloatTensor<Self>,
        f: FloatTensor<Self>,
        g: FloatTensor<Self>,
        h: FloatTensor<Self>,
        options: CubeOptions,
    ) -> FloatTensor<Self> {
        track::<10, C>([input, initial, a, b, c, d, e, f, g, h], options)
    }
}

fn track<const N: usize, C: CheckpointStrategy>(
    tensors: [FloatTensor<Autodiff<Cube, C>>; N],
    options: CubeOptions,
) -> FloatTensor<Autodiff<Cube, C>> {
    let nodes = tensors.each_ref().map(|tensor| tensor.node());
    let tensors = tensors.map(|tensor| tensor.into_primitive()).into();
    match <LayerBackward as Backward<Cube, N>>::prepare::<C>(LayerBackward, nodes).compute_bound().stateful() {
        OpsKind::Tracked(node) => {
            let call = Call::new(tensors, options, true);
            let (all, saved) = call.forward();
            node.finish((call, saved), all)
        }
        OpsKind::UnTracked(node) => node.finish(Call::new(tensors, options, false).forward().0),
    }
}

#[derive(Debug)]
struct LayerBackward;

impl<const N: usize> Backward<Cube, N> for LayerBackward {
    /// The arguments of the forward pass, and the values that it has saved for the backward pass.
    type State = (Call, CubeTensor);

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let d_all = gradients.consume::<Cube>(&ops.node);
        let (call, saved) = ops.state;
        for (parent, gradient) in ops.parents.into_iter().zip(gradients_of(&call, saved, d_all)) {
            if let Some(parent) = parent {
                gradients.register::<Cube>(parent.id, gradient);
            }
        }
    }
}

/// Returns the gradients of the tensor arguments of an operation of [`CubeLayer`], in the same order. `d_all` is the
/// gradient of its result.
fn gradients_of(call: &Call, saved: CubeTensor, d_all: CubeTensor) -> Vec<CubeTensor> {
    let (saved, d_initial) = call.backward(saved, d_all);
    let plan = call.plan;
    let (size, width, directions) = (plan.size, plan.width(), plan.directions);
    let [batch, time, features] = call.input.shape().dims();
    let rows = batch * time;
    let columns = |first, count| Columns { matrix: saved.clone(), stride: plan.saved_width(), first, count };
    let whole = |matrix, count| Columns { matrix, stride: count, first: 0, count };

    let d_gates = columns(0, directions * width); // [batch × time, D·G·H]: directions × gates × hidden
    let d_input = product(d_gates.clone(), whole(call.input_weights(), features), rows);
    let d_input = Cube::float_reshape(d_input, Shape::new([batch, time, features]));
    let right = whole(call.input_rows(), features);
    let d_weights_ih = sum_of_outer_products(vec![Block { left: d_gates, right }], rows); // [D·G·H, features]

    // Returns groups of gates of a direction, in the order of the gates: the first column of the group in `saved`, the
    // number of columns, and the first column of the vector that the recurrent weights of the group multiply. The sums
    // of the columns of a group are the gradient of its recurrent bias.
    let recurrent = |direction: usize| {
        let gates = direction * width;
        let hidden = plan.extra_column(direction, plan.extras() - 1); // the hidden state before each step
        let first_extra = plan.extra_column(direction, 0);
        match plan.cell {
            // The first extra value is the gradient of the recurrent product of the candidate.
            Cell::Gru => vec![(gates, 2 * size, hidden), (first_extra, size, hidden)],
            // The recurrent weights of the candidate multiply r⊙h, which is the first extra value.
            Cell::GruResetBefore => vec![(gates, 2 * size, hidden), (gates + 2 * size, size, first_extra)],
            _ => vec![(gates, width, hidden)],
        }
    };
    let parts = (0..directions).flat_map(recurrent);
    let blocks = parts.map(|(first, count, right)| Block { left: columns(first, count), right: columns(right, size) });
    let d_weights_hh = sum_of_outer_products(blocks.collect(), rows); // [D·G·H, hidden]

    let sums = column_sums(columns(0, plan.saved_width()), rows); // [1, saved width]
    let sum = |first: usize, count: usize| {
        let sum = Cube::float_slice(sums.clone(), &[Slice::from(0..1), Slice::from(first..first + count)]);
        Cube::float_reshape(sum, Shape::new([count]))
    };
    let rows_of = |matrix: &CubeTensor, direction: usize, columns: usize| match directions {
        1 => matrix.clone(),
        _ => Cube::float_slice(
            matrix.clone(),
            &[Slice::from(direction * width..(direction + 1) * width), Slice::from(0..columns)],
        ),
    };
    let mut all = vec![d_input, d_initial];
    for direction in 0..directions {
        let d_bias_ih = sum(direction * width, width);
        let d_bias_hh = match plan.cell {
            Cell::Gru => {
                let parts = recurrent(direction).into_iter().map(|(first, count, _)| sum(first, count));
                Cube::float_cat(parts.collect(), 0)
            }
            _ => d_bias_ih.clone(),
        };
        let d_weight_ih = rows_of(&d_weights_ih, direction, features);
        all.extend([d_weight_ih, rows_of(&d_weights_hh, direction, size), d_bias_ih, d_bias_hh]);
    }
    all
}
