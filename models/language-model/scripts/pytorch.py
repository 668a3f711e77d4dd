"""The perplexity of an exported language model, measured by PyTorch.

    pip install torch numpy safetensors
    python models/language-model/scripts/pytorch.py PACKAGE TEXT PERPLEXITY

Loads the package's weights into nn.Embedding, nn.LSTM/nn.GRU/nn.RNN and a linear decoder, and reads the text file (plain
or .gz, the test part of the package's data set) from its first token to its last in one row. PERPLEXITY is
what `cargo run -p language-model -- eval --pretrained PACKAGE` measures; exit code 0 if PyTorch's is the same to 1e-3. (The
card's is of the weights before they were rounded to half precision, and may differ by a little more.)
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
    """Behind the end of a line, which predicts the first."""
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    numbers = [0]
    for line in text.decode().removesuffix("\n").split("\n"):
        numbers += [words.get(token, 1) for token in (line if level == "character" else line.split())] + [0]
    return torch.tensor(numbers)


def main() -> int:
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    package, text, expected = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), float(sys.argv[3])
    config = json.loads((package / "config.json").read_text())
    model, data = config["recipe"]["model"], config["recipe"]["data"]
    if data["set"] == "text":
        sys.exit(f"{package} learned from a text that is cleaned before it is read; this script knows published ones")
    words = {word: number for number, word in enumerate((package / "vocab.txt").read_text().split("\n"))}
    weights = {name: tensor.float() for name, tensor in load_file(package / "model.safetensors").items()}

    cell = {"gru": nn.GRU, "lstm": nn.LSTM, "elman": nn.RNN}[model["cell"]]
    rnn = cell(model["embedding_size"], model["hidden_size"], model["layers"], batch_first=True)
    rnn.load_state_dict({name.removeprefix("rnn."): weights[name] for name in weights if name.startswith("rnn.")})
    embedding = nn.Embedding.from_pretrained(weights["embedding.weight"])
    decoder = weights.get("decoder.weight", weights["embedding.weight"])

    numbers = tokens(text, words, data.get("level", "word"))
    total, state = 0.0, None
    with torch.no_grad():
        for start in range(0, len(numbers) - 1, STEPS):
            end = min(start + STEPS, len(numbers) - 1)
            outputs, state = rnn(embedding(numbers[None, start:end]), state)  # [1, T, H]
            scores = linear(outputs[0], decoder, weights["decoder.bias"])  # [T, V]
            total += cross_entropy(scores.double(), numbers[start + 1 : end + 1], reduction="sum").item()
    perplexity = math.exp(total / (len(numbers) - 1))
    print(f"PyTorch {perplexity:.4f} over {len(numbers) - 1} tokens, expected {expected:.4f}")
    return 0 if abs(perplexity - expected) < 1e-3 else 1


if __name__ == "__main__":
    sys.exit(main())
