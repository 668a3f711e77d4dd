//! Weights with 8 bits in a safetensors file: `weight = scale · q` with an integer q from −127 to 127 and one scale per
//! row of a matrix. The tensor `NAME.scale` contains the scales of the matrix `NAME`. Biases stay 32-bit floats.

use std::collections::BTreeMap;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

/// The suffix of the name of a tensor that holds the scales of a matrix.
const SCALE: &str = ".scale";

/// Converts the matrices in a safetensors file from 32-bit floats to 8 bits per weight. Returns the content of the new
/// file. All other tensors, such as biases, are unchanged.
pub(crate) fn quantize(content: &[u8]) -> Result<Vec<u8>, String> {
    let file = SafeTensors::deserialize(content).map_err(|error| error.to_string())?;
    let mut tensors = Tensors::default();
    for (name, tensor) in file.tensors() {
        if tensor.shape().len() < 2 || tensor.dtype() != Dtype::F32 {
            tensors.insert(name, tensor.dtype(), tensor.shape(), tensor.data().to_vec());
            continue;
        }
        let rows = tensor.shape()[0];
        let (mut scales, mut integers) = (Vec::with_capacity(4 * rows), Vec::with_capacity(tensor.data().len() / 4));
        for row in floats(tensor.data()).collect::<Vec<f32>>().chunks(row_length(&tensor, 4)) {
            let (scale, row) = quantize_row(row);
            scales.extend(scale.to_le_bytes());
            integers.extend(row.iter().map(|&q| q as u8));
        }
        tensors.insert(format!("{name}{SCALE}"), Dtype::F32, &[rows], scales);
        tensors.insert(name, Dtype::I8, tensor.shape(), integers);
    }
    tensors.serialize()
}

/// Quantizes a row of weights. Returns the scale of the row, and the weights as integers: each weight is divided by the
/// scale and rounded. The scale is chosen so that the weight with the largest absolute value becomes ±127.
fn quantize_row(row: &[f32]) -> (f32, Vec<i8>) {
    let scale = row.iter().fold(0.0, |largest: f32, weight| largest.max(weight.abs())) / 127.0;
    // A row of zeros has the scale 0, and 0 / 0 is converted to 0.
    (scale, row.iter().map(|weight| (weight / scale).round().clamp(-127.0, 127.0) as i8).collect())
}

/// Converts the matrices with 8 bits per weight in a safetensors file to 32-bit floats. Returns the content of the new
/// file; `None` if the file has no matrices with 8 bits per weight.
pub(crate) fn dequantize(file: &SafeTensors) -> Result<Option<Vec<u8>>, String> {
    if !is_int8(file) {
        return Ok(None);
    }
    let mut tensors = Tensors::default();
    for (name, tensor) in file.tensors() {
        if tensor.dtype() == Dtype::I8 {
            let scales = scales(file, &name, &tensor)?;
            let rows = tensor.data().chunks(row_length(&tensor, 1)).zip(scales);
            let weights = rows.flat_map(|(row, scale)| row.iter().map(move |&q| f32::from(q as i8) * scale));
            tensors.insert(name, Dtype::F32, tensor.shape(), weights.flat_map(f32::to_le_bytes).collect());
        } else if !is_scale(file, &name) {
            tensors.insert(name, tensor.dtype(), tensor.shape(), tensor.data().to_vec());
        }
    }
    tensors.serialize().map(Some)
}

/// Returns whether a file has matrices with 8 bits per weight.
pub(crate) fn is_int8(file: &SafeTensors) -> bool {
    file.iter().any(|(_, tensor)| tensor.dtype() == Dtype::I8)
}

/// Returns whether the tensor `name` contains the scales of a matrix with 8 bits per weight.
pub(crate) fn is_scale(file: &SafeTensors, name: &str) -> bool {
    let matrix = name.strip_suffix(SCALE).and_then(|matrix| file.tensor(matrix).ok());
    matrix.is_some_and(|matrix| matrix.dtype() == Dtype::I8)
}

