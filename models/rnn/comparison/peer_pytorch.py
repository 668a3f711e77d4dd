import torch
from torch import nn

from layers import CELLS, SHAPES, milliseconds, report

for shape in SHAPES:
    for cell in CELLS:
        batch, time, inputs, hidden = shape
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, hidden, batch_first=True)
        x = torch.randn(batch, time, inputs, requires_grad=True)

        def forward():
            with torch.no_grad():
                layer(x)

        def train():
            layer(x)[0].sum().backward()
            layer.zero_grad()
            x.grad = None

        report(cell, shape, forward_ms=milliseconds(forward), train_ms=milliseconds(train))
