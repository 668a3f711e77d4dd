//! A generator of short opinions, in which a negation, a contrast, a comparison or an understatement decides the label:
//! "it is never dull", "hardly a fresh script", "less moving than the first film".
//!
//! Each template has some of these slots: `GOOD` and `BAD` (adjectives), `PLEASED` and `BORED` (feelings of a viewer),
//! `LOVE` and `HATE` (verbs for a viewer), `CHARM` (verbs for a film), `TOPIC` (a part of a film) and `OTHER` (a film
//! to compare with). The templates are in the file `opinions.tsv`.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;

use crate::settings::POLARITY;
use crate::train::data::ClassText;

/// The templates, one per line: label, tab, template.
const TEMPLATES: &str = include_str!("opinions.tsv");

const GOOD: [&str; 24] = [
    "good",
    "great",
    "funny",
    "clever",
    "moving",
    "fresh",
    "charming",
    "exciting",
    "interesting",
    "original",
    "smart",
    "touching",
    "thrilling",
    "gripping",
    "entertaining",
    "believable",
    "memorable",
    "impressive",
    "witty",
    "warm",
    "inspired",
    "convincing",
    "brilliant",
    "enjoyable",
];
const BAD: [&str; 24] = [
    "bad",
    "dull",
    "boring",
    "stupid",
    "silly",
    "weak",
    "predictable",
    "slow",
    "awful",
    "terrible",
    "lifeless",
    "clumsy",
    "annoying",
    "shallow",
    "tedious",
    "forced",
    "ridiculous",
    "pointless",
    "flat",
    "lazy",
    "confusing",
    "cheap",
    "painful",
    "unpleasant",
];
const PLEASED: [&str; 8] =
    ["pleased", "impressed", "moved", "entertained", "convinced", "amused", "surprised", "thrilled"];
const BORED: [&str; 8] = ["bored", "frustrated", "annoyed", "confused", "let down", "tired", "irritated", "offended"];
const LOVE: [&str; 6] = ["love", "enjoy", "recommend", "like", "admire", "want to see more of"];
const HATE: [&str; 6] = ["hate", "regret", "dislike", "mind", "want to miss", "complain about"];
const CHARM: [&str; 6] = ["charm", "entertain", "impress", "surprise", "move me", "delight"];
const TOPICS: [&str; 16] = [
    "plot", "cast", "script", "story", "ending", "acting", "music", "film", "movie", "dialogue", "opening", "humor",
    "action", "pace", "lead", "premise",
];
const OTHERS: [&str; 8] = [
    "the first film",
    "the original",
    "most films of its kind",
    "the trailer",
    "the series",
    "the last one",
    "the novel",
    "its sequel",
];

/// Generates `count` opinions, half of them positive.
pub fn generate(count: usize, rng: &mut ChaCha8Rng) -> Vec<ClassText> {
    let templates = POLARITY.map(templates_of);
    let opinion = |index: usize| {
        let class = index % 2;
        ClassText::new(filled(pick(&templates[class], rng), rng), class)
    };
    (0..count).map(opinion).collect()
}

fn templates_of(label: &str) -> Vec<&'static str> {
    let lines = TEMPLATES.lines().filter_map(|line| line.split_once('\t'));
    lines.filter(|(other, _)| *other == label).map(|(_, template)| template).collect()
}

/// Replaces each slot of a template by a random word, and adds a full stop with the probability 0.5.
fn filled(template: &str, rng: &mut ChaCha8Rng) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in template.split(' ') {
        words.push(match word {
            "GOOD" => pick(&GOOD, rng),
            "BAD" => pick(&BAD, rng),
            "PLEASED" => pick(&PLEASED, rng),
            "BORED" => pick(&BORED, rng),
            "LOVE" => pick(&LOVE, rng),
            "HATE" => pick(&HATE, rng),
            "CHARM" => pick(&CHARM, rng),
            "TOPIC" => pick(&TOPICS, rng),
            "OTHER" => pick(&OTHERS, rng),
            word => word,
        });
    }
    let end = if rng.random_bool(0.5) { "." } else { "" };
    words.join(" ") + end
}

fn pick<'a>(words: &[&'a str], rng: &mut ChaCha8Rng) -> &'a str {
    words.choose(rng).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn both_labels_have_equally_many_templates() {
        let counts = POLARITY.map(|label| templates_of(label).len());
        assert_eq!(counts[0], counts[1]);
        assert_eq!(counts[0] + counts[1], TEMPLATES.lines().count());
    }

    #[test]
    fn opinions_have_both_labels_and_no_open_slots() {
        let opinions = generate(2000, &mut ChaCha8Rng::seed_from_u64(1));
        assert_eq!(opinions.iter().filter(|opinion| opinion.class == 1).count(), 1000);
        let is_slot = |word: &str| word.len() > 2 && word.chars().all(char::is_uppercase);
        assert!(opinions.iter().all(|opinion| !opinion.text.split(' ').any(is_slot)));
        assert_eq!(generate(2000, &mut ChaCha8Rng::seed_from_u64(1)), opinions);
    }

    #[test]
    fn no_opinion_is_one_of_the_sentences_for_tests() {
        let words = |text: &str| inference::text::tokenize(text.trim_end_matches('.')).join(" ");
        let files = [include_str!("short-sentences.tsv"), include_str!("independent-sentences.tsv")];
        let tested: Vec<String> =
            files.into_iter().flat_map(str::lines).filter_map(|line| line.rsplit('\t').next()).map(words).collect();
        let opinions = generate(20_000, &mut ChaCha8Rng::seed_from_u64(1));
        let found: Vec<&ClassText> = opinions.iter().filter(|opinion| tested.contains(&words(&opinion.text))).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
