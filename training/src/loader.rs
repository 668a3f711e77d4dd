//! The data loader: a thread that makes batches ahead of the optimizer steps.
//!
//! The random numbers of a batch are derived from the seed and the number of the batch. The batches are therefore the
//! same, bit for bit, as in a loop without threads.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use burn::tensor::Device;
use rand::rngs::ChaCha8Rng;

use crate::collective::Share;
use crate::error::TaskResult;
use crate::random::{Purpose, device_seed, stream};
use crate::task::{CollateContext, Task};

/// The largest number of batches that the loader keeps ready for the next optimizer steps.
const AHEAD: usize = 2;

/// A batch, with the seed and the random generator for the computation of its loss.
pub struct Prepared<B> {
    /// The batch. In data-parallel training by several ranks (processes), only the rows of the batch that this rank
    /// computes; `None` if the batch has too few rows for all ranks. An error comes from [`Task::collate`] or
    /// [`Task::part`].
    pub batch: TaskResult<Option<B>>,
    /// The seed with which the random generator of the device is seeded before this batch.
    pub seed: u64,
    /// The random generator of the batch, which [`Task::collate`] may already have used.
    pub rng: ChaCha8Rng,
}

/// The position from which the loader starts: the next batch of a training run.
#[derive(Clone, Copy)]
pub struct Cursor {
    /// The seed of the recipe.
    pub seed: u64,
    /// The number of the epoch, counted from 0.
    pub epoch: usize,
    /// The number of finished batches in all epochs.
    pub batches: usize,
}

/// Starts a thread of `scope` that makes the batches of `plan` in order, and sends them to the returned receiver. The
/// thread ends after the last batch, after an error, or when the receiver is dropped.
pub fn load<'scope, T: Task>(
    scope: &'scope Scope<'scope, '_>,
    task: &'scope T,
    set: &'scope T::Set,
    plan: &'scope [T::Items],
    cursor: Cursor,
    share: Share,
    device: &'scope Device,
) -> Receiver<Prepared<T::Batch>> {
    let (sender, receiver) = sync_channel(AHEAD);
    scope.spawn(move || produce(task, set, plan, cursor, share, device, &sender));
    receiver
}

fn produce<T: Task>(
    task: &T,
    set: &T::Set,
    plan: &[T::Items],
    cursor: Cursor,
    share: Share,
    device: &Device,
    sender: &SyncSender<Prepared<T::Batch>>,
) {
    for (index, items) in plan.iter().enumerate() {
        let mut rng = stream(cursor.seed, Purpose::Batch, cursor.batches + index);
        let seed = device_seed(&mut rng);
        let batch = task.collate(set, items, &mut CollateContext { device, epoch: cursor.epoch, rng: &mut rng });
        // Every rank makes the whole batch and then takes its part, so that the random numbers and the padding are the
        // same as in a training with one rank.
        let batch = match share.world {
            1 => batch.map(Some),
            _ => batch.and_then(|batch| task.part(batch, share)),
        };
        let failed = batch.is_err();
        if sender.send(Prepared { batch, seed, rng }).is_err() || failed {
            return;
        }
    }
}
