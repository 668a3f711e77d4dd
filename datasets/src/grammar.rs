//! Text that is part of the crate: sentences that are generated with a fixed seed from a probabilistic context-free
//! grammar of known entropy.
//!
//! `grammar.txt` holds the rules. A subject and its verb agree in number (singular or plural) across whole clauses
//! ("the dogs that the cat near the red door sees sleep"), a verb takes either animate or inanimate objects, and `if`
//! requires `then`. A model with a context of only four words therefore cannot predict the next word as well as
//! possible. Each sentence has exactly one derivation, so its probability is the product of the probabilities of the
//! rules in this derivation. No model has a lower expected perplexity than the grammar itself.

use std::collections::HashMap;

use rand::distr::Distribution;
use rand::distr::weighted::WeightedIndex;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

use crate::corpus::Corpus;
use crate::source::hex;

const SEED: u64 = 1906;
/// The numbers of sentences in the training, validation and test part.
const SENTENCES: [usize; 3] = [20_000, 2_000, 2_000];
const START: &str = "SENTENCE";

/// Generates the corpus: 20,000 sentences for training, 2,000 for validation and 2,000 for testing, one per line. Every
/// call returns the same text.
///
/// [`Corpus::floor`] is the perplexity of the test part under the grammar.
pub fn load() -> Corpus {
    let grammar = Grammar::new();
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let [(train, _), (valid, _), (test, floor)] = SENTENCES.map(|count| grammar.text(count, &mut rng));
    let sum = hex(&Sha256::digest(&train));
    let source = format!("sentences of the embedded grammar (SHA-256 of the training part {sum})");
    Corpus { train, valid, test, source, floor: Some(floor) }
}

/// A probabilistic context-free grammar.
pub(crate) struct Grammar {
    rules: HashMap<&'static str, Rules>,
}

/// The productions of one nonterminal symbol of the grammar, with their probabilities.
struct Rules {
    /// The symbols of each production.
    productions: Vec<Vec<&'static str>>,
    /// Draws the index of a random production.
    draw: WeightedIndex<f64>,
    /// Natural logarithms of the productions' probabilities.
    log_probs: Vec<f64>,
}

impl Grammar {
    fn new() -> Self {
        Self::parse(include_str!("grammar.txt").lines())
    }

    /// Parses a grammar from texts, each with the rule of one symbol. Empty texts and texts that begin with `#` are
    /// skipped.
    pub fn parse(texts: impl Iterator<Item = &'static str>) -> Self {
        let texts = texts.filter(|text| !text.is_empty() && !text.starts_with('#'));
        Self { rules: texts.filter_map(rules).collect() }
    }

    /// Draws a random production of a symbol. Returns `None` if the symbol has no rules.
    pub fn draw(&self, symbol: &str, rng: &mut impl Rng) -> Option<&[&'static str]> {
        let rules = self.rules.get(symbol)?;
        rules.productions.get(rules.draw.sample(rng)).map(Vec::as_slice)
    }

    /// Returns the words of the word class `symbol`, in the order in which the grammar lists them.
    pub fn words(&self, symbol: &str) -> impl Iterator<Item = &'static str> {
        self.rules.get(symbol).into_iter().flat_map(|rules| rules.productions.iter().flatten().copied())
    }

    /// Draws random sentences. Returns them, one per line, and their perplexity under the grammar. The perplexity
    /// counts the end of a line as a word.
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

    /// Expands a symbol at random, appends the words to `sentence`, and returns the log-probability of the derivation.
    fn write(&self, symbol: &'static str, sentence: &mut Vec<&'static str>, rng: &mut impl Rng) -> f64 {
        let Some(rules) = self.rules.get(symbol) else {
            sentence.push(symbol);
            return 0.0;
        };
        let chosen = rules.draw.sample(rng);
        rules.log_probs[chosen]
            + rules.productions[chosen].iter().map(|symbol| self.write(symbol, sentence, rng)).sum::<f64>()
    }
}

