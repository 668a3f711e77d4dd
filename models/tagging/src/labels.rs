//! Converts entities between two forms: spans of tokens, and one label per token.
//!
//! The labels follow the scheme BIOES: `O` for a token outside of all entities, `S-kind` for an entity of one token,
//! and `B-kind`, `I-kind` and `E-kind` for the first, inner and last tokens of a longer entity.
//! [Ratinov & Roth 2009](https://aclanthology.org/W09-1119/) find that this scheme, under the name BILOU, gives
//! better results than the scheme BIO.

use rnn::Allowed;

/// The label id of a token outside of all entities.
pub const OUTSIDE: usize = 0;

/// An entity: the range of its tokens in a sentence, and its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Span {
    /// The index of the first token.
    pub start: usize,
    /// One past the index of the last token.
    pub end: usize,
    /// The kind of the entity, as an index of [`Labels::kinds`].
    pub kind: usize,
}

/// The position of a token in its entity: first, inner, last or only token. The label id of the token is
/// `1 + 4 · kind + place`, with places counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Begin,
    Inside,
    End,
    Single,
}

/// The labels of a model: the label [`OUTSIDE`], and the labels `B`, `I`, `E` and `S` of each kind of entity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Labels {
    kinds: Vec<String>,
}

impl Labels {
    /// Creates the labels for the given kinds of entities, such as `person`.
    pub fn new(kinds: Vec<String>) -> Self {
        Self { kinds }
    }

    /// Returns the names of the kinds of entities. The index of a name is the kind in a [`Span`].
    pub fn kinds(&self) -> &[String] {
        &self.kinds
    }

    /// Returns the number of labels. It is the last dimension K of the emissions (the scores of
    /// the network for each token), `[batch, time, K]`.
    pub fn count(&self) -> usize {
        1 + 4 * self.kinds.len()
    }

    /// Returns the name of a label, such as `B-person`.
    pub fn name(&self, label: usize) -> String {
        let Some((kind, place)) = parts(label) else { return "O".to_owned() };
        let place = match place {
            Place::Begin => "B",
            Place::Inside => "I",
            Place::End => "E",
            Place::Single => "S",
        };
        format!("{place}-{}", self.kinds[kind])
    }

    /// Returns the label ids of a sentence with `length` tokens and the entities `spans`. The spans must lie inside the
    /// sentence and must not overlap.
    pub fn encode(&self, length: usize, spans: &[Span]) -> Vec<usize> {
        let mut labels = vec![OUTSIDE; length];
        for span in spans {
            labels[span.start..span.end].copy_from_slice(&span.labels());
        }
        labels
    }

    /// Returns the entities of a sequence of label ids, such as the sequence that the CRF has found. Labels that are
    /// not part of a complete entity are ignored; sequences that [`allowed`](Self::allowed) permits have no such
    /// labels.
    pub fn decode(&self, labels: &[usize]) -> Vec<Span> {
        let mut spans = Vec::new();
        let mut open: Option<(usize, usize)> = None; // first token and kind
        for (index, label) in labels.iter().enumerate() {
            let Some((kind, place)) = parts(*label) else {
                open = None;
                continue;
            };
            let continued = open.filter(|(_, of)| *of == kind);
            match (place, continued) {
                (Place::Single, _) => spans.push(Span { start: index, end: index + 1, kind }),
                (Place::End, Some((start, _))) => spans.push(Span { start, end: index + 1, kind }),
                _ => {}
            }
            open = match place {
                Place::Begin => Some((index, kind)),
                Place::Inside => continued,
                Place::End | Place::Single => None,
            };
        }
        spans
    }

