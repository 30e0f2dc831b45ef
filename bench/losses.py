"""Times losses and their gradients against PyTorch, JAX and candle. Needs nothing but Python; contestants live in
processes of their own (rust/ and loss_peers.py) and take turns on the same numbers."""

import argparse
import itertools
import math
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from loss_chart import draw, three_digits
from machine import BENCH, TARGET, Others, about, start, write

FULL = ("16384x10", "8192x1000", "512x32000", "256x128256")
QUICK = ("64x10", "32x1000", "4x3200")
# ε and β.
LOSSES = {"CE": (0.0, 0.0), "LS": (0.1, 0.0), "LS + CP": (0.1, 0.1)}
# How many times faster than PyTorch we want to be, for the shapes of FULL.
TARGETS = {"LS": (3, 4, 4, 5), "LS + CP": (5, 6, 6, 6)}
TASKS = {"gradient": "loss and gradient", "loss": "loss alone"}
OURS = ("temperance", "temperance, in place", "temperance, new buffer", "temperance, 1 thread",
        "temperance, in place, 1 thread")
PEERS = {"torch": ("PyTorch", "torch.compile"), "jax": ("JAX",), "rust": ("candle",)}
PEER_NAMES = tuple(itertools.chain(*PEERS.values()))
BOTH_TASKS = ("temperance", "temperance, 1 thread", *PEER_NAMES)
# The limit: logits copied to the gradient, or read. No loss, so it is timed once.
LIMIT = "copy"
SPREAD, SEED = 3.0, 0
# Relative: of the loss, and of the gradient to the largest entry of its row (rust/src/reference.rs).
TOLERANCE = 1e-4
# A measurement repeats a call until it lasts this long; then everything rests, for threads that spin.
LEAST_SECONDS, REST_SECONDS = 0.01, 0.02


class Worker:
    """A process that answers a line with a line."""

    def __init__(self, *command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *fields):
        line = "\t".join(map(str, fields))
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            raise SystemExit(f"{self.command} died of: {line}")
        return reply.rstrip("\n").split("\t")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def entries(contestants):
    """Everything that is timed on a shape: contestant, loss, task."""
    for name in contestants:
        tasks = TASKS if name in BOTH_TASKS else ("gradient",)
        for loss, task in itertools.product(LOSSES, tasks):
            yield name, loss, task
    for task in TASKS:
        yield LIMIT, "CE", task


def check(rust, workers, shapes, contestants, folder):
    """Everyone's loss and gradient against plain loops in float64; the largest relative errors."""
    errors, file = {}, folder / "gradient"
    for shape, (name, loss, task) in itertools.product(shapes, entries(contestants)):
        if name == LIMIT:
            continue
        value = workers[name].ask("save", name, shape, *LOSSES[loss], task, file)[0]
        if task == "gradient":
            exact, miss = rust.ask("check", shape, *LOSSES[loss], file)
            exacts = errors.setdefault((shape, loss), {"exact": float(exact)})
        else:
            miss = 0
        error = max(abs(float(value) / exacts["exact"] - 1), float(miss))
        if not error <= TOLERANCE:
            raise SystemExit(f"{name} is wrong in {loss} ({TASKS[task]}) of {shape}: {value}, error {error:.1e}")
        print(f"checked {shape} {loss} {name} ({task}): error {error:.1e}", file=sys.stderr)
        exacts[name] = max(error, exacts.get(name, 0))
    return [{"shape": shape, "loss": loss, **of} for (shape, loss), of in errors.items()]


def race(workers, shapes, contestants, rounds):
    """Everyone in turn, in an order that is shuffled for every round."""
    timed = {}

    def run(entry, repeats):
        shape, name, loss, task = entry
        seconds = float(workers[name].ask("run", name, shape, *LOSSES[loss], task, repeats)[0])
        time.sleep(REST_SECONDS)
        return seconds

    for shape, rest in itertools.product(shapes, entries(contestants)):
        entry = (shape, *rest)
        run(entry, 1)
        repeats = math.ceil(LEAST_SECONDS / min(run(entry, 1) for _ in range(3)))
        timed[entry] = {"repeats": min(repeats, 10_000), "seconds": []}
    order = random.Random(SEED)
    for number in range(rounds):
        began = time.monotonic()
        for entry in order.sample(list(timed), len(timed)):
            timed[entry]["seconds"].append(run(entry, timed[entry]["repeats"]))
        print(f"round {number + 1}/{rounds}: {time.monotonic() - began:.1f} s", file=sys.stderr)

    results = []
    for (shape, name, loss, task), of in timed.items():
        seconds = of["seconds"]
        low, middle, high = statistics.quantiles(seconds, n=4, method="inclusive")
        results.append({
            "shape": shape, "task": task, "loss": loss, "contestant": name, "repeats": of["repeats"],
            "median": middle, "quartiles": [low, high], "min": min(seconds), "max": max(seconds),
            "seconds": seconds,
        })
    medians = {(r["shape"], r["task"], r["loss"], r["contestant"]): r["median"] for r in results}
    for result in results:
        result["ratio"] = result["median"] / medians[result["shape"], result["task"], result["loss"], "temperance"]
    return results


def summarise(results, shapes, tasks=TASKS):
    """For each task, loss and shape: the peers, the target and the limit in units of our time."""
    medians = {(r["task"], r["loss"], r["shape"], r["contestant"]): r["median"] for r in results}
    summary = []
    for task, loss, (place, shape) in itertools.product(tasks, LOSSES, enumerate(shapes)):
        of = {name: medians.get((task, loss, shape, name)) for name in (*OURS, *PEER_NAMES)}
        ours, limit = of["temperance"], medians[task, "CE", shape, LIMIT]
        line = {"task": task, "loss": loss, "shape": shape, "limits": ours / limit}
        peers = {name: of[name] / ours for name in PEER_NAMES if of[name]}
        if peers:
            line |= {"pytorch": peers["PyTorch"], "fastest": min(peers, key=peers.get)}
            line["fastest_ratio"] = peers[line["fastest"]]
        if of["temperance, in place"]:
            line["in_place_limits"] = of["temperance, in place"] / limit
        if task == "gradient" and loss in TARGETS and shapes == FULL:
            line["target"] = TARGETS[loss][place]
        summary.append(line)
    return summary


