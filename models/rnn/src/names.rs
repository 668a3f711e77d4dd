/// How this crate's parameter names become PyTorch's: `layers.0.forward.weight_ih` → `weight_ih_l0`,
/// `layers.0.backward.bias_hh` → `bias_hh_l0_reverse`, whatever path stands before them.
///
/// Each pair is a pattern and its replacement, as `burn::store::KeyRemapper` and `with_key_remapping` take them. Give
/// them to a store that *saves*; [`from_pytorch_names`] are for a store that loads. Layouts are PyTorch's already:
/// nothing is transposed on the way.
///
/// ```
/// use burn::store::{KeyRemapper, SafetensorsStore};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let names = KeyRemapper::from_pattern_iter(rnn::pytorch_names())?;
/// let store = SafetensorsStore::from_file("model.safetensors").remap(names);
/// # Ok(())
/// # }
/// ```
pub const fn pytorch_names() -> [(&'static str, &'static str); 2] {
    [
        (r"(^|\.)layers\.(\d+)\.forward\.((?:weight|bias)_[ih]h)$", "${1}${3}_l${2}"),
        (r"(^|\.)layers\.(\d+)\.backward\.((?:weight|bias)_[ih]h)$", "${1}${3}_l${2}_reverse"),
    ]
}

/// How PyTorch's parameter names become this crate's: the inverse of [`pytorch_names`], for a store that *loads*.
pub const fn from_pytorch_names() -> [(&'static str, &'static str); 2] {
    [
        (r"(^|\.)((?:weight|bias)_[ih]h)_l(\d+)$", "${1}layers.${3}.forward.${2}"),
        (r"(^|\.)((?:weight|bias)_[ih]h)_l(\d+)_reverse$", "${1}layers.${3}.backward.${2}"),
    ]
}
