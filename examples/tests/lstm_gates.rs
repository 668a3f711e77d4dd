use super::*;

/// One test, as networks that are made side by side draw from the same seed.
#[test]
fn a_unit_carries_the_number_to_the_verb() {
    let (vocabulary, network) = train(STEPS);
    let chance = |noun: &str, verb| network.probability(&vocabulary, &format!("the {noun} that the cats see"), verb);
    assert!(chance("dog", "sleeps") > 3.0 * chance("dog", "sleep"));
    assert!(chance("dogs", "sleep") > 3.0 * chance("dogs", "sleeps"));

    let sentences = [SINGULAR, PLURAL].map(|sentence| network.watch(&encode(&vocabulary, sentence)));
    let unit = most_different(&sentences);
    let [one, other] = &sentences;
    let apart = |word: usize| (one[word][MEMORY][unit] - other[word][MEMORY][unit]).abs();
    assert!(BETWEEN.into_iter().all(|word| apart(word) > 0.2), "{:?}", (0..8).map(apart).collect::<Vec<_>>());
    assert!(apart(BETWEEN.end() + 2) < 0.1, "let go after the verb: {}", apart(BETWEEN.end() + 2));

    // What is watched is what the layer does: an LSTM lets out `o · tanh(c)`.
    let words = encode(&vocabulary, SINGULAR);
    let (outputs, _) = network.lstm.forward(network.embedding.forward(row(&words)), None, None);
    for (step, seen) in one.iter().enumerate() {
        let output = numbers(outputs.clone().narrow(1, step, 1));
        for unit in 0..SIZE {
            let let_out = seen[2][unit] * (2.0 * seen[MEMORY][unit] - 1.0);
            approx::assert_abs_diff_eq!(let_out, output[unit], epsilon = 1e-5);
        }
    }
}
