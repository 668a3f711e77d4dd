//! Safetensors files as bytes: the length of the header, the header as JSON, and the data.

use serde_json::{Value, json};

/// Splits a safetensors file into its header and its data; `None` if the file is damaged.
pub fn split(content: &[u8]) -> Option<(Value, &[u8])> {
    let (length, rest) = content.split_first_chunk::<8>()?;
    let (header, data) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    Some((serde_json::from_slice(header).ok()?, data))
}

/// Returns the bytes of a safetensors file with this header and these data.
pub fn join(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

/// Returns a copy of a safetensors file in which every tensor with `rows` rows has only its first `kept` rows; `None`
/// if the file is damaged.
pub fn with_rows(content: &[u8], rows: usize, kept: usize) -> Option<Vec<u8>> {
    let (mut header, data) = split(content)?;
    let mut new = Vec::new();
    for (_, tensor) in header.as_object_mut()?.iter_mut().filter(|(name, _)| *name != "__metadata__") {
        let [start, end] = [0, 1].map(|index| tensor["data_offsets"][index].as_u64());
        let bytes = data.get(usize::try_from(start?).ok()?..usize::try_from(end?).ok()?)?;
        let begin = new.len();
        if tensor["shape"][0] == rows {
            tensor["shape"][0] = json!(kept);
            new.extend_from_slice(bytes.get(..bytes.len() / rows * kept)?);
        } else {
            new.extend_from_slice(bytes);
        }
        tensor["data_offsets"] = json!([begin, new.len()]);
    }
    Some(join(&header.to_string(), &new))
}
