"""PyTorch's layers, exported to ONNX and run by ONNX Runtime: forward pass only."""

import io

import numpy as np
import onnxruntime
import torch
from torch import nn

from serve import answer

def prepare(cell, batch, time, inputs, hidden):
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, hidden, batch_first=True)
    x = torch.randn(batch, time, inputs)
    file = io.BytesIO()
    torch.onnx.export(layer, (x,), file, input_names=["x"], dynamo=False)
    session = onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])
    values = {"x": x.numpy().astype(np.float32)}
    return {"forward_ms": lambda: session.run(None, values)}


answer(prepare)
