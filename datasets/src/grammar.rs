//! The embedded text: sentences of a seeded probabilistic grammar of our own, whose entropy is known.
//!
//! `grammar.txt` holds the rules. Numbers have to agree over whole clauses ("the dogs that the cat near the red door sees
//! sleep"), verbs ask for things or for those who act, `if` for `then`: what stands in the last four words is not enough.
//! Each sentence has one derivation, so that its probability is the product of those of the rules used; no model can
//! expect a smaller perplexity than the grammar's own.

use std::collections::HashMap;

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::corpus::Corpus;
use crate::source::hex;

const SEED: u64 = 1906;
/// Sentences of the training, validation and test part.
const SENTENCES: [usize; 3] = [20_000, 2_000, 2_000];
const START: &str = "SENTENCE";

/// Draws the text; the same at every call.
pub fn load() -> Corpus {
    let grammar = Grammar::new();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let [(train, _), (valid, _), (test, floor)] = SENTENCES.map(|count| grammar.text(count, &mut rng));
    let sum = hex(&Sha256::digest(&train));
    let source = format!("sentences of the embedded grammar (SHA-256 of the training part {sum})");
    Corpus { train, valid, test, source, floor: Some(floor) }
}

struct Grammar {
    rules: HashMap<&'static str, Rules>,
}

/// The ways to write out a name.
struct Rules {
    ways: Vec<Vec<&'static str>>,
    draw: WeightedIndex<f64>,
    /// Natural logarithms of their probabilities.
    costs: Vec<f64>,
}

