"""Runs the zoo and its peers in turn and prints median times: see README.md."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PEERS = ["pytorch", "tensorflow", "jax", "onnx"]
SHAPES = [(32, 200, 128, 128), (20, 20, 200, 200), (20, 35, 650, 650), (64, 120, 7, 32), (1, 200, 128, 128)]
CELLS = ["lstm", "gru"]
STEP_SHAPES = [(1, 1, 128, 128), (1, 1, 650, 650), (8, 1, 256, 256)]
STEP_PEERS = ["pytorch", "onnx"]
MODELS = ["imdb-bigru", "ptb-lstm-small", "ptb-awd", "etth1-96"]
# Idle threads of the previous program may spin for a while and would take a core from the next program.
PAUSE = 0.25
# glibc keeps freed memory, like `training::machine::keep_memory` in the training programs of the zoo.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


def example(package, name, *arguments):
    """The command of an example. Builds the example first, so that the first round does not include a build."""
    subprocess.run(["cargo", "build", "--quiet", "-p", package, "--example", name], cwd=HERE, check=True)
    return ["cargo", "run", "--quiet", "-p", package, "--example", name, "--", *arguments]


def start(command, **variables):
    pipe, environment = subprocess.PIPE, os.environ | variables
    return subprocess.Popen(
        command, cwd=HERE, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def ask(program, request):
    program.stdin.write(request + "\n")
    program.stdin.flush()
    for line in program.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"{program.args} ended without an answer; run it by hand and type `{request}` to see its error")


def layers(programs, rounds, shapes):
    """{(cell, shape): {program: {kind: median milliseconds}}}. Every round sends the request to each program in turn."""
    medians = {}
    for shape in shapes:
        for cell in CELLS:
            request = " ".join(map(str, [cell, *shape]))
            print(request, file=sys.stderr)
            answers = {name: [] for name in programs}
            for _ in range(rounds):
                for name, program in programs.items():
                    time.sleep(PAUSE)
                    answers[name].append(ask(program, request))
            medians[cell, shape] = {name: median(given) for name, given in answers.items()}
    return medians


def median(answers):
    return {kind: statistics.median(answer[kind] for answer in answers) for kind in answers[0]}


def steps(models, rounds):
    """Yields the name of each model and {program: median time and memory of a whole training step}."""
    commands = {"zoo": example("examples", "training_step"), "pytorch": [sys.executable, "steps_pytorch.py"]}
    for model in models:
        answers = {name: [] for name in commands}
        for number in range(rounds):
            print(f"{model}, round {number + 1} of {rounds}", file=sys.stderr)
            for name, command in commands.items():
                done = subprocess.run([*command, model], cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
                answers[name].append({key: value for key, value in json.loads(done.stdout).items() if key != "model"})
        yield model, {name: median(given) for name, given in answers.items()}


def table(medians, programs, kind, title):
    """Prints the medians, and the ratio of the zoo to the fastest peer, without ONNX Runtime, which cannot train."""
    rivals = [name for name in programs if name not in ("zoo", "onnx")]
    print(f"\n{title}, milliseconds\n\n| cell, batch × steps × input → hidden | {' | '.join(programs)} | zoo / best |")
    print("|---|" + "---|" * (len(programs) + 1))
    ratios = {cell: [] for cell in CELLS}
    for (cell, shape), measured in medians.items():
        times = {name: measured[name][kind] for name in programs}
        ratio = times["zoo"] / min(times[name] for name in rivals)
        cells = " | ".join(f"{times[name]:.2f}" for name in programs)
        print(f"| {label(cell, shape)} | {cells} | {ratio:.2f} |")
        ratios[cell].append(ratio)
    means = [f"{cell} {statistics.geometric_mean(of_cell[:4]):.2f}" for cell, of_cell in ratios.items()]
    print(f"\nGeometric means over the first four shapes: {', '.join(means)}.")


def step_table(medians, programs):
    """Prints the medians of single steps, and the ratio of the zoo to the fastest peer."""
    print(f"\nOne step, microseconds\n\n| cell, batch × steps × input → hidden | {' | '.join(programs)} | zoo / best |")
    print("|---|" + "---|" * (len(programs) + 1))
    for (cell, shape), measured in medians.items():
        times = {name: measured[name]["step_us"] for name in programs}
        ratio = times["zoo"] / min(time for name, time in times.items() if name != "zoo")
        print(f"| {label(cell, shape)} | {' | '.join(f'{time:.1f}' for time in times.values())} | {ratio:.2f} |")


def label(cell, shape):
    batch, steps, inputs, hidden = shape
    return f"{cell} {batch} × {steps} × {inputs} → {hidden}"


def plot(medians, programs, path):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 4.5))
    width = 0.8 / len(programs)
    for index, name in enumerate(programs):
        heights = [measured[name]["train_ms"] / measured["zoo"]["train_ms"] for measured in medians.values()]
        axes.bar([row + (index + 0.5) * width - 0.4 for row in range(len(heights))], heights, width, label=name)
    axes.set_xticks(range(len(medians)), [label(*key) for key in medians], rotation=30, ha="right", fontsize=8)
    axes.set_ylabel("time relative to the zoo (log scale)")
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_title("One layer, forward and backward, relative to the zoo: above 1 is slower")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="measurements per program and shape [default: 7]")
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=PEERS)
    parser.add_argument("--stream", action="store_true", help="compare single steps of a stream")
    help_steps = "compare whole training steps of these models (default: all) with PyTorch"
    parser.add_argument("--steps", nargs="*", choices=MODELS, help=help_steps)
    chosen = parser.parse_args()
    if chosen.steps is not None:
        print("\n| training step | | zoo | pytorch | zoo / pytorch |\n|---|---|---|---|---|")
        for model, of in steps(chosen.steps or MODELS, chosen.rounds):
            for kind, unit in [("step_ms", "ms"), ("memory_mib", "MiB")]:
                zoo, pytorch = of["zoo"][kind], of["pytorch"][kind]
                print(f"| {model} | {unit} | {zoo:.1f} | {pytorch:.1f} | {zoo / pytorch:.2f} |", flush=True)
        return
    peers = [name for name in chosen.peers if name in STEP_PEERS or not chosen.stream]
    programs = {"zoo": start(example("rnn", "layer_speed", "--serve"), **KEEP_MEMORY)}
    programs |= {name: start([sys.executable, f"peer_{name}.py"]) for name in peers}
    medians = layers(programs, chosen.rounds, STEP_SHAPES if chosen.stream else SHAPES)
    if chosen.stream:
        return step_table(medians, list(programs))
    table(medians, list(programs), "forward_ms", "Forward alone")
    training = [name for name in programs if name != "onnx"]
    table(medians, training, "train_ms", "Forward and backward")
    plot(medians, training, HERE / "layer_speed.svg")


if __name__ == "__main__":
    main()
