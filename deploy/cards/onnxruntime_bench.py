#!/usr/bin/env python3
"""Measures exported models in ONNX Runtime: onnxruntime_bench.py FOLDER…, each with a model.onnx, one line of JSON each,
with all times.

Integer inputs are 1 and the others 0, because the time of a recurrent network does not depend on the values. The time
includes neither the tokenizer nor the scaler.
"""

import argparse
import json
import time
from pathlib import Path

import numpy
import onnxruntime

TYPES = {"tensor(float)": numpy.float32, "tensor(float16)": numpy.float16, "tensor(int64)": numpy.int64,
         "tensor(int32)": numpy.int32, "tensor(bool)": numpy.bool_}
LONGEST, MOST, FEWEST = 3.0, 200, 3


def feeds(session, batch, steps):
    """An array for each input. Symbolic dimensions are named `batch`, or are numbers of steps."""
    def array(port):
        shape = [size if isinstance(size, int) else batch if "batch" in str(size) else steps for size in port.shape]
        kind = TYPES[port.type]
        # Lengths are at most the number of steps.
        value = steps if port.name == "lengths" else int(numpy.issubdtype(kind, numpy.integer))
        return numpy.full(shape, value, kind)
    return {port.name: array(port) for port in session.get_inputs()}


def times(session, inputs):
    """The milliseconds of repeated runs; the first is not counted."""
    session.run(None, inputs)
    start, all_times = time.perf_counter(), []
    while len(all_times) < FEWEST or (len(all_times) < MOST and time.perf_counter() - start < LONGEST):
        begin = time.perf_counter()
        session.run(None, inputs)
        all_times.append(1e3 * (time.perf_counter() - begin))
    return all_times


def measure(folder, steps):
    file = Path(folder) / "model.onnx"
    begin = time.perf_counter()
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    load = time.perf_counter() - begin
    return {
        "model": Path(folder).resolve().name, "runtime": f"ONNX Runtime {onnxruntime.__version__}",
        "size_bytes": file.stat().st_size, "load_ms": 1e3 * load,
        "one_ms": times(session, feeds(session, 1, steps)), "batch_ms": times(session, feeds(session, 32, steps)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER")
    parser.add_argument("--steps", type=int, default=36, help="time steps of graphs whose number of steps is not fixed")
    arguments = parser.parse_args()
    for folder in arguments.folders:
        print(json.dumps(measure(folder, arguments.steps)), flush=True)


if __name__ == "__main__":
    main()
