"""Measures the perplexity of an exported language model with PyTorch.

    pip install torch numpy safetensors
    python models/language-model/scripts/pytorch.py PACKAGE TEXT PERPLEXITY

Loads the package's weights into nn.Embedding, nn.LSTM/nn.GRU/nn.RNN and a linear decoder, and reads the text file (plain
or .gz, the test part of the package's data set) in one row. PERPLEXITY is the result of
`cargo run -p language-model -- eval --model PACKAGE`. The exit code is 0 if PyTorch's perplexity differs by less than 1e-3.
(The perplexity in the model card was measured before the weights were rounded to half precision, and may differ more.)
"""

import gzip
import json
import math
import pathlib
import sys

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import cross_entropy, linear

STEPS = 512


def tokens(path: pathlib.Path, words: dict, level: str) -> torch.Tensor:
    """The token ids of the text, after a line end from which the first token is predicted."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    ids = [0]
    for line in text.decode().removesuffix("\n").split("\n"):
        ids += [words.get(token, 1) for token in (line if level == "character" else line.split())] + [0]
    return torch.tensor(ids)


def main() -> int:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    package, text, expected = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
    if (package / "manifest.json").exists():
        settings = json.loads((package / "manifest.json").read_text())["settings"]
    else:  # package format 1
        settings = json.loads((package / "config.json").read_text())["recipe"]
    model, data = settings["model"], settings["data"]
    if data["set"] == "text":
        sys.exit(f"{package} was trained on an own text, which is normalized; this script reads published texts only")
    words = {word: index for index, word in enumerate((package / "vocab.txt").read_text().split("\n"))}
    weights = {name: tensor.float() for name, tensor in load_file(package / "model.safetensors").items()}

    cell = {"gru": nn.GRU, "lstm": nn.LSTM, "elman": nn.RNN}[model["cell"]]
    rnn = cell(model["embedding_size"], model["hidden_size"], model["layers"], batch_first=True)
    rnn.load_state_dict({name.removeprefix("rnn."): weights[name] for name in weights if name.startswith("rnn.")})
    embedding = nn.Embedding.from_pretrained(weights["embedding.weight"])
    decoder = weights.get("decoder.weight", weights["embedding.weight"])

    ids = tokens(text, words, data.get("level", "word"))
    total, state = 0.0, None
    with torch.no_grad():
        for start in range(0, len(ids) - 1, STEPS):
            end = min(start + STEPS, len(ids) - 1)
            outputs, state = rnn(embedding(ids[None, start:end]), state)  # [1, T, H]
            logits = linear(outputs[0], decoder, weights["decoder.bias"])  # [T, V]
            total += cross_entropy(logits.double(), ids[start + 1 : end + 1], reduction="sum").item()
    perplexity = math.exp(total / (len(ids) - 1))
    print(f"PyTorch {perplexity:.4f} over {len(ids) - 1} tokens, expected {expected:.4f}")
    return 0 if abs(perplexity - expected) < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
