use super::*;

#[test]
fn a_carried_state_removes_the_error_at_the_first_step() {
    let [carried, zero] = [true, false].map(|carry| mean_errors(&errors(&train(carry, STEPS), carry)));
    assert!(carried[0] < 0.1 && zero[0] > 3.0 * carried[0], "{carried:?} {zero:?}");
    assert!(zero[1] < 0.5 * zero[0], "{zero:?}");
}
