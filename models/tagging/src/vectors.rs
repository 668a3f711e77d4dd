//! Pretrained word vectors with 8 bits per number, which training does not change.
//!
//! Because the vectors do not change, the vectors of words in the training part stay comparable to the vectors of all
//! other words. With 8 bits per number, the vectors of about fifty thousand words fit into a package (the files of a
//! trained model) of a few megabytes.

use safetensors::tensor::{Dtype, SafeTensorError, SafeTensors, TensorView};

/// The largest absolute value of a stored number, which is an 8-bit integer.
const LARGEST: f32 = 127.0;

/// The vectors of the words in a vocabulary, in the order of the word ids.
#[derive(Clone, Debug, PartialEq)]
pub struct WordVectors {
    /// The number of numbers in a vector.
    size: usize,
    /// For each vector, the scale factor, `[words]`: a vector is its stored numbers times its scale factor.
    scales: Vec<f32>,
    /// The stored numbers, `[words, size]`: the numbers of each vector, divided by the scale factor of the vector and
    /// rounded.
    values: Vec<i8>,
}

impl WordVectors {
    /// The name of the file with the word vectors in a package.
    pub const FILE: &str = "vectors.safetensors";

    /// Rounds vectors, `[words, size]`, to 8 bits per number. The largest absolute value in each vector is stored as
    /// ±127, so the rounding error of each number in the vector is at most 0.4 % of that value.
    pub fn quantize(rows: &[f32], size: usize) -> Self {
        let (mut scales, mut values) = (Vec::new(), Vec::with_capacity(rows.len()));
        for row in rows.chunks(size) {
            let largest = row.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
            let scale = largest / LARGEST;
            scales.push(scale);
            values.extend(row.iter().map(|value| if scale > 0.0 { (value / scale).round() as i8 } else { 0 }));
        }
        Self { size, scales, values }
    }

    /// Returns the number of words that have a vector.
    pub fn words(&self) -> usize {
        self.scales.len()
    }

    /// Returns the number of numbers in a vector.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns the stored numbers, `[words, size]`: the numbers of each vector, divided by the scale factor of the
    /// vector and rounded.
    pub fn values(&self) -> &[i8] {
        &self.values
    }

    /// Returns the scale factor of each vector, `[words]`: a vector is its stored numbers times its scale factor.
    pub fn scales(&self) -> &[f32] {
        &self.scales
    }

    /// Returns the vector of the word with the id `id`.
    pub fn row(&self, id: u32) -> impl Iterator<Item = f32> {
        let (id, size) = (id as usize, self.size);
        let scale = self.scales[id];
        self.values[id * size..][..size].iter().map(move |value| scale * f32::from(*value))
    }

    /// Returns the content of a safetensors file with the tensors `values` (i8, `[words, size]`) and `scales` (f32,
    /// `[words]`).
    ///
    /// # Errors
    ///
    /// Returns the message of the safetensors library if the library cannot write the tensors.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let values: Vec<u8> = self.values.iter().map(|value| value.to_le_bytes()[0]).collect();
        let scales: Vec<u8> = self.scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let views = [
            TensorView::new(Dtype::I8, vec![self.words(), self.size], &values).map(|view| ("values", view)),
            TensorView::new(Dtype::F32, vec![self.words()], &scales).map(|view| ("scales", view)),
        ];
        let views = views.into_iter().collect::<Result<Vec<_>, SafeTensorError>>();
        views.and_then(|views| safetensors::serialize(views, None)).map_err(|error| error.to_string())
    }

    /// Reads the content of a safetensors file that [`to_bytes`](Self::to_bytes) has returned. The file must have
    /// `words` vectors of `size` numbers.
    ///
    /// # Errors
    ///
    /// Returns a description of what is wrong if the content is not such a file.
    pub fn parse(bytes: &[u8], words: usize, size: usize) -> Result<Self, String> {
        let file = SafeTensors::deserialize(bytes).map_err(|error| format!("not a safetensors file ({error})"))?;
        let data = |name: &str, dtype: Dtype, shape: &[usize]| match file.tensor(name) {
            Ok(tensor) if tensor.dtype() == dtype && tensor.shape() == shape => Ok(tensor.data().to_vec()),
            _ => Err(format!("there is no tensor `{name}` of type {dtype:?} and shape {shape:?}")),
        };
        let values = data("values", Dtype::I8, &[words, size])?.into_iter().map(|byte| i8::from_le_bytes([byte]));
        let scales = data("scales", Dtype::F32, &[words])?;
        let scales: Vec<f32> = scales.as_chunks().0.iter().map(|bytes: &[u8; 4]| f32::from_le_bytes(*bytes)).collect();
        match scales.iter().all(|scale| scale.is_finite()) {
            true => Ok(Self { size, scales, values: values.collect() }),
            false => Err("the tensor `scales` has a value that is not finite".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use test_support::try_damaged;

    use super::*;

    proptest! {
        #[test]
        fn vectors_are_nearly_kept(rows in prop::collection::vec(-9f32..9.0, 12)) {
            let vectors = WordVectors::quantize(&rows, 4);
            for (id, row) in rows.chunks(4).enumerate() {
                let largest = row.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
                for (kept, value) in vectors.row(id as u32).zip(row) {
                    prop_assert!((kept - value).abs() <= 0.004 * largest, "{kept} for {value}");
                }
            }
        }
    }

    #[test]
    fn files_are_read_as_written() {
        let vectors = WordVectors::quantize(&[0.0, 0.0, 1.0, -2.0], 2);
        let bytes = vectors.to_bytes().unwrap();
        assert_eq!(WordVectors::parse(&bytes, 2, 2).unwrap(), vectors);
        assert_eq!(vectors.row(0).collect::<Vec<_>>(), [0.0, 0.0]);
        assert!(WordVectors::parse(&bytes, 3, 2).is_err());
        try_damaged(&bytes, |bytes| {
            let _ = WordVectors::parse(bytes, 2, 2);
        });
    }
}
