//! Stratified splits and folds of texts.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::Texts;
use crate::error::{Result, TextError};

impl Texts {
    /// Splits off about `fraction` of the texts of each class, for validation or testing. Of each class with two or
    /// more texts, at least one text is held out and at least one remains; the text of a class with a single text is
    /// never held out. Returns the remaining texts and the held-out texts, each in their original order. The split
    /// depends only on `fraction`, `seed` and the labels in their order.
    ///
    /// # Errors
    ///
    /// [`TextError::TooFewTexts`] if no class has two or more texts.
    pub fn hold_out(&self, fraction: f64, seed: u64) -> Result<(Self, Self)> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut is_held = vec![false; self.texts.len()];
        for mut members in self.members_of_classes().into_iter().filter(|members| members.len() > 1) {
            members.shuffle(&mut rng);
            let share = (fraction * members.len() as f64).round() as usize;
            members[..share.clamp(1, members.len() - 1)].iter().for_each(|&index| is_held[index] = true);
        }
        if !is_held.contains(&true) {
            return Err(TextError::TooFewTexts { data: self.source.clone() }.into());
        }
        let part = |wanted: bool| (0..is_held.len()).filter(|&index| is_held[index] == wanted).collect::<Vec<_>>();
        Ok((self.subset(&part(false)), self.subset(&part(true))))
    }

    /// Divides the texts into `count` folds for cross-validation: returns the indices of the texts in each fold, in
    /// ascending order. Each text is in one fold, and the texts of each class are distributed evenly, in a random order
    /// that depends on `seed`.
    ///
    /// # Errors
    ///
    /// [`TextError::Folds`] for fewer than two folds, or for more folds than texts.
    pub fn folds(&self, count: usize, seed: u64) -> Result<Vec<Vec<usize>>> {
        let texts = self.texts.len();
        if count < 2 || count > texts {
            return Err(TextError::Folds { folds: count, texts }.into());
        }
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut folds = vec![Vec::new(); count];
        let mut classes = self.members_of_classes();
        classes.iter_mut().for_each(|members| members.shuffle(&mut rng));
        for (turn, index) in classes.into_iter().flatten().enumerate() {
            folds[turn % count].push(index);
        }
        folds.iter_mut().for_each(|fold| fold.sort_unstable());
        Ok(folds)
    }

    /// Returns the indices of the texts of each class, in the order of the class names.
    fn members_of_classes(&self) -> Vec<Vec<usize>> {
        let mut classes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, text) in self.texts.iter().enumerate() {
            classes.entry(&text.label).or_default().push(index);
        }
        classes.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Text;
    use super::*;
    use crate::error::DataError;

    fn texts(sizes: &[(&str, usize)]) -> Texts {
        let of_class = |(label, size): &(&str, usize)| {
            let label = (*label).to_owned();
            (0..*size).map(move |number| Text { text: format!("{label} {number}"), label: label.clone() }).collect()
        };
        Texts { texts: sizes.iter().flat_map(|class| -> Vec<Text> { of_class(class) }).collect(), ..Texts::default() }
    }

    #[test]
    fn a_split_is_stratified_seeded_and_loses_nothing() {
        let all = texts(&[("a", 90), ("b", 8), ("c", 2), ("d", 1)]);
        let (train, held) = all.hold_out(0.1, 7).unwrap();
        assert_eq!(held.class_sizes().into_iter().collect::<Vec<_>>(), [("a", 9), ("b", 1), ("c", 1)]);
        assert_eq!(train.class_sizes().into_iter().collect::<Vec<_>>(), [("a", 81), ("b", 7), ("c", 1), ("d", 1)]);
        assert!(held.texts.iter().all(|text| !train.texts.contains(text)));
        assert_eq!(all.hold_out(0.1, 7).unwrap(), (train, held.clone()));
        assert_ne!(all.hold_out(0.1, 8).unwrap().1, held);
        let error = texts(&[("a", 1), ("b", 1)]).hold_out(0.5, 1).unwrap_err();
        assert!(matches!(error, DataError::Texts(TextError::TooFewTexts { .. })), "{error}");
    }

    #[test]
    fn folds_have_every_text_once_and_all_classes() {
        let all = texts(&[("a", 15), ("b", 10)]);
        let folds = all.folds(5, 1).unwrap();
        let mut indices = folds.concat();
        indices.sort_unstable();
        assert_eq!(indices, (0..25).collect::<Vec<_>>());
        for fold in &folds {
            assert_eq!(all.subset(fold).class_sizes().into_iter().collect::<Vec<_>>(), [("a", 3), ("b", 2)]);
        }
        for count in [0, 1, 26] {
            let error = all.folds(count, 1).unwrap_err();
            assert!(matches!(error, DataError::Texts(TextError::Folds { texts: 25, .. })), "{error}");
        }
    }
}
