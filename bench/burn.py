"""Losses and steps of training in Burn: its own cross-entropy beside ours, in one process, alternating."""

import subprocess
import sys

from machine import BENCH, about, start, write


def main():
    quick = "--quick" in sys.argv[1:]
    record = start("burn")
    run = ["cargo", "bench", "--quiet", "--locked", "-p", "temperance-burn", "--bench", "loss", "--"]
    out = subprocess.run(
        run + ["--quick"] * quick, cwd=BENCH.parent, capture_output=True, text=True, check=True
    ).stdout
    rows = [line for line in out.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    record["rows"] = [dict(zip(["what", "burn", "ours", "ratio"], row)) for row in cells[2:]]
    text = f"# Losses in Burn 0.22.1 (Flex)\n\n{record['date']}, `{record['command']}`. {about(record)}\n\n"
    text += (
        "Smoothing 0.1, float32. The ratio is of medians, Burn's to ours. Burn is built without its feature `rayon`, as in\n"
        "the rest of the project, and uses one core; the kernel of ours uses all.\n\n"
    )
    text += "\n".join(rows) + "\n"
    print(text)
    print(write(record, "burn-quick" if quick else "burn", {"md": text}))


if __name__ == "__main__":
    main()
