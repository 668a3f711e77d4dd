//! Removal of texts that occur more than once.

use std::collections::HashMap;

use super::{TextParts, Texts};

/// Statistics of texts that were removed because they occur more than once in the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Duplicates {
    /// The number of removed texts.
    pub removed: usize,
    /// The number of removed texts whose label differs from the label of the text that was kept.
    pub other_label: usize,
}

impl Texts {
    /// If `other` is `None`, removes each text that is equal to an earlier text. If `other` is given, removes only the
    /// texts that occur in `other`. Differences in upper and lower case and in blanks are ignored.
    pub fn remove_duplicates(&mut self, other: Option<&Self>) -> Duplicates {
        let mut seen: HashMap<String, String> =
            other.iter().flat_map(|other| &other.texts).map(|text| (key(&text.text), text.label.clone())).collect();
        let mut found = Duplicates::default();
        self.texts.retain(|text| {
            let key = key(&text.text);
            match seen.get(&key) {
                Some(label) => {
                    found.removed += 1;
                    found.other_label += usize::from(*label != text.label);
                    false
                }
                None => {
                    if other.is_none() {
                        seen.insert(key, text.label.clone());
                    }
                    true
                }
            }
        });
        found
    }
}

impl TextParts {
    /// Removes texts so that no text is in two parts. A text in the test part and in another part stays only in the
    /// test part; a text in the validation and in the training part stays only in the validation part.
    ///
    /// If there is no validation part or no test part, the caller has to hold this part out of the training part.
    /// Therefore, a text that occurs several times in the training part is then kept only once.
    pub fn remove_duplicates(&mut self) -> Duplicates {
        let mut found = Vec::new();
        if self.valid.is_none() || self.test.is_none() {
            found.push(self.train.remove_duplicates(None));
        }
        if let (Some(valid), Some(test)) = (&mut self.valid, &self.test) {
            found.push(valid.remove_duplicates(Some(test)));
        }
        for held_out in [&self.valid, &self.test].into_iter().flatten() {
            found.push(self.train.remove_duplicates(Some(held_out)));
        }
        found.into_iter().fold(Duplicates::default(), |sum, more| Duplicates {
            removed: sum.removed + more.removed,
            other_label: sum.other_label + more.other_label,
        })
    }
}

/// Returns the text in lower case, with each sequence of white space replaced by one blank.
fn key(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::Text;
    use super::*;

    fn texts(pairs: &[(&str, &str)]) -> Texts {
        let text = |(text, label): &(&str, &str)| Text { text: (*text).to_owned(), label: (*label).to_owned() };
        Texts { texts: pairs.iter().map(text).collect(), ..Texts::default() }
    }

    #[test]
    fn repeated_texts_are_removed_from_a_single_file() {
        let train = texts(&[("A  fine day", "x"), ("a fine day ", "x"), ("A FINE DAY", "y"), ("other", "y")]);
        let mut parts = TextParts { train, valid: None, test: None };
        assert_eq!(parts.remove_duplicates(), Duplicates { removed: 2, other_label: 1 });
        assert_eq!(parts.train, texts(&[("A  fine day", "x"), ("other", "y")]));
    }

    #[test]
    fn no_text_stays_in_two_parts() {
        let train = texts(&[("a", "x"), ("a", "x"), ("b", "x"), ("c", "y"), ("d", "y")]);
        let (valid, test) = (Some(texts(&[("b", "x"), ("c", "y")])), Some(texts(&[("C", "y"), ("d", "x")])));
        let mut parts = TextParts { train, valid, test };
        assert_eq!(parts.remove_duplicates(), Duplicates { removed: 4, other_label: 1 });
        assert_eq!(parts.train, texts(&[("a", "x"), ("a", "x")]), "repetitions within a part stay");
        assert_eq!(parts.valid, Some(texts(&[("b", "x")])));
    }
}