    /// Returns the entities of any sequence of label ids, including sequences that [`allowed`](Self::allowed) excludes.
    /// This function follows the rules of the script `conlleval` of CoNLL-2003: `I` or `E` after `B` or `I` of the same
    /// kind continues an entity, and any other label except `O` begins a new entity.
    pub fn decode_broken(&self, labels: &[usize]) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        let mut open = None; // the kind of the entity that the next label may continue
        for (index, label) in labels.iter().enumerate() {
            let part = parts(*label);
            if let Some((kind, place)) = part {
                match spans.last_mut() {
                    Some(last) if open == Some(kind) && matches!(place, Place::Inside | Place::End) => last.end += 1,
                    _ => spans.push(Span { start: index, end: index + 1, kind }),
                }
            }
            open = part.filter(|(_, place)| matches!(place, Place::Begin | Place::Inside)).map(|(kind, _)| kind);
        }
        spans
    }

    /// Returns which labels may start a sentence, end a sentence, and follow each other: `B` and `I` must be followed
    /// by `I` or `E` of the same kind, and `I` and `E` must follow `B` or `I` of the same kind.
    pub fn allowed(&self) -> Allowed {
        let opens = |label: usize| matches!(parts(label), Some((_, Place::Begin | Place::Inside)));
        let continues = |label: usize| matches!(parts(label), Some((_, Place::Inside | Place::End)));
        let kind = |label: usize| parts(label).map(|(kind, _)| kind);
        Allowed {
            start: (0..self.count()).map(|label| !continues(label)).collect(),
            end: (0..self.count()).map(|label| !opens(label)).collect(),
            transitions: (0..self.count())
                .map(|from| {
                    let follows = |to| match opens(from) {
                        true => continues(to) && kind(from) == kind(to),
                        false => !continues(to),
                    };
                    (0..self.count()).map(follows).collect()
                })
                .collect(),
        }
    }
}

impl Span {
    /// Returns the label ids of the entity's tokens, one per token.
    pub fn labels(&self) -> Vec<usize> {
        let last = self.end - 1;
        let place = |token| match (token == self.start, token == last) {
            (true, true) => Place::Single,
            (true, false) => Place::Begin,
            (false, true) => Place::End,
            (false, false) => Place::Inside,
        };
        (self.start..self.end).map(|token| 1 + 4 * self.kind + place(token) as usize).collect()
    }
}

/// Splits a label id into the kind of the entity and the place of the token in it; returns `None` for [`OUTSIDE`].
fn parts(label: usize) -> Option<(usize, Place)> {
    let index = label.checked_sub(1)?;
    let place = [Place::Begin, Place::Inside, Place::End, Place::Single][index % 4];
    Some((index / 4, place))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const O: usize = OUTSIDE;
    const B: usize = 1;
    const I: usize = 2;
    const E: usize = 3;
    const S: usize = 4;

    fn labels() -> Labels {
        Labels::new(vec!["person".into(), "place".into()])
    }

    #[test]
    fn spans_have_the_labels_of_bioes() {
        let spans = [Span { start: 0, end: 3, kind: 0 }, Span { start: 4, end: 5, kind: 1 }];
        assert_eq!(labels().encode(6, &spans), [B, I, E, O, 4 + S, O]);
        assert_eq!(labels().decode(&[B, I, E, O, 4 + S, O]), spans);
    }

    #[test]
    fn labels_that_form_no_entity_are_ignored() {
        for broken in [&[B, O][..], &[I, E], &[B, 4 + E], &[E], &[B, B]] {
            assert_eq!(labels().decode(broken), [], "{broken:?}");
        }
        assert_eq!(labels().decode(&[B, S]), [Span { start: 1, end: 2, kind: 0 }]);
    }

    /// Returns the end of the last entity, and the entities one after the other. Each item of `parts` has the gap
    /// before an entity, its length and its kind.
    fn spans(parts: &[(usize, usize, usize)]) -> (usize, Vec<Span>) {
        parts.iter().fold((0, Vec::new()), |(end, mut spans), (gap, length, kind)| {
            spans.push(Span { start: end + gap, end: end + gap + length, kind: *kind });
            (end + gap + length, spans)
        })
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding_and_encoded_labels_are_allowed(
            parts in prop::collection::vec((0usize..3, 1usize..5, 0usize..2), 0..6), after in 0usize..3
        ) {
            let (end, spans) = spans(&parts);
            let encoded = labels().encode(end + after, &spans);
            prop_assert_eq!(&labels().decode(&encoded), &spans);
            prop_assert_eq!(labels().decode_broken(&encoded), spans);
            let allowed = labels().allowed();
            prop_assert!(encoded.windows(2).all(|pair| allowed.transitions[pair[0]][pair[1]]));
            prop_assert!(encoded.first().is_none_or(|label| allowed.start[*label]));
            prop_assert!(encoded.last().is_none_or(|label| allowed.end[*label]));
        }

        #[test]
        fn allowed_labels_are_those_that_survive_decoding(raw in prop::collection::vec(0usize..9, 1..7)) {
            let allowed = labels().allowed();
            let valid = allowed.start[raw[0]]
                && allowed.end[raw[raw.len() - 1]]
                && raw.windows(2).all(|pair| allowed.transitions[pair[0]][pair[1]]);
            let spans = labels().decode(&raw);
            prop_assert_eq!(valid, labels().encode(raw.len(), &spans) == raw);
        }
    }
}
