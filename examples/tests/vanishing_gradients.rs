use super::*;

#[test]
fn the_lstm_reaches_back_where_elman_does_not() {
    let device = Device::flex().autodiff();
    device.seed(1);
    let first = |number: usize| norms(&networks(&device)[number].1, &device)[0];
    let (elman, lstm) = (first(0), first(3));
    assert!(lstm > 1e-3 && lstm > 100.0 * elman, "{lstm} {elman}");
    approx::assert_relative_eq!(clipped(&[3.0, 4.0])[..], [0.6, 0.8][..], epsilon = 1e-12);
}
