#!/usr/bin/env python3
"""Runs every snippet of the README's section "Use it elsewhere", in order, and stops at the first that fails.

    pip install numpy onnxruntime
    deploy/snippets.py

Shell lines that start a server run in the background until the end. C is compiled with the library and run. Needs a C
compiler, and what the page's build needs.
"""

import re
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
#: The text in a line that starts a server, and the port of the server.
SERVERS = {"-- serve": 8080, "-m http.server": 8000}
#: What a server must serve.
PATHS = {8080: ["/", "/health"], 8000: ["/index.html", "/browser_bg.wasm", "/models.json"]}
#: What the snippets leave in the working directory.
LEFT = ["imdb-lstm-onnx", "predict"]


def snippets():
    """The language and the text of each snippet."""
    section = re.search(r"\n## Use it elsewhere\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.DOTALL)[1]
    return re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)


def check(command, **options):
    """Runs a command, and shows it."""
    print("$", command if isinstance(command, str) else shlex.join(map(str, command)), flush=True)
    subprocess.run(command, cwd=ROOT, check=True, **options)


def start(line, port):
    """Starts a server, and waits until it listens."""
    if listens(port):
        sys.exit(f"another program listens on port {port}; stop it")
    print("$", line, "&", flush=True)
    server = subprocess.Popen(["bash", "-c", f"exec {line}"], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not listens(port):
        if server.poll() is not None:
            sys.exit(f"the server has stopped with {server.returncode}")
        time.sleep(0.2)
    return server


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def shell(text, servers):
    for line in text.replace("\\\n", " ").splitlines():
        port = next((port for part, port in SERVERS.items() if part in line), None)
        if port is None:
            check(line, shell=True, executable="/bin/bash")
        else:
            servers.append(start(line.split(" #")[0], port))
            for path in PATHS[port]:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
                    print(f"GET {path}: {answer.status}, {len(answer.read())} bytes")


def c(text):
    """Compiles the statements of a snippet as a program, and runs it."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = Path(folder) / "snippet.c", Path(folder) / "snippet"
        source.write_text(f'#include <stdio.h>\n#include "rnn_zoo.h"\n\nint main(void) {{\n{text}}}\n')
        library = ROOT / "target/release"
        check(["cc", "-Ideploy/c/include", source, f"-L{library}", "-lrnn_zoo", f"-Wl,-rpath,{library}", "-o", program])
        check([program])


def main():
    servers, later = [], []
    try:
        for language, text in snippets():
            if language == "sh":
                shell(text, servers)
            elif language == "python":
                check([sys.executable, "-c", text])
            elif language == "c":
                later.append(text)  # the next snippet builds the library
            else:
                sys.exit(f"no way to run a snippet in {language}")
        for text in later:
            c(text)
    finally:
        for server in servers:
            server.terminate()
        check(["rm", "-rf", *LEFT])
    print("all snippets have run")


if __name__ == "__main__":
    main()
