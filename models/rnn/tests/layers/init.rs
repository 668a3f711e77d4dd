//! Initialisers and the configuration.

use burn::config::Config;
use burn::module::Module;
use burn::tensor::Tensor;
use rnn::{Cell, Init, RnnConfig};

use crate::{CELLS, device, difference, values};

#[test]
fn uniform_has_the_range_of_pytorch() {
    let rnn = RnnConfig::new(Cell::Gru, 7, 16).init(&device());
    let weights = &rnn.layers[0].forward;
    let all = [values(&weights.weight_ih.val()), values(&weights.weight_hh.val())].concat();
    let all = [all, values(&weights.bias_ih.val()), values(&weights.bias_hh.val())].concat();
    let largest = all.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    assert!(largest <= 0.25 && largest > 0.24, "{largest}");
    assert!(all.iter().sum::<f32>().abs() / (all.len() as f32) < 0.02);
}

#[test]
fn orthogonal_gates_are_orthogonal() {
    for cell in CELLS {
        let rnn = RnnConfig::new(cell, 7, 16).with_initializer(Init::Orthogonal).init(&device());
        let weights = &rnn.layers[0].forward;
        let gates = weights.weight_hh.val().chunk(cell.gates(), 0);
        for gate in &gates {
            let product = gate.clone().matmul(gate.clone().transpose());
            assert!(difference(&product, &Tensor::eye(16, &device())) < 1e-5, "{cell:?}");
        }
        for pair in gates.windows(2) {
            assert!(difference(&pair[0], &pair[1]) > 1e-2, "{cell:?}: each gate must have its own matrix");
        }
        let bound = (6.0f32 / (7.0 + 16.0)).sqrt();
        let largest = values(&weights.weight_ih.val()).iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        assert!(largest <= bound && largest > 0.9 * bound, "{cell:?} {largest}");

        let bias = values(&(weights.bias_ih.val() + weights.bias_hh.val()));
        for (row, value) in bias.into_iter().enumerate() {
            let forget = cell == Cell::Lstm && row / 16 == 1;
            assert_eq!(value, if forget { 1.0 } else { 0.0 }, "{cell:?} row {row}");
        }
    }
}

#[test]
fn configurations_round_trip_through_json() {
    let config = RnnConfig::new(Cell::GruResetBefore, 3, 4).with_dropout(0.5).with_initializer(Init::Orthogonal);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    config.save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"gru-reset-before\"") && text.contains("\"orthogonal\""), "{text}");
    assert_eq!(RnnConfig::load(&path).unwrap(), config);
}

#[test]
fn num_params_counts_all_parameters() {
    for cell in CELLS {
        for bidirectional in [false, true] {
            let config = RnnConfig::new(cell, 5, 7).with_num_layers(3).with_bidirectional(bidirectional);
            assert_eq!(config.num_params(), config.init(&device()).num_params() as f64, "{config:?}");
        }
    }
}
