use super::*;

#[test]
fn test_accuracy_is_above_95_percent() {
    let reviews = sample::load();
    let (vocabulary, classifier) = train(&reviews.train, STEPS);
    let accuracy = accuracy(&reviews.test, &vocabulary, &classifier);
    assert!(accuracy > 0.95, "{accuracy}");
}
