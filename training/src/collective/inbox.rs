//! The messages that a rank (a thread or process of a data-parallel training) has received but not used yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Lost;

/// A message between ranks. In an exchange, every rank sends one `Part` to every rank. The exchanges of a training are
/// counted from 0.
#[derive(Clone, Debug)]
pub enum Message {
    /// The content that `rank` sends in the exchange with the number `round`.
    Part { round: usize, rank: usize, content: Arc<[u8]> },
    /// The last message of a rank: it has ended after `rounds` exchanges.
    Ended { rank: usize, rounds: usize },
}

/// Collects the messages of an exchange, in which every rank sends one message. Messages may arrive in any order, late,
/// or several times: a message of a later exchange is kept for that exchange, and a message of an earlier exchange is
/// ignored. If a message is lost, the rank keeps waiting for it, and never continues with incomplete data.
#[derive(Debug, Default)]
pub struct Inbox {
    /// The number of the current exchange.
    round: usize,
    /// The number of ranks.
    world: usize,
    /// The contents that have arrived for the current and later exchanges, by number of the exchange and rank.
    parts: BTreeMap<(usize, usize), Arc<[u8]>>,
    /// The ranks that have ended, each with the number of exchanges before its end.
    ended: BTreeSet<(usize, usize)>,
}

impl Inbox {
    pub fn new(world: usize) -> Self {
        Self { world, ..Self::default() }
    }

    /// The number of the current exchange.
    pub fn round(&self) -> usize {
        self.round
    }

    pub fn deliver(&mut self, message: Message) {
        match message {
            Message::Part { round, rank, content } if round >= self.round => {
                self.parts.insert((round, rank), content);
            }
            Message::Part { .. } => {}
            Message::Ended { rank, rounds } => {
                self.ended.insert((rank, rounds));
            }
        }
    }

    /// Returns the messages of the current exchange, in the order of the ranks, if the messages of all ranks have
    /// arrived. The next exchange then becomes the current exchange. Returns an error if a message is missing because
    /// its rank ended before this exchange. Returns `None` if the rank must wait for more messages.
    pub fn take(&mut self) -> Option<Result<Vec<Arc<[u8]>>, Lost>> {
        if (0..self.world).all(|rank| self.parts.contains_key(&(self.round, rank))) {
            let all = (0..self.world).filter_map(|rank| self.parts.remove(&(self.round, rank))).collect();
            self.round += 1;
            return Some(Ok(all));
        }
        let lost = self.ended.iter().find(|(_, rounds)| *rounds <= self.round);
        lost.map(|&(rank, _)| Err(Lost { rank }))
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::ChaCha8Rng;
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// The number of exchanges of a simulated training, unless all ranks agree to stop before.
    const ROUNDS: usize = 12;

    /// A simulated rank, which votes in every round and stops when any rank has voted to stop.
    struct Rank {
        inbox: Inbox,
        has_sent: bool,
        decisions: Vec<bool>,
        end: Option<Result<(), Lost>>,
    }

    impl Rank {
        fn decide(&mut self) {
            match self.inbox.take() {
                None => return,
                Some(Err(lost)) => self.end = Some(Err(lost)),
                Some(Ok(votes)) => {
                    let stop = votes.iter().any(|vote| **vote == [1]);
                    self.decisions.push(stop);
                    if stop || self.decisions.len() == ROUNDS {
                        self.end = Some(Ok(()));
                    }
                }
            }
            self.has_sent = false;
        }
    }

    /// The decisions of a rank, and how it has ended; `None` if it waits for ever.
    type Ended = (Vec<bool>, Option<Result<(), Lost>>);

    /// The probabilities of faults, besides the random order of messages: that a message is lost, that it is repeated,
    /// and that a rank ends before it sends its next [`Message::Part`].
    #[derive(Clone, Copy)]
    struct Faults {
        loss: f64,
        repetition: f64,
        death: f64,
    }

    /// Runs ranks until no message is left to send or to deliver. Returns their decisions and ends.
    fn simulate(faults: Faults, rng: &mut ChaCha8Rng) -> Vec<Ended> {
        let world = rng.random_range(2..5);
        let rank = |_| Rank { inbox: Inbox::new(world), has_sent: false, decisions: Vec::new(), end: None };
        let mut ranks: Vec<Rank> = (0..world).map(rank).collect();
        let mut network: Vec<(usize, Message)> = Vec::new();
        loop {
            let senders: Vec<usize> =
                (0..world).filter(|&rank| !ranks[rank].has_sent && ranks[rank].end.is_none()).collect();
            let moves = senders.len() + network.len();
            if moves == 0 {
                return ranks.into_iter().map(|rank| (rank.decisions, rank.end)).collect();
            }
            let choice = rng.random_range(0..moves);
            match senders.get(choice) {
                Some(&number) => {
                    let rank = &mut ranks[number];
                    let round = rank.inbox.round();
                    rank.has_sent = true;
                    let dies = rng.random_bool(faults.death);
                    if dies {
                        rank.end = Some(Err(Lost { rank: number }));
                    }
                    let content = Arc::new([u8::from(rng.random_bool(0.1))]);
                    let message = match dies {
                        true => Message::Ended { rank: number, rounds: round },
                        false => Message::Part { round, rank: number, content },
                    };
                    let others = (0..world).map(|to| (to, message.clone()));
                    let kept = others.filter(|(to, _)| *to == number || !rng.random_bool(faults.loss));
                    network.extend(kept.collect::<Vec<_>>());
                }
                None => {
                    network.shuffle(rng); // delays and reorders
                    let Some((to, message)) = network.pop() else { continue };
                    if rng.random_bool(faults.repetition) {
                        network.push((to, message.clone()));
                    }
                    if ranks[to].end.is_none() {
                        ranks[to].inbox.deliver(message);
                        ranks[to].decide();
                    }
                }
            }
        }
    }

    fn check(schedules: u64, faults: Faults, reliable: bool) {
        for seed in 0..schedules {
            let mut rng = ChaCha8Rng::seed_from_u64(seed ^ faults.loss.to_bits() ^ faults.death.to_bits());
            let ends = simulate(faults, &mut rng);
            let longest = ends.iter().map(|(decisions, _)| decisions).max_by_key(|decisions| decisions.len()).unwrap();
            for (decisions, end) in &ends {
                assert_eq!(
                    decisions[..],
                    longest[..decisions.len()],
                    "schedule {seed}: ranks have decided differently"
                );
                assert!(!reliable || *end == Some(Ok(())), "schedule {seed}: a rank waits for ever");
                assert!(
                    *end != Some(Ok(())) || decisions.len() == longest.len(),
                    "schedule {seed}: a rank has ended early"
                );
            }
        }
    }

    #[test]
    fn ranks_never_decide_differently_in_10_000_schedules() {
        check(4_000, Faults { loss: 0.0, repetition: 0.2, death: 0.0 }, true);
        check(3_000, Faults { loss: 0.05, repetition: 0.2, death: 0.0 }, false);
        check(3_000, Faults { loss: 0.02, repetition: 0.1, death: 0.03 }, false);
    }
}
