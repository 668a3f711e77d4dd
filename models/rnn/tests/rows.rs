//! Dropout of the rows of a batch. A separate program, because burn's random generator is global and other tests would draw
//! from it in other threads.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor};
use rnn::{Dropout, LockedDropout, Rows};

/// Dropout of the rows of a batch of ones.
fn dropped(rows: Option<Rows>, forward: impl Fn(Tensor<3>) -> Tensor<3>) -> Vec<f32> {
    let device = Device::flex().autodiff();
    let count = rows.as_ref().map_or(5, |rows| rows.rows.len());
    let ones = Tensor::ones([count, 3, 4], &device);
    device.seed(7);
    let output = match rows {
        Some(rows) => rows.within(|| forward(ones)),
        None => forward(ones),
    };
    output.into_data().try_to_vec().unwrap()
}

#[test]
fn masks_are_those_of_burn_and_of_the_whole_batch() {
    let (own, locked) = (Dropout::new(0.4), LockedDropout::new(0.4));
    let burns = burn::nn::DropoutConfig::new(0.4).init();
    let whole = dropped(None, |input| own.forward(input));
    assert_eq!(whole, dropped(None, |input| burns.forward(input)));
    let locked_whole = dropped(None, |input| locked.forward(input));
    for (rows, of) in [(0..2, 5), (2..5, 5)] {
        let values = rows.start * 12..rows.end * 12;
        let rows = Rows { rows, of };
        assert_eq!(dropped(Some(rows.clone()), |input| own.forward(input)), whole[values.clone()]);
        assert_eq!(dropped(Some(rows), |input| locked.forward(input)), locked_whole[values]);
    }
}