/// Returns the scale of each row of the matrix with the name `name`.
fn scales<'a>(
    file: &SafeTensors<'a>,
    name: &str,
    matrix: &TensorView,
) -> Result<impl Iterator<Item = f32> + use<'a>, String> {
    let scale = format!("{name}{SCALE}");
    let tensor = file.tensor(&scale).map_err(|_| {
        format!("the tensor `{name}` has 8 bits per weight, but its tensor of scales `{scale}` is missing")
    })?;
    if tensor.dtype() != Dtype::F32 || tensor.shape() != &matrix.shape()[..matrix.shape().len().min(1)] {
        return Err(format!("the tensor `{scale}` must have one 32-bit float for each row of the tensor `{name}`"));
    }
    Ok(floats(tensor.data()))
}

/// Returns the number of values per row of a matrix, or 1 if the matrix is empty. `bytes` is the number of bytes per
/// value.
fn row_length(tensor: &TensorView, bytes: usize) -> usize {
    let rows = tensor.shape().first().copied().unwrap_or(1);
    (tensor.data().len() / bytes / rows.max(1)).max(1)
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + use<'_> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// The tensors of a new safetensors file, by name: type, shape and bytes.
#[derive(Default)]
struct Tensors(BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn insert(&mut self, name: String, dtype: Dtype, shape: &[usize], data: Vec<u8>) {
        self.0.insert(name, (dtype, shape.to_vec(), data));
    }

    /// Returns the content of the safetensors file. Its metadata is `format = "pt"`, as in files that PyTorch writes.
    fn serialize(&self) -> Result<Vec<u8>, String> {
        let views = self.0.iter().map(|(name, (dtype, shape, data))| {
            TensorView::new(*dtype, shape.clone(), data).map(|view| (name.as_str(), view))
        });
        let views: Vec<_> = views.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let metadata = [("format".to_owned(), "pt".to_owned())].into();
        safetensors::serialize(views, Some(metadata)).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(tensors: &[(&str, Dtype, &[usize], Vec<u8>)]) -> Vec<u8> {
        let mut all = Tensors::default();
        for (name, dtype, shape, data) in tensors {
            all.insert((*name).to_owned(), *dtype, shape, data.clone());
        }
        all.serialize().unwrap()
    }

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    fn values(content: &[u8], name: &str) -> Vec<f32> {
        floats(SafeTensors::deserialize(content).unwrap().tensor(name).unwrap().data()).collect()
    }

    fn dequantized(content: &[u8]) -> Result<Option<Vec<u8>>, String> {
        dequantize(&SafeTensors::deserialize(content).unwrap())
    }

    #[test]
    fn weights_are_rounded_to_their_row_and_biases_are_kept() {
        let weights = [0.5, -1.27, 0.004, 0.0, 0.0, 0.0, 1e-3, 2e-3, -3e-3];
        let single =
            file(&[("w", Dtype::F32, &[3, 3], bytes(&weights)), ("b", Dtype::F32, &[2], bytes(&[0.123_456, -7.0]))]);
        let int8 = quantize(&single).unwrap();
        let back = dequantized(&int8).unwrap().unwrap();
        assert_eq!(values(&back, "b"), [0.123_456, -7.0]);
        let scales = [0.01, 0.0, 3e-3 / 127.0];
        for (index, (given, expected)) in values(&back, "w").iter().zip(weights).enumerate() {
            assert!((given - expected).abs() <= 0.5001 * scales[index / 3], "{given} {expected}");
        }
        assert_eq!(quantize(&back).unwrap(), int8);
        assert_eq!(dequantized(&single).unwrap(), None);
    }

    #[test]
    fn scales_must_fit_their_matrix() {
        let matrix = || ("w", Dtype::I8, &[2, 2][..], vec![1, 2, 3, 4]);
        assert!(dequantized(&file(&[matrix()])).is_err());
        assert!(dequantized(&file(&[matrix(), ("w.scale", Dtype::F32, &[1], bytes(&[1.0]))])).is_err());
        let empty = file(&[("w", Dtype::I8, &[0, 1 << 40, 1 << 40], vec![]), ("w.scale", Dtype::F32, &[0], vec![])]);
        assert!(dequantized(&empty).is_ok());
        assert!(dequantized(&file(&[matrix(), ("w.scale", Dtype::I32, &[2], bytes(&[1.0, 1.0]))])).is_err());
        let good = file(&[matrix(), ("w.scale", Dtype::F32, &[2], bytes(&[0.5, -2.0]))]);
        assert_eq!(values(&dequantized(&good).unwrap().unwrap(), "w"), [0.5, 1.0, -6.0, -8.0]);
    }
}
