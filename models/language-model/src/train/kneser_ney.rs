//! The baseline: n-grams with interpolated Kneser-Ney smoothing, in the modified form of [Chen & Goodman
//! 1999](https://doi.org/10.1006/csla.1999.0128). Three discounts per order are estimated from the counts. Nothing is
//! tuned, and no n-gram is pruned.
//!
//! Contexts, the words before a predicted word, are the nodes of a tree. The parent of a context is the context without
//! its oldest word, so that the path from a node to the root has all shorter contexts.

use std::collections::HashMap;

use training::machine::available_memory;
use training::{Interrupt, TaskError, TaskResult};

/// The number of tokens between two checks. A check looks at the free memory, and at whether the user has asked to
/// stop.
const CHECKED: usize = 1 << 16;

/// The id of the token that ends a line. As the oldest word of a context, this id means the beginning of a line.
const END: u32 = 0;
/// The index of the empty context, which is the root of the tree.
const ROOT: u32 = 0;

/// A trained n-gram model with Kneser-Ney smoothing.
#[derive(Clone, Debug)]
pub struct KneserNey {
    /// The length n of the longest n-grams.
    order: usize,
    /// The number of tokens in the vocabulary.
    vocabulary: usize,
    /// Maps the index of a context and the id of an additional, older word to the index of the longer context.
    longer: HashMap<(u32, u32), u32>,
    /// The count of each word after each context, by index of the context and id of the word. For the longest contexts,
    /// the count is the number of occurrences. For other contexts, it is the number of contexts one word longer after
    /// which the word occurs (the continuation count).
    counts: HashMap<(u32, u32), u32>,
    /// The totals of each context, by the index of the context.
    contexts: Vec<Context>,
    /// The discounts of the counts 1, 2, and 3 or more. The index is the number of words in the context.
    discounts: Vec<[f64; 3]>,
}

/// Totals over the words that follow one context.
#[derive(Clone, Copy, Debug, Default)]
struct Context {
    /// The sum of the counts of the words.
    total: u32,
    /// The number of words with a count of 1, of 2, and of 3 or more.
    words: [u32; 3],
}

impl KneserNey {
    /// Fits a model to a text whose lines end with token 0: counts its n-grams of up to `order` tokens, and estimates
    /// the discounts.
    ///
    /// # Errors
    ///
    /// [`TaskError::Memory`] if the counts do not fit into the free memory, and [`TaskError::Interrupted`] if a stop
    /// was requested.
    pub fn fit(ids: &[u32], order: usize, vocabulary: usize, interrupt: &Interrupt) -> TaskResult<Self> {
        let mut model = Self {
            order,
            vocabulary,
            longer: HashMap::new(),
            counts: HashMap::new(),
            contexts: vec![Context::default()],
            discounts: Vec::new(),
        };
        let mut depths = vec![0];
        for position in 0..ids.len() {
            if position % CHECKED == 0 {
                interrupt.check()?;
                model.reserve(CHECKED.min(ids.len() - position), &mut depths, available_memory())?;
            }
            let path = model.insert(history(ids, position, order), &mut depths);
            model.count(&path, ids[position]);
        }
        model.finish(&depths);
        Ok(model)
    }

    /// Makes room for the n-grams of the next `tokens` tokens. `available` is the free memory in bytes, if it is known.
    fn reserve(&mut self, tokens: usize, depths: &mut Vec<usize>, available: Option<u64>) -> TaskResult<()> {
        let (contexts, counts) = (tokens * (self.order - 1), tokens * self.order);
        let needed = table_growth(&self.longer, contexts)
            + table_growth(&self.counts, counts)
            + list_growth(&self.contexts, contexts)
            + list_growth(depths, contexts);
        let what = format!("Kneser-Ney {}-grams", self.order);
        if available.is_some_and(|available| needed as u64 > available) {
            return Err(TaskError::Memory { what, available });
        }
        // The allocator refuses an allocation above the memory limit of the process.
        let reserved = self.longer.try_reserve(contexts).is_ok()
            && self.counts.try_reserve(counts).is_ok()
            && self.contexts.try_reserve(contexts).is_ok()
            && depths.try_reserve(contexts).is_ok();
        if reserved { Ok(()) } else { Err(TaskError::Memory { what, available: None }) }
    }

