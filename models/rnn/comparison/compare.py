"""Runs the zoo and its peers in turn and prints the medians: see README.md."""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PEERS = ["pytorch", "tensorflow", "jax", "onnx"]
ZOO = ["cargo", "run", "--quiet", "-p", "rnn", "--example", "layer_speed", "--", "--json"]


def lines(command):
    done = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def measure(programs, rounds):
    """{(cell, shape): {program: {measure: [milliseconds, a round each]}}}"""
    times = {}
    for number in range(rounds):
        for name, command in programs.items():
            print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
            for line in lines(command):
                key = (line["cell"], tuple(line[size] for size in ["batch", "time", "input", "hidden"]))
                program = times.setdefault(key, {}).setdefault(name, {})
                for kind in ["forward_ms", "train_ms"]:
                    if kind in line:
                        program.setdefault(kind, []).append(line[kind])
    return times


def table(times, programs, kind, title):
    """Rows of medians, and of the zoo's over the best peer's, ONNX Runtime apart: it cannot train."""
    rivals = [name for name in programs if name not in ("zoo", "onnx")]
    print(f"\n{title}, milliseconds\n\n| cell, batch × steps × input → hidden | {' | '.join(programs)} | zoo / best |")
    print("|---|" + "---|" * (len(programs) + 1))
    rows = []
    for (cell, (batch, time, inputs, hidden)), measured in times.items():
        median = {name: statistics.median(kinds[kind]) for name, kinds in measured.items() if kind in kinds}
        ratio = median["zoo"] / min(median[name] for name in rivals) if rivals else float("nan")
        cells = [f"{median[name]:.2f}" if name in median else "" for name in programs]
        label = f"{cell} {batch} × {time} × {inputs} → {hidden}"
        print(f"| {label} | {' | '.join(cells)} | {ratio:.2f} |")
        rows.append((cell, label, median, ratio))
    for cell in ["lstm", "gru"]:
        of_cell = [ratio for kind_of, _, _, ratio in rows if kind_of == cell][:4]
        print(f"\ngeometric mean, {cell}, first four shapes: {statistics.geometric_mean(of_cell):.2f}")
    return rows


def plot(rows, programs, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5))
    width = 0.8 / len(programs)
    for index, name in enumerate(programs):
        heights = [median[name] / median["zoo"] if name in median else 0 for _, _, median, _ in rows]
        axes.bar([row + (index + 0.5) * width - 0.4 for row in range(len(rows))], heights, width, label=name)
    axes.set_xticks(range(len(rows)), [label.replace(" → ", "→").replace(" × ", "×") for _, label, _, _ in rows], rotation=30, ha="right")
    axes.set_ylabel("time over the zoo's (log scale)")
    axes.set_yscale("log")
    axes.set_title("One layer forward and backward, beside the zoo: above 1 is slower")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=PEERS)
    chosen = parser.parse_args()
    programs = {"zoo": ZOO} | {name: [sys.executable, f"peer_{name}.py"] for name in chosen.peers}
    # Built first, so that no build falls into the first round.
    subprocess.run(["cargo", "build", "--quiet", "-p", "rnn", "--example", "layer_speed"], cwd=HERE, check=True)
    times = measure(programs, chosen.rounds)
    table(times, programs, "forward_ms", "Forward alone")
    training = {name: command for name, command in programs.items() if name != "onnx"}
    rows = table(times, training, "train_ms", "Forward and backward")
    plot(rows, training, HERE / "layer_speed.svg")


if __name__ == "__main__":
    main()
