//! A generator of short opinions, in which a negation, a contrast, a comparison or an understatement decides the label:
//! "it is never dull", "hardly a fresh script", "less moving than the first film".
//!
//! Each template has the slots `GOOD` and `BAD` (adjectives), `PLEASED` and `BORED` (what a viewer was), `LOVE` and `HATE`
//! (what a viewer does), `CHARM` (what a film does), `TOPIC` and `OTHER` (a film to compare with).

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;

use crate::train::data::ClassText;

/// Templates of positive opinions.
const POSITIVE: [&str; 24] = [
    "it is not BAD",
    "the TOPIC is not BAD at all",
    "it is never BAD",
    "there is nothing BAD about the TOPIC",
    "not a single BAD scene",
    "hardly anything BAD in it",
    "i was not BORED",
    "i was never BORED",
    "nobody will be BORED",
    "you will not HATE it",
    "i did not HATE the TOPIC",
    "i can not HATE a film like this",
    "it never fails to CHARM",
    "the TOPIC does not fail to CHARM",
    "anything but BAD",
    "far from BAD",
    "the TOPIC is BAD , but i LOVE it",
    "although the TOPIC is BAD , the film is GOOD",
    "despite a BAD TOPIC , it is GOOD",
    "better than OTHER",
    "more GOOD than OTHER",
    "less BAD than OTHER",
    "i have never seen a more GOOD TOPIC",
    "the TOPIC could not be more GOOD",
];

/// Templates of negative opinions.
const NEGATIVE: [&str; 24] = [
    "it is not GOOD",
    "the TOPIC is not very GOOD",
    "it is never GOOD",
    "there is nothing GOOD about the TOPIC",
    "not a single GOOD scene",
    "hardly anything GOOD in it",
    "i was not PLEASED",
    "i was never PLEASED",
    "nobody will be PLEASED",
    "you will not LOVE it",
    "i did not LOVE the TOPIC",
    "i can not LOVE a film like this",
    "it fails to CHARM",
    "the TOPIC never manages to CHARM",
    "anything but GOOD",
    "far from GOOD",
    "the TOPIC is GOOD , but i HATE it",
    "although the TOPIC is GOOD , the film is BAD",
    "despite a GOOD TOPIC , it is BAD",
    "worse than OTHER",
    "more BAD than OTHER",
    "less GOOD than OTHER",
    "OTHER was better",
    "the TOPIC should have been more GOOD",
];

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
    let opinion = |index: usize| {
        let class = index % 2;
        let templates = if class == 1 { &POSITIVE } else { &NEGATIVE };
        ClassText::new(filled(pick(templates, rng), rng), class)
    };
    (0..count).map(opinion).collect()
}

/// Replaces the slots of a template by words. Half of the sentences end with a full stop.
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
        let tested: Vec<String> = include_str!("short-sentences.tsv")
            .lines()
            .filter_map(|line| line.rsplit('\t').next())
            .map(words)
            .collect();
        let opinions = generate(20_000, &mut ChaCha8Rng::seed_from_u64(1));
        let found: Vec<&ClassText> = opinions.iter().filter(|opinion| tested.contains(&words(&opinion.text))).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
