//! Operations that several models use. Each operation adds one or a few nodes to a graph.

use burn::nn::{Embedding, Linear};

use crate::graph::{Attribute, Element, Graph, Value};

impl Graph {
    /// Converts a value to another element type.
    pub fn cast(&mut self, value: &Value, element: Element) -> Value {
        // The numbers of `TensorProto.DataType`.
        let to = match element {
            Element::Float => 1,
            Element::Int32 => 6,
            Element::Int64 => 7,
        };
        self.node_with("Cast", &[value], &[("to", Attribute::Int(to))])
    }

    /// Permutes the dimensions, like `torch.permute`: dimension `i` of the result is dimension `order[i]` of `value`.
    pub fn transpose(&mut self, value: &Value, order: &[i64]) -> Value {
        self.node_with("Transpose", &[value], &[("perm", Attribute::Ints(order.to_vec()))])
    }

    /// Changes the shape. In `shape`, 0 keeps the size that `value` has at this position, and −1 stands for the size
    /// that follows from the number of elements.
    pub fn reshape(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.node("Reshape", &[value, &shape])
    }

    /// Inserts a dimension of size 1 at the position `axis`.
    pub fn unsqueeze(&mut self, value: &Value, axis: i64) -> Value {
        let axes = self.ints(&[axis]);
        self.node("Unsqueeze", &[value, &axes])
    }

    /// Removes the dimension `axis`, whose size must be 1.
    pub fn squeeze(&mut self, value: &Value, axis: i64) -> Value {
        let axes = self.ints(&[axis]);
        self.node("Squeeze", &[value, &axes])
    }

    /// Returns the part from `start` up to, but not including, `end` along a dimension. Negative positions count from
    /// the end; `i64::MAX` is the end.
    pub fn slice(&mut self, value: &Value, axis: i64, start: i64, end: i64) -> Value {
        let [start, end, axis] = [start, end, axis].map(|number| self.ints(&[number]));
        self.node("Slice", &[value, &start, &end, &axis])
    }

    /// Concatenates along a dimension. A single value is returned as it is.
    pub fn concat(&mut self, values: &[Value], axis: i64) -> Value {
        match values {
            [single] => single.clone(),
            _ => self.node_with("Concat", &values.iter().collect::<Vec<_>>(), &[("axis", Attribute::Int(axis))]),
        }
    }

    /// Returns the size of a dimension as a vector of one integer.
    pub fn size(&mut self, value: &Value, axis: i64) -> Value {
        let attributes = [("start", Attribute::Int(axis)), ("end", Attribute::Int(axis + 1))];
        self.node_with("Shape", &[value], &attributes)
    }

    /// Returns the positions along a dimension: 0 to `size` − 1, where `size` is the size of the dimension. The result
    /// has the shape `[size]` and consists of 64-bit integers.
    pub fn positions(&mut self, value: &Value, axis: i64) -> Value {
        let size = self.size(value, axis);
        let size = self.squeeze(&size, 0);
        let [start, step] = [0, 1].map(|number| self.int(number));
        self.node("Range", &[&start, &size, &step])
    }

    /// Sums over a dimension, which is removed.
    pub fn sum(&mut self, value: &Value, axis: i64) -> Value {
        let axes = self.ints(&[axis]);
        self.node_with("ReduceSum", &[value, &axes], &[("keepdims", Attribute::Int(0))])
    }

    /// Returns the moving average over an odd number of `steps` along the last dimension of `[batch, columns, time]`.
    /// The first and the last value are repeated beyond the ends.
    pub fn moving_average(&mut self, value: &Value, steps: usize) -> Value {
        let beyond = steps as i64 / 2;
        let pads = self.ints(&[0, 0, beyond, 0, 0, beyond]);
        let padded = self.node_with("Pad", &[value, &pads], &[("mode", Attribute::Text("edge"))]);
        self.node_with("AveragePool", &[&padded], &[("kernel_shape", Attribute::Ints(vec![steps as i64]))])
    }

    /// Reduces a dimension with the operator `ReduceMean` or `ReduceMax`. If `keep` is true, the dimension gets size 1;
    /// if `keep` is false, the dimension is removed.
    pub fn reduce(&mut self, operator: &'static str, value: &Value, axis: i64, keep: bool) -> Value {
        let attributes = [("axes", Attribute::Ints(vec![axis])), ("keepdims", Attribute::Int(keep.into()))];
        self.node_with(operator, &[value], &attributes)
    }

    /// Returns the softmax over a dimension.
    pub fn softmax(&mut self, value: &Value, axis: i64) -> Value {
        self.node_with("Softmax", &[value], &[("axis", Attribute::Int(axis))])
    }

    /// Computes the padding mask of `steps`, which has the shape `[batch, time, …]`. The mask is 1 at padded time steps
    /// and 0 at all other time steps. Its shape is `[batch, time, 1]`, and its elements are 32-bit floats. `lengths`,
    /// `[batch]`, is the number of valid time steps of each sequence, as 32-bit integers.
    pub fn is_padding(&mut self, steps: &Value, lengths: &Value) -> Value {
        let positions = self.positions(steps, 1); // [T]
        let lengths = self.cast(lengths, Element::Int64);
        let lengths = self.unsqueeze(&lengths, 1); // [B, 1]
        let is_padding = self.node("GreaterOrEqual", &[&positions, &lengths]); // [B, T]
        let is_padding = self.cast(&is_padding, Element::Float);
        self.unsqueeze(&is_padding, 2)
    }

    /// Looks up the rows `ids` of stored weights, and converts these rows to single precision.
    pub fn rows(&mut self, stored: &Value, ids: &Value) -> Value {
        let rows = self.node("Gather", &[stored, ids]);
        self.single(&rows)
    }

    /// Adds an embedding layer: ids `[…]` → embedding vectors `[…, features]`. `name` is the name of the weights.
    pub fn embedding(&mut self, name: &str, embedding: &Embedding, ids: &Value) -> Value {
        let stored = self.stored_tensor(name, embedding.weight.val());
        self.rows(&stored, ids)
    }

    /// Adds a linear layer: `[…, inputs]` → `[…, outputs]`. The names of weight and bias begin with `name`.
    pub fn linear(&mut self, name: &str, linear: &Linear, input: &Value) -> Value {
        let weight = self.tensor(&format!("{name}.weight"), linear.weight.val()); // [inputs, outputs]
        let product = self.node("MatMul", &[input, &weight]);
        match &linear.bias {
            None => product,
            Some(bias) => {
                let bias = self.tensor(&format!("{name}.bias"), bias.val());
                self.node("Add", &[&product, &bias])
            }
        }
    }
}
