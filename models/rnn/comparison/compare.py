"""Measures the zoo and its peers in turn, and writes the median times to `results/`: see README.md."""

import argparse
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FRAMEWORKS = ["pytorch", "tensorflow", "jax"]
RUNTIMES = ["onnx", "tract", "rten"]
# The names of the crates.
RUST = {"tract": "tract-onnx", "rten": "rten"}
CELLS = ["lstm", "gru"]
# Batch, steps, input size, hidden size.
LAYERS = [
    (32, 200, 128, 128), (20, 20, 200, 200), (20, 35, 650, 650), (64, 120, 7, 32), (128, 48, 321, 512),
    (8, 500, 64, 256), (1, 200, 128, 128),
]
STREAM = [(1, 1, 128, 128), (1, 1, 650, 650), (8, 1, 256, 256)]
MODELS = ["imdb-bigru", "ptb-lstm-small", "ptb-awd", "etth1-96"]
# Idle threads of the previous program may spin for a while and would take a core from the next program.
PAUSE = 0.25
# glibc keeps freed memory, like `training::machine::keep_memory` in the training programs of the zoo.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
# Variables that make the zoo, PyTorch and TensorFlow use AVX2 on a processor with AVX-512.
AVX2 = {
    "RNN_ZOO_SIMD": "avx2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "XLA_FLAGS": "--xla_cpu_max_isa=AVX2",
}
# The other peers have no such variable, or use AVX-512 in spite of it. gdb hides AVX-512 from these files.
HIDDEN_FROM = {
    "jax": "libjax_common",
    "onnx": "onnxruntime_pybind11_state",
    "tract": "rnn-runtimes",
    "rten": "rnn-runtimes",
}


def example(package, name, *arguments):
    """The command of an example. Builds the example first, so that the first round does not include a build."""
    subprocess.run(["cargo", "build", "--quiet", "-p", package, "--example", name], cwd=HERE, check=True)
    return ["cargo", "run", "--quiet", "-p", package, "--example", name, "--", *arguments]


def runtimes():
    """The program of the runtimes that are written in Rust. The first build takes 5 minutes."""
    target = ROOT / "target" / "runtimes"
    build = ["cargo", "build", "--quiet", "--release", "--locked", "--target-dir", target]
    subprocess.run(build, cwd=HERE / "runtimes", check=True)
    return str(target / "release" / "rnn-runtimes")


def start(command, **variables):
    pipe, environment = subprocess.PIPE, os.environ | variables
    return subprocess.Popen(
        command, cwd=HERE, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
    )


def start_all(peers, requests, graphs):
    """Starts the zoo and its peers. Writes the graphs of the requests, which the runtimes in Rust read, to a folder."""
    import onnx_layers

    for request in requests:
        cell, *sizes = request.split()
        graph = onnx_layers.graph(cell, *map(int, sizes))
        Path(graphs, f"{request.replace(' ', '-')}.onnx").write_bytes(graph)
    programs = {"zoo": start(example("rnn", "layer_speed", "--serve"), **KEEP_MEMORY)}
    for name in peers:
        command = [runtimes(), name, graphs] if name in RUST else [sys.executable, f"peer_{name}.py"]
        programs[name] = start(without_avx512(name, command))
    for program in programs.values():
        ask(program, requests[0])  # the first measurement waits until all programs have started
    return programs


def without_avx512(name, command):
    """The command of a peer; in gdb, if the comparison is limited to AVX2 and the peer has no variable for this limit."""
    if name not in HIDDEN_FROM or "RNN_ZOO_SIMD" not in os.environ:
        return command
    script = ["-x", "hide_avx512.py", "-ex", f"python hide('{HIDDEN_FROM[name]}')"]
    return ["gdb", "--batch", "--nx", *script, "--args", *command]


def ask(program, request):
    program.stdin.write(request + "\n")
    program.stdin.flush()
    for line in program.stdout:
        if line.startswith("{"):
            return json.loads(line)
    raise SystemExit(f"{program.args} ended without an answer; run it by hand and type `{request}` to see its error")


def in_turn(programs, requests, rounds):
    """{request: {program: {kind: median}}}. Every round sends the request to each program in turn."""
    medians = {}
    for request in requests:
        print(request, file=sys.stderr)
        answers = {name: [] for name in programs}
        for _ in range(rounds):
            for name, program in programs.items():
                time.sleep(PAUSE)
                answers[name].append(ask(program, request))
        medians[request] = {name: median(given) for name, given in answers.items()}
    return medians


def median(answers):
    return {kind: round(statistics.median(answer[kind] for answer in answers), 4) for kind in answers[0]}


def requests(shapes):
    return [" ".join(map(str, [cell, *shape])) for shape in shapes for cell in CELLS]


