//! Optimizers, weight averaging and gradient clipping against PyTorch. `fixtures/make_optimizers.py` wrote the expected
//! weights.

#![allow(clippy::unwrap_used)]

use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;
use training::average::{self, Averaging, Trigger};
use training::clip::{Clip, clip};
use training::optimizer::OptimizerConfig;
use training::settings::Count;

const STEPS: usize = 100;

/// The values of `wave` in `fixtures/make_optimizers.py`.
fn wave(shape: [usize; 2], stride: usize, device: &Device) -> Tensor<2> {
    let values: Vec<f32> =
        (0..shape[0] * shape[1]).map(|index| (((index * stride) % 97) as f32 - 48.0) / 64.0).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Trains the layer of the fixtures. Returns the layer, or the average of its weights.
fn train(config: &str, limit: Option<Clip>, averaging: Option<Averaging>, device: &Device) -> Linear {
    let device = &device.clone().autodiff();
    let mut layer = LinearConfig::new(3, 4).init(device);
    // PyTorch's layout is the transpose.
    layer.weight = Param::from_tensor(wave([4, 3], 31, device).transpose());
    layer.bias = Some(Param::from_tensor(wave([1, 4], 17, device).reshape([4])));
    let (inputs, targets) = (wave([10, 3], 43, device), wave([10, 4], 61, device));
    let mut optimizer = toml::from_str::<OptimizerConfig>(config).unwrap().init();
    let lr = toml::from_str::<OptimizerConfig>(config).unwrap().lr.get();
    let mut average = layer.valid();
    for step in 1..=STEPS {
        let loss = (layer.forward(inputs.clone()) - targets.clone()).powi_scalar(2).mean();
        let grads = GradientsParams::from_grads(loss.backward(), &layer);
        let (grads, _) = clip(&layer, grads, 1.0, limit);
        layer = optimizer.step(lr, layer, grads);
        if let Some(averaging) = averaging {
            average = average::update(average, &layer.valid(), averaging.weight(step));
        }
    }
    if averaging.is_some() { average } else { layer.valid() }
}

#[track_caller]
fn assert_equals_pytorch(name: &str, config: &str, limit: Option<Clip>, averaging: Option<Averaging>) {
    let expected: Value = serde_json::from_str(include_str!("fixtures/optimizers.json")).unwrap();
    let layer = train(config, limit, averaging, &Device::flex());
    let weight = layer.weight.val().transpose().into_data();
    let bias = layer.bias.unwrap().val().into_data();
    for (part, data) in [("weight", weight), ("bias", bias)] {
        let given: Vec<f32> = data.try_to_vec().unwrap();
        let expected = expected[name][part].as_array().unwrap();
        assert_eq!(given.len(), expected.len());
        for (given, expected) in given.iter().zip(expected) {
            approx::assert_abs_diff_eq!(f64::from(*given), expected.as_f64().unwrap(), epsilon = 1e-6);
        }
    }
}

#[test]
fn adam() {
    assert_equals_pytorch("adam", "kind = 'adam'\nlr = 0.01\nweight_decay = 0.01", None, None);
}

#[test]
fn adamw() {
    assert_equals_pytorch("adamw", "kind = 'adamw'\nlr = 0.01\nweight_decay = 0.1", None, None);
}

#[test]
fn sgd_with_momentum() {
    assert_equals_pytorch("sgd", "kind = 'sgd'\nlr = 0.05\nweight_decay = 0.01\nmomentum = 0.9", None, None);
}

#[test]
fn averaged_sgd() {
    let averaging = Averaging::Triggered(Trigger { after: Count::ONE });
    assert_equals_pytorch("asgd", "kind = 'sgd'\nlr = 0.5\nweight_decay = 0.01", None, Some(averaging));
}

#[test]
fn clipping_by_the_global_norm() {
    assert_equals_pytorch("clip_norm", "kind = 'sgd'\nlr = 0.5", Some(Clip::Norm(0.05)), None);
}

#[test]
fn clipping_by_value() {
    assert_equals_pytorch("clip_value", "kind = 'sgd'\nlr = 0.5", Some(Clip::Value(0.01)), None);
}
