use super::*;

#[test]
fn none_looks_ahead_and_the_lstm_beats_the_markov_model() {
    let words = |last| Tensor::<2, Int>::from_data([[5, 2, 7, last]], &Device::flex());
    for (name, network) in networks(9) {
        let [one, other] = [3, 4].map(|last| scores(&network.clone().valid(), words(last)));
        let apart = (one - other).abs().max_dim(2).into_data().iter::<f32>().collect::<Vec<f32>>();
        assert!(apart[..3].iter().all(|step| *step < 1e-6) && apart[3] > 1e-3, "{name} {apart:?}");
    }

    let corpus = grammar::load();
    let vocabulary = Vocabulary::build(Zero::EndOfLine, Level::Word.tokens(&corpus.train), 1000);
    let [text, test] = [&corpus.train, &corpus.test].map(|text| Level::Word.encode(text, &vocabulary));
    let markov = KneserNey::fit(&text, 5, vocabulary.len()).perplexity(&test);
    let [(_, lstm), ..] = networks(vocabulary.len());
    let course = train(lstm, 200, &[Streams::new(&text, BATCH), Streams::new(&test, test.len() / (WINDOW + 1))]);
    let (_, perplexity) = course[course.len() - 1];
    assert!(perplexity > corpus.floor.unwrap() && perplexity < 0.85 * markov, "{perplexity} {markov}");
}
