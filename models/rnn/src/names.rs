/// Returns patterns that map this crate's parameter names to PyTorch's: `layers.0.forward.weight_ih` → `weight_ih_l0`,
/// `layers.0.backward.bias_hh` → `bias_hh_l0_reverse`. Any path prefix is kept.
///
/// Each pair is a regular expression and its replacement, for `burn::store::KeyRemapper` or the method
/// `with_key_remapping` of a store. Use the pairs in a store that *saves*; use [`from_pytorch_names`] in a store that
/// loads. No tensor is transposed, because the layouts are the same. For weights of Keras and ONNX see
/// [`Cell`](crate::Cell#weights-of-other-frameworks).
///
/// ```
/// use burn::store::{KeyRemapper, SafetensorsStore};
///
/// let names = KeyRemapper::from_pattern_iter(rnn::pytorch_names()).expect("the patterns are valid");
/// let store = SafetensorsStore::from_file("model.safetensors").remap(names);
/// ```
pub const fn pytorch_names() -> [(&'static str, &'static str); 2] {
    [
        (r"(^|\.)layers\.(\d+)\.forward\.((?:weight|bias)_[ih]h)$", "${1}${3}_l${2}"),
        (r"(^|\.)layers\.(\d+)\.backward\.((?:weight|bias)_[ih]h)$", "${1}${3}_l${2}_reverse"),
    ]
}

/// Returns patterns that map PyTorch's parameter names to this crate's names, for a store that *loads*. They are the
/// inverse of the patterns of [`pytorch_names`].
pub const fn from_pytorch_names() -> [(&'static str, &'static str); 2] {
    [
        (r"(^|\.)((?:weight|bias)_[ih]h)_l(\d+)$", "${1}layers.${3}.forward.${2}"),
        (r"(^|\.)((?:weight|bias)_[ih]h)_l(\d+)_reverse$", "${1}layers.${3}.backward.${2}"),
    ]
}
