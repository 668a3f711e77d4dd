use std::collections::HashSet;

use super::*;

#[test]
fn most_generated_words_are_words_of_the_text() {
    let (vocabulary, train_text, test_text) = texts();
    let model = train(&train_text, vocabulary.len(), 200, |_, _| ());
    let bits = bits(&model, &test_text);
    assert!(bits < 2.0, "{bits}");
    let generated = model.generate(&vocabulary, 300).unwrap();
    assert_eq!(generated, model.generate(&vocabulary, 300).unwrap());
    let corpus = grammar::load();
    let known: HashSet<&str> = corpus.train.split_whitespace().collect();
    let words: Vec<&str> = generated.split_whitespace().collect();
    let correct = words.iter().filter(|word| known.contains(*word)).count();
    assert!(2 * correct > words.len(), "{generated}");
}
