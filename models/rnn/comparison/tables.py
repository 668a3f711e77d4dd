"""Writes the tables of README.md and docs/speed.md from the files in `results/`.

A table stands between the lines `<!-- table NAME FILE -->` and `<!-- end -->`, where FILE is the name of a file in `results/`
without `.json`.
"""

import json
import re
import statistics
from pathlib import Path

from compare import CELLS, FRAMEWORKS, HERE, ROOT, RUNTIMES

DOCUMENTS = [ROOT / "README.md", ROOT / "docs" / "speed.md"]
NAMES = {"zoo": "zoo", "pytorch": "PyTorch", "tensorflow": "TensorFlow", "jax": "JAX", "onnx": "ONNX Runtime", "int8": "zoo, int8"}


def name(program):
    return NAMES.get(program, program)


def table(head, rows):
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    return "\n".join(lines + [f"| {' | '.join(map(str, row))} |" for row in rows])


def shapes(medians):
    """The shapes in the order of the file, without the cell."""
    return list(dict.fromkeys(request.split(maxsplit=1)[1] for request in medians))


def label(shape):
    batch, steps, inputs, hidden = shape.split()
    return f"{batch} × {steps} × {inputs} → {hidden}"


def ratio(measured, kind, rivals):
    """The time of the zoo over that of the fastest rival, and the rival."""
    best = min((program for program in rivals if kind in measured.get(program, {})), key=lambda program: measured[program][kind])
    return measured["zoo"][kind] / measured[best][kind], best


def columns(medians):
    """{(cell, kind): [(ratio, fastest rival) for each shape]}"""
    kinds = {"train_ms": FRAMEWORKS, "forward_ms": FRAMEWORKS + RUNTIMES}
    return {
        (cell, kind): [ratio(medians[f"{cell} {shape}"], kind, rivals) for shape in shapes(medians)]
        for kind, rivals in kinds.items()
        for cell in CELLS
    }


def layers(result):
    """Ratios of the zoo to the fastest peer, training and forward."""
    medians = result["medians"]
    of = columns(medians)
    head = ["batch × steps × input → hidden", "LSTM train", "GRU train", "LSTM forward", "GRU forward"]
    rows = [
        [label(shape), *(f"{of[key][index][0]:.2f} ({name(of[key][index][1])})" for key in of)]
        for index, shape in enumerate(shapes(medians))
    ]
    means = [f"**{statistics.geometric_mean(value for value, _ in column):.2f}**" for column in of.values()]
    return table(head, [*rows, ["geometric mean", *means]])


def milliseconds(result, kind):
    medians = result["medians"]
    programs = [program for program in next(iter(medians.values())) if kind in next(iter(medians.values()))[program]]
    rows = []
    for request, measured in medians.items():
        cell, shape = request.split(maxsplit=1)
        rows.append([f"{cell.upper()} {label(shape)}", *(f"{measured[program][kind]:.2f}" for program in programs)])
    return table(["layer", *map(name, programs)], rows)


def stream(result):
    programs = [program for program in next(iter(result["medians"].values()))]
    rows = []
    for request, measured in result["medians"].items():
        cell, shape = request.split(maxsplit=1)
        of = {program: measured[program]["step_us"] for program in programs}
        int8 = measured["zoo"]["int8_us"]
        ratios = [of["zoo"] / of["onnx"], int8 / of["onnx"]]
        times = [of["zoo"], int8, *(of[program] for program in programs[1:])]
        rows.append([f"{cell.upper()} {label(shape)}", *(f"{time:.1f}" for time in times), *(f"{value:.2f}" for value in ratios)])
    head = ["layer", "zoo", "zoo, int8", *map(name, programs[1:]), "zoo / ONNX Runtime", "int8 / ONNX Runtime"]
    return table(head, rows)


def busy(result):
    rows = []
    for request, measured in result["medians"].items():
        cell, shape = request.split(maxsplit=1)
        slower = [f"{measured['busy'][kind] / measured['free'][kind]:.1f}" for kind in measured["free"] if kind != "int8_us"]
        rows.append([f"{cell.upper()} {label(shape)}", *slower, *["–"] * (2 - len(slower))])
    return table(["layer", "forward, or one step", "train"], rows)


def steps(result):
    rows = []
    for model, measured in result["medians"].items():
        zoo, pytorch = measured["zoo"], measured["pytorch"]
        times = [f"{program['step_ms']:.1f} ms" for program in (zoo, pytorch)]
        ratios = [f"{zoo[kind] / pytorch[kind]:.2f}" for kind in ("step_ms", "memory_mib")]
        rows.append([f"`{model}`", *times, *ratios])
    return table(["model", "zoo", "PyTorch", "time, zoo / PyTorch", "memory, zoo / PyTorch"], rows)


def generate(result):
    measured = result["medians"]["ptb-awd"]
    return table([*map(name, measured)], [[f"{of['words_per_second']:.0f}" for of in measured.values()]])


def summary(result):
    """The geometric means over all shapes, for README.md."""
    of = columns(result["medians"])
    mean = lambda cell, kind: f"{statistics.geometric_mean(value for value, _ in of[cell, kind]):.2f}"
    rows = [
        ["forward and backward / fastest of PyTorch, TensorFlow, JAX", *(mean(cell, "train_ms") for cell in CELLS)],
        ["forward / fastest of these, ONNX Runtime, tract and rten", *(mean(cell, "forward_ms") for cell in CELLS)],
    ]
    return table(["time of the zoo", "LSTM", "GRU"], rows)


TABLES = {
    "layers": layers,
    "forward_ms": lambda result: milliseconds(result, "forward_ms"),
    "train_ms": lambda result: milliseconds(result, "train_ms"),
    "stream": stream,
    "busy": busy,
    "steps": steps,
    "generate": generate,
    "summary": summary,
}


def fill(match):
    kind, file = match["kind"], match["file"]
    path = HERE / "results" / f"{file}.json"
    if not path.exists():
        print(f"{path} does not exist; its tables stay as they are")
        return match[0]
    result = json.loads(path.read_text())
    machine = result["machine"]
    about = f"{machine['processor']}, {machine['instructions']}, {machine['cores']} cores; medians of {result['rounds']} rounds."
    return f"<!-- table {kind} {file} -->\n{TABLES[kind](result)}\n\n{about}\n<!-- end -->"


def main():
    pattern = re.compile(r"<!-- table (?P<kind>\w+) (?P<file>[\w-]+) -->\n.*?<!-- end -->", re.DOTALL)
    for document in DOCUMENTS:
        document.write_text(pattern.sub(fill, document.read_text()))


if __name__ == "__main__":
    main()
