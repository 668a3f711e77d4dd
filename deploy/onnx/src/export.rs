//! The parts of an export: graphs, metadata, and a text that explains the graphs and the metadata.

use inference::weights::Precision;
use prost::Message;

use crate::graph::{BATCH, Dim, Element, Graph, Port, Value};
use crate::proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// The version of the standard ONNX operators (opset) that the graphs use.
pub const OPSET: i64 = 17;
/// The version of the ONNX file format (IR version) that belongs to [`OPSET`].
const IR_VERSION: i64 = 8;
/// The largest possible size of a protobuf message, in bytes.
const LARGEST: usize = i32::MAX as usize;

/// Options of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The precision of the stored weights: 32 or 16 bits. There are no graphs with 8 bits: [`Precision::Int8`] has the
    /// same effect as [`Precision::Half`]. The graphs compute in single precision, and their inputs and outputs are in
    /// single precision.
    pub precision: Precision,
    /// Whether the graph `model`, which reads whole sequences, has the input `lengths`, for batches of padded
    /// sequences. Some runtimes, such as tract and burn-onnx, cannot run recurrent operators with lengths.
    pub lengths: bool,
}

/// Why a model cannot be exported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The model cannot be exported as an ONNX graph.
    #[error("{model} has no ONNX graph: {reason}")]
    NoGraph {
        /// The kind of the model, such as `a model of n-grams`.
        model: &'static str,
        /// Why there is no graph.
        reason: &'static str,
    },
    /// The option `lengths` has no effect on this model.
    #[error("the option `lengths` has no effect on {model}: {reason}; remove this option")]
    NoLengths {
        /// The kind of the model.
        model: &'static str,
        /// Why lengths have no effect.
        reason: &'static str,
    },
    /// A graph is too large for one file.
    #[error(
        "the graph `{graph}` takes {bytes} bytes, but an ONNX file has at most 2 GiB; export the model in half \
         precision, or train a smaller model"
    )]
    TooLarge {
        /// The name of the graph.
        graph: &'static str,
        /// The size of the graph's file in bytes.
        bytes: usize,
    },
}

/// A model that can be written as ONNX graphs.
pub trait ToOnnx {
    /// Converts the model to ONNX graphs.
    ///
    /// # Errors
    ///
    /// [`OnnxError::NoGraph`] if the model cannot be written as an ONNX graph, for example because it has no neural
    /// network, and [`OnnxError::NoLengths`] if [`Options::lengths`] is true and has no effect on the model.
    fn to_onnx(&self, options: &Options) -> Result<Export, OnnxError>;
}

/// The graphs of a model, with their metadata.
#[derive(Clone, Debug)]
pub struct Export {
    graphs: Vec<Graph>,
    metadata: Vec<Entry>,
}

/// An entry of the metadata: a key, its value, and a description of the value.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    key: &'static str,
    value: String,
    about: &'static str,
}

impl Export {
    /// Creates an export that consists of these graphs. The export has no metadata yet.
    pub fn new(graphs: Vec<Graph>) -> Self {
        Self { graphs, metadata: Vec::new() }
    }

    /// Adds an entry to the metadata. `about` describes the meaning of the value.
    pub fn with(mut self, key: &'static str, value: impl Into<String>, about: &'static str) -> Self {
        self.metadata.push(Entry { key, value: value.into(), about });
        self
    }

    /// Returns the graphs, such as `model` for whole sequences and `step` for one time step per call.
    pub fn graphs(&self) -> &[Graph] {
        &self.graphs
    }

    /// Returns the metadata value of a key, or `None` if the metadata do not have this key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.iter().find(|entry| entry.key == key).map(|entry| &*entry.value)
    }

    /// Returns the names and contents of all files: one `.onnx` file for each graph, which also contains the metadata,
    /// and `README.md` with the heading `title`.
    ///
    /// # Errors
    ///
    /// [`OnnxError::TooLarge`] if a file would be larger than 2 GiB.
    pub fn files(&self, title: &str) -> Result<Vec<(String, Vec<u8>)>, OnnxError> {
        let file = |graph: &Graph| Ok((format!("{}.onnx", graph.name()), self.encode(graph)?));
        let mut files = self.graphs.iter().map(file).collect::<Result<Vec<_>, _>>()?;
        files.push(("README.md".to_owned(), self.readme(title).into_bytes()));
        Ok(files)
    }

    fn encode(&self, graph: &Graph) -> Result<Vec<u8>, OnnxError> {
        let entry = |entry: &Entry| StringStringEntryProto { key: entry.key.to_owned(), value: entry.value.clone() };
        let model = ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: "rnn-zoo".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            doc_string: graph.about().to_owned(),
            graph: Some(graph.to_proto()),
            metadata_props: self.metadata.iter().map(entry).collect(),
        };
        match model.encoded_len() {
            bytes if bytes > LARGEST => Err(OnnxError::TooLarge { graph: graph.name(), bytes }),
            _ => Ok(model.encode_to_vec()),
        }
    }

    /// Returns the text of `README.md`: inputs, outputs, shapes and metadata.
    fn readme(&self, title: &str) -> String {
        let mut text = format!("# {title}\n\nONNX graphs, opset {OPSET}, written by rnn-zoo.\n");
        for graph in &self.graphs {
            text += &format!("\n## {}.onnx\n\n{}\n\n", graph.name(), graph.about());
            text += "| | name | type and shape | meaning |\n|---|---|---|---|\n";
            for (kind, ports) in [("input", graph.inputs()), ("output", graph.outputs())] {
                for port in ports {
                    text += &format!("| {kind} | `{}` | {} | {} |\n", port.name, shape(port), port.about);
                }
            }
        }
        if !self.metadata.is_empty() {
            text +=
                "\n## Metadata\n\nEach graph has these entries in `metadata_props`.\n\n| key | value |\n|---|---|\n";
            for entry in &self.metadata {
                text += &format!("| `{}` | {} |\n", entry.key, entry.about);
            }
        }
        text
    }
}

/// Returns the type and shape of an input or output, such as `int64 [batch, time]`.
fn shape(port: &Port) -> String {
    let dim = |dim: &Dim| match dim {
        Dim::Fixed(size) => size.to_string(),
        Dim::Named(name) => (*name).to_owned(),
    };
    let element = match port.element {
        Element::Float => "float32",
        Element::Int32 => "int32",
        Element::Int64 => "int64",
    };
    format!("{element} [{}]", port.dims.iter().map(dim).collect::<Vec<_>>().join(", "))
}

impl Graph {
    /// Adds the input `lengths`, `[batch]`: the number of time steps of each sequence in the batch, as 32-bit integers.
    /// `what` is the word for one sequence, such as `text`. The description of the input contains this word.
    pub fn lengths_input(&mut self, what: &str) -> Value {
        let about = format!("the number of steps of each {what}, at least 1; later steps are padding");
        self.input(Port::new("lengths", Element::Int32, &[BATCH], about))
    }
}
