//! The yardstick: n-grams with interpolated Kneser-Ney smoothing, in the modified form of
//! [Chen & Goodman 1999](https://doi.org/10.1006/csla.1999.0128), of which three discounts an order are estimated from the
//! counts themselves. Nothing is tuned, no n-gram is left out.
//!
//! Contexts are nodes of a tree in which the parent of `… v w` is `w`'s own shorter context: to back off is to go up.

use std::collections::HashMap;

/// The number of the token that ends a line, and, as a context, that stands before one.
const END: u32 = 0;
/// The node of the empty context.
const ROOT: u32 = 0;

/// The model.
#[derive(Clone, Debug)]
pub struct KneserNey {
    order: usize,
    vocabulary: usize,
    /// From a context and the word before it to the longer context.
    longer: HashMap<(u32, u32), u32>,
    /// How often a word follows a context: in the text for the longest contexts, else in how many longer ones.
    counts: HashMap<(u32, u32), u32>,
    contexts: Vec<Context>,
    /// By length of context: what is taken from counts of 1, 2, and 3 or more.
    discounts: Vec<[f64; 3]>,
}

/// What follows a context.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    total: u32,
    /// Words that follow once, twice, more often.
    words: [u32; 3],
}

impl KneserNey {
    /// Learns from a text of lines, each ended by token 0.
    pub fn fit(tokens: &[u32], order: usize, vocabulary: usize) -> Self {
        let mut model = Self {
            order,
            vocabulary,
            longer: HashMap::new(),
            counts: HashMap::new(),
            contexts: vec![Context::default()],
            discounts: Vec::new(),
        };
        let mut depths = vec![0];
        for position in 0..tokens.len() {
            let path = model.grow(history(tokens, position, order), &mut depths);
            model.count(&path, tokens[position]);
        }
        model.sum_up(&depths);
        model
    }

    /// The contexts of a place, from the empty one to the longest, made where they are not there yet.
    fn grow(&mut self, history: impl Iterator<Item = u32>, depths: &mut Vec<usize>) -> Vec<u32> {
        let mut path = vec![ROOT];
        for word in history {
            let new = self.contexts.len() as u32;
            let node = *self.longer.entry((path[path.len() - 1], word)).or_insert(new);
            if node == new {
                self.contexts.push(Context::default());
                depths.push(path.len());
            }
            path.push(node);
        }
        path
    }

    /// Counts a word in the longest context, and in a shorter one if the next longer one had not been followed by it.
    fn count(&mut self, path: &[u32], word: u32) {
        for &node in path.iter().rev() {
            let count = self.counts.entry((node, word)).or_default();
            *count += 1;
            if *count > 1 {
                break;
            }
        }
    }

    fn sum_up(&mut self, depths: &[usize]) {
        // By length of context: how many counts are 1, 2, 3 and 4.
        let mut frequencies = vec![[0.0; 4]; self.order];
        for (&(node, _), &count) in &self.counts {
            let context = &mut self.contexts[node as usize];
            context.total += count;
            context.words[(count as usize).min(3) - 1] += 1;
            if let 1..=4 = count {
                frequencies[depths[node as usize]][count as usize - 1] += 1.0;
            }
        }
        self.discounts = frequencies.into_iter().map(discounts).collect();
    }

    /// The probability of a word after a history, most recent word first.
    fn probability(&self, history: impl Iterator<Item = u32>, word: u32) -> f64 {
        let mut probability = self.interpolated(ROOT, 0, word, 1.0 / self.vocabulary as f64);
        let mut node = ROOT;
        for (before, depth) in history.zip(1..) {
            let Some(&longer) = self.longer.get(&(node, before)) else { break };
            node = longer;
            probability = self.interpolated(node, depth, word, probability);
        }
        probability
    }

