//! The data that the ranks of a training exchange: gradients, and the hidden states of all ranks for a checkpoint.

use std::collections::VecDeque;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Shape, Tensor, TensorData};

use super::{Collective, Lost, Wire};
use crate::error::{Result as TrainingResult, TrainingError};
use crate::task::Carry;

/// The loss and the number of items of one optimizer step: those of one rank, or their sums over all ranks.
#[derive(Clone, Copy)]
pub struct Totals {
    /// The sum of the losses of all items.
    pub loss: f64,
    /// The number of items, such as sentences or tokens.
    pub items: usize,
}

/// Adds the gradients, the losses and the numbers of items of all ranks. Returns the sums, which are the same on every
/// rank. `grads` and `own` are the values of this rank; `wire` is the number format in which gradients are sent.
pub fn add<M: Module>(
    ranks: &dyn Collective,
    model: &M,
    grads: GradientsParams,
    own: Totals,
    wire: Wire,
) -> Result<(GradientsParams, Totals), Lost> {
    let mut take = Take { grads, taken: VecDeque::new() };
    model.visit(&mut take);
    let Take { grads, taken: mut gradients } = take;
    let totals = add_all(ranks, gradients.make_contiguous(), own, wire)?;
    let mut put = Put { grads, gradients };
    model.visit(&mut put);
    Ok((put.grads, totals))
}

/// The gradient of a parameter, read as a matrix: the first dimension of the parameter is the number of rows.
struct Gradient {
    /// The shape of the parameter.
    shape: Shape,
    /// The values of the gradient; `None` if this rank has no gradient.
    data: Option<TensorData>,
}

/// Removes the gradients from `grads`, and collects them in `taken`, in the order of the parameters.
struct Take {
    grads: GradientsParams,
    taken: VecDeque<Gradient>,
}

impl ModuleVisitor for Take {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let data = self.grads.remove::<D>(param.id).map(|grad| grad.into_data().convert::<f32>());
        self.taken.push_back(Gradient { shape: param.shape(), data });
    }
}

/// Puts `gradients`, which are in the order of the parameters, back into `grads`.
struct Put {
    grads: GradientsParams,
    gradients: VecDeque<Gradient>,
}

impl ModuleVisitor for Put {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(data) = self.gradients.pop_front().and_then(|gradient| gradient.data) {
            let device = param.val().device().without_autodiff();
            self.grads.register(param.id, Tensor::<D>::from_data(data, &device));
        }
    }
}

/// The smallest number of values of a gradient that is sent in its own message. Smaller gradients are sent together.
const LARGE: usize = 1 << 14;

/// Replaces the gradients by their sums over the ranks. If no rank has a gradient for a parameter, the `data` of this
/// gradient stays `None`. `own` are the totals of this rank. Returns the sums of the totals over all ranks.
fn add_all(ranks: &dyn Collective, gradients: &mut [Gradient], own: Totals, wire: Wire) -> Result<Totals, Lost> {
    let rows: Vec<NonZero> = gradients.iter().map(Gradient::nonzero).collect();
    let mut message = vec![own.loss.to_bits(), own.items as u64];
    message.extend(rows.iter().map(NonZero::count));
    let all = ranks.exchange(bytemuck::cast_slice(&message))?;
    let numbers = |bytes: &Vec<u8>| bytes.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)).collect();
    let all: Vec<Vec<u64>> = all.iter().map(numbers).collect();
    let loss = all.iter().map(|numbers| f64::from_bits(numbers[0])).sum();
    let total = |index: usize| all.iter().map(|numbers| numbers[index]).sum::<u64>() as usize;

    let items = total(1);
    let adder = Adder { ranks, wire, items: items as f32 };
    let mut small = Vec::new();
    for (index, (gradient, own)) in gradients.iter_mut().zip(&rows).enumerate() {
        let rows = total(2 + index);
        if rows == 0 {
            continue;
        }
        let (is_small, is_sparse, features) = (gradient.is_small(), 2 * rows < gradient.rows(), gradient.features());
        let values = gradient.values();
        match own {
            _ if is_small => small.extend_from_slice(values),
            NonZero::Few(own) if is_sparse => adder.sum_rows(values, own, features)?,
            NonZero::None if is_sparse => adder.sum_rows(values, &[], features)?,
            _ => adder.sum(values)?,
        }
    }
    adder.sum(&mut small)?;
    let mut sums = &small[..];
    for gradient in gradients.iter_mut().filter(|gradient| gradient.is_small() && gradient.data.is_some()) {
        let values = gradient.values();
        let (own, rest) = sums.split_at(values.len());
        values.copy_from_slice(own);
        sums = rest;
    }
    Ok(Totals { loss, items })
}

impl Gradient {
    fn rows(&self) -> usize {
        self.shape[0]
    }

    fn features(&self) -> usize {
        self.shape.num_elements() / self.shape[0]
    }

    fn is_small(&self) -> bool {
        self.shape.num_elements() < LARGE
    }

