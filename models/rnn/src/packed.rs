//! A cache of packed weights, for inference on the CPU. Packed weights are copies of the weights in the memory layout
//! that the CPU kernels read.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::flex::FlexTensor;

use crate::Cell;
use crate::fused::values;
use crate::kernel::PackedMatrices;

/// A cache for the packed weight matrices of one layer and direction. The cache is disabled, and never stores anything,
/// unless it was created with [`keeping`](Self::keeping). Clones share the cache.
#[derive(Clone, Default)]
pub(crate) struct Kept(Option<Arc<Mutex<Option<Arc<Packed>>>>>);

/// Packed matrices, and the tensors that they were packed from.
///
/// The tensors are stored to detect changed weights: while a tensor is stored here, burn neither frees its memory nor
/// writes to it. If the current weights are at the same address as a stored tensor, they are therefore unchanged.
pub(crate) struct Packed {
    pub matrices: PackedMatrices,
    weights: [FlexTensor; 2],
}

impl Kept {
    /// Creates an empty cache. The next forward pass packs the weight matrices and stores them in the cache.
    pub fn keeping() -> Self {
        Self(Some(Arc::default()))
    }

    /// Returns the packed matrices of `weights`, which are the input weights and the recurrent weights. Packs and
    /// stores them, unless the cache already has them. Returns `None` if the cache is disabled (not created with
    /// [`keeping`](Self::keeping)).
    pub fn of(&self, cell: Cell, weights: [&FlexTensor; 2]) -> Option<Arc<Packed>> {
        let mut kept = self.0.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |one: &FlexTensor, other: &FlexTensor| std::ptr::eq(values(one), values(other));
        let is_of = |packed: &&Arc<Packed>| packed.weights.iter().zip(weights).all(|(one, other)| same(one, other));
        if let Some(packed) = kept.as_ref().filter(is_of) {
            return Some(packed.clone());
        }
        let [input, recurrent] = weights.map(values);
        let matrices = PackedMatrices::new(cell, weights[1].layout().shape()[1], input, recurrent);
        let packed = Arc::new(Packed { matrices, weights: weights.map(FlexTensor::clone) });
        *kept = Some(packed.clone());
        Some(packed)
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.0.is_some() { "kept" } else { "not kept" })
    }
}
