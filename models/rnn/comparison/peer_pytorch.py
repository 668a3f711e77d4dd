import torch
from torch import nn

from serve import answer


def prepare(cell, batch, time, inputs, hidden):
    layer = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](inputs, hidden, batch_first=True)
    x = torch.randn(batch, time, inputs, requires_grad=True)

    def forward():
        with torch.no_grad():
            layer(x)

    def train():
        layer(x)[0].sum().backward()
        layer.zero_grad()
        x.grad = None

    return {"forward_ms": forward, "train_ms": train}


answer(prepare)
