# SPDX-License-Identifier: MIT
"""
The ways of writing a VM's registers at the destination, as segments for
simulate_model.py: from measured costs (simulate_cost.c) and, for QEMU, from the
calls that it was seen to make.
"""
import csv
from dataclasses import dataclass, field

# (way, order): "serial" is one thread for all vCPUs, one after the other,
# "parallel" a thread for each. QEMU has no choice.
WAYS = [
    ("replay", "serial"),
    ("replay", "parallel"),
    ("qemu", "serial"),
    ("stock", "serial"),
    ("stock", "parallel"),
    ("onereg", "serial"),
    ("onereg", "parallel"),
]


class Failed(Exception):
    """One line: what, where, what to do."""


@dataclass
class Register:
    kind: str
    busy: bool
    cost: float         # of a SET
    least: float = 0    # of that under the lock: between these
    most: float = 0

    def held(self, share):
        """share: 0 the least, 1 the most that can be under the lock."""
        return self.least + (self.most - self.least) * share


@dataclass
class Costs:
    registers: dict = field(default_factory=dict)   # by id, in list order
    others: dict = field(default_factory=dict)      # by (what, how many)


def register(row):
    get, took, after = (float(row[k]) for k in
                        ("get_before", "set_before", "set_after"))
    reg = Register(row["kind"], row["busy"] == "1", took)
    if row["kind"] == "other" or not took:
        return reg
    # The part that a VM which has run does not need any more is under the
    # lock; what a GET of the same register does as well, is not.
    reg.least = max(took - after, 0)
    reg.most = max(took - float(row["get_after"] or get), reg.least)
    return reg


def read_costs(path):
    costs = Costs()
    try:
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["what"].startswith("0x"):
                    costs.registers[int(row["what"], 16)] = register(row)
                else:
                    costs.others[row["what"], int(row["kind"])] = \
                        float(row["set_after"])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise Failed(f"{path}: not the output of simulate_cost: "
                     f"{error!r}; make it anew: docs/contention.md") from error
    if not costs.registers:
        raise Failed(f"{path}: no register in it; make it anew: "
                     "docs/contention.md")
    return costs


@dataclass
class Own:
    """Instructions of the VMM or library itself between its calls."""
    vcpu: float         # for each vCPU
    once: float         # for the VM


def line_through(points):
    """Of two numbers of vCPUs: what grows with them, and what does not."""
    (few, less), (many, more) = sorted(points)
    vcpu = (more - less) / (many - few)
    return Own(vcpu, max(less - vcpu * few, 0))


def read_own(path):
    """
    By way: what `onereg bench` counts on the destination for two numbers of
    vCPUs, less those in calls.
    """
    points = {}
    try:
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                points.setdefault(row["way"], []).append(
                    (int(row["vcpus"]),
                     float(row["instructions"]) - float(row["in_kernel"])))
        own = {way: line_through(p) for way, p in points.items()}
    except (OSError, KeyError, ValueError, TypeError,
            ZeroDivisionError) as error:
        raise Failed(f"{path}: not two numbers of vCPUs of each way: "
                     f"{error!r}; make it anew: docs/contention.md") from error
    missing = {way for way, _ in WAYS} - set(own)
    if missing:
        raise Failed(f"{path}: no {', '.join(sorted(missing))} in it; make it "
                     "anew: docs/contention.md")
    return own


def other(costs, what):
    """The one with the highest number: a vector of all there is to write."""
    found = sorted((n, cost) for (w, n), cost in costs.others.items()
                   if w == what)
    if not found:
        raise Failed(f"the costs have no {what}: measured on another kernel?")
    return found[-1][1]


def set_one(reg, share):
    held = reg.held(share)
    return reg.cost - held, held


def finish(costs):
    """What a VMM sets of each vCPU in the end; staged, it is there before."""
    return [(other(costs, "events") + other(costs, "mp_state"), 0)]


def replay(costs, share):
    return [set_one(reg, share) for reg in costs.registers.values()
            if reg.cost] + finish(costs)


def read_sequence(path):
    """The ids that QEMU writes to each vCPU, its events and MP state left."""
    ids = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if words and words[0] == "SET":
                    ids.append(int(words[1], 16))
    except (OSError, ValueError, IndexError) as error:
        raise Failed(f"{path}: not a sequence of calls: {error}; "
                     "bench/qemu-sequence makes one") from error
    if not ids:
        raise Failed(f"{path}: no SET in it; bench/qemu-sequence makes one")
    return ids


def qemu(costs, share, ids):
    segments = []
    for id_ in ids:
        if id_ not in costs.registers:
            raise Failed(f"the costs have no register 0x{id_:x}, which QEMU "
                         "writes: measured with another CPU?")
        segments.append(set_one(costs.registers[id_], share))
    return segments + finish(costs)


def stock(costs):
    """Staged: what changes is left, and none of that takes the lock."""
    return [(reg.cost, 0) for reg in costs.registers.values()
            if reg.busy and reg.cost]


def onereg(costs):
    return [(other(costs, "vector"), 0)]


def calls_of(way, stock_costs, onereg_costs, ids, share):
    """Of one vCPU, in instructions."""
    return {
        "replay": lambda: replay(stock_costs, share),
        "qemu": lambda: qemu(stock_costs, share, ids),
        "stock": lambda: stock(stock_costs),
        "onereg": lambda: onereg(onereg_costs),
    }[way]()
