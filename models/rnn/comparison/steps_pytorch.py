"""The training steps of `examples/training_step.rs` in PyTorch: the same models, word distribution and batch shapes."""

import json
import sys

import torch
from torch import nn
from torch.nn import functional

from serve import milliseconds


class Reviews(nn.Module):
    """`imdb-bigru` (models/sentiment/src/model.rs)."""

    def __init__(self, words=20_000, size=128):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.rnn = nn.GRU(size, size, bidirectional=True, batch_first=True)
        self.dense = nn.Linear(4 * size, 1)

    def forward(self, words):
        outputs, _ = self.rnn(locked_dropout(self.embedding(words), 0.4))
        outputs = locked_dropout(outputs, 0.3)
        pooled = torch.cat([outputs.amax(1), outputs.mean(1)], 1)
        return self.dense(functional.dropout(pooled, 0.5)).squeeze(1)


class Small(nn.Module):
    """`ptb-lstm-small` (models/language-model/src/model.rs)."""

    def __init__(self, words=10_000, size=200):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.rnn = nn.LSTM(size, size, num_layers=2, batch_first=True)
        self.decoder = nn.Linear(size, words)

    def loss(self, words, targets):
        return functional.cross_entropy(self.decoder(self.rnn(self.embedding(words))[0]).flatten(0, 1), targets)


class Awd(nn.Module):
    """`ptb-awd`, with the regularisation of the code of Merity et al."""

    def __init__(self, words=10_000, size=400, layers=2):
        super().__init__()
        self.embedding = nn.Embedding(words, size)
        self.layers = nn.ModuleList(nn.LSTM(size, size, batch_first=True) for _ in range(layers))
        self.bias = nn.Parameter(torch.zeros(words))

    def loss(self, words, targets):
        mask = torch.empty(self.embedding.num_embeddings, 1).bernoulli_(0.95) / 0.95
        outputs = locked_dropout(functional.embedding(words, self.embedding.weight * mask), 0.3)
        for index, layer in enumerate(self.layers):
            if index > 0:
                outputs = locked_dropout(outputs, 0.25)
            weights = {"weight_hh_l0": functional.dropout(layer.weight_hh_l0, 0.35)}
            outputs, _ = torch.func.functional_call(layer, weights, (outputs,))
        dropped = locked_dropout(outputs, 0.35)
        logits = functional.linear(dropped.flatten(0, 1), self.embedding.weight, self.bias)
        activation = dropped.square().mean() + 0.5 * (outputs[:, 1:] - outputs[:, :-1]).square().mean()
        return functional.cross_entropy(logits, targets) + activation


class SegRnn(nn.Module):
    """`etth1-96` (models/forecasting/src/segrnn.rs)."""

    def __init__(self, columns=7, horizon=96, size=512, segment=48):
        super().__init__()
        self.encoder = nn.Linear(segment, size)
        self.rnn = nn.GRU(size, size, batch_first=True)
        self.positions = nn.Parameter(torch.randn(horizon // segment, size // 2))
        self.channels = nn.Parameter(torch.randn(columns, size // 2))
        self.decoder = nn.Linear(size, segment)

    def forward(self, inputs):
        batch, steps, columns = inputs.shape
        segment, count = self.encoder.in_features, len(self.positions)
        last = inputs[:, -1:]
        segments = (inputs - last).transpose(1, 2).reshape(batch * columns, steps // segment, segment)
        _, state = self.rnn(functional.relu(self.encoder(segments)))
        positions = self.positions.expand(columns, -1, -1)
        channels = self.channels.unsqueeze(1).expand(-1, count, -1)
        places = torch.cat([positions, channels], 2).repeat(batch, 1, 1).flatten(0, 1).unsqueeze(1)
        states, _ = self.rnn(places, state.repeat_interleave(count, 1))
        forecast = self.decoder(functional.dropout(states, 0.5))
        return forecast.reshape(batch, columns, count * segment).transpose(1, 2) + last


def locked_dropout(x, prob):
    mask = torch.empty(x.shape[0], 1, x.shape[2]).bernoulli_(1 - prob) / (1 - prob)
    return x * mask


def texts(batch, time, vocabulary):
    state, words = 1, []
    for _ in range(batch * time):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        words.append(int(vocabulary ** ((state >> 33) / 2**31)) - 1)
    return torch.tensor(words).reshape(batch, time)


def peak_memory():
    """Peak resident memory in MiB, measured like `training::machine::peak_memory`."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def measure(name, model, optimizer, loss):
    def step():
        optimizer.zero_grad()
        loss(model).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        if ON_GPU:
            torch.cuda.synchronize()

    step_ms = milliseconds(step)
    memory = torch.cuda.max_memory_reserved() / 2**20 if ON_GPU else peak_memory() - BEFORE
    print(json.dumps({"model": name, "step_ms": step_ms, "memory_mib": memory}), flush=True)


# `--cuda` measures on a GPU, in single precision as the zoo does.
ON_GPU = "--cuda" in sys.argv
if ON_GPU:
    torch.set_default_device("cuda")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
BEFORE = peak_memory()
if "imdb-bigru" in sys.argv:
    reviews, words = Reviews(), texts(64, 256, 20_000)
    adamw = torch.optim.AdamW(reviews.parameters(), lr=1e-3)
    measure("imdb-bigru", reviews, adamw, lambda model: -functional.logsigmoid(model(words)).mean())
for name, network, batch, window, optimizer in [
    ("ptb-lstm-small", Small, 20, 20, torch.optim.SGD),
    ("ptb-awd", Awd, 20, 35, torch.optim.AdamW),
]:
    if name in sys.argv:
        language, words = network(), texts(batch, window + 1, 10_000)
        inputs, targets = words[:, :-1], words[:, 1:].reshape(-1)
        measure(name, language, optimizer(language.parameters(), lr=1e-3), lambda model: model.loss(inputs, targets))
if "etth1-96" in sys.argv:
    inputs, targets = torch.randn(256, 720, 7), torch.randn(256, 96, 7)
    segments = SegRnn()
    adam = torch.optim.Adam(segments.parameters(), lr=1e-3)
    measure("etth1-96", segments, adam, lambda model: (model(inputs) - targets).abs().mean())
