//! Weights as safetensors with PyTorch's names and layouts, so that they go both ways between the two.

use std::path::Path;

use burn::module::Module;
use burn::store::{
    BurnToPyTorchAdapter, FloatCastAdapter, KeyRemapper, ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter,
    SafetensorsStore,
};
use burn::tensor::DType;

use crate::error::{Result, TrainingError};
use crate::files;

/// The precision of stored weights. Computing is always in single precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 16 bits a weight: half the size, about three significant digits.
    #[default]
    Half,
    /// 32 bits a weight, exactly as trained.
    Single,
}

/// How names differ between the modules of an application and PyTorch's: pairs of pattern and replacement, as for
/// [`KeyRemapper`].
#[derive(Clone, Copy, Debug)]
pub struct WeightNames {
    /// From the module's to PyTorch's.
    pub to_pytorch: &'static [(&'static str, &'static str)],
    /// And back.
    pub from_pytorch: &'static [(&'static str, &'static str)],
}

impl WeightNames {
    /// Of applications whose names are what they are.
    pub const SAME: Self = Self { to_pytorch: &[], from_pytorch: &[] };
}

/// Writes a module's weights. The file appears whole or not at all.
pub fn save<M: Module>(module: &M, path: &Path, names: WeightNames, precision: Precision) -> Result<()> {
    let dtype = match precision {
        Precision::Half => DType::F16,
        Precision::Single => DType::F32,
    };
    // In memory first: the store's own file is for its owner's eyes only.
    let mut store = SafetensorsStore::from_bytes(None)
        // One entry alone: several are written in random order, and equal weights should be equal files.
        .clear_metadata()
        .metadata("format", "pt")
        .remap(remapper(names.to_pytorch)?)
        .with_to_adapter(BurnToPyTorchAdapter.chain(FloatCastAdapter::to(dtype)));
    let written = module.save_into(&mut store).and_then(|()| store.get_bytes());
    files::write(path, &written.map_err(|error| TrainingError::damaged(path, one_line(&error)))?)
}

/// Reads weights into a module. Every tensor must be there, with its shape, and none besides.
pub fn load<M: Module>(module: &mut M, path: &Path, names: WeightNames) -> Result<()> {
    std::fs::File::open(path).map_err(TrainingError::io("read", path))?;
    let mut store = SafetensorsStore::from_file(path)
        .remap(remapper(names.from_pytorch)?)
        .with_from_adapter(PyTorchToBurnAdapter.chain(FloatCastAdapter::to(DType::F32)))
        .allow_partial(true)
        .validate(false);
    let applied = module
        .load_from(&mut store)
        .map_err(|error| TrainingError::damaged(path, format!("is not a weight file: {}", one_line(&error))))?;
    let wrong = applied
        .errors
        .first()
        .map(one_line)
        .or_else(|| applied.missing.first().map(|(name, _)| format!("it lacks `{name}`")))
        .or_else(|| applied.unused.first().map(|name| format!("it has `{name}`, which the model has not")));
    match wrong {
        None => Ok(()),
        Some(what) => {
            let message = format!("does not match the model of its configuration: {what}");
            Err(TrainingError::damaged(path, message))
        }
    }
}

fn remapper(pairs: &[(&str, &str)]) -> Result<KeyRemapper> {
    KeyRemapper::from_patterns(pairs.to_vec()).map_err(|error| TrainingError::Task(error.into()))
}

fn one_line(error: &impl std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::damage::try_damaged;
    use burn::nn::{Linear, LinearConfig};
    use burn::tensor::Device;

    const NAMES: WeightNames = WeightNames {
        to_pytorch: &[(r"^weight$", "dense.weight"), (r"^bias$", "dense.bias")],
        from_pytorch: &[(r"^dense\.(.+)$", "$1")],
    };

    fn layer(inputs: usize) -> Linear {
        LinearConfig::new(inputs, 3).init(&Device::flex())
    }

    #[test]
    fn weights_come_back_in_either_precision_with_pytorch_names_and_layout() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        for (precision, tolerance) in [(Precision::Single, 0.0), (Precision::Half, 1e-3)] {
            let (written, mut read) = (layer(5), layer(5));
            save(&written, &path, NAMES, precision).unwrap();
            load(&mut read, &path, NAMES).unwrap();
            let difference: f32 = (written.weight.val() - read.weight.val()).abs().max().into_scalar();
            assert!(difference <= tolerance, "{precision:?}: {difference}");

            let bytes = std::fs::read(&path).unwrap();
            let header = String::from_utf8_lossy(&bytes[8..]).into_owned();
            assert!(header.contains(r#""dense.weight""#) && header.contains(r#""shape":[3,5]"#), "{header}");
        }
    }

    #[test]
    fn other_shapes_and_damaged_files_are_one_line_that_names_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        save(&layer(5), &path, NAMES, Precision::Single).unwrap();
        let error = load(&mut layer(4), &path, NAMES).unwrap_err().to_string();
        assert!(error.contains("model.safetensors") && error.contains("weight") && !error.contains('\n'), "{error}");

        let bytes = std::fs::read(&path).unwrap();
        for damaged in [&bytes[..bytes.len() / 2], &bytes[..4], &[][..]] {
            std::fs::write(&path, damaged).unwrap();
            let error = load(&mut layer(5), &path, NAMES).unwrap_err().to_string();
            assert!(error.contains("is not a weight file") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn damaged_files_are_errors() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        save(&layer(5), &path, NAMES, Precision::Half).unwrap();
        try_damaged(&std::fs::read(&path).unwrap(), |bytes| {
            std::fs::write(&path, bytes).unwrap();
            let _ = load(&mut layer(5), &path, NAMES);
        });
    }
}