def layers(chosen):
    with tempfile.TemporaryDirectory() as graphs:
        programs = start_all(chosen.peers, requests(LAYERS), graphs)
        return in_turn(programs, requests(LAYERS), chosen.rounds)


def stream(chosen):
    peers = [name for name in chosen.peers if name not in ("tensorflow", "jax")]
    with tempfile.TemporaryDirectory() as graphs:
        programs = start_all(peers, requests(STREAM), graphs)
        return in_turn(programs, requests(STREAM), chosen.rounds)


def busy(chosen):
    """The zoo alone: each shape on a free machine, and beside a program that keeps one core busy."""
    programs = {"zoo": start(example("rnn", "layer_speed", "--serve"), **KEEP_MEMORY)}
    shapes = requests(LAYERS + STREAM)
    free = in_turn(programs, shapes, chosen.rounds)
    spinning = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        beside = in_turn(programs, shapes, chosen.rounds)
    finally:
        spinning.kill()
        spinning.wait()
    return {shape: {"free": free[shape]["zoo"], "busy": beside[shape]["zoo"]} for shape in shapes}


def steps(chosen):
    """{model: {program: median time and memory of a whole training step}}."""
    commands = {"zoo": example("examples", "training_step"), "pytorch": [sys.executable, "steps_pytorch.py"]}
    medians = {}
    for model in MODELS:
        answers = {name: [] for name in commands}
        for number in range(chosen.rounds):
            print(f"{model}, round {number + 1} of {chosen.rounds}", file=sys.stderr)
            for name, command in commands.items():
                done = subprocess.run([*command, model], cwd=HERE, check=True, stdout=subprocess.PIPE, text=True)
                answers[name].append({key: value for key, value in json.loads(done.stdout).items() if key != "model"})
        medians[model] = {name: median(given) for name, given in answers.items()}
    return medians


def generate(chosen):
    """{program: words per second} of generating text with `ptb-awd`: see `generate.py`."""
    answers = {}
    for number in range(chosen.rounds):
        print(f"round {number + 1} of {chosen.rounds}", file=sys.stderr)
        for name in ("zoo", "int8", "pytorch", "onnx"):
            done = subprocess.run([sys.executable, "generate.py", name], cwd=HERE, check=True, stdout=subprocess.PIPE)
            answers.setdefault(name, []).append(json.loads(done.stdout))
    return {"ptb-awd": {name: median(given) for name, given in answers.items()}}


def machine(limited):
    """The processor, and the vector instructions that the programs use on it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    of = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    flags = of.get("flags", "").split()
    instructions = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else platform.machine()
    if limited:
        instructions = "AVX2-limited"
    elif os.environ.get("RNN_ZOO_SIMD"):
        raise SystemExit("RNN_ZOO_SIMD limits the zoo and not its peers; unset it, and use --avx2")
    return {"processor": of.get("model name", platform.processor()), "instructions": instructions, "cores": os.cpu_count()}


def versions():
    """The versions of the peers that are installed."""
    found = {}
    for name in ["torch", "tensorflow", "jax", "onnxruntime"]:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            pass
    pinned = (HERE / "runtimes" / "Cargo.toml").read_text()
    return found | {name: re.search(rf'{package} = .*?"=([\d.]+)"', pinned)[1] for name, package in RUST.items()}


MEASUREMENTS = {"layers": layers, "stream": stream, "steps": steps, "busy": busy, "generate": generate}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=MEASUREMENTS, default="layers", help="see README.md [default: layers]")
    parser.add_argument("--rounds", type=int, default=7, help="measurements per program and shape [default: 7]")
    peers = FRAMEWORKS + RUNTIMES
    parser.add_argument("--peers", nargs="+", choices=peers, default=peers, help="of layers and stream [default: all]")
    parser.add_argument("--avx2", action="store_true", help="limit all programs to AVX2; needs gdb and objdump")
    chosen = parser.parse_args()
    if chosen.avx2:
        os.environ.update(AVX2)
    content = {"machine": machine(chosen.avx2), "versions": versions(), "rounds": chosen.rounds}
    content["medians"] = MEASUREMENTS[chosen.what](chosen)
    text = json.dumps(content, indent=1) + "\n"
    if chosen.peers != peers:
        print(text)  # the files have all peers
        return
    maker = (re.findall(r"\w+", content["machine"]["processor"]) or ["unknown"])[0]  # such as Intel
    file = HERE / "results" / f"{chosen.what}-{maker}-{content['machine']['instructions']}.json".lower()
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    print(f"wrote {file}; tables.py writes the tables of the documents", file=sys.stderr)


if __name__ == "__main__":
    main()
