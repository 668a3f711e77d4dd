use super::*;

#[test]
fn the_gru_solves_lengths_that_the_elman_network_does_not() {
    let [elman, _, _, gru] = CELLS.map(|(_, cell)| cell);
    let [elman_error, gru_error] = [elman, gru].map(|cell| adding_error(cell, 30, 300));
    assert!(gru_error < 0.03 && elman_error > 0.1, "adding: {gru_error} {elman_error}");
    let [elman, gru] = [elman, gru].map(|cell| copying_accuracy(cell, 20, 1500));
    assert!(gru > 0.95 && elman < 0.85, "copying: {gru} {elman}");
}
