//! Damage to the files of a package (the files of a trained model).

use inference::package::{FileEntry, MANIFEST, WEIGHTS, sha256};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::corpus::FileMap;
use crate::{json, tensors};

const CONFIG: &str = "config.json";

/// Damages or removes one to three files of a package; a file may be damaged more than once. In most cases, writes the
/// SHA-256 of the damaged files into the manifest, so that the package is not refused because of its checksums. Returns
/// all files, and the names of the changed files.
pub fn damaged(files: &FileMap, rng: &mut ChaCha8Rng) -> (FileMap, String) {
    let mut files = files.clone();
    let names: Vec<String> = files.keys().cloned().collect();
    let mut changed = Vec::new();
    for _ in 0..rng.random_range(1..=3) {
        // About half of the changes are in the manifest, because it contains most settings.
        let is_manifest = |name: &&String| [MANIFEST, CONFIG].contains(&name.as_str());
        let manifest = names.iter().find(is_manifest).filter(|_| rng.random_bool(0.4));
        let Some(name) = manifest.or(names.choose(rng)) else { continue };
        if rng.random_bool(0.02) {
            files.remove(name);
        } else if let Some(content) = files.get_mut(name) {
            *content = change(name, content, rng);
        }
        changed.push(name.as_str());
    }
    if rng.random_bool(0.95) {
        sign(&mut files);
    }
    (files, changed.join(" and "))
}

/// Writes the size and the SHA-256 of each file into `manifest.json`, and the SHA-256 of the weights into
/// `config.json`, the manifest of format 1. A manifest that is missing or is not a JSON object is not changed.
pub fn sign(files: &mut FileMap) {
    let entries: Vec<(String, FileEntry)> =
        files.iter().map(|(name, content)| (name.clone(), FileEntry::new(content))).collect();
    let weights = files.get(WEIGHTS).map(|content| sha256(content));
    for name in [MANIFEST, CONFIG] {
        let Some(content) = files.get_mut(name) else { continue };
        let Ok(Value::Object(mut manifest)) = serde_json::from_slice(content) else { continue };
        if name == CONFIG {
            manifest.insert("weights_sha256".to_owned(), json!(weights));
        } else if let Some(list) = manifest.get_mut("files").and_then(Value::as_object_mut) {
            for (file, entry) in entries.iter().filter(|(file, _)| file != MANIFEST) {
                list.insert(file.clone(), json!(entry));
            }
        }
        *content = Value::Object(manifest).to_string().into_bytes();
    }
}

fn change(name: &str, content: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    match name.rsplit('.').next() {
        Some("json") if rng.random_bool(0.9) => match serde_json::from_slice(content) {
            Ok(value) => json::damaged(&value, rng).into_bytes(),
            Err(_) => bytes(content, rng),
        },
        Some("safetensors") if rng.random_bool(0.8) => weights(content, rng),
        Some("txt") if rng.random_bool(0.7) => lines(content, rng),
        _ => bytes(content, rng),
    }
}

/// Damages one part of a safetensors file: the header, the stated length of the header, or the values.
fn weights(content: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let Some((header, data)) = tensors::split(content) else { return bytes(content, rng) };
    let mut changed = content.to_vec();
    match rng.random_range(0..8) {
        0..=4 => return tensors::join(&json::damaged(&header, rng), data),
        5 => {
            let length = (content.len() - data.len() - 8) as u64;
            let lengths =
                [0, 1, 7, length - 1, length + 1, content.len() as u64, 100_000_001, u64::MAX, 1 << 63, 1 << 40];
            changed[..8].copy_from_slice(&lengths.choose(rng).unwrap_or(&0).to_le_bytes());
        }
        6 => {
            // f16 values as bytes: infinity, the largest number, NaN, the smallest number, -infinity, the lowest
            // number.
            let pattern = *[[0, 0x7c], [0xff, 0x7b], [0xff, 0x7f], [1, 0], [0, 0xfc], [0xff, 0xfb]]
                .choose(rng)
                .unwrap_or(&[0; 2]);
            let begin = content.len() - data.len();
            for pair in changed[begin..].as_chunks_mut::<2>().0.iter_mut() {
                if rng.random_bool(0.001) {
                    *pair = pattern;
                }
            }
        }
        _ => return tensors::join(&header.to_string(), &bytes(data, rng)),
    }
    changed
}

/// Damages the lines of a text.
fn lines(content: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for _ in 0..rng.random_range(1..=3) {
        let index = rng.random_range(0..lines.len());
        match rng.random_range(0..8) {
            0 if lines.len() > 1 => drop(lines.remove(index)),
            1 => lines.insert(index, lines[index].clone()),
            2 => lines[index].clear(),
            3 => lines[index] = vec![b'a'; 1 << rng.random_range(0..16)],
            4 => lines[index].extend_from_slice(&[0xff, 0xc0]),
            5 => lines[index] = "e\u{301}\u{200d}\u{1f389}\r\u{0} <unk>\t<pad>".as_bytes().to_vec(),
            6 => lines.truncate(index + 1),
            _ => {
                let other = rng.random_range(0..lines.len());
                lines.swap(index, other);
            }
        }
    }
    lines.join(&b'\n')
}

/// Damages the bytes of a file without regard to their meaning.
fn bytes(content: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = content.to_vec();
    let at = rng.random_range(0..=bytes.len());
    let end = bytes.len().min(at + (1 << rng.random_range(0..10)));
    match rng.random_range(0..6) {
        0 => bytes.truncate(at),
        1 => bytes[at..end].fill(rng.random()),
        2 => drop(bytes.drain(at..end)),
        3 => bytes.extend_from_slice(&content[at..end]),
        4 => drop(bytes.splice(at..at, content[at..end].iter().copied())),
        _ if at < bytes.len() => bytes[at] ^= 1 << rng.random_range(0..8),
        _ => bytes.clear(),
    }
    bytes
}
