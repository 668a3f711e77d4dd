use super::*;

#[test]
fn none_looks_ahead_and_the_lstm_learns() {
    let words = |last| Tensor::<2, Int>::from_data([[5, 2, 7, last]], &Device::flex());
    for (name, network) in networks(9) {
        let [one, other] = [3, 4].map(|last| scores(&network.clone().valid(), words(last)));
        let apart = (one - other).abs().max_dim(2).into_data().iter::<f32>().collect::<Vec<f32>>();
        assert!(apart[..3].iter().all(|step| *step < 1e-6) && apart[3] > 1e-3, "{name} {apart:?}");
    }
    // Words that follow one another by a rule: 0 1 2 … 8 0 1 …
    let text: Vec<u32> = (0..20_000).map(|word| word % 9).collect();
    let [(_, lstm), ..] = networks(9);
    let course = train(lstm, 120, &[Streams::new(&text, BATCH), Streams::new(&text, 500)]);
    assert!(course[0].1 < 1.5 && course[1].1 < course[0].1, "{course:?}");
}