    /// Returns the values of the gradient. If this rank has no gradient, a gradient of zeros is created first.
    fn values(&mut self) -> &mut [f32] {
        let data = self.data.get_or_insert_with(|| TensorData::zeros::<f32, _>(self.shape.clone()));
        data.as_mut_slice().unwrap_or_default()
    }

    fn nonzero(&self) -> NonZero {
        let Some(data) = &self.data else { return NonZero::None };
        let all = NonZero::All(self.rows());
        if self.is_small() {
            return all;
        }
        let rows = data.as_slice::<f32>().unwrap_or_default().chunks_exact(self.features());
        let rows = rows.enumerate().filter(|(_, row)| !is_zero(row)).map(|(row, _)| row as u32);
        let rows: Vec<u32> = rows.take(self.rows().div_ceil(2)).collect();
        if 2 * rows.len() < self.rows() { NonZero::Few(rows) } else { all }
    }
}

/// The rows of a gradient that have values other than 0.
enum NonZero {
    /// There is no gradient.
    None,
    /// The indices of the rows: fewer than half of all rows, as in the gradient of an embedding.
    Few(Vec<u32>),
    /// At least half of the rows, or any rows of a small gradient, which is sent as a whole. The value is the number of
    /// all rows of the gradient.
    All(usize),
}

impl NonZero {
    fn count(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Few(rows) => rows.len().max(1) as u64,
            Self::All(count) => *count as u64,
        }
    }
}

/// Returns whether all values are 0 or −0. The loop does not stop at the first nonzero value, so that the compiler can
/// use vector instructions (SIMD).
fn is_zero(row: &[f32]) -> bool {
    row.iter().fold(0, |bits, value| bits | (value.to_bits() << 1)) == 0
}

/// Sums gradients over all ranks.
#[derive(Clone, Copy)]
struct Adder<'a> {
    /// The connection of this rank with all ranks.
    ranks: &'a dyn Collective,
    /// The number format in which gradients are sent.
    wire: Wire,
    /// The total number of items (terms of the loss) in the current batches of all ranks.
    items: f32,
}

impl Adder<'_> {
    /// Replaces the values by their sums over the ranks. The values are gradients of the sum of the losses, not of the
    /// mean loss.
    fn sum(self, values: &mut [f32]) -> Result<(), Lost> {
        if self.wire == Wire::Single {
            return self.ranks.sum(values, Wire::Single);
        }
        // The gradients of the mean loss are in the range of f16. The gradients of the sum of the losses may exceed
        // 65504, the largest f16 number.
        values.iter_mut().for_each(|value| *value /= self.items);
        self.ranks.sum(values, self.wire)?;
        values.iter_mut().for_each(|value| *value *= self.items);
        Ok(())
    }

    /// Replaces the values of a matrix, `[all rows, features]`, by their sums over the ranks. This rank sends only the
    /// rows with the indices `rows`. All other rows of the matrix on this rank must be 0.
    fn sum_rows(self, values: &mut [f32], rows: &[u32], features: usize) -> Result<(), Lost> {
        let mut own = Vec::new();
        for row in rows {
            let values = &mut values[*row as usize * features..][..features];
            own.extend_from_slice(&row.to_ne_bytes());
            own.extend_from_slice(bytemuck::cast_slice(values));
            values.fill(0.0);
        }
        for bytes in self.ranks.exchange(&own)? {
            for row in bytes.as_chunks::<4>().0.chunks_exact(1 + features) {
                let start = u32::from_ne_bytes(row[0]) as usize * features;
                let values = &mut values[start..start + features];
                Wire::Single.decode(row[1..].as_flattened(), values, |sum, value| *sum += value);
            }
        }
        Ok(())
    }
}

/// Returns the hidden states of all ranks, for a checkpoint. `carry` are the hidden states of this rank's rows of the
/// batch, each `[layers, rows, features]`. The rows of all ranks are concatenated.
pub fn gather(ranks: &dyn Collective, carry: &Carry) -> Result<Carry, Lost> {
    let joined = |own: &Tensor<3>| {
        let [layers, _, features] = own.dims();
        let all = ranks.exchange(bytemuck::cast_slice(&own.to_data().iter::<f32>().collect::<Vec<_>>()))?;
        let parts = all.iter().map(|bytes| {
            let values: Vec<f32> = bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect();
            let shape = [layers, values.len() / (layers * features), features];
            Tensor::from_data(TensorData::new(values, shape), &own.device())
        });
        Ok(Tensor::cat(parts.collect(), 1))
    };
    carry.iter().map(joined).collect()
}

/// Selects the hidden states of this rank's rows of the batch. `carry` are the hidden states of a checkpoint, which
/// contain the rows of all ranks, each `[layers, rows, features]`.
pub fn part(ranks: &dyn Collective, carry: Carry) -> Carry {
    if ranks.is_alone() {
        return carry;
    }
    let own = |state: Tensor<3>| {
        let rows = ranks.share().rows(state.dims()[1]);
        state.narrow(1, rows.start, rows.len())
    };
    carry.into_iter().map(own).collect()
}

