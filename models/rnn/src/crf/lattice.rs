//! The forward–backward algorithm and the Viterbi algorithm over one sequence, in 64-bit floats.

use std::sync::Arc;

use super::log_matrix::{LogMatrix, log_sum_exp};

/// The parameters of a CRF. The score of each start, end or transition that is not allowed is −∞.
#[derive(Debug)]
pub(super) struct Scores {
    /// For each label, the score that is added if a sequence starts with the label: `[labels]`.
    pub start: Vec<f64>,
    /// For each label, the score that is added if a sequence ends with the label: `[labels]`.
    pub end: Vec<f64>,
    /// The score of each pair of neighbouring labels, `[from, to]`.
    pub transitions: LogMatrix,
    /// The transpose of `transitions`, `[to, from]`.
    pub transposed: LogMatrix,
}

impl Scores {
    fn labels(&self) -> usize {
        self.start.len()
    }

    /// Returns the label sequence (path) with the largest score, for emissions `[time, labels]`.
    pub fn viterbi(&self, emissions: &[f64]) -> Vec<usize> {
        let mut best = self.start.clone(); // for each label, the score of the best path that ends with it
        let mut previous: Vec<Vec<usize>> = Vec::new(); // for each step and label, the label before it on that path
        for (step, emissions) in emissions.chunks_exact(self.labels()).enumerate() {
            if step > 0 {
                let (scores, from) = self.best_transitions(&best);
                best = scores;
                previous.push(from);
            }
            best.iter_mut().zip(emissions).for_each(|(best, emission)| *best += bounded(*emission));
        }
        if emissions.is_empty() {
            return Vec::new();
        }
        let mut path = vec![largest(best.iter().zip(&self.end).map(|(best, end)| best + end))];
        path.extend(previous.iter().rev().scan(path[0], |label, from| {
            *label = from[*label];
            Some(*label)
        }));
        path.reverse();
        path
    }

    /// For each label, computes the largest `scores[from] + transitions[from, label]` over all labels `from`, and the
    /// label `from` of this largest value.
    fn best_transitions(&self, scores: &[f64]) -> (Vec<f64>, Vec<usize>) {
        let mut best = vec![f64::NEG_INFINITY; self.labels()];
        let mut labels = vec![0; self.labels()];
        for (from, (score, row)) in scores.iter().zip(self.transitions.rows()).enumerate() {
            for ((best, label), transition) in best.iter_mut().zip(&mut labels).zip(row) {
                if score + transition > *best {
                    (*best, *label) = (score + transition, from);
                }
            }
        }
        (best, labels)
    }
}

/// Limits an emission to ±1e100, and replaces NaN by −1e100. The best path then contains no forbidden transition, even
/// if emissions are NaN or infinite.
fn bounded(emission: f64) -> f64 {
    const LARGEST: f64 = 1e100;
    if emission.is_nan() { -LARGEST } else { emission.clamp(-LARGEST, LARGEST) }
}

/// Returns the index of the largest score.
fn largest(scores: impl Iterator<Item = f64>) -> usize {
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    scores.enumerate().fold((0, f64::NEG_INFINITY), better).0
}

/// The probabilities of all label sequences (paths) of one sequence, as returned by
/// [`Crf::lattice`](crate::Crf::lattice).
///
/// An allowed path has the probability `exp(score − log_partition)`, and any other path has probability 0. A sequence
/// of length 0 has one path, the empty path, with score 0.
#[derive(Clone, Debug)]
pub struct Lattice {
    scores: Arc<Scores>,
    /// The emissions, `[time, labels]`.
    emissions: Vec<f64>,
    /// For each step and label: `ln Σ exp(score)` over all paths from the first step to this step that end with this
    /// label. Shape: `[time, labels]`.
    forward: Vec<f64>,
    /// For each step and label: `ln Σ exp(score)` over all paths from this step to the last step that begin with this
    /// label. Shape: `[time, labels]`.
    backward: Vec<f64>,
    /// `ln Σ exp(score)` over all allowed paths.
    log_partition: f64,
}

impl Lattice {
    /// Runs the forward–backward algorithm over emissions `[time, labels]`.
    pub(super) fn new(scores: Arc<Scores>, emissions: Vec<f64>) -> Self {
        let labels = scores.labels();
        let [mut forward, mut backward] = [(); 2].map(|()| vec![0.0; emissions.len()]);
        let steps = forward.chunks_exact_mut(labels).zip(emissions.chunks_exact(labels));
        sweep(&scores.start, &scores.transitions, steps);
        let steps = backward.rchunks_exact_mut(labels).zip(emissions.rchunks_exact(labels));
        sweep(&scores.end, &scores.transposed, steps);
        let log_partition = match forward.rchunks_exact(labels).next() {
            Some(last) => log_sum_exp(last.iter().zip(&scores.end).map(|(forward, end)| forward + end)),
            None => 0.0,
        };
        Self { scores, emissions, forward, backward, log_partition }
    }

