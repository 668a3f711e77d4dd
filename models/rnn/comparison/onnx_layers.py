"""ONNX graphs of single layers, for the runtimes: one operator, with random weights.

A layer takes `x`, `[batch, time, input]`, and gives `y`, `[batch, time, hidden]`. One step takes `x`, `[1, batch, input]`, and
the states `before0` and, for an LSTM, `before1`, `[1, batch, hidden]`, and gives the states `after0` and `after1`.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper

GATES = {"lstm": 4, "gru": 3}
STATES = {"lstm": 2, "gru": 1}


def port(name, shape):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def graph(cell, batch, time, inputs, hidden):
    gates = GATES[cell] * hidden
    rng = np.random.default_rng(0)
    draw = lambda name, shape: helper.make_tensor(
        name, TensorProto.FLOAT, shape, rng.uniform(-(hidden**-0.5), hidden**-0.5, shape).astype(np.float32).ravel()
    )
    weights = [draw("w", [1, gates, inputs]), draw("r", [1, gates, hidden]), draw("b", [1, 2 * gates])]
    options = {"linear_before_reset": 1} if cell == "gru" else {}
    layer = lambda given, results: helper.make_node(cell.upper(), given, results, hidden_size=hidden, **options)
    if time == 1:
        before, after = [[f"{name}{index}" for index in range(STATES[cell])] for name in ("before", "after")]
        nodes = [layer(["x", "w", "r", "b", "", *before], ["", *after])]
        ports = [port("x", [1, batch, inputs]), *(port(name, [1, batch, hidden]) for name in before)]
        results = [port(name, [1, batch, hidden]) for name in after]
    else:
        weights.append(helper.make_tensor("axes", TensorProto.INT64, [1], [1]))
        nodes = [
            helper.make_node("Transpose", ["x"], ["steps"], perm=[1, 0, 2]),
            layer(["steps", "w", "r", "b"], ["outputs"]),
            helper.make_node("Squeeze", ["outputs", "axes"], ["squeezed"]),
            helper.make_node("Transpose", ["squeezed"], ["y"], perm=[1, 0, 2]),
        ]
        ports, results = [port("x", [batch, time, inputs])], [port("y", [batch, time, hidden])]
    model = helper.make_model(
        helper.make_graph(nodes, cell, ports, results, weights),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    return model.SerializeToString()
