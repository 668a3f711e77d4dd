use super::*;

/// A single test, because parallel tests share the random numbers of the device.
#[test]
fn a_unit_stores_singular_or_plural_until_the_verb() {
    let (vocabulary, network) = train(STEPS);
    let probability =
        |noun: &str, verb| network.probability(&vocabulary, &format!("the {noun} that the cats see"), verb);
    assert!(probability("dog", "sleeps") > 3.0 * probability("dog", "sleep"));
    assert!(probability("dogs", "sleep") > 3.0 * probability("dogs", "sleeps"));

    let sentences = [SINGULAR, PLURAL].map(|sentence| network.gates(&encode(&vocabulary, sentence)));
    let unit = most_different(&sentences);
    let [singular, plural] = &sentences;
    let difference = |step: usize| (singular[step][CELL][unit] - plural[step][CELL][unit]).abs();
    assert!(BETWEEN.into_iter().all(|step| difference(step) > 0.2), "{:?}", (0..8).map(difference).collect::<Vec<_>>());
    assert!(difference(BETWEEN.end() + 2) < 0.1, "after the verb: {}", difference(BETWEEN.end() + 2));

    // The output of the layer is `o · tanh(c)`.
    let ids = encode(&vocabulary, SINGULAR);
    let (outputs, _) = network.lstm.forward(network.embedding.forward(row(&ids)), None, None);
    for (step, gates) in singular.iter().enumerate() {
        let output = values(outputs.clone().narrow(1, step, 1));
        for unit in 0..SIZE {
            let computed = gates[2][unit] * (2.0 * gates[CELL][unit] - 1.0);
            approx::assert_abs_diff_eq!(computed, output[unit], epsilon = 1e-5);
        }
    }
}
