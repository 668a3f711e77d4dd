//! A builder of ONNX graphs: named inputs and outputs, constants, and nodes in the order of execution.

use burn::tensor::Tensor;
use half::f16;
use inference::weights::Precision;

use crate::proto::{
    AttributeProto, AttributeType, DataType, DimensionProto, DimensionValue, GraphProto, NodeProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};

/// A tensor inside a [`Graph`]: an input, a constant, or the output of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value(String);

impl Value {
    /// Stands for an optional input that an operator does not get. In ONNX, such an input has an empty name.
    pub(crate) const NONE: Self = Self(String::new());
}

/// The type of the elements of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    /// 32-bit floats.
    Float,
    /// 32-bit integers.
    Int32,
    /// 64-bit integers.
    Int64,
}

impl Element {
    fn code(self) -> i32 {
        (match self {
            Self::Float => DataType::Float,
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
        }) as i32
    }
}

/// One dimension of an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A size that is known when the graph is exported.
    Fixed(usize),
    /// A dynamic size, which may differ from call to call. The text is the name of the dimension, such as `batch`.
    Named(&'static str),
}

/// The dimension `batch`: the number of sequences.
pub const BATCH: Dim = Dim::Named("batch");
/// The dimension `time`: the number of steps.
pub const TIME: Dim = Dim::Named("time");

/// An input or output of a graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// The name that a runtime uses to pass the tensor.
    pub name: &'static str,
    /// The type of the elements.
    pub element: Element,
    /// The shape.
    pub dims: Vec<Dim>,
    /// The meaning of the tensor.
    pub about: String,
}

impl Port {
    /// Describes an input or output.
    pub fn new(name: &'static str, element: Element, dims: &[Dim], about: impl Into<String>) -> Self {
        Self { name, element, dims: dims.to_vec(), about: about.into() }
    }
}

