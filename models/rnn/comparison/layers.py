"""What the scripts of the peers share: the shapes, the clock, the line they print."""

import json
import statistics
import time

SHAPES = [(32, 200, 128, 128), (20, 20, 200, 200), (20, 35, 650, 650), (64, 120, 7, 32), (1, 200, 128, 128)]
CELLS = ["lstm", "gru"]
WARM_UP, RUNS = 3, 15


def milliseconds(run):
    times = []
    for _ in range(WARM_UP + RUNS):
        start = time.perf_counter()
        run()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[WARM_UP:])


def report(cell, shape, **measured):
    sizes = dict(zip(["batch", "time", "input", "hidden"], shape))
    print(json.dumps({"cell": cell, **sizes, **measured}), flush=True)
