//! Data-parallel training: several *ranks* compute parts of the same batch, and add their gradients.
//!
//! | implementation | ranks |
//! |---|---|
//! | [`Alone`] | a single rank, which exchanges nothing |
//! | [`Threads`] | threads of one process, for tests |
//! | `Mpi` (cargo feature `mpi`) | processes that `mpirun` has started |
//!
//! The cargo feature `ranks`, which `mpi` includes, turns the code for several ranks on. Builds with debug assertions
//! always contain it, for the tests. In other builds the number of ranks is a constant, and the compiler removes the
//! code; a training whose [`Collective`] has more than one rank then ends with [`TrainingError::NoRanks`].
//!
//! All ranks call the same functions in the same order. A call that adds values or makes a common decision (such as
//! whether to stop) has the same result on every rank on which it succeeds. Therefore the ranks never make different
//! decisions.

mod inbox;
#[cfg(feature = "mpi")]
mod mpi;
pub(crate) mod shared;
mod threads;

use std::borrow::Cow;
use std::ops::Range;

use half::f16;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
use serde::{Deserialize, Serialize};
pub use threads::Threads;

use crate::error::TrainingError;

/// The error of an exchange: a rank has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "rank {rank} has ended before the end of the training; see the error message of that rank, and resume the run from its last checkpoint"
)]
pub struct Lost {
    /// The rank that has ended, counted from 0.
    pub rank: usize,
}

/// The connection of one rank with all ranks of a training. An implementation only has to send bytes between the ranks.
/// The methods of `dyn Collective` use it to add values over all ranks, and to make common decisions.
pub trait Collective {
    /// The number of this rank, counted from 0. Rank 0 writes the files of the run.
    fn rank(&self) -> usize;

    /// The number of ranks.
    fn world(&self) -> usize;

    /// Sends `own` to all ranks. All ranks must send the same number of bytes. Fills `all` with what the ranks have
    /// sent, in the order of the ranks.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    fn all_gather(&self, own: &[u8], all: &mut [u8]) -> Result<(), Lost>;

    /// Splits `own` into as many equal parts as there are ranks, and sends the first part to rank 0, the second part to
    /// rank 1, and so on. Fills `received` with the parts that this rank gets, in the order of the ranks that send
    /// them.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    fn all_to_all(&self, own: &[u8], received: &mut [u8]) -> Result<(), Lost>;

    /// Runs `compute`, which draws random numbers from the random generator of a device. Among the ranks in this
    /// process, only one at a time runs its `compute`.
    fn in_turn(&self, compute: &mut dyn FnMut()) {
        compute();
    }

    /// Tells the implementation that this rank ends as planned: without an error, or because all ranks have agreed to
    /// stop.
    fn finish(&self) {}
}

/// Whether this build can train with several ranks.
const RANKS: bool = cfg!(any(feature = "ranks", debug_assertions, test));

/// The number of values that a rank adds at once: 256 KiB from each rank, which fit into the cache of a core.
const CHUNK: usize = 1 << 16;

