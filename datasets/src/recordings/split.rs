//! Splits of recordings that keep all recordings of a group, such as a person, in one part.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::{RecordingNote, Recordings};
use crate::error::{RecordingError, Result};

impl Recordings {
    /// Splits off about `fraction` of the recordings, for validation or testing. Returns the remaining recordings and
    /// the held-out recordings, each in their original order.
    ///
    /// All recordings of a group go into one part, and each part has at least one group. If only some recordings have a
    /// group, each recording without a group counts as a separate group. If no recording has a group, the split is
    /// stratified by class: about `fraction` of the recordings of each class are held out. Of each class with two or
    /// more recordings, at least one is held out and at least one remains; the recording of a class with a single
    /// recording is never held out.
    ///
    /// The split depends only on `fraction`, `seed`, and the groups and classes of the recordings in their order. If
    /// all recordings of a class are held out, the remaining recordings have the note [`RecordingNote::OnlyHeldOut`].
    ///
    /// # Errors
    ///
    /// [`RecordingError::Fraction`] if `fraction` is not between 0 and 1, [`RecordingError::TooFewGroups`] if there is
    /// only one group, and [`RecordingError::TooFewRecordings`] if there are no groups and no class has two or more
    /// recordings.
    pub fn hold_out_groups(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        if !(fraction > 0.0 && fraction < 1.0) {
            return Err(RecordingError::Fraction { fraction }.into());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut is_held = vec![false; self.recordings.len()];
        let held = match self.has_groups() {
            true => self.held_groups(fraction, &mut rng)?,
            false => self.held_of_each_class(fraction, &mut rng)?,
        };
        held.into_iter().for_each(|index| is_held[index] = true);
        let part = |wanted: bool| {
            let indices: Vec<usize> = (0..is_held.len()).filter(|&index| is_held[index] == wanted).collect();
            self.subset(&indices)
        };
        let (mut rest, held) = (part(false), part(true));
        let known = rest.classes();
        let labels: Vec<String> = held.classes().into_iter().filter(|label| !known.contains(label)).collect();
        if !labels.is_empty() {
            rest.notes.push(RecordingNote::OnlyHeldOut { labels });
        }
        Ok((rest, held))
    }

    /// Divides the recordings into `count` folds for cross-validation. Returns the indices of the recordings in each
    /// fold, in ascending order. Each recording is in exactly one fold. To test on one fold, train on the
    /// [`subset`](Self::subset) of all other folds.
    ///
    /// All recordings of a group are in one fold. The largest groups are assigned first, each to the fold with the
    /// fewest recordings. If only some recordings have a group, each recording without a group counts as a separate
    /// group. If no recording has a group, the recordings of each class are distributed evenly over the folds. The
    /// result depends only on the order of the recordings, their groups and their classes.
    ///
    /// # Errors
    ///
    /// [`RecordingError::Folds`] for fewer than two folds, and [`RecordingError::TooFewGroups`] or
    /// [`RecordingError::TooFewRecordings`] if there are fewer groups or recordings than folds.
    pub fn folds(&self, count: usize) -> Result<Vec<Vec<usize>>> {
        if count < 2 {
            return Err(RecordingError::Folds { folds: count }.into());
        }
        if !self.has_groups() {
            return self.folds_by_class(count);
        }
        let mut groups = self.members_of_groups();
        if groups.len() < count {
            return Err(self.too_few_groups(groups.len(), count));
        }
        // The sort is stable: groups of equal size keep the order in which they first occur.
        groups.sort_by_key(|members| Reverse(members.len()));
        let mut folds = vec![Vec::new(); count];
        for members in groups {
            if let Some(smallest) = folds.iter_mut().min_by_key(|fold| fold.len()) {
                smallest.extend(members);
            }
        }
        folds.iter_mut().for_each(|fold| fold.sort_unstable());
        Ok(folds)
    }

    /// Returns whether some recording has a group.
    fn has_groups(&self) -> bool {
        self.recordings.iter().any(|recording| recording.group.is_some())
    }

    /// Returns the indices of the recordings of each group. The groups are in the order in which they first occur. A
    /// recording without a group counts as a separate group.
    fn members_of_groups(&self) -> Vec<Vec<usize>> {
        let (mut groups, mut places) = (Vec::<Vec<usize>>::new(), BTreeMap::new());
        for (index, recording) in self.recordings.iter().enumerate() {
            let place = match &recording.group {
                Some(group) => *places.entry(group.as_str()).or_insert(groups.len()),
                None => groups.len(),
            };
            if place == groups.len() {
                groups.push(Vec::new());
            }
            groups[place].push(index);
        }
        groups
    }

    /// Returns the indices of the recordings of each class, in the order of the class names.
    fn members_of_classes(&self) -> Vec<Vec<usize>> {
        let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, recording) in self.recordings.iter().enumerate() {
            classes.entry(&recording.label).or_default().push(index);
        }
        classes.into_values().collect()
    }

    /// Draws random groups that together have about `fraction` of all recordings. Returns the indices of the recordings
    /// of these groups.
    fn held_groups(&self, fraction: f64, rng: &mut ChaCha8Rng) -> Result<Vec<usize>> {
        let mut groups = self.members_of_groups();
        if groups.len() < 2 {
            return Err(self.too_few_groups(groups.len(), 2));
        }
        groups.shuffle(rng);
        let wanted = fraction * self.recordings.len() as f64;
        let (mut held, mut left, mut smallest) = (Vec::new(), groups.len(), None::<Vec<usize>>);
        for members in groups {
            // A group is held out if this brings the number of held-out recordings closer to `wanted`.
            let is_closer = held.len() as f64 + members.len() as f64 / 2.0 <= wanted;
            if left > 1 && is_closer {
                held.extend(members);
                left -= 1;
            } else if smallest.as_ref().is_none_or(|smallest| members.len() < smallest.len()) {
                smallest = Some(members);
            }
        }
        Ok(if held.is_empty() { smallest.unwrap_or_default() } else { held })
    }

    /// Draws about `fraction` of the recordings of each class at random: at least one recording, but not all. Ignores
    /// classes with a single recording. Returns the indices of the drawn recordings.
    fn held_of_each_class(&self, fraction: f64, rng: &mut ChaCha8Rng) -> Result<Vec<usize>> {
        let classes: Vec<Vec<usize>> = self.members_of_classes().into_iter().filter(|all| all.len() > 1).collect();
        if classes.is_empty() {
            return Err(RecordingError::TooFewRecordings { data: self.source.clone(), recordings: 0, needed: 2 }.into());
        }
        let mut held = Vec::new();
        for mut members in classes {
            members.shuffle(rng);
            let share = (fraction * members.len() as f64).round() as usize;
            held.extend_from_slice(&members[..share.clamp(1, members.len() - 1)]);
        }
        Ok(held)
    }

    /// Assigns the recordings to the folds in turn, class by class, so that each class is distributed evenly.
    fn folds_by_class(&self, count: usize) -> Result<Vec<Vec<usize>>> {
        let recordings = self.recordings.len();
        if recordings < count {
            let data = self.source.clone();
            return Err(RecordingError::TooFewRecordings { data, recordings, needed: count }.into());
        }
        let mut folds = vec![Vec::new(); count];
        for (turn, index) in self.members_of_classes().into_iter().flatten().enumerate() {
            folds[turn % count].push(index);
        }
        folds.iter_mut().for_each(|fold| fold.sort_unstable());
        Ok(folds)
    }

    fn too_few_groups(&self, groups: usize, needed: usize) -> crate::DataError {
        RecordingError::TooFewGroups { data: self.source.clone(), groups, needed }.into()
    }
}
