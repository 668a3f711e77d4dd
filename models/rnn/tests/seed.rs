//! The same seed gives the same parameters. A separate program, because burn's random generator is global and other
//! tests would draw from it in other threads.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use rnn::{Cell, Init, Rnn, RnnConfig};

#[test]
fn the_same_seed_gives_the_same_parameters() {
    let device = Device::flex();
    for init in [Init::Uniform, Init::Orthogonal] {
        let config =
            RnnConfig::new(Cell::Lstm, 3, 4).with_num_layers(2).with_bidirectional(true).with_initializer(init);
        // Draws between `init` and the first use of the parameters must not change them.
        let draw = |seed, others: usize| {
            device.seed(seed);
            let rnn = config.init(&device);
            let _ = Tensor::<1>::random([others], Distribution::Default, &device);
            parameters(&rnn)
        };
        assert_eq!(draw(7, 1), draw(7, 9), "{init:?}");
        assert_ne!(draw(7, 1), draw(8, 1), "{init:?}");
    }
}

fn parameters(rnn: &Rnn) -> Vec<f32> {
    struct Collect(Vec<f32>);
    impl burn::module::ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
            self.0.extend(param.val().to_data().try_to_vec::<f32>().unwrap());
        }
    }
    let mut collect = Collect(Vec::new());
    rnn.visit(&mut collect);
    collect.0
}
