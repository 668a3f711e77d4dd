//! Dropout of whole features, and dropout between layers.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rnn::{Cell, LockedDropout, RnnConfig};

use crate::{device, difference, random, values};

#[test]
fn locked_dropout_keeps_its_mask_through_a_sequence() {
    let output = LockedDropout::new(0.25).forward(Tensor::ones([4, 6, 500], &device()));
    let first = output.clone().narrow(1, 0, 1);
    assert_eq!(difference(&output, &first.clone().expand([4, 6, 500])), 0.0);

    let kept = values(&first).into_iter().filter(|&value| value != 0.0).collect::<Vec<_>>();
    assert!(kept.iter().all(|value| (value - 4.0 / 3.0).abs() < 1e-6));
    assert!((1350..1650).contains(&kept.len()), "{} of 2000 kept", kept.len());

    let [one, other] = [0, 1].map(|row| first.clone().narrow(0, row, 1));
    assert!(difference(&one, &other) > 1.0, "each sequence has its own mask");
}

#[test]
fn locked_dropout_rests_where_nothing_is_trained() {
    let layer = LockedDropout::new(0.5);
    let input = random([2, 3, 4]);
    assert_eq!(difference(&layer.forward(input.clone().inner()), &input.clone().inner()), 0.0);
    assert_eq!(difference(&layer.clone().freeze().forward(input.clone()), &input), 0.0);
    assert_eq!(difference(&LockedDropout::new(0.0).forward(input.clone()), &input), 0.0);
    assert!(difference(&layer.forward(input.clone()), &input) > 0.0);
}

#[test]
#[should_panic = "locked dropout: probability 1 is not in [0, 1)"]
fn locked_dropout_of_everything_is_refused() {
    LockedDropout::new(1.0);
}

#[test]
fn dropout_acts_between_layers_and_in_training_alone() {
    let config = RnnConfig::new(Cell::Gru, 3, 16).with_dropout(0.5);
    let one_layer = config.clone().init(&device());
    let two_layers = config.with_num_layers(2).init(&device());
    let input = random([2, 5, 3]);
    let twice = |rnn: &rnn::Rnn, input: &Tensor<3>| {
        difference(&rnn.forward(input.clone(), None, None).0, &rnn.forward(input.clone(), None, None).0)
    };
    assert_eq!(twice(&one_layer, &input), 0.0, "nothing to drop: there is no second layer");
    assert!(twice(&two_layers, &input) > 0.0);
    assert_eq!(twice(&two_layers.valid(), &input.inner().to_device(&Device::flex())), 0.0);
}
