//! Text for named entity recognition that is part of the crate: short news items and messages from a seeded generator,
//! with persons, places, organisations, products and dates as entities. The context of a name determines its entity
//! type; the name itself does not.
//!
//! `news.txt` holds the grammar. Names are made of random syllables, and the same name may be a person, a place, an
//! organisation or a product: "Marlow won the match", "Marlow is under water", "Marlow cut prices". Ordinary words are
//! sometimes names ("Falcon cut prices", "the falcon was found in a garden"), months are sometimes ordinary words
//! ("prices may rise"), and years are sometimes counts ("the hall has 1987 seats"). The words that determine the entity
//! type stand before or after the name, next to it or several words away. Some news items are in capitals, and many
//! messages are in lower case.
//!
//! The training, validation and test parts have the same grammar but different names of persons, places, organisations
//! and products. About 90 % of the names in the validation and test parts do not occur in the training part at all. The
//! other 10 % are ordinary words, which the training part contains, but never as names. The same date may occur in
//! several parts. No sentence occurs twice.
//!
//! A good result shows that a model uses the context: a baseline that predicts the most frequent tag of each word has
//! an F1 of only 0.44 in the training part, and of 0.09 in the test part. A good result does not show that a model
//! knows the variety of real text: the grammar has some 300 phrases, and all of them occur in the training part.

use std::collections::HashSet;

use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use crate::conll::{EntitySpan, TaggedParts, TaggedSentence};
use crate::grammar::Grammar;

const SEED: u64 = 2017;
/// The numbers of sentences in the training, validation and test part.
const SENTENCES: [usize; 3] = [3000, 500, 1000];
/// The numbers of different names made of syllables, in the training, validation and test part.
const NAMES: [usize; 3] = [1500, 300, 600];
/// The limits of the ranges of ordinary words that are used as names. The words are those of the symbol `NOUN` of the
/// grammar. Part `i` (0 for training, 1 for validation, 2 for testing) uses the words `NOUNS[i]..NOUNS[i + 1]`.
const NOUNS: [usize; 4] = [0, 45, 55, 75];
/// The probability that a name is an ordinary word.
const ORDINARY: f64 = 0.1;

const ONSETS: [&str; 22] = [
    "b", "br", "d", "dr", "f", "g", "gr", "h", "j", "k", "kl", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v", "w",
];
const VOWELS: [&str; 7] = ["a", "e", "i", "o", "u", "ai", "ou"];
/// The possible ends of the syllables of a name: first for all syllables except the last, then for the last syllable.
const CODAS: [&[&str]; 2] = [&["", "", "l", "n", "r"], &["", "l", "n", "r", "s", "nd", "rk", "th", "ck", "w"]];

/// Generates 3,000 tagged sentences for training, 500 for validation and 1,000 for testing, with the entity types
/// `person`, `place`, `organisation`, `product` and `date`. Every call returns the same sentences.
pub fn load() -> TaggedParts {
    generate(SEED)
}

fn generate(seed: u64) -> TaggedParts {
    let grammar = Grammar::parse(include_str!("news.txt").split("\n\n"));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut known, mut seen) = (HashSet::new(), HashSet::new());
    let mut part = |index: usize| {
        let names = (0..NAMES[index]).map(|_| new_name(&mut rng, &mut known)).collect();
        let nouns = grammar.words("NOUN").skip(NOUNS[index]).take(NOUNS[index + 1] - NOUNS[index]).collect();
        let mut writer = Writer { grammar: &grammar, names, nouns, rng: &mut rng, sentence: TaggedSentence::default() };
        let items = std::iter::repeat_with(|| writer.item()).filter(|item| seen.insert(item.tokens.clone()));
        items.take(SENTENCES[index]).collect()
    };
    let [train, valid, test] = [0, 1, 2].map(&mut part);
    TaggedParts { train, valid, test, source: format!("the embedded news (generator seed {seed})") }
}

/// Generates a name of two or three syllables that is not in `known`, and adds it to `known` in lower case.
fn new_name(rng: &mut ChaCha8Rng, known: &mut HashSet<String>) -> String {
    loop {
        let inner = if rng.random_bool(0.75) { 1 } else { 2 };
        let name: String = (0..=inner).map(|place| syllable(place == inner, rng)).collect();
        if known.insert(name.clone()) {
            return capitalised(&name);
        }
    }
}

