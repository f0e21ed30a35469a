# SPDX-License-Identifier: MIT
"""Draws what simulate predicts."""
import matplotlib

matplotlib.use("Agg")
# The same bytes each time.
matplotlib.rcParams["svg.hashsalt"] = "onereg"
import matplotlib.pyplot as plt  # noqa: E402 # after use()

STYLES = {
    ("qemu", "serial"): ("#7a4fbf", "-", "QEMU, one vCPU after the other"),
    ("replay", "serial"): ("#c0392b", "-", "replay, one after the other"),
    ("replay", "parallel"): ("#c0392b", "--", "replay, a thread a vCPU"),
    ("stock", "serial"): ("#2471a3", "-", "onereg on Linux 6.12, one thread"),
    ("stock", "parallel"): ("#2471a3", "--",
                            "onereg on Linux 6.12, a thread a vCPU"),
    ("onereg", "serial"): ("#1e8449", "-",
                           "onereg, VM-scoped registers, one thread"),
    ("onereg", "parallel"): ("#1e8449", "--",
                             "onereg, VM-scoped registers, a thread a vCPU"),
}


def draw(rows, path):
    cpus = max(r["cpus"] for r in rows)
    figure, axes = plt.subplots(figsize=(8, 5.2))
    for (way, order), (colour, line, label) in STYLES.items():
        mine = [r for r in rows if r["cpus"] == cpus and
                (r["way"], r["order"]) == (way, order)]
        x = [r["vcpus"] for r in mine]
        axes.plot(x, [r["predicted_ns"] / 1e6 for r in mine], line,
                  color=colour, label=label)
        axes.fill_between(x, [r["least_ns"] / 1e6 for r in mine],
                          [r["most_ns"] / 1e6 for r in mine],
                          color=colour, alpha=0.15, linewidth=0)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    counts = sorted({r["vcpus"] for r in rows})
    axes.set_xticks(counts, [str(n) for n in counts])
    axes.set_xlabel("vCPUs")
    axes.set_ylabel("registers written, ms (predicted)")
    axes.set_title(f"Destination's part of the blackout, modelled: "
                   f"{cpus} CPUs", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, format="svg", metadata={"Date": None})
