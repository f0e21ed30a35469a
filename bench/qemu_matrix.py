#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""
qemu_matrix.py DIR          - what bench/qemu-matrix left in DIR, judged; that
                              may be the saves only
qemu_matrix.py --table DIR  - the same as the tables of docs/qemu.md

The first prints a line for each thing that must hold, with tabs in between:
yes or no, what it is, what was found.
"""
import collections
import os
import re
import sys

from qemu_stream import differences, read_stream

KERNELS = {"unchanged": "unchanged", "ours": "with VM-scoped registers"}
# Milliseconds by which a guest's clock may be ahead when it goes on.
MAX_LEAP = 20000

# What may differ, and why. Of a VM that never ran, on two kernels:
MOVING = {
    "TIMER_CNT": "counts; the machines are not at the same time. Once loaded"
                 " it is where it was: QEMU writes it last",
    "PTIMER_CNT": "counts, and goes on counting while the VM stands still",
    "pl031.tick_offset_vmstate": "QEMU's clock follows the host's",
}
# Between what was saved and what it is once loaded, before the guest runs:
LOADED = {
    "PTIMER_CNT": MOVING["PTIMER_CNT"],
    "pl031.tick_offset_vmstate": MOVING["pl031.tick_offset_vmstate"],
    "globalstate.size": "it was saved running and is loaded stopped",
    "globalstate.runstate": "it was saved running and is loaded stopped",
    "PMOVSSET_EL0": "the register and its CLR twin are each written; Linux"
                    " 6.7 to 6.12 then keeps what the reset had",
    "PMOVSCLR_EL0": "shows what PMOVSSET_EL0 does",
}
# Between two kernels that loaded the same stream:
BOTH_LOADED = {k: MOVING[k] for k in ("PTIMER_CNT",
                                      "pl031.tick_offset_vmstate")}

Beat = collections.namedtuple("Beat", "n ms rounds")


class Matrix:
    """What the four runs left."""

    def __init__(self, where):
        self.where = where
        self.calls = {k: self.record(k) for k in KERNELS}
        self.fresh = {k: self.stream(f"save.{k}/fresh") for k in KERNELS}
        self.state = {k: self.stream(f"save.{k}/state") for k in KERNELS}
        self.names = {}
        for calls in self.calls.values():
            self.names.update((int(c[4], 16), c[6]) for c in calls)
        # By where it was saved and where it was loaded, once it was.
        self.again = {(s, d): self.stream(f"load.{d}/{s}.again")
                      for s in KERNELS for d in KERNELS
                      if os.path.isdir(self.path(f"load.{d}"))}

    def path(self, name):
        return os.path.join(self.where, name)

    def stream(self, name):
        return read_stream(self.path(name))

    def record(self, kernel):
        """QEMU's calls in order, each as its words."""
        with open(self.path(f"save.{kernel}/fresh.record")) as f:
            return [line.split(maxsplit=6) for line in map(str.strip, f)
                    if not line.startswith("#")]

    def said(self, name):
        with open(self.path(name), errors="replace") as f:
            return f.read().replace("\r", "")

    def short(self, name):
        """Without number of device or vCPU, registers by their names."""
        device, _, field = name.partition(".")
        if field.startswith("0x"):
            reg = int(field, 16)
            return self.names.get(reg, field)
        return re.sub(r"\[\d+\]$", "", device) + "." + field

    def differ(self, a, b):
        """Names of what does; to them, an example."""
        found = {}
        for name, *values in differences(a, b):
            found.setdefault(self.short(name),
                             f"{name}: {' / '.join(values)[:80]}")
        return found


def registers(stream, vcpu=0):
    """Ids of the registers of a vCPU, in order, but those that QEMU keeps
    in fields of its own: core, vectors."""
    head = f"cpu[{vcpu}].0x"
    return [n[len(head) - 2:] for n in stream if n.startswith(head)]


def vcpus(stream):
    return len([n for n in stream if re.match(r"cpu\[\d+\]\.env\.pc$", n)])


def allowed(found, table):
    """Verdict and text on differences."""
    bad = [f"{k} ({v})" for k, v in found.items() if k not in table]
    if bad:
        return False, f"{len(bad)} not explained: " + "; ".join(bad[:4])
    return True, "but " + ", ".join(found) if found else "all"


def check_calls(m):
    a, b = m.calls.values()
    yield "QEMU made a VM of 4 vCPUs, and was watched", (
        len(a) > 5000 and sum(c[3] == "CREATE-VCPU" for c in a) >= 4), \
        f"{len(a)} calls"
    bad = next(((i, x, y) for i, (x, y) in enumerate(zip(a, b)) if x != y),
               None)
    found = ""
    if bad:
        found = "number {}: {} / {}".format(
            bad[0] + 1, " ".join(bad[1]), " ".join(bad[2]))
    elif len(a) != len(b):
        found = f"{len(a)} and {len(b)} calls"
    yield "it made the same calls on both, with the same results", \
        a == b, found


def check_fresh(m):
    a, b = m.fresh.values()
    lists = [[registers(s, i) for i in range(vcpus(s))] for s in (a, b)]
    extra = set(sum(lists[0], [])) ^ set(sum(lists[1], []))
    yield "it was told of the same registers by both, on each vCPU", (
        lists[0] == lists[1] and len(lists[0]) == 4 and
        min(map(len, lists[0])) > 200), \
        " ".join([f"{len(lists[0][0])} and {len(lists[1][0])}"] +
                 [m.names.get(int(i, 16), i) for i in sorted(extra)[:8]])
    yield "a VM that never ran: the same values on both", \
        *allowed(m.differ(a, b), MOVING)


