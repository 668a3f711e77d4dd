#!/usr/bin/env python3
"""Measures all shipped models, and writes their deployment cards to docs/deployment.md.

    deploy/cards/cards.py [RESULTS.jsonl …]

Builds `zoo`, and runs `bench --card` for every model. If Python has onnxruntime and the program exports ONNX, ONNX Runtime
is measured too. Files with the results of other runtimes, one JSON object a line, have the keys model, runtime, p50_ms,
p95_ms, throughput_32, load_ms and size_bytes.
"""

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPLICATIONS = ["sentiment", "language-model", "forecasting", "tagging"]
TITLE = """# Deployment

What the shipped models need, and how fast they answer. `deploy/cards/cards.py` measures all of them and writes this page; `zoo
APPLICATION bench --card --model NAME` measures one.

The input is an artificial example of usual length: a review of 36 tokens, a sentence of 16 words, the shortest history that a
forecaster reads, and for language models a text of 60 words that is generated. The time includes the tokenizer, the scaler and
the decoding. *Load* is the time from the folder to a model that is ready, *latency* the time for one input, and *throughput* is
measured in batches of 32 inputs. *Memory* is the resident memory of the whole process.
"""


def zoo(*arguments):
    """The objects that the program prints."""
    command = ["cargo", "run", "--quiet", "-p", "zoo", "--", *arguments, "--json"]
    output = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return [json.loads(line) for line in output.splitlines()]


def cards():
    """The card of every shipped model."""
    for application in APPLICATIONS:
        for model in zoo(application, "models"):
            print(f"measuring {model['name']}", file=sys.stderr)
            yield zoo(application, "bench", "--card", "--model", model["folder"])[0]


def onnx(models):
    """The results of ONNX Runtime, for the models that can be exported."""
    if importlib.util.find_spec("onnxruntime") is None:
        print("ONNX Runtime is not measured, because Python has no onnxruntime", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as scratch:
        folders = []
        for model in models:
            folder = Path(scratch) / model["model"]
            command = ["cargo", "run", "--quiet", "-p", "zoo", "--", model["application"], "export", "--format", "onnx",
                       "--model", model["model"], "--out", str(folder)]
            if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0:
                folders.append(str(folder))
        return lines(subprocess.run([sys.executable, str(Path(__file__).with_name("onnxruntime_bench.py")), *folders],
                                    check=True, stdout=subprocess.PIPE, text=True).stdout) if folders else []


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def megabytes(size):
    return "–" if size is None else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.0f} kB"


def milliseconds(value):
    return f"{value:.0f} ms" if value >= 100 else f"{value:.3g} ms"


def speed(row):
    cells = [milliseconds(row[key]) for key in ("load_ms", "p50_ms", "p95_ms")]
    return [*cells, f"{row['throughput_32']:,.0f}/s"]


def table(head, rows):
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def page(models, others):
    first = models[0]
    machine = f"Measured on {first['processor']} with {first['threads']} threads, backend `{first['runtime']}`.\n"
    head = ["model", "parameters", "size, f32", "size, f16", "load", "latency, p50", "p95", "throughput", "memory"]
    rows = [[f"`{row['model']}`", f"{row['parameters']:,}", megabytes(row["size_f32_bytes"]),
             megabytes(row["size_f16_bytes"]), *speed(row), megabytes(row.get("resident_bytes"))] for row in models]
    parts = [TITLE, machine, table(head, rows)]
    if others:
        order = [row["model"] for row in models]
        both = sorted(models + others, key=lambda row: order.index(row["model"]) if row["model"] in order else len(order))
        measured = {row["model"] for row in others}
        head = ["model", "runtime", "size", "load", "latency, p50", "p95", "throughput"]
        rows = [[f"`{row['model']}`", row["runtime"], megabytes(row["size_bytes"]), *speed(row)]
                for row in both if row["model"] in measured]
        parts += ["## Runtimes\n", "ONNX Runtime computes the network alone: it has neither tokenizer nor scaler, and "
                  "generates no\ntext. One run of a language model is one of its graphs, with 36 tokens.\n", table(head, rows)]
    return "\n".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", nargs="*", type=Path, metavar="RESULTS.jsonl")
    arguments = parser.parse_args()
    models = list(cards())
    others = onnx(models) + [row for path in arguments.results for row in lines(path.read_text())]
    (ROOT / "docs" / "deployment.md").write_text(page(models, others))


if __name__ == "__main__":
    main()
