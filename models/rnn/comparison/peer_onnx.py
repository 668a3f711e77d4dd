"""PyTorch's layers, exported and run by ONNX Runtime: forward alone."""

import io

import numpy as np
import onnxruntime
import torch
from torch import nn

from layers import CELLS, SHAPES, milliseconds, report

for shape in SHAPES:
    for cell in CELLS:
        batch, time, inputs, hidden = shape
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, hidden, batch_first=True)
        x = torch.randn(batch, time, inputs)
        file = io.BytesIO()
        torch.onnx.export(layer, (x,), file, input_names=["x"], dynamo=False)
        session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
        values = {"x": x.numpy().astype(np.float32)}
        report(cell, shape, forward_ms=milliseconds(lambda: session.run(None, values)))
