//! Replaces entities in training sentences at random, so that the network learns to use the context and the spelling of
//! words.

use std::collections::HashMap;

use datasets::conll::TaggedSentence;
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;

use crate::labels::{Labels, Span};
use crate::train::data::spans;

/// The entities of the training part, grouped by kind. Each entity is a list of tokens.
#[derive(Debug, Default)]
pub struct Mentions {
    by_kind: HashMap<usize, Vec<Vec<String>>>,
}

impl Mentions {
    /// Collects the entities of `sentences`, grouped by kind.
    pub fn of(sentences: &[TaggedSentence], labels: &Labels) -> Self {
        let mut by_kind: HashMap<usize, Vec<Vec<String>>> = HashMap::new();
        for sentence in sentences {
            for Span { start, end, kind } in spans(&sentence.entities, labels) {
                by_kind.entry(kind).or_default().push(sentence.tokens[start..end].to_vec());
            }
        }
        Self { by_kind }
    }

    /// Replaces each entity of a sentence, with probability `share`, by a random entity of the same kind. Returns the
    /// tokens and the entities of the new sentence.
    pub fn replace(
        &self,
        tokens: &[String],
        entities: &[Span],
        share: f64,
        rng: &mut ChaCha8Rng,
    ) -> (Vec<String>, Vec<Span>) {
        let (mut new_tokens, mut new_entities, mut copied) = (Vec::with_capacity(tokens.len()), Vec::new(), 0);
        for Span { start, end, kind } in entities {
            new_tokens.extend_from_slice(&tokens[copied..*start]);
            let own = &tokens[*start..*end];
            let other = self.by_kind.get(kind).filter(|_| rng.random_bool(share)).and_then(|all| all.choose(rng));
            let start = new_tokens.len();
            new_tokens.extend_from_slice(other.map_or(own, Vec::as_slice));
            new_entities.push(Span { start, end: new_tokens.len(), kind: *kind });
            copied = *end;
        }
        new_tokens.extend_from_slice(&tokens[copied..]);
        (new_tokens, new_entities)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use datasets::conll::EntitySpan;

    use super::*;

    fn sentence(text: &str, entities: &[(usize, usize, &str)]) -> TaggedSentence {
        let span = |(start, end, kind): &(usize, usize, &str)| EntitySpan {
            start: *start,
            end: *end,
            kind: (*kind).to_owned(),
        };
        TaggedSentence {
            tokens: text.split(' ').map(str::to_owned).collect(),
            entities: entities.iter().map(span).collect(),
        }
    }

    #[test]
    fn entities_are_replaced_by_entities_of_their_kind() {
        let labels = Labels::new(vec!["person".into(), "place".into()]);
        let sentences = [
            sentence("in New York we met Ada", &[(1, 3, "place"), (5, 6, "person")]),
            sentence("to Rome", &[(1, 2, "place")]),
        ];
        let mentions = Mentions::of(&sentences, &labels);
        let (tokens, entities) = (&sentences[0].tokens, &spans(&sentences[0].entities, &labels));
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let (tokens, entities) = mentions.replace(tokens, entities, 0.9, &mut rng);
            let names: Vec<String> = entities.iter().map(|span| tokens[span.start..span.end].join(" ")).collect();
            assert!(["New York", "Rome"].contains(&names[0].as_str()) && names[1] == "Ada", "{names:?}");
            let rest: Vec<String> = [&tokens[..1], &tokens[entities[0].end..]].concat();
            assert_eq!(rest.join(" "), "in we met Ada");
            seen.insert(names[0].clone());
        }
        assert_eq!(seen.len(), 2);
        let (same, spans) = mentions.replace(tokens, entities, 0.0, &mut rng);
        assert_eq!((&same, &spans), (tokens, entities));
    }
}
