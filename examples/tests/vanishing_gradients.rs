use super::*;

#[test]
fn gradients_of_the_elman_network_vanish_and_of_the_lstm_do_not() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let measured: Vec<_> = networks(&device).iter().map(|(_, rnn)| norms(rnn, &device)).collect();
    let [elman, orthogonal, large, open, bias_1, gru] = [0, 1, 2, 3, 4, 5].map(|index| measured[index].0[0]);
    assert!(elman > 0.0 && open > 1e-3 && open > 100.0 * elman, "{open} {elman}");
    assert!(bias_1 > 100.0 * orthogonal && orthogonal > 100.0 * elman, "{bias_1} {orthogonal} {elman}");
    assert!(gru > 100.0 * elman && large > 1e3, "{gru} {large}");
    let clipped = clipped(&measured[2]);
    approx::assert_relative_eq!(clipped[0], large * CLIP / measured[2].1, max_relative = 1e-12);
    assert!(clipped[0] < large);
}
