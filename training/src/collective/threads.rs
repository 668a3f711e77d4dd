//! Ranks that are threads of one process.

use std::cell::{Cell, RefCell};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use super::inbox::{Inbox, Message};
use super::{Collective, Lost};

/// One of several ranks that are threads of one process, for tests. Several of these ranks are not faster than one
/// rank, because the kernels of one rank already use all cores.
pub struct Threads {
    /// The number of this rank, counted from 0.
    rank: usize,
    /// The messages that this rank has received but not used yet.
    inbox: RefCell<Inbox>,
    /// The number of the rank whose end made an exchange of this rank fail; `None` as long as no exchange has failed.
    lost: Cell<Option<usize>>,
    /// Receives the messages of all ranks to this rank.
    receiver: Receiver<Message>,
    /// The senders of messages: sender `i` sends to rank `i`. There is also a sender to this rank itself.
    senders: Vec<Sender<Message>>,
    /// Held by the rank that draws from the random generator of a device, which is global to the process.
    turn: Arc<Mutex<()>>,
}

impl Threads {
    /// Creates `world` ranks. Each rank must be used in a separate thread.
    pub fn group(world: usize) -> Vec<Self> {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..world).map(|_| channel()).unzip();
        let turn = Arc::new(Mutex::new(()));
        let rank = |(rank, receiver)| Self {
            rank,
            inbox: RefCell::new(Inbox::new(world)),
            lost: Cell::new(None),
            receiver,
            senders: senders.clone(),
            turn: turn.clone(),
        };
        receivers.into_iter().enumerate().map(rank).collect()
    }

    fn send(&self, message: &Message) {
        // Sending to a rank that has ended fails. The failure is ignored, because the last message of that rank was
        // `Ended`.
        self.senders.iter().for_each(|sender| drop(sender.send(message.clone())));
    }

    /// Sends `content` to all ranks. Waits for the contents that all ranks send, and returns them in the order of the
    /// ranks.
    fn exchange(&self, content: &[u8]) -> Result<Vec<Arc<[u8]>>, Lost> {
        let mut inbox = self.inbox.borrow_mut();
        self.send(&Message::Part { round: inbox.round(), rank: self.rank, content: content.into() });
        loop {
            if let Some(all) = inbox.take() {
                self.lost.set(all.as_ref().err().map(|lost| lost.rank));
                return all;
            }
            // `recv` cannot fail, because this rank also owns a sender of its own channel.
            inbox.deliver(self.receiver.recv().map_err(|_| Lost { rank: self.rank })?);
        }
    }

    /// Sends `own` to all ranks. From the bytes that each rank has sent, takes one part, and writes these parts to
    /// `received` in the order of the ranks. `part` gets the bytes from one rank and the number of this rank, and
    /// returns the part of the bytes that this rank takes.
    fn copy_from_all(&self, own: &[u8], received: &mut [u8], part: impl Fn(&[u8], usize) -> &[u8]) -> Result<(), Lost> {
        let all = self.exchange(own)?;
        let parts: Vec<&[u8]> = all.iter().map(|content| part(content, self.rank)).collect();
        received.copy_from_slice(&parts.concat());
        Ok(())
    }
}

impl Collective for Threads {
    fn rank(&self) -> usize {
        self.rank
    }

    fn world(&self) -> usize {
        self.senders.len()
    }

    fn all_gather(&self, own: &[u8], all: &mut [u8]) -> Result<(), Lost> {
        let length = own.len();
        self.copy_from_all(own, all, |content, _| &content[..length])
    }

    fn all_to_all(&self, own: &[u8], received: &mut [u8]) -> Result<(), Lost> {
        let length = own.len() / self.world();
        self.copy_from_all(own, received, |content, rank| &content[rank * length..(rank + 1) * length])
    }

    fn in_turn(&self, compute: &mut dyn FnMut()) {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        compute();
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        let rounds = self.inbox.get_mut().round();
        // The message contains the rank that ended first, so that the errors of all other ranks name that rank.
        self.send(&Message::Ended { rank: self.lost.get().unwrap_or(self.rank), rounds });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collective::Wire;

    fn on_all<R: Send>(world: usize, work: impl Fn(&Threads) -> R + Sync) -> Vec<R> {
        std::thread::scope(|scope| {
            let work = &work;
            let threads: Vec<_> =
                Threads::group(world).into_iter().map(|rank| scope.spawn(move || work(&rank))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        })
    }

    #[test]
    fn values_are_added_in_the_order_of_the_ranks() {
        // In another order, rounding gives another sum.
        let values = [1e8, 3.0, -1e8, 0.25];
        let expected = values.iter().fold(0.0f32, |sum, value| sum + value);
        let sums = on_all(4, |rank| {
            let rank: &dyn Collective = rank;
            let mut sums = [values[rank.rank()]; 6]; // more values than ranks, and no multiple
            rank.sum(&mut sums, Wire::Single).unwrap();
            let first = rank.broadcast(&vec![7; 3 - rank.rank()]).unwrap();
            (sums, first, rank.any([rank.rank() == 2, false]).unwrap())
        });
        assert_eq!(sums, vec![([expected; 6], vec![7; 3], [true, false]); 4]);
    }

    #[test]
    fn half_precision_rounds_parts_and_sums() {
        let sums = on_all(2, |rank| {
            let mut sum = [[2048.0, 1.5], [1.0, 1.5]][rank.rank()];
            (rank as &dyn Collective).sum(&mut sum, Wire::Half).unwrap();
            sum
        });
        assert_eq!(sums, [[2048.0, 3.0]; 2]); // 2049 is no number in half precision
    }

    #[test]
    fn a_rank_that_ends_is_an_error_of_all_others() {
        let ends = on_all(3, |rank| {
            let ranks: &dyn Collective = rank;
            match rank.rank() {
                1 => ranks.any([true]),
                _ => ranks.any([true]).and_then(|_| ranks.any([true])),
            }
        });
        assert_eq!(ends, [Err(Lost { rank: 1 }), Ok([true]), Err(Lost { rank: 1 })]);
    }
}
