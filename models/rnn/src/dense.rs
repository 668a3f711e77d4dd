use burn::nn::Linear;
use burn::tensor::Tensor;

/// A dense layer at every step: `[batch, time, features]` → `[batch, time, outputs]`.
///
/// As `layer.forward(steps)`, but all steps are rows of one matrix: of three dimensions, burn 0.22 makes the gradient of the
/// weights once for each sequence, and adds them up.
pub fn dense(layer: &Linear, steps: Tensor<3>) -> Tensor<3> {
    let [batch, time, features] = steps.dims();
    let outputs = layer.forward(steps.reshape([batch * time, features])); // [B · T, outputs]
    let size = outputs.dims()[1];
    outputs.reshape([batch, time, size])
}
