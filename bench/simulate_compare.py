# SPDX-License-Identifier: MIT
"""
Holds the model against what simulate_check.c, simulate_stretch.c and
`onereg bench` saw under `host/run --icount`.

The former's CPUs take turns, so that all of them together are one: what the
model says of one CPU must come out, that is, the costs must be those of
simulate_cost.c for any number of threads, with the lock and without. The
latter's threads sleep instead of working, so that there are as many CPUs as
threads: what the model says of the queue for the lock must come out. The last
moved whole VMs with one thread: what the model says of that must come out.
"""
import csv

from simulate_model import Params, simulate
from simulate_ways import Failed

SYSREG = 0x0013
# simulate_stretch.c's, in ns.
OUTSIDE, HELD = 1000000, 700000


def is_sysreg(id_):
    return id_ >> 16 & 0xfff == SYSREG


def costs_of(inputs, name):
    """Instructions of each SET on a list of simulate_check.c."""
    regs = [(i, r) for i, r in inputs.stock.registers.items() if r.cost]
    locked = [r.cost for _, r in regs if r.kind == "id"]
    free = [r.cost for i, r in regs if r.kind == "other" and is_sysreg(i)]
    return {"locked": locked, "free": free[:len(locked)],
            "replay": [r.cost for _, r in regs]}[name]


def turns(inputs, name, threads, sets):
    """One CPU's worth of all: nothing waits, nothing moves to another CPU."""
    costs = costs_of(inputs, name)
    job = [(sum(costs) * sets / len(costs), 0)]
    params = Params(transfer=0, switch=0)
    return simulate([job] * threads, threads, 1, params).time


def stretched(alone, name, threads, calls, transfer):
    """
    alone: what one thread took. What a call takes besides its sleeps is under
    the lock: the kernel waits there for the page, which costs.
    """
    held = alone / calls - OUTSIDE
    if name == "alone":
        job = [(OUTSIDE + held, 0)] * calls
    else:
        job = [(OUTSIDE, held)] * calls
    params = Params(transfer=transfer)
    return simulate([job] * threads, threads, threads, params).time


def read(path):
    with open(path, encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"median", "instructions"} & set(rows[0]):
        raise Failed(f"{path}: not the output of simulate_check, "
                     "simulate_stretch or of jq; make it anew: "
                     "docs/contention.md")
    return rows


def compare_row(inputs, transfer, rows, row):
    name, threads, sets = row["list"], int(row["threads"]), int(row["sets"])
    if name not in ("stretched", "alone"):
        return turns(inputs, name, threads, sets)
    for first in rows:
        if first["list"] == name and first["threads"] == "1":
            return stretched(float(first["median"]), name, threads,
                             sets, transfer)
    raise Failed(f"no row of {name} with one thread: run simulate_stretch "
                 "with 1 2 4 8 16")


def print_rows(first, second, rows):
    """rows: two names, what was seen and what is predicted, in ns."""
    print(f"{first:<10}{second:>8}{'seen us':>12}{'predicted us':>14}"
          f"{'deviation':>11}")
    for name, n, seen, predicted in rows:
        print(f"{name:<10}{n:>8}{seen / 1000:>12.1f}"
              f"{predicted / 1000:>14.1f}{predicted / seen - 1:>+11.1%}")


def compare(inputs, transfer, path, serial):
    """serial: predicts a way, for so many vCPUs, by one thread."""
    rows = read(path)
    if "instructions" in rows[0]:
        print_rows("way", "vcpus", (
            (r["way"], r["vcpus"], float(r["instructions"]),
             serial(r["way"], int(r["vcpus"]))) for r in rows))
        return
    print_rows("list", "threads", (
        (r["list"], r["threads"], float(r["median"]),
         compare_row(inputs, transfer, rows, r)) for r in rows))
