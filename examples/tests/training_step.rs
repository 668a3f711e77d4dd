use burn::nn::LinearConfig;
use burn::optim::AdamConfig;

use super::*;

#[test]
fn token_ids_have_word_frequencies() {
    let ids = texts(100, 100, 1000).concat();
    assert!(ids.iter().all(|id| *id < 1000));
    // A fraction ln 10 / ln 1000 of the ids is below 9.
    let frequent = ids.iter().filter(|id| **id < 9).count();
    assert!((3000..3700).contains(&frequent), "{frequent}");
}

#[test]
fn a_linear_model_is_timed() {
    let device = Device::flex().autodiff();
    let inputs = Tensor::<2>::random([4, 3], Distribution::Default, &device);
    let model = || LinearConfig::new(3, 1).init(&device);
    measure("linear", &device, model, AdamConfig::new().init(), |model| model.forward(inputs.clone()).mean());
}
