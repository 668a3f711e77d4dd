use super::*;

#[test]
fn a_carried_state_knows_where_the_wave_goes() {
    let [carried, empty] = [true, false].map(|carry| means(&errors(&train(carry, STEPS), carry)));
    assert!(carried[0] < 0.1 && empty[0] > 3.0 * carried[0], "{carried:?} {empty:?}");
    assert!(empty[1] < 0.5 * empty[0], "{empty:?}");
}