/// The value of an attribute of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// An integer.
    Int(i64),
    /// A list of integers.
    Ints(Vec<i64>),
    /// A text.
    Text(&'static str),
    /// A list of texts.
    Texts(Vec<&'static str>),
}

/// An ONNX graph that is being built.
///
/// ```
/// use inference::weights::Precision;
/// use onnx::{BATCH, Dim, Element, Graph, Port};
///
/// let mut graph = Graph::new("double", "Adds a tensor to itself.", Precision::Single);
/// let input = graph.input(Port::new("x", Element::Float, &[BATCH, Dim::Fixed(3)], "any numbers"));
/// let sum = graph.node("Add", &[&input, &input]);
/// graph.output(Port::new("y", Element::Float, &[BATCH, Dim::Fixed(3)], "twice the numbers"), &sum);
/// assert_eq!(graph.outputs()[0].name, "y");
/// ```
#[derive(Clone, Debug)]
pub struct Graph {
    name: &'static str,
    about: String,
    precision: Precision,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    constants: Vec<TensorProto>,
    nodes: Vec<NodeProto>,
}

impl Graph {
    /// Creates an empty graph. `precision` is the precision of the stored weights; all computations are in single
    /// precision.
    pub fn new(name: &'static str, about: impl Into<String>, precision: Precision) -> Self {
        let about = about.into();
        Self { name, about, precision, inputs: vec![], outputs: vec![], constants: vec![], nodes: vec![] }
    }

    /// Returns the name of the graph.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Returns a description of what the graph computes.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// Returns the inputs, in order.
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Returns the outputs, in order.
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Adds an input to the graph. Returns the tensor of the input.
    pub fn input(&mut self, port: Port) -> Value {
        let value = Value(port.name.to_owned());
        self.inputs.push(port);
        value
    }

    /// Makes `value` an output of the graph.
    pub fn output(&mut self, port: Port, value: &Value) {
        self.push("Identity", &[value], vec![port.name.to_owned()], &[]);
        self.outputs.push(port);
    }

    /// Adds a constant vector of 64-bit integers.
    pub fn ints(&mut self, values: &[i64]) -> Value {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant("ints", DataType::Int64, &[values.len()], raw_data)
    }

    /// Adds a scalar constant: a 64-bit integer.
    pub fn int(&mut self, value: i64) -> Value {
        self.constant("int", DataType::Int64, &[], value.to_le_bytes().to_vec())
    }

    /// Adds a constant of 8-bit integers with the shape `dims`.
    pub fn bytes(&mut self, name: &str, values: &[i8], dims: &[usize]) -> Value {
        self.constant(name, DataType::Int8, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Adds a constant of 32-bit floats with the shape `dims`, stored in single precision.
    pub fn floats(&mut self, name: &str, values: &[f32], dims: &[usize]) -> Value {
        self.constant(name, DataType::Float, dims, values.iter().flat_map(|value| value.to_le_bytes()).collect())
    }

    /// Adds a scalar constant: a 32-bit float.
    pub fn float(&mut self, value: f32) -> Value {
        self.floats("float", &[value], &[])
    }

    /// Adds weights with the shape `dims`, stored in the precision of the graph. To compute with the weights or
    /// with rows of them, first convert these to single precision with [`single`](Self::single).
    pub fn stored(&mut self, name: &str, values: &[f32], dims: &[usize]) -> Value {
        match self.precision {
            Precision::Single => self.floats(name, values, dims),
            Precision::Half | Precision::Int8 => {
                let raw_data = values.iter().flat_map(|value| f16::from_f32(*value).to_le_bytes()).collect();
                self.constant(name, DataType::Float16, dims, raw_data)
            }
        }
    }

    /// Converts [stored](Self::stored) weights to single precision.
    pub fn single(&mut self, stored: &Value) -> Value {
        match self.precision {
            Precision::Single => stored.clone(),
            Precision::Half | Precision::Int8 => self.cast(stored, Element::Float),
        }
    }

    /// Adds weights with the shape `dims`, stored in the precision of the graph, and converts them to single precision.
    pub fn weights(&mut self, name: &str, values: &[f32], dims: &[usize]) -> Value {
        let stored = self.stored(name, values, dims);
        self.single(&stored)
    }

    /// Adds a tensor of weights, stored in the precision of the graph, and converts it to single precision.
    pub fn tensor<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) -> Value {
        let dims = tensor.dims();
        self.weights(name, &numbers(tensor), &dims)
    }

    /// Adds a tensor of weights, stored in the precision of the graph, and does not convert it.
    pub fn stored_tensor<const D: usize>(&mut self, name: &str, tensor: Tensor<D>) -> Value {
        let dims = tensor.dims();
        self.stored(name, &numbers(tensor), &dims)
    }

    /// Adds a node with one output.
    pub fn node(&mut self, operator: &'static str, inputs: &[&Value]) -> Value {
        self.node_with(operator, inputs, &[])
    }

    /// Adds a node with one output and with attributes.
    pub fn node_with(
        &mut self,
        operator: &'static str,
        inputs: &[&Value],
        attributes: &[(&'static str, Attribute)],
    ) -> Value {
        let name = self.fresh(operator);
        self.push(operator, inputs, vec![name.clone()], attributes);
        Value(name)
    }

    /// Adds a node with several outputs.
    pub(crate) fn node_of_many<const N: usize>(
        &mut self,
        operator: &'static str,
        inputs: &[&Value],
        attributes: &[(&'static str, Attribute)],
    ) -> [Value; N] {
        let name = self.fresh(operator);
        let outputs: [Value; N] = std::array::from_fn(|index| Value(format!("{name}.{index}")));
        self.push(operator, inputs, outputs.iter().map(|output| output.0.clone()).collect(), attributes);
        outputs
    }

    /// Converts the graph to the protobuf message of the file format.
    pub(crate) fn to_proto(&self) -> GraphProto {
        GraphProto {
            node: self.nodes.clone(),
            name: self.name.to_owned(),
            initializer: self.constants.clone(),
            doc_string: self.about.clone(),
            input: self.inputs.iter().map(value_info).collect(),
            output: self.outputs.iter().map(value_info).collect(),
        }
    }

    /// Returns a name that no other value of the graph has.
    fn fresh(&self, base: &str) -> String {
        format!("{base}_{}", self.nodes.len() + self.constants.len())
    }

    fn constant(&mut self, name: &str, element: DataType, dims: &[usize], raw_data: Vec<u8>) -> Value {
        let dims: Vec<i64> = dims.iter().map(|size| *size as i64).collect();
        // If an equal constant exists, it is reused, so the weights of a layer that is used twice are stored once.
        let equal = |of: &&TensorProto| of.data_type == element as i32 && of.dims == dims && of.raw_data == raw_data;
        if let Some(stored) = self.constants.iter().find(equal) {
            return Value(stored.name.clone());
        }
        let name = self.fresh(name);
        self.constants.push(TensorProto { dims, data_type: element as i32, name: name.clone(), raw_data });
        Value(name)
    }

    fn push(
        &mut self,
        operator: &str,
        inputs: &[&Value],
        output: Vec<String>,
        attributes: &[(&'static str, Attribute)],
    ) {
        self.nodes.push(NodeProto {
            input: inputs.iter().map(|input| input.0.clone()).collect(),
            name: format!("node_{}", self.nodes.len()),
            op_type: operator.to_owned(),
            attribute: attributes.iter().map(|(name, value)| attribute(name, value)).collect(),
            output,
        });
    }
}

/// Returns the values of a tensor, in row-major order.
pub fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

fn attribute(name: &str, value: &Attribute) -> AttributeProto {
    let empty = AttributeProto { name: name.to_owned(), ..AttributeProto::default() };
    match value {
        Attribute::Int(number) => AttributeProto { i: Some(*number), r#type: AttributeType::Int as i32, ..empty },
        Attribute::Ints(numbers) => {
            AttributeProto { ints: numbers.clone(), r#type: AttributeType::Ints as i32, ..empty }
        }
        Attribute::Text(text) => {
            AttributeProto { s: Some(text.as_bytes().to_vec()), r#type: AttributeType::String as i32, ..empty }
        }
        Attribute::Texts(texts) => {
            let strings = texts.iter().map(|text| text.as_bytes().to_vec()).collect();
            AttributeProto { strings, r#type: AttributeType::Strings as i32, ..empty }
        }
    }
}

fn value_info(port: &Port) -> ValueInfoProto {
    let dim = |dim: &Dim| DimensionProto {
        value: Some(match dim {
            Dim::Fixed(size) => DimensionValue::Value(*size as i64),
            Dim::Named(name) => DimensionValue::Param((*name).to_owned()),
        }),
    };
    let shape = TensorShapeProto { dim: port.dims.iter().map(dim).collect() };
    let tensor = TensorTypeProto { elem_type: port.element.code(), shape: Some(shape) };
    ValueInfoProto {
        name: port.name.to_owned(),
        r#type: Some(TypeProto { tensor_type: Some(tensor) }),
        doc_string: port.about.clone(),
    }
}