impl dyn Collective + '_ {
    /// Whether this rank trains alone. The result is always true in builds without the code for several ranks, in which
    /// [`check`](Self::check) refuses several ranks.
    #[inline]
    pub(crate) fn is_alone(&self) -> bool {
        !RANKS || self.world() == 1
    }

    /// Checks that this build can train with this number of ranks. All functions that train call it first.
    pub(crate) fn check(&self) -> Result<(), TrainingError> {
        match self.world() {
            2.. if !RANKS => Err(TrainingError::NoRanks),
            _ => Ok(()),
        }
    }

    /// Replaces each value by its sum over the ranks. Each rank computes the sums of one part of the values, always
    /// adds in the order of the ranks, and sends the sums to the other ranks. Therefore the rounding is the same in
    /// every run and on every rank.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    pub fn sum(&self, values: &mut [f32], wire: Wire) -> Result<(), Lost> {
        let world = self.world();
        for chunk in values.chunks_mut(CHUNK * world) {
            let (even, rest) = chunk.split_at_mut(chunk.len() / world * world);
            self.sum_evenly(even, wire)?;
            if !rest.is_empty() {
                let mut padded = vec![0.0; world];
                padded[..rest.len()].copy_from_slice(rest);
                self.sum_evenly(&mut padded, wire)?;
                rest.copy_from_slice(&padded[..rest.len()]);
            }
        }
        Ok(())
    }

    /// Does the same as [`sum`](Self::sum), for a number of values that is a multiple of the number of ranks.
    fn sum_evenly(&self, values: &mut [f32], wire: Wire) -> Result<(), Lost> {
        let parts = wire.encode(values);
        let mut received = vec![0; parts.len()];
        self.all_to_all(&parts, &mut received)?;
        let mut sums = vec![0.0; values.len() / self.world()];
        for part in received.chunks_exact((received.len() / self.world()).max(1)) {
            wire.decode(part, &mut sums, |sum, value| *sum += value);
        }
        self.all_gather(&wire.encode(&sums), &mut received)?;
        wire.decode(&received, values, |value, sum| *value = sum);
        Ok(())
    }

    /// Sends `own` to all ranks. Returns the bytes that each rank has sent, in the order of the ranks. The ranks may
    /// send different numbers of bytes.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    pub fn exchange(&self, own: &[u8]) -> Result<Vec<Vec<u8>>, Lost> {
        let mut lengths = vec![[0; 8]; self.world()];
        self.all_gather(&(own.len() as u64).to_le_bytes(), lengths.as_flattened_mut())?;
        let lengths: Vec<usize> = lengths.into_iter().map(|length| u64::from_le_bytes(length) as usize).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0).max(1);
        let mut padded = own.to_vec();
        padded.resize(longest, 0);
        let mut all = vec![0; longest * self.world()];
        self.all_gather(&padded, &mut all)?;
        Ok(all.chunks_exact(longest).zip(lengths).map(|(bytes, length)| bytes[..length].to_vec()).collect())
    }

    /// Returns the bytes that rank 0 passes as `own`, on every rank. The argument `own` of all other ranks is ignored.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    pub fn broadcast(&self, own: &[u8]) -> Result<Vec<u8>, Lost> {
        Ok(self.exchange(own)?.swap_remove(0))
    }

    /// Returns, for each of `N` yes-or-no questions, whether any rank answers yes. `votes` are the answers of this
    /// rank.
    ///
    /// # Errors
    ///
    /// [`Lost`] if a rank has ended.
    pub fn any<const N: usize>(&self, votes: [bool; N]) -> Result<[bool; N], Lost> {
        if self.is_alone() {
            return Ok(votes);
        }
        let mut all = vec![[0; N]; self.world()];
        self.all_gather(&votes.map(u8::from), all.as_flattened_mut())?;
        Ok(std::array::from_fn(|question| all.iter().any(|votes| votes[question] == 1)))
    }

    /// Returns the [`Share`] of this rank, which determines the rows of each batch that this rank computes.
    pub fn share(&self) -> Share {
        if self.is_alone() { Share { rank: 0, world: 1 } } else { Share { rank: self.rank(), world: self.world() } }
    }

    /// Whether this rank writes the files of the run.
    pub fn leads(&self) -> bool {
        self.is_alone() || self.rank() == 0
    }

    /// Calls `compute` through [`in_turn`](Collective::in_turn), so that only one rank in this process computes at a
    /// time. Returns the result of `compute`.
    pub(crate) fn turn<R>(&self, compute: impl FnOnce() -> R) -> R {
        if self.is_alone() {
            return compute();
        }
        let (mut compute, mut result) = (Some(compute), None);
        self.in_turn(&mut || result = compute.take().map(|compute| compute()));
        match result {
            Some(result) => result,
            None => unreachable!("`in_turn` must call its argument"),
        }
    }
}

/// The number format in which ranks send the gradients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Wire {
    /// 32-bit floating point (f32).
    #[default]
    Single,
    /// 16-bit floating point (f16): half the bytes. Gradients lose precision.
    Half,
}

impl Wire {
    fn encode(self, values: &[f32]) -> Cow<'_, [u8]> {
        match self {
            Self::Single => Cow::Borrowed(bytemuck::cast_slice(values)),
            Self::Half => values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect(),
        }
    }

    /// Decodes one number from `bytes` for each element of `values`, and calls `apply` with the element and the number.
    fn decode(self, bytes: &[u8], values: &mut [f32], apply: impl Fn(&mut f32, f32)) {
        match self {
            Self::Single => {
                let numbers = bytes.as_chunks().0.iter().map(|bytes| f32::from_ne_bytes(*bytes));
                values.iter_mut().zip(numbers).for_each(|(value, number)| apply(value, number));
            }
            Self::Half => {
                let numbers = bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32());
                values.iter_mut().zip(numbers).for_each(|(value, number)| apply(value, number));
            }
        }
    }
}

/// The rank of a training that has a single rank. It exchanges no data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Collective for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn all_gather(&self, own: &[u8], all: &mut [u8]) -> Result<(), Lost> {
        all.copy_from_slice(own);
        Ok(())
    }

    fn all_to_all(&self, own: &[u8], received: &mut [u8]) -> Result<(), Lost> {
        received.copy_from_slice(own);
        Ok(())
    }
}

/// Determines which rows of a batch one rank of a data-parallel training computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of the rank, counted from 0.
    pub rank: usize,
    /// The number of ranks.
    pub world: usize,
}

impl Share {
    /// Returns the rows of this rank in a batch of `count` rows, as [`rows`](Self::rows) does; `None` if there are no
    /// rows for this rank.
    pub fn own_rows(self, count: usize) -> Option<Range<usize>> {
        Some(self.rows(count)).filter(|rows| !rows.is_empty())
    }

    /// Returns the rows of this rank in a batch of `count` rows. Each rank has consecutive rows: rank 0 has the first
    /// rows. The numbers of rows of two ranks differ by at most 1.
    pub fn rows(self, count: usize) -> Range<usize> {
        self.rank * count / self.world..(self.rank + 1) * count / self.world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_belongs_to_one_rank() {
        for (count, world) in [(20, 3), (4, 4), (2, 5), (0, 2)] {
            let rows: Vec<usize> = (0..world).flat_map(|rank| Share { rank, world }.rows(count)).collect();
            assert_eq!(rows, (0..count).collect::<Vec<_>>());
        }
    }
}
