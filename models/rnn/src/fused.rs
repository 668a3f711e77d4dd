//! The kernels as an operation of burn: a layer in one direction is one node of the graph, with its gradients.

use std::ops::Range;
use std::sync::Arc;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, DispatchDevice, Flex, backend_extension};
use burn::tensor::{DType, Device, Tensor, TensorData};

use crate::Cell;
use crate::kernel::{self, Aligned, Layer};
use crate::scan::{Carry, Order, Reading};

/// Whether the kernels can take these: values of 32 bits on `flex`.
pub(crate) fn serves(reading: &Reading) -> bool {
    let Reading { input, weights, initial, .. } = reading;
    has_kernels(&input.device(), &[input.dtype(), weights.weight_hh.dtype(), initial.hidden.dtype()])
}

pub(crate) fn has_kernels(device: &Device, types: &[DType]) -> bool {
    let on_flex = matches!(device.clone().without_autodiff().as_dispatch(), DispatchDevice::Flex(_));
    on_flex && types.iter().all(|&dtype| dtype == DType::F32)
}

/// What [`scan`](crate::scan::scan) computes, by a kernel.
pub(crate) fn scan(reading: Reading) -> (Tensor<3>, Carry) {
    let Reading { cell, order, input, weights, initial, lengths } = reading;
    let [batch, time, _] = input.dims();
    let hidden_size = weights.hidden_size();
    let Carry { hidden, cell: memory } = initial;
    let states = std::iter::once(hidden).chain(memory).collect::<Vec<_>>();
    let initial: Tensor<3> = Tensor::stack(states, 0); // [1 or 2, B, H]
    let setting = Setting { cell, order, lengths: lengths.map(Arc::from) };
    let all = <Dispatch as RecurrentLayer>::recurrent_layer(
        input.into_dispatch(),
        weights.weight_ih.into_dispatch(),
        weights.weight_hh.into_dispatch(),
        weights.bias_ih.into_dispatch(),
        weights.bias_hh.into_dispatch(),
        initial.into_dispatch(),
        setting,
    );
    let rows = |start: usize, count: usize| {
        Tensor::<2>::from_dispatch(<Dispatch as Rows>::rows(all.clone(), start..start + count))
    };
    let outputs = rows(0, batch * time).reshape([batch, time, hidden_size]);
    let hidden = rows(batch * time, batch);
    let memory = cell.has_memory().then(|| rows(batch * time + batch, batch));
    (outputs, Carry { hidden, cell: memory })
}

/// What a layer is told beside its tensors.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    cell: Cell,
    order: Order,
    lengths: Option<Arc<[usize]>>,
}

/// One layer in one direction over whole sequences.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait RecurrentLayer: Backend {
    /// The outputs, the final hidden state and the final cell state one under the other, as a node of the graph has one
    /// output: `[B × T + B (+ B), H]`.
    ///
    /// `input`: `[B, T, input]`; `initial`: the hidden state and the cell state, `[1 or 2, B, H]`; weights as in
    /// [`Weights`](crate::Weights).
    fn recurrent_layer(
        input: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        setting: Setting,
    ) -> FloatTensor<Self>;
}

impl RecurrentLayer for Flex {
    fn recurrent_layer(
        input: FlexTensor,
        weight_ih: FlexTensor,
        weight_hh: FlexTensor,
        bias_ih: FlexTensor,
        bias_hh: FlexTensor,
        initial: FlexTensor,
        setting: Setting,
    ) -> FlexTensor {
        Call::new([input, weight_ih, weight_hh, bias_ih, bias_hh, initial], setting).forward(false).0
    }
}

impl<C: CheckpointStrategy> RecurrentLayer for Autodiff<Flex, C> {
    fn recurrent_layer(
        input: FloatTensor<Self>,
        weight_ih: FloatTensor<Self>,
        weight_hh: FloatTensor<Self>,
        bias_ih: FloatTensor<Self>,
        bias_hh: FloatTensor<Self>,
        initial: FloatTensor<Self>,
        setting: Setting,
    ) -> FloatTensor<Self> {
        let inputs = [input, weight_ih, weight_hh, bias_ih, bias_hh, initial];
        let nodes = inputs.each_ref().map(|tensor| tensor.node());
        let call = Call::new(inputs.map(|tensor| tensor.into_primitive()), setting);
        match LayerBackward.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(node) => {
                let (outputs, kept) = call.forward(true);
                node.finish(State { call, outputs: outputs.clone(), kept: kept.map(Arc::new) }, outputs)
            }
            OpsKind::UnTracked(node) => node.finish(call.forward(false).0),
        }
    }
}

