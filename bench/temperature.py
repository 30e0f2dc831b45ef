"""Times one temperature fit against scikit-learn and probmetrics, and measures the memory of the command."""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from machine import BENCH, CORES, TARGET, about, start, write
from peers import PEERS
from scipy.optimize import brentq

FULL, QUICK = (50_000, 1_000), (2_000, 100)
SEED, TRUE_T, SPREAD = 0, 2.0, 5.0


def chunks(rows):
    return (slice(start, min(start + 1000, rows)) for start in range(0, rows, 1000))


def generate(rows, classes, logits_path, labels_path):
    """Gaussian logits, TRUE_T times too large for their labels."""
    rng = np.random.default_rng(SEED)
    logits = np.lib.format.open_memmap(logits_path, "w+", np.float32, (rows, classes))
    labels = np.empty(rows, np.int64)
    for part in chunks(rows):
        block = rng.normal(0, SPREAD * TRUE_T, (part.stop - part.start, classes)).astype(np.float32)
        logits[part] = block
        labels[part] = (block / TRUE_T + rng.gumbel(size=block.shape)).argmax(axis=1)
    logits.flush()
    np.save(labels_path, labels)
    return float((np.argmax(logits, axis=1) == labels).mean())


def root(logits_path, labels_path):
    """T where the derivative of the likelihood is 0, in float64 and by nobody's calibration code."""
    logits, labels = np.load(logits_path, mmap_mode="r"), np.load(labels_path)

    def slope(beta):
        total = 0.0
        for part in chunks(len(logits)):
            z = logits[part].astype(np.float64)
            p = np.exp(beta * (z - z.max(axis=1, keepdims=True)))
            expected = (p * z).sum(axis=1) / p.sum(axis=1)
            total += (expected - z[np.arange(len(z)), labels[part]]).sum()
        return total / len(logits)

    return 1 / brentq(slope, 0.05, 5.0, xtol=1e-15, rtol=1e-14)


def contestants(logits, labels):
    """Name and command of everything that is timed; each prints JSON."""
    ours = [TARGET / "examples/fit_temperature", "--logits", logits, "--labels", labels, "--threads"]
    commands = {"temperance": [*ours, str(CORES)], "temperance, 1 thread": [*ours, "1"]}
    for name in PEERS:
        commands[name] = [sys.executable, "-W", "ignore", BENCH / "peers.py", name, logits, labels]
    return commands


def race(commands, repeats, exact):
    """All in turn, `repeats` times over, each in a process of its own."""
    runs = {name: [] for name in commands}
    for repeat in range(repeats):
        for name, command in commands.items():
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            runs[name].append(json.loads(output))
            print(f"{repeat + 1}/{repeats} {name}: {runs[name][-1]}", file=sys.stderr)
    results = {}
    for name, answers in runs.items():
        seconds = [answer.pop("seconds")[0] for answer in answers]
        result = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}
        result |= {"seconds": seconds} | answers[-1]
        if "temperature" in result:
            result["relative_error"] = abs(result["temperature"] / exact - 1)
        results[name] = result
    for result in results.values():
        result["ratio"] = result["median"] / results["temperance"]["median"]
    return results


def memory(logits, labels, folder):
    """Peak resident memory of the real command. GNU time starts it: a child of this process would
    begin with the memory of this process."""
    size = logits.stat().st_size + labels.stat().st_size
    allowed = size + max(size / 10, 64e6)
    results, note = {"input_bytes": size, "allowed_bytes": int(allowed)}, folder / "time.txt"
    for name in ("fit", "calibrate", "evaluate"):
        command = [TARGET / "temperance", name, "--logits", logits, "--labels", labels]
        command += [] if name == "evaluate" else ["--output", folder / name]
        time_it = [shutil.which("time"), "-f", "%M %e", "-o", note]
        subprocess.run([*time_it, *command], stdout=subprocess.DEVNULL, check=True)
        kilobytes, seconds = note.read_text().split()
        peak = int(kilobytes) * 1024
        results[name] = {"peak_bytes": peak, "seconds": float(seconds), "within": peak <= allowed}
    return results


def table(record):
    """The record for people."""
    fits, used = record["fits"], record["memory"]
    lines = [
        f"# Temperature fit, {record['date'][:10]}\n",
        f"{record['rows']} x {record['classes']} float32 logits, labels drawn at T = {TRUE_T:g}; "
        f"{record['repeats']} repeats in turn. `{record['command']}`\n",
        about(record),
        f"Exact T: {record['exact_temperature']:.12f}\n",
        "| | median s | min | max | times ours | T | relative error | passes |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, fit in fits.items():
        answer = ["", ""]
        if "temperature" in fit:
            answer = [f"{fit['temperature']:.9f}", f"{fit['relative_error']:.1e}"]
        numbers = [f"{fit[key]:.4f}" for key in ("median", "min", "max")]
        cells = [name, *numbers, f"{fit['ratio']:.2f}", *answer, str(fit.get("passes", ""))]
        lines.append(f"| {' | '.join(cells)} |")
    bound = fits["temperance"]["passes"] * fits["read once"]["median"]
    lines.append(f"\nReading alone, as often as our fit passes over the rows: {bound:.4f} s.\n")
    lines += ["| command | peak MB | input MB | allowed MB | within | s |", "|---|---:|---:|---:|---|---:|"]
    for name in ("fit", "calibrate", "evaluate"):
        sizes = (used[name]["peak_bytes"], used["input_bytes"], used["allowed_bytes"])
        within = "yes" if used[name]["within"] else "no"
        cells = [f"temperance {name}", *(f"{size / 1e6:.1f}" for size in sizes), within]
        lines.append(f"| {' | '.join(cells)} | {used[name]['seconds']:.2f} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="bench/run temperature", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2 000 x 100, to see that it runs")
    parser.add_argument("--rows", type=int)
    parser.add_argument("--classes", type=int)
    parser.add_argument("--repeats", type=int, default=5)
    args = parser.parse_args()
    if shutil.which("time") is None:
        parser.error("GNU time is missing; on Debian: apt-get install time")

    rows, classes = QUICK if args.quick else FULL
    size = (args.rows or rows, args.classes or classes)
    packages = ("numpy", "scipy", "scikit-learn", "probmetrics", "torch")
    record = start("temperature", packages) | {
        "repeats": args.repeats,
        "rows": size[0], "classes": size[1], "true_temperature": TRUE_T, "seed": SEED,
    }
    with tempfile.TemporaryDirectory() as folder:
        logits, labels = Path(folder, "z.npy"), Path(folder, "y.npy")
        record["accuracy"] = generate(*size, logits, labels)
        record["exact_temperature"] = root(logits, labels)
        record["fits"] = race(contestants(logits, labels), args.repeats, record["exact_temperature"])
        record["memory"] = memory(logits, labels, Path(folder))

    suffix = "" if size == FULL else "-quick"
    write(record, f"temperature{suffix}", {"md": table(record)})
    print(table(record))


if __name__ == "__main__":
    main()