    /// The discounted share of a word after a context, and of what was taken off, the share that `shorter` gives it.
    fn interpolated(&self, node: u32, depth: usize, word: u32, shorter: f64) -> f64 {
        let (context, discounts) = (&self.contexts[node as usize], &self.discounts[depth]);
        let total = f64::from(context.total);
        let own = match self.counts.get(&(node, word)) {
            Some(&count) => (f64::from(count) - discounts[(count as usize).min(3) - 1]).max(0.0),
            None => 0.0,
        };
        let taken: f64 =
            context.words.iter().zip(discounts).map(|(words, discount)| f64::from(*words) * discount).sum();
        if total > 0.0 { (own + taken * shorter) / total } else { shorter }
    }

    /// The perplexity of a text of lines.
    pub fn perplexity(&self, tokens: &[u32]) -> f64 {
        let cost = |position: usize| -self.probability(history(tokens, position, self.order), tokens[position]).ln();
        let nats: f64 = (0..tokens.len()).map(cost).sum();
        (nats / tokens.len() as f64).exp()
    }
}

/// The words before a place, most recent first, as many as an n-gram has room for, and no further back than the end of the
/// line before.
fn history(tokens: &[u32], position: usize, order: usize) -> impl Iterator<Item = u32> {
    let before = tokens[..position].iter().rev().copied().chain([END]);
    let mut ended = false;
    before.take(order - 1).take_while(move |word| !std::mem::replace(&mut ended, *word == END))
}

/// The least that is taken off: without it a word never seen in any context would be impossible.
const LEAST: f64 = 0.1;

/// From how many n-grams occur once, twice, three and four times.
fn discounts([one, two, three, four]: [f64; 4]) -> [f64; 3] {
    if one == 0.0 || two == 0.0 || three == 0.0 {
        // Too little text to estimate them.
        return [0.5, 0.75, 0.9];
    }
    let share = one / (one + 2.0 * two);
    [(1.0, two / one), (2.0, three / two), (3.0, four / three)]
        .map(|(count, ratio): (f64, f64)| (count - (count + 1.0) * share * ratio).clamp(LEAST, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: [u32; 16] = [1, 2, 3, 0, 1, 2, 4, 0, 5, 2, 3, 0, 1, 3, 3, 0];

    #[test]
    fn probabilities_sum_to_one_after_every_history() {
        let model = KneserNey::fit(&TEXT, 3, 7);
        for position in 0..TEXT.len() {
            let sum: f64 = (0..7).map(|word| model.probability(history(&TEXT, position, 3), word)).sum();
            approx::assert_relative_eq!(sum, 1.0, epsilon = 1e-12);
        }
        let unseen: f64 = (0..7).map(|word| model.probability([6, 6].into_iter(), word)).sum();
        approx::assert_relative_eq!(unseen, 1.0, epsilon = 1e-12);
    }

    #[test]
    fn shorter_contexts_count_the_different_words_before() {
        let model = KneserNey::fit(&TEXT, 2, 7);
        let unigram = |word: u32| model.counts.get(&(ROOT, word)).copied().unwrap_or(0);
        // 3 stands after 2, 1 and 3; 2 after 1 and 5; 1 after the beginning of a line alone.
        assert_eq!([3, 2, 1, 6].map(unigram), [3, 2, 1, 0]);
        let after_2 = model.longer[&(ROOT, 2)];
        assert_eq!(model.counts[&(after_2, 3)], 2);
    }

    #[test]
    fn histories_end_at_the_line_before() {
        let of = |position| history(&TEXT, position, 4).collect::<Vec<_>>();
        assert_eq!((of(0), of(2), of(3), of(4), of(5)), (vec![0], vec![2, 1, 0], vec![3, 2, 1], vec![0], vec![1, 0]));
    }

    #[test]
    fn nothing_is_impossible_however_often_a_text_repeats_itself() {
        let text = [1, 2, 3, 1, 2, 0].repeat(50);
        let perplexity = KneserNey::fit(&text, 5, 7).perplexity(&[3, 3, 4, 0]);
        assert!(perplexity.is_finite() && perplexity > 7.0, "{perplexity}");
    }

    #[test]
    fn what_was_learned_is_less_surprising() {
        let model = KneserNey::fit(&TEXT, 5, 7);
        assert!(model.perplexity(&TEXT) < 3.0);
        assert!(model.perplexity(&[6, 6, 5, 0]) > 7.0);
    }
}
