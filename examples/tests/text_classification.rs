use super::*;

#[test]
fn it_learns_more_than_words() {
    let reviews = sample::load();
    let (vocabulary, classifier) = train(&reviews.train, 600);
    let accuracy = accuracy(&reviews.test, &vocabulary, &classifier);
    assert!(accuracy > 0.95, "{accuracy}");
}