/// Parses a rule: `NAME = weight symbols | …` for the weighted productions of a symbol, or `NAME ~ words` for a word
/// class, in which the r-th word has the weight 1 / r. A production without a weight has the weight 1. Returns `None`
/// for a malformed rule; tests check that all rules of the embedded grammars can be parsed.
fn rules(line: &'static str) -> Option<(&'static str, Rules)> {
    let (name, productions): (_, Vec<(f64, Vec<_>)>) = match (line.split_once('='), line.split_once('~')) {
        (Some((name, productions)), _) => {
            let production = |text: &'static str| {
                let symbols: Vec<_> = text.split_whitespace().collect();
                match symbols.first().map(|symbol| symbol.parse()) {
                    Some(Ok(weight)) => (weight, symbols[1..].to_vec()),
                    _ => (1.0, symbols),
                }
            };
            (name, productions.split('|').map(production).collect())
        }
        (None, Some((name, words))) => {
            (name, words.split_whitespace().zip(1..).map(|(word, rank)| (1.0 / f64::from(rank), vec![word])).collect())
        }
        (None, None) => return None,
    };
    let (weights, productions): (Vec<f64>, _) = productions.into_iter().unzip();
    let total: f64 = weights.iter().sum();
    let log_probs = weights.iter().map(|weight| (weight / total).ln()).collect();
    Some((name.trim(), Rules { productions, draw: WeightedIndex::new(&weights).ok()?, log_probs }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Solves `value(name) = Σ probability × (own(log_prob) + Σ value(symbol))`, where each word has the value `word`.
    fn expected(grammar: &Grammar, own: impl Fn(f64) -> f64, word: f64) -> f64 {
        let mut values: HashMap<&str, f64> = HashMap::new();
        for _ in 0..1000 {
            let value = |rules: &Rules| -> f64 {
                let sum = |production: &Vec<&str>| -> f64 {
                    let symbol = |symbol: &&str| match grammar.rules.contains_key(symbol) {
                        true => values.get(symbol).copied().unwrap_or(0.0),
                        false => word,
                    };
                    production.iter().map(symbol).sum()
                };
                rules
                    .productions
                    .iter()
                    .zip(&rules.log_probs)
                    .map(|(production, log_prob)| log_prob.exp() * (own(*log_prob) + sum(production)))
                    .sum()
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
        let symbols = grammar.rules.values().flat_map(|rules| rules.productions.iter().flatten());
        for symbol in symbols.filter(|symbol| symbol.starts_with(char::is_uppercase)) {
            assert!(grammar.rules.contains_key(symbol), "{symbol}");
        }
    }

    /// Compares the perplexity of the text with the entropy of the grammar, computed from the rules alone.
    #[test]
    fn the_text_has_the_entropy_of_the_grammar() {
        let grammar = Grammar::new();
        let (nats, words) = (expected(&grammar, |log_prob| -log_prob, 0.0), expected(&grammar, |_| 0.0, 1.0));
        let floor = (nats / (words + 1.0)).exp();
        assert!((8.0..10.0).contains(&floor), "{floor}");
        let corpus = load();
        assert!((corpus.floor.unwrap() / floor - 1.0).abs() < 0.03, "{:?}, expected {floor}", corpus.floor);
        let tokens = corpus.train.lines().map(|line| line.split_whitespace().count() + 1).sum::<usize>() as f64;
        assert!((tokens / 20_000.0 / (words + 1.0) - 1.0).abs() < 0.02, "{tokens}");
    }

    /// Counts the derivations of each span of a sentence from each symbol (CYK).
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
            let count = rules.productions.iter().map(|symbols| self.count_all(symbols, start, end)).sum();
            self.known.insert((symbol, start, end), count);
            count
        }

        fn count_all(&mut self, symbols: &'a [&'static str], start: usize, end: usize) -> usize {
            match symbols {
                [] => usize::from(start == end),
                [last] => self.count(last, start, end),
                // Every symbol derives at least one word.
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
