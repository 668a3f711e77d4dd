#!/usr/bin/env python3
"""Asks one text everywhere, and prints the probabilities as a Markdown table, with the largest difference.

    cargo build -p zoo && cargo build --release -p zoo-c
    deploy/browser/build
    deploy/cards/one_answer.py

Needs onnxruntime, and node for the browser's code.
"""

import argparse
import json
import math
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "deploy/c/examples"))
MODEL = "imdb-lstm"
TEXT = "A slow start, but the two leads are funny and warm, and the last half hour is wonderfully acted."
ADDRESS = "127.0.0.1:18080"
NODE = """
import { readFileSync, readdirSync } from "node:fs";
const [site, package_, text] = process.argv.slice(1);
const code = await import(`${site}/browser.js`);
code.initSync({ module: readFileSync(`${site}/browser_bg.wasm`) });
const files = new code.Package();
for (const name of readdirSync(package_)) files.insert(name, readFileSync(`${package_}/${name}`));
console.log(files.open().predict(JSON.stringify(text), "null"));
"""


def run(*command):
    return subprocess.run([str(part) for part in command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def package():
    return ROOT / "models/sentiment/pretrained" / MODEL


def library():
    return json.loads(run("cargo", "run", "-q", "-p", "zoo", "--example", "predict", "--", MODEL, TEXT))["probability"]


def command_line():
    return json.loads(run("target/debug/zoo", "sentiment", "predict", "--json", "--model", MODEL, TEXT))["probability"]


def http():
    server = subprocess.Popen(["target/debug/zoo", "serve", MODEL, "--listen", ADDRESS], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        request = urllib.request.Request(f"http://{ADDRESS}/v1/models/{MODEL}/predict", json.dumps({"input": TEXT}).encode(),
                                         {"Content-Type": "application/json"})
        for _ in range(100):
            try:
                return json.load(urllib.request.urlopen(request, timeout=10))["output"]["probability"]
            except urllib.error.HTTPError:
                raise
            except OSError:  # the server is not ready
                time.sleep(0.1)
        raise SystemExit(f"the server does not answer on {ADDRESS}")
    finally:
        server.terminate()
        server.wait()


def browser():
    site = ROOT / "target/browser"
    return json.loads(run("node", "--input-type=module", "-e", NODE, site, package(), TEXT))["probability"]


def onnx_runtime():
    import numpy
    import onnxruntime
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / MODEL
        run("target/debug/zoo", "sentiment", "export", "--format", "onnx", "--model", MODEL, "--out", out)
        session = onnxruntime.InferenceSession(str(out / "model.onnx"), providers=["CPUExecutionProvider"])
        ids = {word: number for number, word in enumerate(session.get_modelmeta().custom_metadata_map["vocabulary"].split("\n"))}
        tokens = re.findall(r"[a-z0-9]+(?:'[a-z0-9]+)*|[^\sa-z0-9]", TEXT.lower())
        shapes = {port.name: [size if isinstance(size, int) else 1 for size in port.shape] for port in session.get_inputs()}
        inputs = {name: numpy.zeros(shape, numpy.float32) for name, shape in shapes.items()}  # the states
        inputs["ids"] = numpy.array([[ids[token] for token in tokens]], numpy.int64)
        [logit] = session.run(["logit"], inputs)[0].tolist()
        return 1 / (1 + math.exp(-logit))


def c():
    from predict import Model, Zoo
    [path] = [path for path in (ROOT / "target/release").glob("*rnn_zoo.*") if path.suffix in (".so", ".dylib", ".dll")]
    return Model(Zoo(str(path)), str(package())).predict({"input": TEXT})["output"]["probability"]


def main():
    places = {"library": library, "command line": command_line, "HTTP": http, "browser (wasm in node)": browser,
              "ONNX Runtime": onnx_runtime, "C (ctypes)": c}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=places, default=list(places))
    values = {place: places[place]() for place in parser.parse_args().only}
    print(f"`{MODEL}`: {TEXT}\n\n| through | probability of positive | difference to the library |\n| --- | --- | --- |")
    first = next(iter(values.values()))
    for place, value in values.items():
        print(f"| {place} | {value:.9f} | {abs(value - first):.1e} |")
    print(f"\nThe largest difference is {max(values.values()) - min(values.values()):.1e}.")


if __name__ == "__main__":
    main()
