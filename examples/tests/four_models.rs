use super::*;

#[test]
fn networks_are_causal_and_the_lstm_beats_the_markov_model() {
    let ids = |last| Tensor::<2, Int>::from_data([[5, 2, 7, last]], &Device::flex());
    for (name, network) in networks(9) {
        let [one, other] = [3, 4].map(|last| logits(&network.clone().valid(), ids(last)));
        let difference = (one - other).abs().max_dim(2).into_data().iter::<f32>().collect::<Vec<f32>>();
        assert!(difference[..3].iter().all(|step| *step < 1e-6) && difference[3] > 1e-3, "{name} {difference:?}");
    }

    let corpus = grammar::load();
    let vocabulary = Vocabulary::build(Reserved::EndOfLine, Level::Word.tokens(&corpus.train), 1000);
    let [text, test] = [&corpus.train, &corpus.test].map(|text| Level::Word.encode(text, &vocabulary));
    let interrupt = Interrupt::default();
    let markov = KneserNey::fit(&text, 5, vocabulary.len(), &interrupt).unwrap().perplexity(&test, &interrupt).unwrap();
    let [(_, lstm), ..] = networks(vocabulary.len());
    let curve = train(lstm, 200, &[Streams::new(&text, BATCH_SIZE), Streams::new(&test, test.len() / (WINDOW + 1))]);
    let (_, perplexity) = curve[curve.len() - 1];
    assert!(perplexity > corpus.floor.unwrap() && perplexity < 0.85 * markov, "{perplexity} {markov}");
}
