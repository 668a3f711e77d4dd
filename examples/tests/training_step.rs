use burn::nn::LinearConfig;
use burn::optim::AdamConfig;

use super::*;

#[test]
fn words_are_as_frequent_as_they_should_be() {
    let words = texts(100, 100, 1000).concat();
    assert!(words.iter().all(|word| *word < 1000));
    // ln 10 / ln 1000 of them are among the first nine.
    let first = words.iter().filter(|word| **word < 9).count();
    assert!((3000..3700).contains(&first), "{first}");
}

#[test]
fn a_step_is_measured() {
    let device = Device::flex().autodiff();
    let inputs = Tensor::<2>::random([4, 3], Distribution::Default, &device);
    let model = || LinearConfig::new(3, 1).init(&device);
    measure("a line", model, AdamConfig::new().init(), |model| model.forward(inputs.clone()).mean());
}
