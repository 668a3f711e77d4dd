"""Hides AVX-512 from a program that has no setting for this. A script for gdb, for `compare.py --avx2`:

    gdb --batch --nx -x hide_avx512.py -ex "python hide('onnxruntime_pybind11_state')" --args python peer_onnx.py
"""

import os
import re
import subprocess

import gdb

# {(leaf, sub-leaf): {register: bits}}
HIDDEN = {
    (7, 0): {
        "rbx": [16, 17, 21, 26, 27, 28, 30, 31],
        "rcx": [1, 6, 11, 12, 14],
        "rdx": [2, 3, 8, 22, 23, 24, 25],
    },
    (7, 1): {"rax": [5, 21]},
}


def register(name):
    return int(gdb.parse_and_eval(f"${name}")) & 0xFFFFFFFF


def watch(path, base):
    """Stops at each CPUID in the file `path`, which is loaded at the address `base`."""
    listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True, stdout=subprocess.PIPE, text=True)
    found = re.findall(r"^\s*([0-9a-f]+):\s+cpuid", listing.stdout, re.MULTILINE)
    for address in found:
        gdb.Breakpoint(f"*{base + int(address, 16)}", internal=True)
    gdb.write(f"watching {len(found)} uses of CPUID in {path}\n", gdb.STDERR)


def base_of(name):
    """The path and the address of the first mapped file whose name contains `name`."""
    for line in open(f"/proc/{gdb.selected_inferior().pid}/maps"):
        fields = line.split()
        if len(fields) == 6 and name in os.path.basename(fields[5]):
            return fields[5], int(fields[0].split("-")[0], 16)
    return None


def hide(name):
    """Runs the program to its end. After each instruction CPUID in the library or program whose file name contains `name`,
    clears the bits that announce AVX-512 and AMX, so that the program selects its code for AVX2."""
    gdb.execute("set pagination off")
    gdb.execute("set print thread-events off")
    gdb.execute("handle SIGINT nostop noprint pass")
    gdb.execute("starti")
    if base_of(name) is None:
        gdb.execute(f"catch load {name}")
        gdb.execute("continue")
        gdb.execute("delete 1")
    watch(*base_of(name))
    gdb.execute("continue")
    while gdb.selected_inferior().pid != 0:
        leaf = register("rax"), register("rcx")
        gdb.execute("stepi")
        for target, bits in HIDDEN.get(leaf, {}).items():
            hidden = sum(1 << bit for bit in bits)
            gdb.execute(f"set ${target} = {register(target) & ~hidden}")
        gdb.execute("continue")

