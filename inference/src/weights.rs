//! Weights as safetensors with PyTorch's names and layouts, so that weights can be exchanged with PyTorch.

use burn::module::Module;
use burn::store::{
    BurnToPyTorchAdapter, FloatCastAdapter, KeyRemapper, ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter,
    SafetensorsStore,
};
use burn::tensor::DType;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};
use serde::{Deserialize, Serialize};

use crate::int8;

/// The precision of stored weights. All computations are in single precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 16 bits per weight: half of the file size of single precision, with about three significant digits.
    #[default]
    Half,
    /// 32 bits per weight, exactly as trained.
    Single,
    /// 8 bits per weight and one scale per row of a matrix: a quarter of the file size of single precision, with about
    /// two significant digits. Biases have 32 bits.
    Int8,
}

impl Precision {
    /// Returns the number of bits per weight.
    pub fn bits(self) -> usize {
        match self {
            Self::Half => 16,
            Self::Single => 32,
            Self::Int8 => 8,
        }
    }
}

/// The mapping between the parameter names of a module and PyTorch's names: pairs of a regular expression and its
/// replacement, as for [`KeyRemapper`].
#[derive(Clone, Copy, Debug)]
pub struct WeightNames {
    /// Patterns that rename the module's parameters to PyTorch's names, for saving.
    pub to_pytorch: &'static [(&'static str, &'static str)],
    /// Patterns that rename PyTorch's parameters to the module's names, for loading.
    pub from_pytorch: &'static [(&'static str, &'static str)],
}

impl WeightNames {
    /// The mapping for a module whose parameter names equal PyTorch's names.
    pub const SAME: Self = Self { to_pytorch: &[], from_pytorch: &[] };
}

/// Saves the weights of a module. Returns the content of a safetensors file.
pub fn save<M: Module>(module: &M, names: WeightNames, precision: Precision) -> Result<Vec<u8>, String> {
    let dtype = match precision {
        Precision::Half => DType::F16,
        Precision::Single | Precision::Int8 => DType::F32,
    };
    let mut store = SafetensorsStore::from_bytes(None)
        // Equal weights must give equal files, but several metadata entries would be written in random order.
        .clear_metadata()
        .metadata("format", "pt")
        .remap(remapper(names.to_pytorch)?)
        .with_to_adapter(BurnToPyTorchAdapter.chain(FloatCastAdapter::to(dtype)));
    let saved = module.save_into(&mut store).and_then(|()| store.get_bytes());
    let content = saved.map_err(|error| one_line(&error))?;
    if precision == Precision::Int8 { int8::quantize(&content) } else { Ok(content) }
}

/// The prefixes of all parameter names in files that were saved from a wrapped PyTorch model: by `DataParallel`, by a
/// Lightning module with the attribute `model`, and by `torch.compile`.
const WRAPPERS: [&str; 3] = ["module.", "model.", "_orig_mod."];

/// Loads the content of a safetensors file into a module. Names and shapes of all tensors must match the module, and
/// all weights must be finite. If all names in the file have the prefix of a wrapper of PyTorch, such as `module.`,
/// this prefix is ignored.
pub(crate) fn load<M: Module>(module: &mut M, content: Vec<u8>, names: WeightNames) -> Result<(), String> {
    let content = int8::dequantize(&tensors(&content)?)?.unwrap_or(content);
    if let Some(name) = non_finite(&content)? {
        return Err(format!("the tensor `{name}` has a weight that is NaN or infinite"));
    }
    let prefix = wrapper_prefix(&content)?;
    if prefix.is_empty() {
        return load_named(module, content, names.from_pytorch);
    }
    load_named(module, content.clone(), names.from_pytorch).or_else(|_| {
        let prefix = format!("^{}", prefix.replace('.', r"\."));
        let renamed: Vec<_> = [(prefix.as_str(), "")].into_iter().chain(names.from_pytorch.iter().copied()).collect();
        load_named(module, content, &renamed)
    })
}

/// Returns the longest sequence of [`WRAPPERS`] with which all tensor names in a safetensors file begin, such as
/// `_orig_mod.module.`; empty if there is no such sequence.
fn wrapper_prefix(content: &[u8]) -> Result<String, String> {
    let file = tensors(content)?;
    let mut prefix = String::new();
    let all_begin = |prefix: &str| !file.is_empty() && file.names().iter().all(|name| name.starts_with(prefix));
    while let Some(longer) =
        WRAPPERS.iter().map(|wrapper| format!("{prefix}{wrapper}")).find(|longer| all_begin(longer))
    {
        prefix = longer;
    }
    Ok(prefix)
}

