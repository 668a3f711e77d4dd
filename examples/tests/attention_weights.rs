use super::*;

#[test]
fn it_looks_at_the_clause_that_decides() {
    let reviews = sample::load();
    let reader = Reader::train(&reviews.train, STEPS);
    assert!(reader.accuracy(&reviews.test) > 0.9);
    // The second clause begins at word 6.
    let [(favourable, but), (not, although)] = [BUT, ALTHOUGH].map(|text| reader.look(text));
    assert!(favourable > 0.5 && not < 0.5, "{favourable} {not}");
    assert!(but[6..].iter().sum::<f64>() > although[6..].iter().sum::<f64>() + 0.3, "{but:?} {although:?}");
}
