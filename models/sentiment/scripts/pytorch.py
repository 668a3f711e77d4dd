"""Converts weights between this zoo and PyTorch, in both directions.

    pip install torch numpy safetensors
    python models/sentiment/scripts/pytorch.py PACKAGE

1. loads the package's weights into nn.Embedding, nn.GRU/nn.LSTM/nn.RNN and nn.Linear, and compares the probabilities
   with those of `sentiment predict`;
2. initialises new PyTorch modules, writes their weights as a package into a temporary folder, and compares again.

Reads packages of format 2 (`manifest.json`) and of format 1 (`config.json`). Exit code 0 if all probabilities agree to
1e-5. The package must be a network without n-grams.
"""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import torch
from safetensors.torch import load_file, save_file
from torch import nn

TEXTS = [
    "Not a dull moment!",
    "The plot is clever, but nothing about the cast struck me as warm.",
    "An awful, awful film<br />with an ending I don't understand.",
]


class Sentiment(nn.Module):
    """The network of `models/sentiment/src/model.rs`."""

    def __init__(self, words: int, config: dict):
        super().__init__()
        self.pooling = config["pooling"]
        features, hidden, both = config["embedding_size"], config["hidden_size"], config.get("bidirectional", False)
        cell = {"gru": nn.GRU, "lstm": nn.LSTM, "elman": nn.RNN}[config["cell"]]
        self.embedding = nn.Embedding(words, features)
        self.rnn = cell(features, hidden, config.get("layers", 1), batch_first=True, bidirectional=both)
        width = hidden * (2 if both else 1)
        self.dense = nn.Linear(width * (2 if self.pooling == "max-mean" else 1), 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """[1, T] -> []"""
        outputs, state = self.rnn(self.embedding(ids))  # [1, T, D*H]
        if self.pooling == "max-mean":
            pooled = torch.cat([outputs.amax(1), outputs.mean(1)], 1)
        else:
            hidden = state[0] if isinstance(state, tuple) else state  # [L*D, 1, H]
            directions = 2 if self.rnn.bidirectional else 1
            pooled = hidden[-directions:].transpose(0, 1).reshape(1, -1)
        return self.dense(pooled).squeeze()


class Manifest:
    """The settings of a package, and the checksum of its weights."""

    def __init__(self, package: pathlib.Path):
        format_2 = package / "manifest.json"
        self.path = format_2 if format_2.exists() else package / "config.json"
        self.content = json.loads(self.path.read_text())

    @property
    def settings(self) -> dict:
        return self.content["settings"] if self.content["format"] >= 2 else self.content["recipe"]

    def write(self, package: pathlib.Path) -> None:
        """Writes the manifest for the weights in a folder."""
        weights = (package / "model.safetensors").read_bytes()
        checksum = hashlib.sha256(weights).hexdigest()
        if self.content["format"] >= 2:
            self.content["files"]["model.safetensors"] = {"bytes": len(weights), "sha256": checksum}
        else:
            self.content["weights_sha256"] = checksum
        (package / self.path.name).write_text(json.dumps(self.content))


def token_ids(text: str, vocabulary: dict, data: dict) -> torch.Tensor:
    tokens = re.findall(r"[^\W_]+(?:'[^\W_]+)*|[^\s]", re.sub(r"<br ?/?>", " ", text).lower())
    limit = data["max_words"]
    tokens = tokens[:limit] if data["keep"] == "first" else tokens[-limit:]
    return torch.tensor([[vocabulary.get(token, 1) for token in tokens]])


def probabilities_of_program(package: pathlib.Path) -> list[float]:
    command = ["cargo", "run", "-q", "-p", "sentiment", "--", "predict", "--json", "--model", str(package), *TEXTS]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [json.loads(line)["probability"] for line in lines]


def compare(model: Sentiment, package: pathlib.Path, direction: str) -> bool:
    data = Manifest(package).settings["data"]
    vocabulary = {word: index for index, word in enumerate((package / "vocab.txt").read_text().splitlines())}
    with torch.no_grad():
        ours = [torch.sigmoid(model(token_ids(text, vocabulary, data))).item() for text in TEXTS]
    theirs = probabilities_of_program(package)
    difference = max(abs(a - b) for a, b in zip(ours, theirs))
    print(f"{direction}: PyTorch {ours}, program {theirs}, largest difference {difference:.1e}")
    return difference < 1e-5


def main() -> int:
    package = pathlib.Path(sys.argv[1])
    manifest = Manifest(package)
    words = len((package / "vocab.txt").read_text().splitlines())
    network = manifest.settings["model"]["network"]
    model = Sentiment(words, network)
    weights = {name: tensor.float() for name, tensor in load_file(package / "model.safetensors").items()}
    model.load_state_dict(weights)
    exported = compare(model, package, "from the zoo to PyTorch")

    torch.manual_seed(0)
    fresh = Sentiment(words, network)
    with tempfile.TemporaryDirectory() as folder:
        target = pathlib.Path(folder) / "package"
        shutil.copytree(package, target)
        save_file({name: tensor.contiguous() for name, tensor in fresh.state_dict().items()}, target / "model.safetensors")
        manifest.write(target)
        imported = compare(fresh, target, "from PyTorch to the zoo")
    return 0 if exported and imported else 1


if __name__ == "__main__":
    sys.exit(main())
