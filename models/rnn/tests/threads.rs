//! Results are bit-identical for any number of threads. A separate program, because rayon's thread pool is global.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Rnn, RnnConfig};

#[test]
fn five_threads_and_one_give_the_same_results() {
    rayon::ThreadPoolBuilder::new().num_threads(5).build_global().unwrap();
    // A layer called from a thread of a pool runs on that thread only.
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let device = Device::flex().autodiff();
    for cell in [Cell::Elman, Cell::Lstm, Cell::Gru, Cell::GruResetBefore] {
        // The threads divide the sequences of the first shape and the units of the second shape.
        for [batch, time, input, hidden] in [[81, 20, 40, 60], [7, 30, 50, 200]] {
            let rnn = RnnConfig::new(cell, input, hidden).with_bidirectional(true).init(&device);
            let x = Tensor::random([batch, time, input], Distribution::Normal(0.0, 1.0), &device).require_grad();
            let lengths: Vec<usize> = (0..batch).map(|row| time - row % 9).collect();
            let one = alone.install(|| results(&rnn, &x, &lengths));
            for _ in 0..3 {
                let five = results(&rnn, &x, &lengths);
                assert!(one == five, "{cell:?}, batch {batch}");
            }
        }
    }
}

/// The bits of outputs and gradients.
fn results(rnn: &Rnn, x: &Tensor<3>, lengths: &[usize]) -> Vec<Vec<u32>> {
    let (output, state) = rnn.forward(x.clone(), Some(lengths), None);
    let gradients = (output.clone().powi_scalar(2).sum() + state.hidden.sum()).backward();
    let weights = &rnn.layers[0].forward;
    let bits =
        |data: burn::tensor::TensorData| data.try_to_vec::<f32>().unwrap().into_iter().map(f32::to_bits).collect();
    vec![
        bits(output.into_data()),
        bits(x.grad(&gradients).unwrap().into_data()),
        bits(weights.weight_ih.val().grad(&gradients).unwrap().into_data()),
        bits(weights.weight_hh.val().grad(&gradients).unwrap().into_data()),
        bits(weights.bias_ih.val().grad(&gradients).unwrap().into_data()),
        bits(weights.bias_hh.val().grad(&gradients).unwrap().into_data()),
    ]
}