impl Grammar {
    fn new() -> Self {
        let lines = include_str!("grammar.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self { rules: lines.filter_map(rules).collect() }
    }

    /// Some sentences, one a line, and their perplexity, the end of a line being a word.
    fn text(&self, sentences: usize, rng: &mut impl Rng) -> (String, f64) {
        let (mut text, mut words, mut nats) = (String::new(), 0, 0.0);
        for _ in 0..sentences {
            let mut sentence = Vec::new();
            nats -= self.write(START, &mut sentence, rng);
            words += sentence.len() + 1;
            text += &sentence.join(" ");
            text.push('\n');
        }
        (text, (nats / words as f64).exp())
    }

    /// Writes a symbol out and returns the logarithm of the probability of how.
    fn write(&self, symbol: &'static str, sentence: &mut Vec<&'static str>, rng: &mut impl Rng) -> f64 {
        let Some(rules) = self.rules.get(symbol) else {
            sentence.push(symbol);
            return 0.0;
        };
        let way = rules.draw.sample(rng);
        rules.costs[way] + rules.ways[way].iter().map(|symbol| self.write(symbol, sentence, rng)).sum::<f64>()
    }
}

/// `NAME = weight symbols | …` or `NAME ~ words`; `None` for what is neither, which the tests exclude.
fn rules(line: &'static str) -> Option<(&'static str, Rules)> {
    let (name, ways): (_, Vec<(f64, Vec<_>)>) = match (line.split_once('='), line.split_once('~')) {
        (Some((name, ways)), _) => {
            let way = |way: &'static str| {
                let (weight, symbols) = way.trim().split_once(' ')?;
                Some((weight.parse().ok()?, symbols.split_whitespace().collect()))
            };
            (name, ways.split('|').map(way).collect::<Option<_>>()?)
        }
        (None, Some((name, words))) => {
            (name, words.split_whitespace().zip(1..).map(|(word, rank)| (1.0 / f64::from(rank), vec![word])).collect())
        }
        (None, None) => return None,
    };
    let (weights, ways): (Vec<f64>, _) = ways.into_iter().unzip();
    let total: f64 = weights.iter().sum();
    let costs = weights.iter().map(|weight| (weight / total).ln()).collect();
    Some((name.trim(), Rules { ways, draw: WeightedIndex::new(&weights).ok()?, costs }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    /// Solves `value(name) = Σ probability × (own(probability) + Σ value(symbol))`, where a word is worth `word`.
    fn expected(grammar: &Grammar, own: impl Fn(f64) -> f64, word: f64) -> f64 {
        let mut values: HashMap<&str, f64> = HashMap::new();
        for _ in 0..1000 {
            let value = |rules: &Rules| -> f64 {
                let of = |way: &Vec<&str>| -> f64 {
                    let symbol = |symbol: &&str| match grammar.rules.contains_key(symbol) {
                        true => values.get(symbol).copied().unwrap_or(0.0),
                        false => word,
                    };
                    way.iter().map(symbol).sum()
                };
                rules.ways.iter().zip(&rules.costs).map(|(way, cost)| cost.exp() * (own(*cost) + of(way))).sum()
            };
            values = grammar.rules.iter().map(|(name, rules)| (*name, value(rules))).collect();
        }
        values[START]
    }

    #[test]
    fn every_line_is_a_rule_and_every_name_has_rules() {
        let grammar = Grammar::new();
        let lines =
            include_str!("grammar.txt").lines().filter(|line| line.contains(['=', '~']) && !line.starts_with('#'));
        assert_eq!(lines.count(), grammar.rules.len());
        let symbols = grammar.rules.values().flat_map(|rules| rules.ways.iter().flatten());
        for symbol in symbols.filter(|symbol| symbol.starts_with(char::is_uppercase)) {
            assert!(grammar.rules.contains_key(symbol), "{symbol}");
        }
    }

    /// The text's own perplexity against the entropy of the grammar, computed from its rules alone.
    #[test]
    fn the_text_is_as_hard_as_the_grammar_says() {
        let grammar = Grammar::new();
        let (nats, words) = (expected(&grammar, |cost| -cost, 0.0), expected(&grammar, |_| 0.0, 1.0));
        let floor = (nats / (words + 1.0)).exp();
        assert!((8.0..10.0).contains(&floor), "{floor}");
        let corpus = load();
        assert!((corpus.floor.unwrap() / floor - 1.0).abs() < 0.03, "{:?} beside {floor}", corpus.floor);
        let tokens = Level::Word.tokens(&corpus.train).count() as f64;
        assert!((tokens / 20_000.0 / (words + 1.0) - 1.0).abs() < 0.02, "{tokens}");
    }

    /// In how many ways each name derives each stretch of a sentence.
    struct Parser<'a> {
        grammar: &'a Grammar,
        sentence: Vec<&'a str>,
        known: HashMap<(&'a str, usize, usize), usize>,
    }

    impl<'a> Parser<'a> {
        fn count(&mut self, symbol: &'a str, start: usize, end: usize) -> usize {
            let Some(rules) = self.grammar.rules.get(symbol) else {
                return usize::from(end - start == 1 && self.sentence[start] == symbol);
            };
            if let Some(count) = self.known.get(&(symbol, start, end)) {
                return *count;
            }
            let count = rules.ways.iter().map(|way| self.count_all(way, start, end)).sum();
            self.known.insert((symbol, start, end), count);
            count
        }

        fn count_all(&mut self, symbols: &'a [&'static str], start: usize, end: usize) -> usize {
            match symbols {
                [] => usize::from(start == end),
                [last] => self.count(last, start, end),
                // Every symbol is one word at least.
                [first, rest @ ..] => (start + 1..=end.saturating_sub(rest.len()))
                    .map(|middle| match self.count(first, start, middle) {
                        0 => 0,
                        count => count * self.count_all(rest, middle, end),
                    })
                    .sum(),
            }
        }
    }

    #[test]
    fn every_sentence_has_one_derivation() {
        let (grammar, corpus) = (Grammar::new(), load());
        for line in corpus.test.lines().filter(|line| line.split(' ').count() < 40).take(500) {
            let sentence: Vec<&str> = line.split(' ').collect();
            let end = sentence.len();
            let mut parser = Parser { grammar: &grammar, sentence, known: HashMap::new() };
            assert_eq!(parser.count(START, 0, end), 1, "{line}");
        }
    }
}