fn syllable(last: bool, rng: &mut ChaCha8Rng) -> String {
    let mut pick = |from: &[&'static str]| from.choose(rng).copied().unwrap_or_default();
    [pick(&ONSETS), pick(&VOWELS), pick(CODAS[usize::from(last)])].concat()
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Generates the sentences of one part of the data set (training, validation or test).
struct Writer<'a> {
    grammar: &'a Grammar,
    /// The names made of syllables that this part uses.
    names: Vec<String>,
    /// The ordinary words that are used as names in this part.
    nouns: Vec<&'static str>,
    rng: &'a mut ChaCha8Rng,
    /// The sentence that is being generated.
    sentence: TaggedSentence,
}

impl Writer<'_> {
    /// Generates a tagged sentence: a news item or a message.
    fn item(&mut self) -> TaggedSentence {
        let message = self.rng.random_bool(0.35);
        self.write(if message { "MESSAGE" } else { "NEWS" });
        let TaggedSentence { mut tokens, entities } = std::mem::take(&mut self.sentence);
        if message && self.rng.random_bool(0.5) {
            tokens.iter_mut().for_each(|token| *token = token.to_lowercase());
        } else if !message && self.rng.random_bool(0.05) {
            tokens.iter_mut().for_each(|token| *token = token.to_uppercase());
        } else if let Some(first) = tokens.first_mut() {
            *first = capitalised(first);
        }
        TaggedSentence { tokens, entities }
    }

    /// Expands a symbol at random, and appends its tokens and entities to the sentence.
    fn write(&mut self, symbol: &'static str) {
        let start = self.sentence.tokens.len();
        match self.grammar.draw(symbol, self.rng) {
            Some(symbols) => symbols.iter().for_each(|symbol| self.write(symbol)),
            None => {
                let token = self.token(symbol);
                self.sentence.tokens.push(token);
            }
        }
        if let Some(kind) = symbol.strip_prefix('<').and_then(|symbol| symbol.split([':', '>']).next()) {
            let end = self.sentence.tokens.len();
            self.sentence.entities.push(EntitySpan { start, end, kind: kind.to_owned() });
        }
    }

    /// Returns the token for a symbol without a rule: a random name, number, day or year, or else the symbol itself.
    fn token(&mut self, symbol: &str) -> String {
        match symbol {
            "NAME" => self.name(),
            "NUMBER" => self.rng.random_range(2..1000).to_string(),
            "DAY" => self.rng.random_range(1..32).to_string(),
            "YEAR" => self.rng.random_range(1950..2050).to_string(),
            word => word.to_owned(),
        }
    }

    fn name(&mut self) -> String {
        match self.rng.random_bool(ORDINARY) {
            true => self.nouns.choose(self.rng).map_or(String::new(), |noun| capitalised(noun)),
            false => self.names.choose(self.rng).cloned().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::conll::{self, ConllFormat, Scheme};

    /// Entities other than dates, as lower-case words.
    fn names(part: &[TaggedSentence]) -> Vec<Vec<String>> {
        let of = |sentence: &TaggedSentence| -> Vec<Vec<String>> {
            let named = sentence.entities.iter().filter(|entity| entity.kind != "date");
            let words = |entity: &EntitySpan| &sentence.tokens[entity.start..entity.end];
            named.map(|entity| words(entity).iter().map(|word| word.to_lowercase()).collect()).collect()
        };
        part.iter().flat_map(of).collect()
    }

    fn words(sentences: impl Iterator<Item = Vec<String>>) -> HashSet<String> {
        sentences.flatten().map(|word| word.to_lowercase()).collect()
    }

    #[test]
    fn the_news_are_reproducible_and_without_duplicates() {
        let parts = load();
        assert_eq!(load(), parts);
        assert_ne!(generate(SEED + 1).test, parts.test);
        assert_eq!([&parts.train, &parts.valid, &parts.test].map(Vec::len), SENTENCES);
        let all = parts.train.iter().chain(&parts.valid).chain(&parts.test);
        assert_eq!(all.map(|sentence| &sentence.tokens).collect::<HashSet<_>>().len(), SENTENCES.iter().sum());
    }

    #[test]
    fn every_rule_is_read_and_every_symbol_has_a_rule() {
        let text = include_str!("news.txt");
        let grammar = Grammar::parse(text.split("\n\n"));
        let rules = || text.split("\n\n").filter(|rule| !rule.starts_with('#'));
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        for rule in rules() {
            let (name, productions) = rule.split_once(" = ").unwrap();
            assert!(grammar.draw(name, &mut rng).is_some(), "{name}");
            for symbol in productions.split_whitespace() {
                let capitals = symbol.len() > 1 && symbol.chars().all(|c| c.is_ascii_uppercase() || c == '.');
                let drawn = ["NAME", "NUMBER", "DAY", "YEAR"].contains(&symbol);
                if (capitals && !drawn) || symbol.starts_with('<') {
                    assert!(grammar.draw(symbol, &mut rng).is_some(), "{symbol} in {name}");
                }
            }
        }
        assert_eq!(grammar.words("NOUN").collect::<HashSet<_>>().len(), NOUNS[3]);
    }

    /// Writes the sentences as CoNLL columns and reads them again, which checks that the spans are in order, in range
    /// and without overlaps.
    #[test]
    fn the_entities_are_spans_of_five_kinds() {
        for part in [load().train, load().valid, load().test] {
            let mut text = String::new();
            for TaggedSentence { tokens, entities } in &part {
                let tags = Scheme::Bioes.tags(tokens.len(), entities);
                text += &tokens.iter().zip(tags).map(|(token, tag)| format!("{token}\t{tag}\n")).collect::<String>();
                text.push('\n');
            }
            let read = conll::parse("news".as_ref(), &text, &ConllFormat::default()).unwrap();
            assert_eq!(read, part);
            let kinds: HashSet<&str> = part.iter().flat_map(|s| &s.entities).map(|entity| &entity.kind[..]).collect();
            assert_eq!(kinds, HashSet::from(["person", "place", "organisation", "product", "date"]));
        }
    }

    #[test]
    fn every_name_of_the_later_parts_is_new() {
        let TaggedParts { train, valid, test, .. } = load();
        let mut known = words(names(&train).into_iter());
        let seen = words(train.iter().map(|sentence| sentence.tokens.clone()));
        for part in [valid, test] {
            let names = names(&part);
            let new = |name: &&Vec<String>| name.iter().any(|word| !known.contains(word));
            assert_eq!(names.iter().filter(new).count(), names.len());
            let unseen = names.iter().filter(|name| name.iter().any(|word| !seen.contains(word))).count();
            let share = unseen as f64 / names.len() as f64;
            assert!((0.88..0.95).contains(&share), "{share}");
            known.extend(words(names.into_iter()));
        }
    }

    /// F1 of the most frequent tag of each word, by exact span and kind.
    fn frequency_f1(train: &[TaggedSentence], test: &[TaggedSentence]) -> f64 {
        let mut counts: HashMap<&str, HashMap<String, usize>> = HashMap::new();
        for TaggedSentence { tokens, entities } in train {
            for (token, tag) in tokens.iter().zip(Scheme::Iob1.tags(tokens.len(), entities)) {
                *counts.entry(token).or_default().entry(tag).or_default() += 1;
            }
        }
        let best = |token: &String| {
            let tags = counts.get(&token[..])?.iter();
            tags.max_by_key(|(tag, count)| (**count, *tag)).map(|(tag, _)| tag.clone())
        };
        let (mut right, mut all) = (0, 0);
        for TaggedSentence { tokens, entities } in test {
            let line = |token| format!("{token}\t{}\n", best(token).unwrap_or("O".to_owned()));
            let text: String = tokens.iter().map(line).collect();
            let format = ConllFormat { scheme: Some(Scheme::Iob1), ..ConllFormat::default() };
            let found = conll::parse("news".as_ref(), &text, &format).unwrap().remove(0).entities;
            right += found.iter().filter(|entity| entities.contains(entity)).count();
            all += found.len() + entities.len();
        }
        2.0 * right as f64 / all as f64
    }

    #[test]
    fn the_word_does_not_determine_the_kind() {
        let TaggedParts { train, test, .. } = load();
        let (seen, unseen) = (frequency_f1(&train, &train), frequency_f1(&train, &test));
        assert!(seen < 0.5 && unseen < 0.15, "{seen} {unseen}");
    }

    #[test]
    fn some_news_are_in_capitals_and_half_of_the_messages_in_lower_case() {
        let train = load().train;
        let share = |test: fn(&String) -> bool| {
            train.iter().filter(|sentence| sentence.tokens.iter().all(test)).count() as f64 / train.len() as f64
        };
        let (lower, upper) =
            (share(|token| *token == token.to_lowercase()), share(|token| *token == token.to_uppercase()));
        assert!((0.14..0.21).contains(&lower) && (0.02..0.05).contains(&upper), "{lower} {upper}");
    }
}
