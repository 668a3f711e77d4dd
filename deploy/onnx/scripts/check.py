#!/usr/bin/env python3
"""Checks exported graphs with onnx.checker and compares them in ONNX Runtime with the outputs of our networks.

    pip install onnx onnxruntime numpy
    cargo run -p onnx --example cases -- target/onnx-cases
    deploy/onnx/scripts/check.py target/onnx-cases [--cli target/debug/zoo]

With --cli, the program also exports every shipped model by `export --format onnx`, and the files must be the same.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

# The largest difference of an output, divided by the largest absolute value of the output, or by 1 if that value is
# smaller.
TOLERANCE = {"32": 1e-5, "16": 5e-3}
TYPES = {"f32": np.float32, "i64": np.int64, "i32": np.int32}
# The folders of the example: model, bits per weight, with lengths or not.
NAME = re.compile(r"(.+)-(16|32)(-lengths)?")
APPLICATIONS = ["sentiment", "language-model", "forecasting", "tagging", "recognition", "handwriting"]


def array(described):
    return np.array(described["values"], TYPES[described["element"]]).reshape(described["shape"])


def call(session, inputs):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs)))


def walk(session, inputs, lengths):
    """Runs the graph of one step over a ragged batch: a row whose sequence has ended keeps its state."""
    inputs = dict(inputs)
    sequences = inputs.pop("input")
    outputs = []
    for step in range(sequences.shape[1]):
        active = np.array([step < length for length in lengths])
        found = call(session, {**inputs, "input": sequences[:, step : step + 1]})
        outputs.append(np.where(active[:, None, None], found["output"], 0))
        for before, after in (("h0", "hn"), ("c0", "cn")):
            if before in inputs:
                inputs[before] = np.where(active[None, :, None], found[after], inputs[before])
    ends = {after: inputs[before] for before, after in (("h0", "hn"), ("c0", "cn")) if before in inputs}
    return {"output": np.concatenate(outputs, 1), **ends}


def valid(name, found, expected, case):
    """An output; emissions without those of padded steps, which have no meaning."""
    lengths = {name: array(value) for name, value in case["inputs"]}.get("lengths")
    if lengths is None or name != "emissions":
        return found, expected
    mask = np.arange(expected.shape[1])[None, :] < lengths[:, None]
    return found[mask], expected[mask]


def check(folder):
    """The largest error of an export, by graph."""
    errors, sessions = {}, {}
    for path in sorted(folder.glob("*.onnx")):
        onnx.checker.check_model(str(path), full_check=True)
        sessions[path.stem] = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for case in json.loads((folder / "cases.json").read_text()):
        inputs = {name: array(value) for name, value in case["inputs"]}
        session = sessions[case["graph"]]
        results = walk(session, inputs, case["loops"]) if case["loops"] else call(session, inputs)
        for name, value in case["outputs"]:
            expected = array(value)
            assert results[name].shape == expected.shape, (folder.name, name, results[name].shape, expected.shape)
            found, expected = valid(name, results[name], expected, case)
            error = float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
            # `max` of Python would ignore a NaN.
            errors[case["graph"]] = float(np.maximum(errors.get(case["graph"], 0.0), error))
    return len(sessions), errors


def compare_cli(program, folder):
    """Whether `export --format onnx` writes the files of a folder."""
    name, bits, lengths = NAME.fullmatch(folder.name).groups()
    options = ["--lengths"] if lengths else []
    precision = "half" if bits == "16" else "single"
    root = Path(__file__).resolve().parents[3] / "models"
    application = next(one for one in APPLICATIONS if (root / one / "pretrained" / name).is_dir())
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        command = [program, application, "export", "--model", name, "--format", "onnx", "--precision", precision]
        subprocess.run([*command, *options, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
        written = {path.name: path.read_bytes() for path in out.iterdir()}
    expected = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "cases.json"}
    return written == expected


def main():
    root = Path(sys.argv[1])
    program = sys.argv[sys.argv.index("--cli") + 1] if "--cli" in sys.argv else None
    graphs, wrong, worst, cells = 0, 0, {"32": 0.0, "16": 0.0}, {"32": 0, "16": 0}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        count, errors = check(folder)
        bits = NAME.fullmatch(folder.name)[2]
        tolerance = TOLERANCE[bits]
        is_random = folder.name.startswith("random-")
        bad = [graph for graph, error in errors.items() if not error <= tolerance]
        same = program is None or is_random or compare_cli(program, folder)
        graphs, wrong = graphs + count, wrong + bool(bad) + (not same)
        if is_random:
            worst[bits], cells[bits] = float(np.max([worst[bits], *errors.values()])), cells[bits] + 1
        if not is_random or bad or not same:
            shown = ", ".join(f"{graph} {error:.1e}" for graph, error in errors.items())
            print(f"{folder.name}: {shown}{'' if not bad else '  WRONG'}{'' if same else '  the program writes other files'}")
    for bits, error in worst.items():
        print(f"{cells[bits]} exports of random networks, {bits} bits: at most {error:.1e}")
    print(f"{graphs} graphs, onnx {onnx.__version__}, ONNX Runtime {ort.__version__}, {wrong} wrong")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
