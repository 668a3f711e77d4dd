#!/usr/bin/env python3
"""Writes the lists of a built page: models.json, the models; files.json, all files, for use without a network.
Usage: list.py FOLDER"""

import hashlib
import json
import sys
from pathlib import Path

site = Path(sys.argv[1])
# Files that neither the page nor the model reads.
UNUSED = {"README.md", "training.json"}


def model(folder):
    """The entry of a package. Files that no model reads leave the package."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in list(manifest["files"]):
        if name in UNUSED or name.endswith(".svg"):
            del manifest["files"][name]
            (folder / name).unlink()
    path.write_text(json.dumps(manifest))
    return {key: manifest[key] for key in ("name", "application", "about", "parameters", "settings")}


models = [model(folder) for folder in sorted((site / "models").iterdir())]
(site / "models.json").write_text(json.dumps({"models": models}))

files = sorted(path for path in site.rglob("*") if path.is_file() and path.name not in ("files.json", "service-worker.js"))
content = hashlib.sha256()
for path in files:
    content.update(f"{path.relative_to(site)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
listed = {"version": content.hexdigest()[:16], "files": [path.relative_to(site).as_posix() for path in files]}
(site / "files.json").write_text(json.dumps(listed))
