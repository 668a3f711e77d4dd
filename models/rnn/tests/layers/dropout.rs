//! Locked, embedding and weight dropout, and dropout between layers.

use burn::module::Module;
use burn::nn::EmbeddingConfig;
use burn::tensor::{Device, Int, Tensor};
use rnn::{Cell, EmbeddingDropout, LockedDropout, RnnConfig, WeightDropout};

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
    assert!(difference(&one, &other) > 0.5, "each sequence must have its own mask");
}

#[test]
fn locked_dropout_is_inactive_outside_training() {
    let layer = LockedDropout::new(0.5);
    let input = random([2, 3, 4]);
    assert_eq!(difference(&layer.forward(input.clone().inner()), &input.clone().inner()), 0.0);
    assert_eq!(difference(&layer.clone().freeze().forward(input.clone()), &input), 0.0);
    assert_eq!(difference(&LockedDropout::new(0.0).forward(input.clone()), &input), 0.0);
    assert!(difference(&layer.forward(input.clone()), &input) > 0.0);
}

#[test]
#[should_panic = "dropout: probability 1 is not in [0, 1)"]
fn locked_dropout_with_probability_1_panics() {
    LockedDropout::new(1.0);
}

#[test]
fn all_occurrences_of_a_word_are_dropped() {
    let embedding = EmbeddingConfig::new(1000, 3).init(&device());
    let words = Tensor::<1, Int>::arange(0..1000, &device()).reshape([2, 500]).repeat_dim(1, 2); // every word twice
    let whole = embedding.forward(words.clone());
    let dropped = EmbeddingDropout::new(0.2).forward(&embedding, words);
    let [first, second] = [0, 500].map(|start| dropped.clone().narrow(1, start, 500));
    assert_eq!(difference(&first, &second), 0.0);
    let ratios: Vec<f32> = values(&(dropped / whole));
    assert!(ratios.iter().all(|ratio| *ratio == 0.0 || (ratio - 1.25).abs() < 1e-4));
    assert!(
        ratios.chunks(3).all(|word| (word[0] == 0.0) == (word[2] == 0.0)),
        "whole words must be dropped, not single features"
    );
    let kept = ratios.chunks(3).filter(|word| word[0] != 0.0).count() / 2;
    assert!((740..860).contains(&kept), "{kept} of 1000 kept");
}

#[test]
fn weight_dropout_uses_one_mask_for_all_steps_and_only_in_training() {
    for (rows, columns) in [(40, 50), (400, 300)] {
        let weight = Tensor::<2>::ones([rows, columns], &device());
        let all = values(&WeightDropout::new(0.2).forward(weight.clone()));
        let kept = all.iter().filter(|value| **value == 1.25).count();
        let fraction = kept as f64 / (rows * columns) as f64;
        assert!(
            (0.77..0.83).contains(&fraction) && all.len() - kept == all.iter().filter(|value| **value == 0.0).count()
        );
        assert!(values(&WeightDropout::new(0.2).forward(weight)) != all, "every call must draw a new mask");
    }
    let weight = Tensor::<2>::ones([40, 50], &device());
    assert_eq!(difference(&WeightDropout::new(0.5).forward(weight.clone().inner()), &weight.inner()), 0.0);

    let rnn = RnnConfig::new(Cell::Lstm, 3, 16).with_weight_dropout(0.5).init(&device());
    let gradients = rnn.forward(random([2, 5, 3]), None, None).0.sum().backward();
    let gradient = values(&rnn.layers[0].forward.weight_hh.val().grad(&gradients).unwrap());
    let zeros = gradient.iter().filter(|value| **value == 0.0).count();
    assert!((420..604).contains(&zeros), "expected half of the 1024 weights without a gradient, got {zeros}");
}

#[test]
fn dropout_acts_only_between_layers_and_only_in_training() {
    let config = RnnConfig::new(Cell::Gru, 3, 16);
    let input = random([2, 5, 3]);
    let twice = |rnn: &rnn::Rnn, input: &Tensor<3>| {
        difference(&rnn.forward(input.clone(), None, None).0, &rnn.forward(input.clone(), None, None).0)
    };
    for config in [config.clone().with_dropout(0.5), config.with_locked_dropout(0.5)] {
        let one_layer = config.clone().init(&device());
        let two_layers = config.with_num_layers(2).init(&device());
        assert_eq!(twice(&one_layer, &input), 0.0, "a single layer has no dropout");
        assert!(twice(&two_layers, &input) > 0.0);
        assert_eq!(twice(&two_layers.valid(), &input.clone().inner().to_device(&Device::flex())), 0.0);
    }
}
