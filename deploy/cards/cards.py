#!/usr/bin/env python3
"""Measures all shipped models, and writes their deployment cards to docs/deployment.md.

    pip install numpy onnxruntime
    deploy/browser/build
    cargo build --release -p zoo-c
    deploy/cards/cards.py

Runs `bench --card` for every model, the same model in ONNX Runtime, in tract and in WebAssembly (node), and `one_answer.py`.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPLICATIONS = ["sentiment", "language-model", "forecasting", "tagging", "recognition", "handwriting"]
TITLE = """# Deployment

What the shipped models need, and how fast they answer. `deploy/cards/cards.py` measures all of them and writes this page; `zoo
APPLICATION bench --card --model NAME` measures one.

The input is an artificial example of usual length: a review of 36 tokens, a sentence of 16 words, the shortest history that a
forecaster reads, for language models a text of 60 words that is generated, and for handwriting a drawing. The time includes the
tokenizer, the scaler and the decoding. *Load* is the time from the folder to a model that is ready, *latency* the time for one
input, and *throughput* is measured in batches of 32 inputs. *Memory* is the resident memory of the whole process.
"""

RUNTIMES = """## Runtimes

ONNX Runtime and tract compute the network alone: they have neither tokenizer nor scaler, and generate no text. One run of a
language model is one of its graphs, with 36 tokens; one of the autoregressive forecaster is one pass of its network, of
which a forecast needs many. tract plans a graph for one shape when it loads it. In WebAssembly, the module predicts one input
at a time with one thread, as in the browser. A model that a runtime cannot run has no row.
"""

ONE_ANSWER = """## One text, one answer

`deploy/cards/one_answer.py` asks one text through the library, the command line, HTTP, WebAssembly, ONNX Runtime and C.
"""


def zoo(*arguments):
    return lines(["cargo", "run", "--quiet", "-p", "zoo", "--", *arguments, "--json"])


def cards():
    """The card of every shipped model."""
    for application in APPLICATIONS:
        for model in zoo(application, "models"):
            folder = Path(model["folder"])
            if folder.is_relative_to(ROOT):  # not those of the user
                print(f"measuring {model['name']}", file=sys.stderr)
                yield {**zoo(application, "bench", "--card", "--model", folder)[0], "folder": folder}


def others(models):
    """The results of the other runtimes, for the models that they run."""
    packages = [model["folder"] for model in models]
    folders = [folder for model in models if (folder := exported(model))]
    scripts = Path(__file__).parent
    tract = ["cargo", "run", "--quiet", "--release", "--manifest-path", ROOT / "deploy/onnx/tract/Cargo.toml",
             "--target-dir", ROOT / "target/tract", "--bin", "bench", "--"]
    for command in ([sys.executable, scripts / "onnxruntime_bench.py", *folders], [*tract, *folders],
                    ["node", scripts / "wasm_bench.mjs", *packages]):
        yield from map(with_figures, lines(command))


def with_figures(row):
    """A result with the figures of a card, from its times of one input and, if there are any, of a batch."""
    one = sorted(row["one_ms"])
    p50, p95 = (one[max(math.ceil(share * len(one)) - 1, 0)] for share in (0.5, 0.95))
    throughput = 32e3 / statistics.median(row["batch_ms"]) if "batch_ms" in row else 1e3 / p50
    return {**row, "p50_ms": p50, "p95_ms": p95, "throughput_32": throughput}


def exported(model):
    """The folder with the graphs of a model; `None` if it cannot be exported."""
    folder = ROOT / "target/cards" / model["model"]
    shutil.rmtree(folder, ignore_errors=True)
    command = ["cargo", "run", "--quiet", "-p", "zoo", "--", model["application"], "export", "--format", "onnx",
               "--model", model["folder"], "--out", folder]
    return folder if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode == 0 else None


def output(command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def lines(command):
    """The objects that a program prints."""
    return [json.loads(line) for line in output(command).splitlines()]


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
    order = {row["model"]: place for place, row in enumerate(models)}
    both = sorted(models + others, key=lambda row: order[row["model"]])  # a stable sort keeps the order of the runtimes
    runtimes = [[f"`{row['model']}`", row["runtime"], megabytes(row["size_bytes"]), *speed(row)] for row in both]
    return "\n".join([TITLE, machine, table(head, rows), RUNTIMES,
                      table(["model", "runtime", "size", "load", "latency, p50", "p95", "throughput"], runtimes),
                      ONE_ANSWER, output([sys.executable, Path(__file__).with_name("one_answer.py")])])


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    models = list(cards())
    (ROOT / "docs" / "deployment.md").write_text(page(models, list(others(models))))


if __name__ == "__main__":
    main()
