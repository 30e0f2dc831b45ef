"""What every record says of its machine and tree, and where records go. Needs nothing but Python."""

import datetime
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

BENCH = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", BENCH.parent / "target")) / "release"
CORES = len(os.sched_getaffinity(0))


def start(name, packages=()):
    """The beginning of a record."""
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "command": " ".join([f"bench/run {name}", *sys.argv[1:]]),
        "machine": machine(), "versions": versions(packages),
    }


def machine():
    cpu = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cpu": cpu[0].split(":")[1].strip() if cpu else platform.machine(),
        "cores": CORES,
        "memory_bytes": pages,
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": os.getloadavg(),
    }


class Others:
    """Cores that processes beside ours kept busy, or that the host took away, since this was made."""

    def __init__(self, pids):
        self.pids = (os.getpid(), *pids)
        self.began, self.busy = time.monotonic(), self._busy()

    def _busy(self):
        user, nice, system, _idle, _wait, irq, soft, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
        stats = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids)
        ours = sum(int(stat[11]) + int(stat[12]) for stat in stats)
        return (user + nice + system + irq + soft + steal - ours) / os.sysconf("SC_CLK_TCK")

    def cores(self):
        return max(0.0, (self._busy() - self.busy) / (time.monotonic() - self.began))


def versions(packages):
    def said(*command):
        return subprocess.run(command, cwd=BENCH, capture_output=True, text=True, check=True).stdout.strip()

    changed = said("git", "status", "--porcelain", "--", "..", ":!records")
    commit = said("git", "rev-parse", "HEAD") + ("-changed" if changed else "")
    rustc = said("rustc", "--version").split()[1]
    peers = {name: version(name) for name in packages}
    return {"commit": commit, "rustc": rustc, "python": platform.python_version()} | peers


def about(record):
    """The machine and the versions, in a paragraph."""
    machine = record["machine"]
    load = ", ".join(f"{value:.1f}" for value in machine["load_before"])
    said = ", ".join(f"{name} {text}" for name, text in record["versions"].items())
    memory = f"{machine['memory_bytes'] / 1e9:.0f} GB"
    return f"{machine['cpu']}, {machine['cores']} cores, {memory}; load before: {load}. {said}\n"


def write(record, name, files):
    """DATE-name.json, and beside it each of `files`, by suffix."""
    stem = f"{record['date'][:10]}-{name}"
    folder = BENCH / "records"
    folder.mkdir(exist_ok=True)
    for suffix, text in {"json": json.dumps(record, indent=2) + "\n", **files}.items():
        (folder / f"{stem}.{suffix}").write_text(text)
    return folder / stem