def table(record, picture):
    """The record for people."""
    epsilon, beta = LOSSES["LS + CP"]
    shapes, threads = record["shapes"], record["threads"]
    lines = [
        f"# Losses, {record['date'][:10]}\n",
        f"Mean losses of float32 logits, rows x classes: cross-entropy (CE), with label smoothing of {epsilon:g} "
        f"(LS), and less {beta:g} times the entropy (LS + CP). {record['rounds']} rounds in shuffled order. "
        f"`{record['command']}`\n",
        about(record),
        "Threads: " + ", ".join(f"{name} {number}" for name, number in threads.items())
        + f". Everyone was within {TOLERANCE:g} of plain loops in float64 first. While the clock ran, other processes "
        f"kept {record['others_cores']:.2f} cores busy.\n",
        "## In units of our time\n",
        "Times that a peer takes as long as temperance on all cores into a given buffer; times that temperance takes "
        "as long as a copy of the logits (for the loss alone: as reading them).\n",
        "| | loss | shape | PyTorch | fastest peer | | its target | ours / copy | in place / copy |",
        "|---|---|---|---:|---:|---|---:|---:|---:|",
    ]
    for line in record["summary"]:
        def number(key, line=line):
            return three_digits(line[key]) if key in line else ""

        target = f"{line['target']}" if "target" in line else ""
        cells = [TASKS[line["task"]], line["loss"], line["shape"], number("pytorch"),
                 number("fastest_ratio"), line.get("fastest", ""), target, number("limits"), number("in_place_limits")]
        lines.append(f"| {' | '.join(cells)} |")
    lines.append(f"\n![The times of loss and gradient]({picture})")
    found = {(r["task"], r["loss"], r["contestant"], r["shape"]): r for r in record["results"]}
    for task, loss in itertools.product(TASKS, LOSSES):
        lines += [f"\n## {loss}, {TASKS[task]}\n",
                  "Median milliseconds (quartiles) and times ours.\n",
                  "| | " + " | ".join(f"{shape} | " for shape in shapes) + "|",
                  "|---|" + "---:|---:|" * len(shapes)]
        for name in (*OURS, *PEER_NAMES, LIMIT):
            rows = [found.get((task, "CE" if name == LIMIT else loss, name, shape)) for shape in shapes]
            if not all(rows):
                continue
            cells = []
            for row in rows:
                ours = found[task, loss, "temperance", row["shape"]]["median"]
                low, middle, high = (
                    three_digits(1e3 * seconds) for seconds in (row["quartiles"][0], row["median"], row["quartiles"][1])
                )
                cells += [f"{middle} ({low} – {high})", three_digits(row["median"] / ours)]
            label = {"gradient": "copy", "loss": "read"}[task] if name == LIMIT else name
            lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="bench/run losses", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny shapes and 2 rounds, to see that it runs")
    parser.add_argument("--ours-only", action="store_true", help="no peers, and nothing is installed")
    parser.add_argument("--rounds", type=int)
    args = parser.parse_args()
    if not args.ours_only and shutil.which("g++") is None:
        parser.error("g++ is missing, which torch.compile needs; on Debian: apt-get install g++")
    shapes, rounds = (QUICK, 2) if args.quick else (FULL, 15)
    rounds = max(args.rounds or rounds, 2)

    record = start("losses", () if args.ours_only else ("numpy", "torch", "jax"))
    if not args.ours_only:
        lock = (BENCH / "rust/Cargo.lock").read_text()
        record["versions"]["candle"] = re.search(r'name = "candle-core"\nversion = "(.*)"', lock)[1]
    record |= {"shapes": shapes, "rounds": rounds, "spread": SPREAD, "seed": SEED, "losses": LOSSES}
    with tempfile.TemporaryDirectory() as folder:
        rust = Worker(TARGET / "temperance-bench", folder)
        workers, contestants = dict.fromkeys((*OURS, LIMIT), rust), list(OURS)
        everyone = {"temperance": rust}
        for place, shape in enumerate(shapes):
            rust.ask("generate", shape, SPREAD, SEED + place)
        if not args.ours_only:
            for peer, names in PEERS.items():
                worker = rust
                if peer != "rust":
                    worker = Worker(sys.executable, "-W", "ignore", BENCH / "loss_peers.py", peer, folder)
                    everyone[names[0]] = worker
                workers |= dict.fromkeys(names, worker)
                contestants += names
        record["threads"] = {name: int(worker.ask("about")[0]) for name, worker in everyone.items()}
        for worker, shape in itertools.product(everyone.values(), shapes):
            worker.ask("load", shape)
        record["checked"] = check(rust, workers, shapes, contestants, Path(folder))
        others = Others(worker.process.pid for worker in everyone.values())
        record["results"] = race(workers, shapes, contestants, rounds)
        record["others_cores"] = others.cores()
        for worker in everyone.values():
            worker.close()
    record["summary"] = summarise(record["results"], shapes)

    name = "losses" if shapes == FULL and not args.ours_only else "losses-quick"
    text = table(record, f"{record['date'][:10]}-{name}.svg")
    write(record, name, {"md": text, "svg": draw(record)})
    print(text)


if __name__ == "__main__":
    main()