    /// Finds the nodes of all contexts of a history, from the empty context to the longest. Adds missing nodes to the
    /// tree.
    fn insert(&mut self, history: impl Iterator<Item = u32>, depths: &mut Vec<usize>) -> Vec<u32> {
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

    /// Counts a word after the longest context, which is the last node of `path`. If the word has not followed this
    /// context before, also counts it after the context that is one word shorter, and so on.
    fn count(&mut self, path: &[u32], word: u32) {
        for &node in path.iter().rev() {
            let count = self.counts.entry((node, word)).or_default();
            *count += 1;
            if *count > 1 {
                break;
            }
        }
    }

    /// Computes the total count of each context, and the discounts of each context length, from the counts of the
    /// n-grams. `depths` has the length of the context of each node.
    fn finish(&mut self, depths: &[usize]) {
        // The number of counts that are 1, 2, 3 and 4, by length of the context.
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

    /// Returns the probability of `word` after the words in `history`, which come most recent first.
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

    /// Returns the discounted probability of a word after a context, interpolated with its probability after the
    /// shorter context.
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

    /// Returns the perplexity of a text whose lines end with token 0.
    pub fn perplexity(&self, ids: &[u32], interrupt: &Interrupt) -> TaskResult<f64> {
        let mut nats = 0.0;
        for (position, &id) in ids.iter().enumerate() {
            if position % CHECKED == 0 {
                interrupt.check()?;
            }
            nats += -self.probability(history(ids, position, self.order), id).ln();
        }
        Ok((nats / ids.len() as f64).exp())
    }
}

/// Returns the size in bytes of the larger table to which a hash table grows for `more` entries; 0 if it has room for
/// them. The number of places in a table is a power of two. At most 7 of 8 places hold an entry, and each place takes
/// one more byte of control data.
fn table_growth(table: &HashMap<(u32, u32), u32>, more: usize) -> usize {
    let entries = table.len() + more;
    let places = || (entries * 8 / 7 + 1).next_power_of_two();
    if entries > table.capacity() { places() * (size_of::<((u32, u32), u32)>() + 1) } else { 0 }
}

/// Returns the size in bytes of the larger list to which a list grows for `more` elements; 0 if it has room for them. A
/// list grows to at least twice its capacity.
fn list_growth<T>(list: &Vec<T>, more: usize) -> usize {
    let elements = list.len() + more;
    if elements > list.capacity() { elements.max(2 * list.capacity()) * size_of::<T>() } else { 0 }
}

/// Returns the context of a position in a text: at most `order - 1` words before the position, most recent word first.
/// A context stops at the end of the previous line: its oldest word is then [`END`].
fn history(ids: &[u32], position: usize, order: usize) -> impl Iterator<Item = u32> {
    let before = ids[..position].iter().rev().copied().chain([END]);
    let mut ended = false;
    before.take(order - 1).take_while(move |word| !std::mem::replace(&mut ended, *word == END))
}

/// The smallest discount. With a discount of 0, a word that never follows a context in the training text could get the
/// probability 0 in this context.
const MIN_DISCOUNT: f64 = 0.1;

/// Returns the three discounts of modified Kneser-Ney smoothing, from the numbers of n-grams that occur once, twice,
/// three and four times.
fn discounts([one, two, three, four]: [f64; 4]) -> [f64; 3] {
    if one == 0.0 || two == 0.0 || three == 0.0 {
        // The text is too short for an estimate.
        return [0.5, 0.75, 0.9];
    }
    let share = one / (one + 2.0 * two);
    [(1.0, two / one), (2.0, three / two), (3.0, four / three)]
        .map(|(count, ratio): (f64, f64)| (count - (count + 1.0) * share * ratio).clamp(MIN_DISCOUNT, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(ids: &[u32], order: usize) -> KneserNey {
        KneserNey::fit(ids, order, 7, &Interrupt::default()).unwrap()
    }

    fn perplexity(model: &KneserNey, ids: &[u32]) -> f64 {
        model.perplexity(ids, &Interrupt::default()).unwrap()
    }

    const TEXT: [u32; 16] = [1, 2, 3, 0, 1, 2, 4, 0, 5, 2, 3, 0, 1, 3, 3, 0];

    #[test]
    fn probabilities_sum_to_one_after_every_history() {
        let model = fit(&TEXT, 3);
        for position in 0..TEXT.len() {
            let sum: f64 = (0..7).map(|word| model.probability(history(&TEXT, position, 3), word)).sum();
            approx::assert_relative_eq!(sum, 1.0, epsilon = 1e-12);
        }
        let unseen: f64 = (0..7).map(|word| model.probability([6, 6].into_iter(), word)).sum();
        approx::assert_relative_eq!(unseen, 1.0, epsilon = 1e-12);
    }

    #[test]
    fn shorter_contexts_count_different_preceding_words() {
        let model = fit(&TEXT, 2);
        let unigram = |word: u32| model.counts.get(&(ROOT, word)).copied().unwrap_or(0);
        // 3 follows 2, 1 and 3; 2 follows 1 and 5; 1 follows only the beginning of a line.
        assert_eq!([3, 2, 1, 6].map(unigram), [3, 2, 1, 0]);
        let after_2 = model.longer[&(ROOT, 2)];
        assert_eq!(model.counts[&(after_2, 3)], 2);
    }

    #[test]
    fn counts_that_do_not_fit_into_the_memory_are_refused() {
        let mut model = fit(&TEXT, 3);
        let mut depths = Vec::with_capacity(2);
        let mut reserve = |tokens, available| model.reserve(tokens, &mut depths, Some(available));
        assert!(reserve(1, 0).is_ok(), "the tables have room for a few more n-grams");
        // At least a context and a count of 12 bytes each for every token.
        let error = reserve(1_000_000, 24_000_000).unwrap_err();
        assert!(matches!(error, TaskError::Memory { available: Some(24_000_000), .. }), "{error}");
        assert!(reserve(1_000_000, 200_000_000).is_ok());
        assert!(reserve(1_000_000, 0).is_ok(), "the tables have grown");
        // More than any computer has.
        let error = reserve(1 << 50, u64::MAX).unwrap_err();
        assert!(matches!(error, TaskError::Memory { available: None, .. }), "{error}");
    }

    #[test]
    fn contexts_end_at_the_previous_line() {
        let of = |position| history(&TEXT, position, 4).collect::<Vec<_>>();
        assert_eq!((of(0), of(2), of(3), of(4), of(5)), (vec![0], vec![2, 1, 0], vec![3, 2, 1], vec![0], vec![1, 0]));
    }

    #[test]
    fn every_word_has_a_probability_above_zero() {
        let text = [1, 2, 3, 1, 2, 0].repeat(50);
        let perplexity = perplexity(&fit(&text, 5), &[3, 3, 4, 0]);
        assert!(perplexity.is_finite() && perplexity > 7.0, "{perplexity}");
    }

    #[test]
    fn the_training_text_has_a_lower_perplexity() {
        let model = fit(&TEXT, 5);
        assert!(perplexity(&model, &TEXT) < 3.0);
        assert!(perplexity(&model, &[6, 6, 5, 0]) > 7.0);
    }
}
