//! Attention pooling: padding has no influence, and the weights match the formula.

use burn::tensor::Tensor;
use rnn::AttentionPooling;

use crate::{device, difference, random, values};

#[test]
fn padding_does_not_change_pooled_vectors() {
    let attention = AttentionPooling::new(4, &device());
    let steps = random([2, 5, 4]);
    let pooled = attention.forward(steps.clone(), &[5, 3]);
    let alone = attention.forward(steps.clone().slice([1..2, 0..3]), &[3]);
    assert!(difference(&alone, &pooled.narrow(0, 1, 1)) < 1e-6);

    let weights = attention.weights(steps, &[5, 3]);
    assert!(values(&weights)[8..].iter().all(|weight| *weight == 0.0));
    assert!(difference(&Tensor::ones([2, 1], &device()), &weights.sum_dim(1)) < 1e-6);
}

#[test]
fn weights_follow_the_formula() {
    let attention = AttentionPooling::new(1, &device());
    let [key, bias, question] = [
        &attention.key.weight.val(),
        &attention.key.bias.as_ref().unwrap().val().unsqueeze(),
        &attention.question.weight.val(),
    ]
    .map(|tensor: &Tensor<2>| f64::from(values(tensor)[0]));
    let score = |h: f64| (question * (key * h + bias).tanh()).exp();
    let (one, other) = (score(0.3), score(-2.0));
    let weights = attention.weights(Tensor::from_floats([[[0.3], [-2.0]]], &device()), &[2]);
    assert!((f64::from(values(&weights)[0]) - one / (one + other)).abs() < 1e-6);
}
