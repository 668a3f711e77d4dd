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
//! The models of the application crates, such as `sentiment`, implement [`ToOnnx`] if the cargo feature `onnx` of the
//! crate is on. The command `export --format onnx` writes the files.
//!
//! | file | contents |
//! |---|---|
//! | `export.rs` | [`ToOnnx`], [`Export`]: graphs, metadata, and a `README.md` that explains both |
//! | `graph.rs` | [`Graph`]: inputs, outputs, constants and nodes |
//! | `operations.rs` | operations that several models use, such as embedding, linear layer and softmax |
//! | `pooling.rs` | pooling: reduces the outputs of all time steps to one vector per sequence |
//! | `recurrent.rs` | recurrent layers, and the export of an [`rnn::Rnn`] without other layers |
//! | `proto.rs` | the protobuf messages of the ONNX file format |

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
