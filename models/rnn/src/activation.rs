//! Penalties on activations, added to the loss (Merity, McCann & Socher 2017).

use burn::tensor::Tensor;

/// Computes the penalty of activation regularisation (AR): `α · mean(h²)` over all values `h` of `outputs`. The penalty
/// keeps activations small.
///
/// # Shapes
///
/// - outputs: `[batch, time, feature]`, the output of the last layer after dropout
/// - output: `[1]`
pub fn activation_regularization(outputs: Tensor<3>, alpha: f64) -> Tensor<1> {
    outputs.square().mean().mul_scalar(alpha)
}

/// Computes the penalty of temporal activation regularisation (TAR): `β · mean((h_{t+1} − h_t)²)` over all steps `h_t`
/// of `outputs`. The penalty makes the hidden state change slowly. The result is zero for a sequence of one step.
///
/// # Shapes
///
/// - outputs: `[batch, time, feature]`, the output of the last layer before dropout
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
    fn penalties_match_the_formulas() {
        let outputs = Tensor::<3>::from_floats([[[1.0, 2.0], [3.0, 2.0], [3.0, -1.0]]], &Device::flex());
        let value = |penalty: Tensor<1>| penalty.into_scalar::<f32>();
        approx::assert_relative_eq!(value(activation_regularization(outputs.clone(), 2.0)), 2.0 * 28.0 / 6.0);
        approx::assert_relative_eq!(
            value(temporal_activation_regularization(outputs.clone(), 3.0)),
            3.0 * (4.0 + 9.0) / 4.0
        );
        assert_eq!(value(temporal_activation_regularization(outputs.narrow(1, 0, 1), 3.0)), 0.0);
    }
}