/// Checks that all ranks have the same weights, and are at the same position of the training. `model` is the network of
/// this rank, or `None` on every rank if the weights are not compared. `place` is the position of this rank: the
/// numbers of finished epochs, of finished batches in the epoch, and of finished optimizer steps.
pub fn check_equal<M: Module>(ranks: &dyn Collective, model: Option<&M>, place: [usize; 3]) -> TrainingResult<()> {
    if ranks.is_alone() {
        return Ok(());
    }
    let mut checksum = Checksum(0);
    if let Some(model) = model {
        model.visit(&mut checksum);
    }
    let own: Vec<u8> = place.iter().copied().chain([checksum.0 as usize]).flat_map(usize::to_le_bytes).collect();
    match ranks.exchange(&own)?.iter().position(|other| *other != own) {
        Some(rank) => Err(TrainingError::RanksDiffer { one: ranks.rank(), other: rank }),
        None => Ok(()),
    }
}

struct Checksum(u32);

impl ModuleVisitor for Checksum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0 = crc32c::crc32c_append(self.0, param.val().into_data().as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::{Embedding, EmbeddingConfig, Linear, LinearConfig};
    use burn::tensor::{Device, Int};

    use super::*;
    use crate::collective::Threads;

    /// A large embedding of which a batch uses few rows, large and small dense parameters, and one without a gradient.
    #[derive(Module, Debug)]
    struct Model {
        embedding: Embedding,
        dense: Linear,
        unused: Linear,
    }

    const ROWS: usize = 600;
    const FEATURES: usize = 128;

    fn model() -> Model {
        let device = Device::flex().autodiff();
        let linear = || LinearConfig::new(FEATURES, FEATURES).init(&device);
        Model { embedding: EmbeddingConfig::new(ROWS, FEATURES).init(&device), dense: linear(), unused: linear() }
    }

    /// The gradients of the sum of losses for these token ids.
    fn gradients(model: &Model, ids: &[i32]) -> GradientsParams {
        if ids.is_empty() {
            return GradientsParams::new();
        }
        let device = model.embedding.weight.device();
        let ids = Tensor::<2, Int>::from_data(TensorData::new(ids.to_vec(), [1, ids.len()]), &device);
        let outputs = model.dense.forward(model.embedding.forward(ids));
        GradientsParams::from_grads(outputs.powi_scalar(2).sum().backward(), model)
    }

    fn values(model: &Model, mut grads: GradientsParams) -> Vec<Vec<f32>> {
        let Model { embedding, dense, unused } = model;
        let mut of = |param: &Param<Tensor<2>>| {
            grads.remove::<2>(param.id).map(|grad| grad.into_data().try_to_vec().unwrap()).unwrap_or_default()
        };
        let matrices = [&embedding.weight, &dense.weight, &unused.weight].map(&mut of);
        let bias = dense.bias.as_ref().unwrap();
        let bias = grads.remove::<1>(bias.id).map(|grad| grad.into_data().try_to_vec().unwrap());
        matrices.into_iter().chain(bias).collect()
    }

    /// The sums of all ranks, which must be equal on all of them.
    fn sums(model: &Model, ids: &[&[i32]], wire: Wire) -> Vec<Vec<f32>> {
        let one = |ranks: Threads| {
            let own = ids[ranks.rank()];
            let totals = Totals { loss: 0.5, items: own.len() };
            let (grads, totals) = add(&ranks, model, gradients(model, own), totals, wire).unwrap();
            assert_eq!((totals.loss, totals.items), (0.5 * ids.len() as f64, ids.concat().len()));
            values(model, grads)
        };
        let all: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                Threads::group(ids.len()).into_iter().map(|ranks| scope.spawn(|| one(ranks))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.iter().all(|values| *values == all[0]), "the ranks have different sums");
        all[0].clone()
    }

    fn assert_near(one: &[Vec<f32>], other: &[Vec<f32>], tolerance: f32) {
        assert_eq!(one.len(), other.len());
        for (one, other) in one.iter().zip(other) {
            assert_eq!(one.len(), other.len());
            let largest = other.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
            let error = one.iter().zip(other).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max);
            assert!(error <= tolerance * largest, "error {error} of {largest}");
        }
    }

    #[test]
    fn the_sums_are_the_gradients_of_all_items() {
        let model = model();
        let many: Vec<i32> = (0..400).collect(); // above half of the rows: the embedding is sent as a whole
        for ids in [&[&[3, 500, 3, 7][..], &[7, 599], &[0]], &[&[5][..], &many, &[]], &[&[][..], &[1], &[]]] {
            let alone = values(&model, gradients(&model, &ids.concat()));
            assert!(alone[2].is_empty() && !alone[0].is_empty());
            assert_near(&sums(&model, ids, Wire::Single), &alone, 1e-6);
            assert_near(&sums(&model, ids, Wire::Half), &alone, 2e-3);
        }
    }
}
