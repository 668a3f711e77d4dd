"""Layers in ONNX Runtime, forward only, and one step of a stream."""

import numpy as np
import onnxruntime

from onnx_layers import STATES, graph
from serve import answer


def prepare(cell, batch, time, inputs, hidden):
    session = onnxruntime.InferenceSession(graph(cell, batch, time, inputs, hidden), providers=["CPUExecutionProvider"])
    if time == 1:
        return {"step_us": steps(session, STATES[cell], batch, inputs, hidden)}
    x = np.random.default_rng(0).standard_normal([batch, time, inputs], dtype=np.float32)
    return {"forward_ms": lambda: session.run(None, {"x": x})}


def steps(session, states, batch, inputs, hidden):
    """A thousand steps. Buffers are bound once. The two buffers of a state swap after each step."""
    value = lambda shape: onnxruntime.OrtValue.ortvalue_from_numpy(np.full(shape, 0.5, np.float32))
    x, halves = value([1, batch, inputs]), [[value([1, batch, hidden]) for _ in range(states)] for _ in range(2)]
    bindings = []
    for read, write in (halves, halves[::-1]):
        binding = session.io_binding()
        binding.bind_ortvalue_input("x", x)
        for index in range(states):
            binding.bind_ortvalue_input(f"before{index}", read[index])
            binding.bind_ortvalue_output(f"after{index}", write[index])
        bindings.append(binding)

    def run():
        for _ in range(500):
            session.run_with_iobinding(bindings[0])
            session.run_with_iobinding(bindings[1])

    return run


answer(prepare)
