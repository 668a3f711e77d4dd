use super::*;

#[test]
fn bptt_by_hand_equals_autodiff() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..20 {
        let (network, inputs) = (Network::random(&mut rng), sequence(&mut rng));
        let by_burn = gradient_by_burn(&network, &inputs, 0.5);
        let difference = |steps| largest_difference(network.gradient(&inputs, 0.5, steps).1, by_burn.clone());
        assert!(difference(STEPS) < 1e-5 && difference(1) > 1e-4, "{} {}", difference(STEPS), difference(1));
    }
}

#[test]
fn only_the_full_gradient_reduces_the_loss() {
    let network = Network::random(&mut ChaCha8Rng::seed_from_u64(1));
    let [full, truncated] = [STEPS, 1].map(|steps| train(network.clone(), 10, steps)[9]);
    assert!(full < 0.02 && truncated > 0.1, "{full} {truncated}");
}
