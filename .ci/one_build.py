#!/usr/bin/env python3
"""Checks that every cargo command in README and docs shares one build of burn.

Cargo compiles a package again if its features, or those of a dependency, differ. This script asks `cargo tree` for the
features of burn and of everything below it, for the packages of each command, and compares them to those of the whole
workspace with its tests. The crate `one-build` keeps them equal. A package such as syn can have two builds, one for
procedural macros and one for a program; each command then uses one of the two.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ["README.md", "CONTRIBUTING.md", "examples/README.md", "models/rnn/comparison/README.md", *sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"cargo (run|test|bench|build|doc|clippy)((?: -p [\w-]+| --workspace| --example \w+| --examples)*)")


def features(selection, edges):
    """{package and version: its features} for a selection of packages, without the workspace's own packages."""
    command = ["cargo", "tree", "--prefix", "none", "--format", "{p}|{f}", "-e", edges, *selection]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = {}
    for line in out.splitlines():
        package, _, names = line.partition("|")
        if "(/" not in package and "(proc-macro)" not in package:
            found.setdefault(package, set()).add(names.removesuffix(" (*)"))
    return found


def below_burn():
    """burn and its dependencies."""
    command = ["cargo", "tree", "-p", "burn", "--prefix", "none", "--format", "{p}", "-e", "normal"]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {line.removesuffix(" (*)") for line in out.splitlines()}


def members():
    """The names of the workspace's packages."""
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {package["name"] for package in json.loads(out)["packages"]}


def main():
    commands, known = set(), members()
    for document in DOCUMENTS:
        for verb, options in COMMAND.findall((ROOT / document).read_text()):
            # Placeholders in the text are no packages.
            if set(re.findall(r"-p ([\w-]+)", options)) <= known:
                commands.add((verb, options.strip()))
    burn, whole = below_burn(), features(["--workspace"], "normal,dev")
    wrong = 0
    for verb, options in sorted(commands):
        packages = re.findall(r"-p ([\w-]+)", options)
        selection = [part for package in packages for part in ("-p", package)] or ["--workspace"]
        # Development dependencies count for everything but plain binaries.
        edges = "normal,dev" if verb in ("test", "bench", "clippy") or "--example" in options else "normal"
        found = features(selection, edges)
        other = sorted(name for name, names in found.items() if name in burn and not names <= whole.get(name, set()))
        print(f"cargo {verb} {options}: {'one build' if not other else 'another build of ' + ', '.join(other)}")
        wrong += bool(other)
    print(f"{len(commands)} commands, {wrong} with a build of their own")
    sys.exit(wrong > 0)


if __name__ == "__main__":
    main()
