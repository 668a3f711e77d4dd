use serde::{Deserialize, Serialize};

use super::CrfError;

/// Rules for which labels may start a sequence, end a sequence, and follow each other. The default, with empty lists,
/// allows everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allowed {
    /// For each label, whether a sequence may start with it: `[labels]`.
    pub start: Vec<bool>,
    /// For each label, whether a sequence may end with it: `[labels]`.
    pub end: Vec<bool>,
    /// Whether the label `to` may follow the label `from`: `[from][to]`.
    pub transitions: Vec<Vec<bool>>,
}

impl Allowed {
    /// Creates rules for the given number of labels that allow every label sequence.
    pub fn all(labels: usize) -> Self {
        Self { start: vec![true; labels], end: vec![true; labels], transitions: vec![vec![true; labels]; labels] }
    }

    /// Returns a copy of these rules or, if all lists are empty, rules for the given number of labels that allow
    /// everything. Returns `None` if these rules are for another number of labels.
    pub(super) fn of_labels(&self, labels: usize) -> Option<Self> {
        if *self == Self::default() {
            return Some(Self::all(labels));
        }
        let square = self.transitions.len() == labels && self.transitions.iter().all(|row| row.len() == labels);
        let fits = self.start.len() == labels && self.end.len() == labels && square;
        fits.then(|| self.clone())
    }

    /// Checks that the label ids of a target are valid, and that these rules allow its start, its end and its
    /// transitions. `sequence` is the index of the sequence in the batch. The rules must not have empty lists.
    pub(super) fn check(&self, sequence: usize, target: &[usize]) -> Result<(), CrfError> {
        let labels = self.start.len();
        if let Some(step) = target.iter().position(|&label| label >= labels) {
            return Err(CrfError::Label { sequence, step, label: target[step], labels });
        }
        let [Some(&first), Some(&last)] = [target.first(), target.last()] else { return Ok(()) };
        if !self.start[first] {
            return Err(CrfError::Start { sequence, label: first });
        }
        if !self.end[last] {
            return Err(CrfError::End { sequence, label: last });
        }
        match target.windows(2).position(|pair| !self.transitions[pair[0]][pair[1]]) {
            Some(step) => Err(CrfError::Transition { sequence, step, from: target[step], to: target[step + 1] }),
            None => Ok(()),
        }
    }
}
