//! Recurrent models as [ONNX](https://onnx.ai) graphs, which ONNX Runtime, tract and other runtimes execute.
//!
//! ```
//! use burn::tensor::Device;
//! use onnx::{Options, ToOnnx};
//! use rnn::{Cell, RnnConfig};
//!
//! let rnn = RnnConfig::new(Cell::Lstm, 8, 16).with_num_layers(2).init(&Device::flex());
//! let export = rnn.to_onnx(&Options::default())?;
//! assert_eq!(export.graphs()[0].inputs()[1].name, "h0"); // input, h0, c0 → output, hn, cn
//! for (name, content) in export.files("two LSTM layers")? {
//!     println!("{name}: {} bytes", content.len()); // model.onnx, step.onnx, README.md
//! }
//! # Ok::<(), onnx::OnnxError>(())
//! ```
//!
//! The models of the applications implement [`ToOnnx`] with the cargo feature `onnx`. The command line writes the
//! files: `export --format onnx`.
//!
//! | file | contents |
//! |---|---|
//! | `export.rs` | [`ToOnnx`], [`Export`]: graphs, metadata and the text that explains them |
//! | `graph.rs` | [`Graph`]: inputs, outputs, constants and nodes |
//! | `operations.rs` | operations of one or a few nodes |
//! | `pooling.rs` | one vector per sequence |
//! | `recurrent.rs` | recurrent layers; [`rnn::Rnn`] alone |
//! | `proto.rs` | the messages of the file format |

mod export;
mod graph;
mod operations;
mod pooling;
mod proto;
mod recurrent;

pub use export::{Export, OPSET, OnnxError, Options, ToOnnx};
pub use graph::{Attribute, BATCH, Dim, Element, Graph, Port, TIME, Value, numbers};
pub use inference::weights::Precision;
pub use recurrent::{RnnValues, StateValues};
