use std::collections::HashSet;

use super::*;

#[test]
fn it_learns_to_spell() {
    let (alphabet, train_text, test_text) = texts();
    let writer = train(&train_text, alphabet.len(), 200, |_, _| ());
    let bits = bits(&writer, &test_text);
    assert!(bits < 2.0, "{bits}");
    let written = writer.write(&alphabet, 300).unwrap();
    assert_eq!(written, writer.write(&alphabet, 300).unwrap());
    let corpus = grammar::load();
    let known: HashSet<&str> = corpus.train.split_whitespace().collect();
    let words: Vec<&str> = written.split_whitespace().collect();
    let right = words.iter().filter(|word| known.contains(*word)).count();
    assert!(2 * right > words.len(), "{written}");
}