    /// Returns `ln Σ exp(score)` over all allowed paths, in nats. The result is −∞ if no path of this length is
    /// allowed.
    pub fn log_partition(&self) -> f64 {
        self.log_partition
    }

    /// Returns the most probable path: one label per step. [`Crf::decode`](crate::Crf::decode) gives the same path.
    pub fn viterbi(&self) -> Vec<usize> {
        self.scores.viterbi(&self.emissions)
    }

    /// Returns the probability of each label at each step: `[time][labels]`.
    pub fn marginals(&self) -> Vec<Vec<f64>> {
        self.flat_marginals().chunks_exact(self.scores.labels()).map(<[f64]>::to_vec).collect()
    }

    /// Returns the log-probability that the steps `start`, `start + 1`, … have these `labels`, one label per step. The
    /// probability is summed over all possible labels of the other steps. If `labels` has a label for every step, the
    /// result is the log-likelihood.
    ///
    /// # Panics
    ///
    /// If `labels` goes beyond the last step, or if a label id is not below the number of labels.
    pub fn log_probability(&self, start: usize, labels: &[usize]) -> f64 {
        let [Some(&first), Some(&last)] = [labels.first(), labels.last()] else { return 0.0 };
        let (count, end) = (self.scores.labels(), start + labels.len());
        assert!(
            end * count <= self.emissions.len() && labels.iter().all(|&label| label < count),
            "crf: labels {labels:?} from step {start} do not fit a sequence of {} steps with label ids below {count}",
            self.emissions.len() / count
        );
        let emission = |step: usize| self.emissions[(start + step) * count + labels[step]];
        let transitions: f64 = labels.windows(2).map(|pair| self.scores.transitions.get(pair[0], pair[1])).sum();
        // `forward` includes the emission of the first label, and `backward` the emission of the last label. If there
        // is only one label, both include its emission, so the sum below is minus this emission.
        let emissions = (1..labels.len()).map(emission).sum::<f64>() - emission(labels.len() - 1);
        let ends = self.forward[start * count + first] + self.backward[(end - 1) * count + last];
        ends + transitions + emissions - self.log_partition
    }

    /// Computes the gradients of the negative log-likelihood of a target with respect to the emissions,
    /// `[time, labels]`, and to the transitions, `[from, to]`. Each derivative is an expected count (of a label at a
    /// step, or of a transition) minus the count in the target.
    pub(super) fn gradient(&self, target: &[usize]) -> (Vec<f64>, Vec<f64>) {
        let labels = self.scores.labels();
        let (mut emissions, mut transitions) = (self.flat_marginals(), self.expected_transitions());
        target.iter().enumerate().for_each(|(step, label)| emissions[step * labels + label] -= 1.0);
        target.windows(2).for_each(|pair| transitions[pair[0] * labels + pair[1]] -= 1.0);
        (emissions, transitions)
    }

    /// Computes the [`marginals`](Self::marginals) in row-major order, `[time, labels]`.
    fn flat_marginals(&self) -> Vec<f64> {
        let both = self.forward.iter().zip(&self.backward).zip(&self.emissions);
        both.map(|((forward, backward), emission)| (forward + backward - emission - self.log_partition).exp()).collect()
    }

    /// Computes the expected count of each transition, `[from, to]`: the sum of its probabilities over all steps.
    fn expected_transitions(&self) -> Vec<f64> {
        let labels = self.scores.labels();
        let mut expected = vec![0.0; labels * labels];
        let pairs = self.forward.chunks_exact(labels).zip(self.backward.chunks_exact(labels).skip(1));
        for (forward, backward) in pairs {
            self.scores.transitions.add_probabilities(forward, backward, self.log_partition, &mut expected);
        }
        expected
    }
}

/// Runs the forward or the backward recursion in log space. Each item of `steps` has the output and the emissions of
/// one step, both `[labels]`. The output of the first step is `first + emissions`. The output of each later step is
/// `matrix.multiply(previous output) + emissions`.
fn sweep<'a>(first: &[f64], matrix: &LogMatrix, steps: impl Iterator<Item = (&'a mut [f64], &'a [f64])>) {
    let mut previous: Option<&[f64]> = None;
    for (output, emissions) in steps {
        match previous {
            Some(previous) => matrix.multiply(previous, output),
            None => output.copy_from_slice(first),
        }
        output.iter_mut().zip(emissions).for_each(|(output, emission)| *output += emission);
        previous = Some(output);
    }
}