/// Some rows of what a layer computes, without the copies that the gradient of burn's own slices makes of all of them.
#[backend_extension(Flex, Autodiff)]
trait Rows: Backend {
    /// `[N, H]` → `[rows, H]`
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self>;
}

impl Rows for Flex {
    fn rows(all: FlexTensor, rows: Range<usize>) -> FlexTensor {
        all.narrow(0, rows.start, rows.len())
    }
}

impl<C: CheckpointStrategy> Rows for Autodiff<Flex, C> {
    fn rows(all: FloatTensor<Self>, rows: Range<usize>) -> FloatTensor<Self> {
        let node = all.node();
        let all = all.into_primitive();
        let [count, size] = all.layout().shape().dims();
        let some = Flex::rows(all, rows.clone());
        match RowsBackward.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(node) => node.finish((rows.start, [count, size]), some),
            OpsKind::UnTracked(node) => node.finish(some),
        }
    }
}

#[derive(Debug)]
struct RowsBackward;

impl Backward<Flex, 1> for RowsBackward {
    /// Where the rows begin, and the shape of all.
    type State = (usize, [usize; 2]);

    fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let (start, [count, size]) = ops.state;
        let given = gradients.consume::<Flex>(&ops.node).to_contiguous();
        if let [Some(parent)] = ops.parents {
            let mut all = Vec::with_capacity(count * size);
            all.resize(start * size, 0.0);
            all.extend_from_slice(values(&given));
            all.resize(count * size, 0.0);
            gradients.register::<Flex>(parent.id, tensor(all, [count, size]));
        }
    }
}

/// A layer's tensors, laid out as its kernel reads them.
#[derive(Clone, Debug)]
struct Call {
    /// Input, weights, biases and initial states.
    inputs: [FlexTensor; 6],
    setting: Setting,
}

impl Call {
    fn new(inputs: [FlexTensor; 6], setting: Setting) -> Self {
        Self { inputs: inputs.map(|tensor| tensor.to_contiguous()), setting }
    }

    fn layer(&self) -> Layer<'_> {
        let [input, weight_ih, weight_hh, bias_ih, bias_hh, initial] = self.inputs.each_ref().map(values);
        let [batch, time, input_size] = self.inputs[0].layout().shape().dims();
        let hidden_size = self.inputs[2].layout().shape()[1];
        let (initial_hidden, initial_cell) = initial.split_at(batch * hidden_size);
        let Setting { cell, order, ref lengths } = self.setting;
        Layer {
            cell,
            order,
            batch,
            time,
            input_size,
            hidden_size,
            lengths: lengths.as_deref(),
            input,
            weight_ih,
            weight_hh,
            bias_ih,
            bias_hh,
            initial_hidden,
            initial_cell,
        }
    }

    fn forward(&self, keep: bool) -> (FlexTensor, Option<Aligned>) {
        let layer = self.layer();
        let kernel::Forward { outputs, kept } = kernel::forward(&layer, keep);
        let shape = [outputs.len() / layer.hidden_size, layer.hidden_size];
        (tensor(outputs, shape), kept)
    }
}

pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    let Some(values) = tensor.as_slice() else { unreachable!("`serves` and `Call::new` see to it") };
    values
}

pub(crate) fn tensor(values: Vec<f32>, shape: impl Into<burn::tensor::Shape>) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}

#[derive(Debug)]
struct LayerBackward;

#[derive(Clone, Debug)]
struct State {
    call: Call,
    outputs: FlexTensor,
    kept: Option<Arc<Aligned>>,
}

impl Backward<Flex, 6> for LayerBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 6>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let State { call, outputs, kept } = ops.state;
        let given = gradients.consume::<Flex>(&ops.node).to_contiguous();
        let layer = call.layer();
        let kept = kept.and_then(Arc::into_inner).unwrap_or_else(|| unreachable!("a node goes back once"));
        let back = kernel::backward(&layer, kept, values(&outputs), values(&given));
        let all = [back.input, back.weight_ih, back.weight_hh, back.bias_ih, back.bias_hh, back.initial];
        for ((parent, like), values) in ops.parents.into_iter().zip(&call.inputs).zip(all) {
            if let Some(parent) = parent {
                gradients.register::<Flex>(parent.id, tensor(values, like.layout().shape().clone()));
            }
        }
    }
}