def beats(text):
    """Those that were said whole."""
    return [Beat(int(n), int(ms), [int(r) for r in rounds.split()])
            for n, ms, rounds in
            re.findall(r"^beat (\d+) (\d+)((?: \d+)+)\n", text, re.M)]


def goes_on(m, source, destination):
    """Before and after, the beats; and why the guest is not as it was."""
    before = m.said(f"save.{source}/state.serial")
    text = before + m.said(f"load.{destination}/{source}.serial")
    known = beats(before)
    all_of = beats(text)
    if not known or len(all_of) < len(known) + 4:
        return None, f"{len(known)} beats before, {len(all_of)} in all"
    last, first, end = known[-1], all_of[len(known)], all_of[-1]
    why = []
    if [b.n for b in all_of] != list(range(1, len(all_of) + 1)):
        why.append("a beat is lost")
    if any(a.ms >= b.ms for a, b in zip(all_of, all_of[1:])):
        why.append("its clock went back")
    if first.ms > last.ms + MAX_LEAP:
        why.append(f"its clock went from {last.ms} to {first.ms} ms")
    for i, (x, y) in enumerate(zip(first.rounds, end.rounds)):
        if x < last.rounds[i] or y <= x + 1:
            why.append(f"vCPU {i}: rounds {last.rounds[i]}, {x}, {y}")
    if len(first.rounds) != 4:
        why.append(f"{len(first.rounds)} vCPUs")
    why += re.findall(r"wrong: .*|.*(?:WARNING:|BUG:|rcu: INFO).*", text)
    return (last, first, end), "; ".join(why[:4])


def check_loads(m):
    for (s, d), again in m.again.items():
        where = f"saved {KERNELS[s]}, loaded {KERNELS[d]}"
        yield f"{where}: the same values", \
            *allowed(m.differ(m.state[s], again), LOADED)
        moved, why = goes_on(m, s, d)
        yield f"{where}: the guest goes on and finds nothing wrong", \
            not why and moved is not None, why
    for s in KERNELS:
        yield f"saved {KERNELS[s]}: loaded on both, the same values", \
            *allowed(m.differ(m.again[s, "unchanged"], m.again[s, "ours"]),
                     BOTH_LOADED)


def check(m):
    yield from check_calls(m)
    yield from check_fresh(m)
    if m.again:
        yield from check_loads(m)


# ---- the tables ----

def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |")


def yes(good):
    return "yes" if good else "no"


def in_short(good, found):
    """Names are in the table of reasons."""
    if good and found.startswith("but "):
        found = f"but {found.count(',') + 1} kinds, below"
    return f"{yes(good)}, {found}"


def table_told(m):
    a, b = m.fresh.values()
    row("QEMU makes a VM of 4 vCPUs", *KERNELS.values(), "same")
    row(*["---"] * 4)
    calls = [m.calls[k] for k in KERNELS]
    row("calls, in order, with their results", *map(len, calls),
        yes(calls[0] == calls[1]))
    row("... of them refused",
        *[sum(c[5] != "0" for c in x) for x in calls],
        yes(calls[0] == calls[1]))
    told = [registers(s) for s in (a, b)]
    row("registers of a vCPU, but core and vectors", *map(len, told),
        yes(told[0] == told[1]))
    good, found = allowed(m.differ(a, b), MOVING)
    row("values in its stream, of CPUs and devices", len(a), len(b),
        in_short(good, found))


def rounds(beat):
    return " ".join(map(str, beat.rounds))


def table_moved(m):
    row("saved", "loaded", "values", "same once loaded",
        "guest's clock, ms", "rounds of each vCPU", "found wrong")
    row(*["---"] * 7)
    for (s, d), again in m.again.items():
        good, found = allowed(m.differ(m.state[s], again), LOADED)
        moved, why = goes_on(m, s, d)
        ms = counts = "-"
        if moved:
            ms = " -> ".join(str(b.ms) for b in moved[:2])
            counts = " -> ".join(rounds(b) for b in (moved[0], moved[2]))
        row(KERNELS[s], KERNELS[d], len(again), in_short(good, found), ms,
            counts, why or "nothing")


def table_reasons(m):
    row("what is not the same", "between the kernels", "once loaded", "why")
    row(*["---"] * 4)
    apart = m.differ(*m.fresh.values())
    loaded = set()
    for (s, _), again in m.again.items():
        loaded |= set(m.differ(m.state[s], again))
    for name, why in {**MOVING, **LOADED}.items():
        if name in apart or name in loaded:
            row(name, "differs" if name in apart else "same",
                "differs" if name in loaded else "same", why)


def main():
    words = sys.argv[1:]
    as_table = words[:1] == ["--table"]
    if len(words) != 1 + as_table:
        sys.exit("usage: qemu_matrix.py [--table] DIR")
    m = Matrix(words[-1])
    if not as_table:
        for what, good, found in check(m):
            print(yes(good), what, found, sep="\t")
        return
    table_told(m)
    print()
    table_moved(m)
    print()
    table_reasons(m)


if __name__ == "__main__":
    main()
