"""Generates 60 words with `ptb-awd`, one at a time, and prints words per second: `generate.py zoo|int8|pytorch|onnx`.

All programs have the same weights, read the same prompt, and sample from the softmax of the logits. `compare.py generate`
runs them in turn. Needs the command `zoo` in target/debug (`cargo build -p zoo`).
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MODEL = "ptb-awd"
PROMPT = "the company said"
WORDS = 60
WARM_UP, RUNS = 2, 15
ZOO = [Path(__file__).parents[3] / "target" / "debug" / "zoo", "language-model"]


def export(folder, *options):
    subprocess.run([*ZOO, "export", "--model", MODEL, "--out", folder, *options], check=True, stdout=subprocess.DEVNULL)


def zoo(folder, precision):
    export(folder, "--precision", precision)
    bench = [*ZOO, "bench", "--model", folder, "--json"]
    return 1e-3 * json.loads(subprocess.run(bench, check=True, capture_output=True).stdout)["p50_ms"]


def pytorch(folder):
    import torch
    from safetensors.torch import load_file
    from torch import nn

    export(folder, "--precision", "single")
    weights = load_file(Path(folder, "model.safetensors"))
    model = json.loads(Path(folder, "manifest.json").read_text())["settings"]["model"]
    rnn = nn.LSTM(model["embedding_size"], model["hidden_size"], model["layers"], batch_first=True)
    rnn.load_state_dict({name.removeprefix("rnn."): value for name, value in weights.items() if name.startswith("rnn.")})
    embedding, bias = weights["embedding.weight"], weights["decoder.bias"]

    def step(token, state):
        output, state = rnn(embedding[token][None, None], state)
        return nn.functional.linear(output[0, 0], weights.get("decoder.weight", embedding), bias), state

    sample = lambda logits: torch.multinomial(torch.softmax(logits, 0), 1).item()
    with torch.inference_mode():
        return seconds(folder, step, sample)


def onnx(folder):
    import onnxruntime

    export(folder, "--format", "onnx", "--precision", "single")
    session = onnxruntime.InferenceSession(Path(folder, "step.onnx"), providers=["CPUExecutionProvider"])
    states = [port for port in session.get_inputs() if port.name != "ids"]
    results = [port.name for port in session.get_outputs()]
    zeros = [np.zeros([1 if isinstance(size, str) else size for size in port.shape], np.float32) for port in states]
    rng = np.random.default_rng(0)

    def step(token, state):
        given = {"ids": np.array([[token]]), **dict(zip([port.name for port in states], state or zeros))}
        logits, *state = session.run(results, given)
        return logits[0, 0], state

    def sample(logits):
        weights = np.exp(logits - logits.max())
        return int(np.searchsorted(np.cumsum(weights), rng.random() * weights.sum()))

    package = Path(folder, "package")
    export(package)
    return seconds(package, step, sample)


def seconds(package, step, sample):
    """The median time of generating a text. `step` reads a token and gives logits and state."""
    words = Path(package, "vocab.txt").read_text().split("\n")
    prompt = [0, *(words.index(word) for word in PROMPT.split())]
    times = []
    for _ in range(WARM_UP + RUNS):
        start = time.perf_counter()
        state = None
        for token in prompt:
            logits, state = step(token, state)
        for _ in range(WORDS):
            token = sample(logits)
            logits, state = step(token, state)
        times.append(time.perf_counter() - start)
    return statistics.median(times[WARM_UP:])


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder, MODEL)
        measure = {
            "zoo": lambda: zoo(folder, "single"),
            "int8": lambda: zoo(folder, "int8"),
            "pytorch": lambda: pytorch(folder),
            "onnx": lambda: onnx(folder),
        }[sys.argv[1]]
        print(json.dumps({"words_per_second": WORDS / measure()}))


if __name__ == "__main__":
    main()
