"""Layers in ONNX Runtime: the forward pass of PyTorch's layers, exported to ONNX; one step of the ONNX operators."""

import io

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from serve import answer

PROVIDERS = ["CPUExecutionProvider"]
GATES = {"lstm": 4, "gru": 3}
STATES = {"lstm": 2, "gru": 1}


def prepare(cell, batch, time, inputs, hidden):
    if time == 1:
        return {"step_us": steps(cell, batch, inputs, hidden)}
    import torch
    from torch import nn

    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, hidden, batch_first=True)
    x = torch.randn(batch, time, inputs)
    file = io.BytesIO()
    torch.onnx.export(layer, (x,), file, input_names=["x"], dynamo=False)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=PROVIDERS)
    values = {"x": x.numpy().astype(np.float32)}
    return {"forward_ms": lambda: session.run(None, values)}


def steps(cell, batch, inputs, hidden):
    """A thousand steps of one operator. Buffers are bound once. The two state buffers swap after each step."""
    gates, states = GATES[cell] * hidden, STATES[cell]
    draw = lambda name, shape: helper.make_tensor(
        name, TensorProto.FLOAT, shape, np.random.uniform(-0.1, 0.1, shape).astype(np.float32).ravel()
    )
    weights = [draw("w", [1, gates, inputs]), draw("r", [1, gates, hidden]), draw("b", [1, 2 * gates])]
    port = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    before, after = [[f"{name}{index}" for index in range(states)] for name in ("before", "after")]
    options = {"linear_before_reset": 1} if cell == "gru" else {}
    node = helper.make_node(cell.upper(), ["x", "w", "r", "b", "", *before], ["", *after], hidden_size=hidden, **options)
    ports = [[port(name, [1, batch, hidden]) for name in names] for names in (before, after)]
    graph = helper.make_graph([node], cell, [port("x", [1, batch, inputs]), *ports[0]], ports[1], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=PROVIDERS)
    value = lambda shape: onnxruntime.OrtValue.ortvalue_from_numpy(np.full(shape, 0.5, np.float32))
    x, halves = value([1, batch, inputs]), [[value([1, batch, hidden]) for _ in range(states)] for _ in range(2)]
    bindings = []
    for read, write in (halves, halves[::-1]):
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", x)
        for index in range(states):
            binding.bind_ortvalue_input(before[index], read[index])
            binding.bind_ortvalue_output(after[index], write[index])
        bindings.append(binding)

    def run():
        for _ in range(500):
            session.run_with_iobinding(bindings[0])
            session.run_with_iobinding(bindings[1])

    return run


answer(prepare)