fn load_named<M: Module>(module: &mut M, content: Vec<u8>, names: &[(&str, &str)]) -> Result<(), String> {
    let mut store = SafetensorsStore::from_bytes(Some(content))
        .remap(remapper(names)?)
        .with_from_adapter(PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32)))
        .allow_partial(true)
        .validate(false);
    let applied = module
        .load_from(&mut store)
        .map_err(|error| format!("the file is not valid safetensors: {}", one_line(&error)))?;
    let mismatch = applied
        .errors
        .first()
        .map(one_line)
        .or_else(|| applied.missing.first().map(|(name, _)| format!("the tensor `{name}` is missing in the file")))
        .or_else(|| {
            applied
                .unused
                .first()
                .map(|name| format!("the file has the tensor `{name}`, but the model has no parameter with this name"))
        });
    match mismatch {
        None => Ok(()),
        Some(mismatch) => Err(format!("the weights do not match the settings of the model: {mismatch}")),
    }
}

/// Returns the name of a tensor that has a NaN or infinite value; `None` if all values in the safetensors file are
/// finite.
fn non_finite(content: &[u8]) -> Result<Option<String>, String> {
    let is_damaged = |tensor: &TensorView| {
        // The number of bytes per value, and a mask for the exponent in the last two bytes of a value. In NaN and
        // infinity, all bits of the exponent are set.
        let (size, exponent) = match tensor.dtype() {
            Dtype::F16 => (2, 0x7c00),
            Dtype::BF16 => (2, 0x7f80),
            Dtype::F32 => (4, 0x7f80),
            // Weights of 64 bits are rounded to 32 bits. Weights that are too large for 32 bits then become infinite.
            Dtype::F64 => {
                let values = tensor.data().as_chunks::<8>().0.iter();
                return values.map(|bytes| f64::from_le_bytes(*bytes) as f32).any(|value| !value.is_finite());
            }
            _ => return false,
        };
        let last = |value: &[u8]| u16::from_le_bytes([value[size - 2], value[size - 1]]);
        tensor.data().chunks_exact(size).any(|value| last(value) & exponent == exponent)
    };
    Ok(tensors(content)?.tensors().into_iter().find(|(_, tensor)| is_damaged(tensor)).map(|(name, _)| name))
}

/// Returns the number of weights (the elements of all tensors) in a safetensors file. The scales of 8-bit weights are
/// not counted.
pub fn count(content: &[u8]) -> Result<usize, String> {
    let file = tensors(content)?;
    let weights = file.iter().filter(|(name, _)| !int8::is_scale(&file, name));
    Ok(weights.map(|(_, tensor)| tensor.shape().iter().product::<usize>()).sum())
}

/// Returns the precision of the weights in a safetensors file.
pub(crate) fn precision(content: &[u8]) -> Result<Precision, String> {
    let file = tensors(content)?;
    let has = |dtype: Dtype| file.iter().any(|(_, tensor)| tensor.dtype() == dtype);
    Ok(if int8::is_int8(&file) {
        Precision::Int8
    } else if has(Dtype::F16) || has(Dtype::BF16) {
        Precision::Half
    } else {
        Precision::Single
    })
}

fn tensors(content: &[u8]) -> Result<SafeTensors<'_>, String> {
    SafeTensors::deserialize(content).map_err(|error| match is_pickle(content) {
        true => "the file is a PyTorch pickle (torch.save), not a safetensors file; in Python, convert the file with \
                 safetensors.torch.save_file(torch.load(FILE), \"model.safetensors\")"
            .to_owned(),
        false => format!("the file is not valid safetensors: {error}"),
    })
}

/// Returns whether a file begins like a zip archive, which `torch.save` writes, or like a pickle, which older versions
/// of `torch.save` write. Call this function only for a file that is not valid safetensors: a safetensors file with a
/// header of 640 bytes also begins like a pickle.
fn is_pickle(content: &[u8]) -> bool {
    content.starts_with(b"PK\x03\x04") || content.starts_with(b"\x80\x02")
}

fn remapper(pairs: &[(&str, &str)]) -> Result<KeyRemapper, String> {
    KeyRemapper::from_patterns(pairs.to_vec()).map_err(|error| one_line(&error))
}

fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    use super::*;

    const NAMES: WeightNames = WeightNames {
        to_pytorch: &[(r"^weight$", "dense.weight"), (r"^bias$", "dense.bias")],
        from_pytorch: &[(r"^dense\.(.+)$", "$1")],
    };

    fn layer(inputs: usize) -> Linear {
        LinearConfig::new(inputs, 3).init(&Device::flex())
    }

    #[test]
    fn weights_are_saved_and_loaded_with_pytorchs_names_and_layouts() {
        for (precision, tolerance) in [(Precision::Single, 0.0), (Precision::Half, 1e-3)] {
            let (written, mut read) = (layer(5), layer(5));
            let content = save(&written, NAMES, precision).unwrap();
            let file = SafeTensors::deserialize(&content).unwrap();
            assert_eq!(file.tensor("dense.weight").unwrap().shape(), [3, 5]);
            assert_eq!(count(&content), Ok(3 * 5 + 3));
            load(&mut read, content, NAMES).unwrap();
            let difference: f32 = (written.weight.val() - read.weight.val()).abs().max().into_scalar();
            assert!(difference <= tolerance, "{precision:?}: {difference}");
        }
    }

    /// Writes the weights of a layer with a prefix before every name.
    fn with_prefix(prefix: &str) -> (Linear, Vec<u8>) {
        let layer = layer(5);
        let content = save(&layer, NAMES, Precision::Single).unwrap();
        let file = SafeTensors::deserialize(&content).unwrap();
        let renamed = file.tensors().into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor));
        (layer, safetensors::serialize(renamed, None).unwrap())
    }

    #[test]
    fn prefixes_of_pytorchs_wrappers_are_removed() {
        for prefix in ["", "module.", "model.", "_orig_mod.module.", "model._orig_mod."] {
            let ((written, content), mut read) = (with_prefix(prefix), layer(5));
            load(&mut read, content, NAMES).unwrap();
            let difference: f32 = (written.weight.val() - read.weight.val()).abs().max().into_scalar();
            assert_eq!(difference, 0.0, "{prefix}");
        }
        for prefix in ["network.", "module", "model.dense."] {
            assert!(load(&mut layer(5), with_prefix(prefix).1, NAMES).unwrap_err().contains("missing"), "{prefix}");
        }
    }

    #[test]
    fn pickles_are_named() {
        for content in [&b"PK\x03\x04\x00\x00\x08\x08"[..], b"\x80\x02\x8a\x0al"] {
            assert!(count(content).unwrap_err().contains("pickle"));
            assert!(load(&mut layer(5), content.to_vec(), NAMES).unwrap_err().contains("pickle"));
        }
        // The length of the header stands at the beginning of a safetensors file.
        let layer = save(&layer(5), NAMES, Precision::Single).unwrap();
        let file = SafeTensors::deserialize(&layer).unwrap();
        let padded = |length: usize| {
            let metadata = [("padding".to_owned(), "-".repeat(length))].into();
            safetensors::serialize(file.tensors(), Some(metadata)).unwrap()
        };
        let content = (0..640).map(padded).find(|content| is_pickle(content)).unwrap();
        assert_eq!(count(&content), Ok(3 * 5 + 3));
    }

    #[test]
    fn weights_that_are_not_finite_are_refused_with_the_name_of_their_tensor() {
        for precision in [Precision::Single, Precision::Half] {
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let mut written = layer(5);
                written.weight = written.weight.map(|weight| weight.slice_fill([2..3, 1..2], value));
                let content = save(&written, NAMES, precision).unwrap();
                assert!(load(&mut layer(5), content, NAMES).unwrap_err().contains("`dense.weight`"), "{value}");
            }
        }
        for (values, dtype, found) in [
            ([1.0, f64::INFINITY], Dtype::F64, true),
            ([1.0, 1e39], Dtype::F64, true),
            ([3e38, -3e38], Dtype::F64, false),
        ] {
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            let view = TensorView::new(dtype, vec![2], &bytes).unwrap();
            let content = safetensors::serialize([("a", view)], None).unwrap();
            assert_eq!(non_finite(&content).unwrap().is_some(), found, "{values:?}");
        }
    }

    #[test]
    fn mismatched_shapes_and_damaged_files_are_errors() {
        let content = save(&layer(5), NAMES, Precision::Single).unwrap();
        assert!(load(&mut layer(4), content.clone(), NAMES).unwrap_err().contains("weight"));
        for damaged in [&content[..content.len() / 2], &content[..4], &[][..]] {
            assert!(load(&mut layer(5), damaged.to_vec(), NAMES).is_err());
            assert!(count(damaged).is_err());
        }
    }
}
