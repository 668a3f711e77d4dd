//! Costs of activations, added to the loss (Merity, McCann & Socher 2017).

use burn::tensor::Tensor;

/// Activation regularisation (AR): `α · mean(h²)`, which keeps activations small.
///
/// # Shapes
///
/// - outputs: `[batch, time, feature]`, of the last layer, after its dropout
/// - output: `[1]`
pub fn activation_regularization(outputs: Tensor<3>, alpha: f64) -> Tensor<1> {
    outputs.square().mean().mul_scalar(alpha)
}

/// Temporal activation regularisation (TAR): `β · mean((h_{t+1} − h_t)²)`, which makes the state change slowly. Zero
/// where there is one step alone.
///
/// # Shapes
///
/// - outputs: `[batch, time, feature]`, of the last layer, before its dropout
/// - output: `[1]`
pub fn temporal_activation_regularization(outputs: Tensor<3>, beta: f64) -> Tensor<1> {
    let [_, time, _] = outputs.dims();
    if time < 2 {
        return Tensor::zeros([1], &outputs.device());
    }
    let [before, after] = [0, 1].map(|start| outputs.clone().narrow(1, start, time - 1)); // [B, T − 1, H]
    (after - before).square().mean().mul_scalar(beta)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn costs_of_activations_and_of_their_changes() {
        let outputs = Tensor::<3>::from_floats([[[1.0, 2.0], [3.0, 2.0], [3.0, -1.0]]], &Device::flex());
        let number = |cost: Tensor<1>| cost.into_scalar::<f32>();
        approx::assert_relative_eq!(number(activation_regularization(outputs.clone(), 2.0)), 2.0 * 28.0 / 6.0);
        approx::assert_relative_eq!(
            number(temporal_activation_regularization(outputs.clone(), 3.0)),
            3.0 * (4.0 + 9.0) / 4.0
        );
        assert_eq!(number(temporal_activation_regularization(outputs.narrow(1, 0, 1), 3.0)), 0.0);
    }
}
