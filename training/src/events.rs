//! Event files for TensorBoard: loss, gradient norm and learning rate of every step, and validation metrics of every
//! epoch.
//!
//! A file is a sequence of records. Each record consists of a length, the checksum of the length, an `Event` message,
//! and the checksum of the message. A message is encoded as
//! [protocol buffers](https://protobuf.dev/programming-guides/encoding/). The existing crates for this format are
//! unmaintained, and scalars need only the few functions below.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Result, TrainingError};

/// A TensorBoard event file, open for writing.
pub struct Events {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Events {
    /// Creates a new event file in the folder `dir`. `step` is the number of finished optimizer steps. TensorBoard then
    /// ignores the events of later steps in older files of the folder. A killed process may have written such events
    /// after its last checkpoint.
    pub fn create(dir: &Path, step: usize) -> Result<Self> {
        let mut number = 1;
        let path = loop {
            let path = dir.join(format!("events.out.tfevents.{number:04}"));
            if !path.exists() {
                break path;
            }
            number += 1;
        };
        let file = File::create_new(&path).map_err(TrainingError::io("write", &path))?;
        let mut events = Self { path, file: BufWriter::new(file) };
        events.write(0, text(3, b"brain.Event:2"))?;
        const START: u64 = 1;
        events.write(step + 1, text(7, &number_field(1, START)))?; // a session log with status START
        events.flush()?;
        Ok(events)
    }

    /// Writes values with their names, such as `training/loss`, for an optimizer step.
    pub fn scalars<'a>(&mut self, step: usize, values: impl IntoIterator<Item = (&'a str, f64)>) -> Result<()> {
        let mut summary = Vec::new();
        for (name, value) in values {
            let value = [text(1, name.as_bytes()), vec![tag(2, FOUR_BYTES)], (value as f32).to_le_bytes().to_vec()];
            summary.extend(text(1, &value.concat()));
        }
        self.write(step, text(5, &summary))
    }

    /// Flushes the buffer to the operating system.
    pub fn flush(&mut self) -> Result<()> {
        self.file.flush().map_err(TrainingError::io("write", &self.path))
    }

    /// Writes one record with its length and checksums.
    fn write(&mut self, step: usize, content: Vec<u8>) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64());
        let time = [vec![tag(1, EIGHT_BYTES)], now.to_le_bytes().to_vec()].concat();
        let event = [time, number_field(2, step as u64), content].concat();
        let length = (event.len() as u64).to_le_bytes();
        let sums = [&length[..], &event].map(|bytes| masked(crc32c::crc32c(bytes)).to_le_bytes());
        let record = [&length[..], &sums[0], &event, &sums[1]].concat();
        self.file.write_all(&record).map_err(TrainingError::io("write", &self.path))
    }
}

/// Masks the CRC-32C of a record, as TensorBoard's file format requires.
fn masked(sum: u32) -> u32 {
    sum.rotate_right(15).wrapping_add(0xa282_ead8)
}

// The wire types of protocol buffers: codes that tell how the value of a field is encoded.
const VARIABLE: u8 = 0;
const EIGHT_BYTES: u8 = 1;
const WITH_LENGTH: u8 = 2;
const FOUR_BYTES: u8 = 5;

fn tag(field: u8, kind: u8) -> u8 {
    field << 3 | kind
}

fn number_field(field: u8, number: u64) -> Vec<u8> {
    [vec![tag(field, VARIABLE)], varint(number)].concat()
}

/// Encodes a string or an embedded message as a field of a protocol buffer.
fn text(field: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![tag(field, WITH_LENGTH)], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// Encodes a number as a varint: 7 bits per byte, lowest first. The highest bit is set in all bytes but the last.
fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_consists_of_records_with_checksums() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = Events::create(dir.path(), 300).unwrap();
        events.scalars(300, [("loss", 0.5)]).unwrap();
        events.flush().unwrap();
        assert!(Events::create(dir.path(), 0).unwrap().path.ends_with("events.out.tfevents.0002"));

        let bytes = std::fs::read(&events.path).unwrap();
        let (mut rest, mut records) = (&bytes[..], Vec::new());
        while let Some((length, after)) = rest.split_first_chunk::<8>() {
            let length = u64::from_le_bytes(*length) as usize;
            let (event, after) = after[4..].split_at(length);
            assert_eq!(after[..4], masked(crc32c::crc32c(event)).to_le_bytes());
            records.push(event[9..].to_vec()); // skips the time
            rest = &after[4..];
        }
        assert_eq!(records.len(), 3);
        assert!(records[0].ends_with(b"brain.Event:2"));
        assert_eq!(records[1], [0x10, 0xad, 0x02, 0x3a, 0x02, 0x08, 0x01]);
        let scalar = [&[0x10, 0xac, 0x02, 0x2a, 0x0d, 0x0a, 0x0b, 0x0a, 0x04][..], b"loss", &[0x15, 0, 0, 0, 0x3f]];
        assert_eq!(records[2], scalar.concat());
    }
}
