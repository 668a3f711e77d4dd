use super::*;

#[test]
fn attention_moves_to_the_clause_with_the_opinion() {
    let reviews = sample::load();
    let classifier = Classifier::train(&reviews.train, STEPS);
    assert!(classifier.accuracy(&reviews.test) > 0.9);
    // The second clause begins at word 6.
    let [(positive, but), (negative, although)] = [BUT, ALTHOUGH].map(|text| classifier.weights(text));
    assert!(positive > 0.5 && negative < 0.5, "{positive} {negative}");
    assert!(but[6..].iter().sum::<f64>() > although[6..].iter().sum::<f64>() + 0.3, "{but:?} {although:?}");
}
