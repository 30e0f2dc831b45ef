"""Fits every calibration method to one part of each data set and measures it on the rest, beside probmetrics.

Sets are those of $TEMPERANCE_SHARED/data (third-party model outputs that are not part of the project). Both sides see
the same float32 files and are measured here, by the same plain formulas, on the probabilities that they write.
"""

import argparse
import contextlib
import io
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from machine import TARGET, about, start, write

PEER_OF = {
    "temperature": "temp-scaling", "vector": None, "structured_vector": "svs", "structured_matrix": "sms",
    "isotonic": "isotonic", "centred_isotonic": "cir", "quadratic": "quadratic-scaling", "beta": "beta",
    "platt": "affine-scaling", "venn_abers": "ivap-ovr",
}
BINARY_PEERS = {"quadratic-scaling", "beta", "affine-scaling"}
SEED, LIMIT = 0, 240


def split(labels):
    """Half of the rows of every class to fit on, the rest to measure on; by seed."""
    rng, fit = np.random.default_rng(SEED), np.zeros(len(labels), bool)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        fit[rows[: (len(rows) + 1) // 2]] = True
    return fit


def measures(probabilities, labels):
    """NLL (0 counts as the smallest normal float32), Brier score over classes, ECE of 15 bins (lo, hi]."""
    p = probabilities.astype(np.float64)
    own = p[np.arange(len(p)), labels]
    nll = -np.log(np.maximum(own, np.finfo(np.float32).tiny)).mean()
    brier = ((p**2).sum(axis=1) - 2 * own + 1).mean()
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    bins = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    gap = np.bincount(bins, confidence - right, 15)
    return {"nll": float(nll), "brier": float(brier), "ece": float(np.abs(gap).sum() / len(p))}


def softmax(logits):
    z = logits.astype(np.float64)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def ours(method, folder):
    """One fit by the command, and what it makes of the rest."""
    out = folder / "out"
    common = ["--output", out, "--force", "--json"]
    command = [TARGET / "temperance", "fit", "--timing", "--method", method]
    data = ["--logits", folder / "fit.npy", "--labels", folder / "fit_y.npy"]
    try:
        fitted = subprocess.run([*command, *data, *common], capture_output=True, text=True, timeout=LIMIT)
        if fitted.returncode:
            return {"failure": fitted.stderr.strip().removeprefix("error: ")}
        begin = time.perf_counter()
        apply = [TARGET / "temperance", "apply", folder / "test.npy", "--calibrator", out / "calibrator.json"]
        subprocess.run([*apply, *common], capture_output=True, check=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {"failure": f"more than {LIMIT} s"}
    applied = time.perf_counter() - begin
    written = np.load(out / "probabilities.npy")
    result = measures(written, np.load(folder / "test_y.npy"))
    said = json.loads(fitted.stdout)
    return result | {"seconds": said["fit_seconds"], "apply_seconds": applied, "flags": said["calibrator"]["flags"]}


def theirs(name, folder):
    """One fit by probmetrics, in this process; the numpy interface, which takes probabilities."""
    from probmetrics.calibrators import get_calibrator

    logits, labels = np.load(folder / "fit.npy"), np.load(folder / "fit_y.npy")
    if name in BINARY_PEERS and logits.shape[1] > 2:
        from probmetrics.calibrators import MulticlassOneVsRestCalibrator

        make = lambda: MulticlassOneVsRestCalibrator(get_calibrator(name))
    else:
        make = lambda: get_calibrator(name)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            calibrator = make()
            begin = time.perf_counter()
            calibrator.fit(softmax(logits), labels)
            fit = time.perf_counter() - begin
            begin = time.perf_counter()
            p = calibrator.predict_proba(softmax(np.load(folder / "test.npy")))
            applied = time.perf_counter() - begin
    except Exception as error:  # what it raises is part of the record
        return {"failure": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    return measures(np.asarray(p), np.load(folder / "test_y.npy")) | {"seconds": fit, "apply_seconds": applied}


def sets(data):
    """Name, logits and labels of every set."""
    for path in sorted(data.glob("*/*.logits.npy")):
        name = f"{path.parent.name}/{path.name.removesuffix('.logits.npy')}"
        labels = np.load(path.with_name(path.name.replace(".logits.", ".labels.")))
        yield name, np.load(path).astype(np.float32), labels.astype(np.int64)


def row(method, side, result):
    if "failure" in result:
        return f"| {method} | {side} | – | – | – | {result['failure'][:90]} |\n"
    nll, brier, ece = (f"{result[key]:.4f}" for key in ("nll", "brier", "ece"))
    return f"| {method} | {side} | {nll} | {brier} | {ece} | {result['seconds']:.3f} |\n"


def page(record):
    """The record for people."""
    text = "# Every calibration method on real model outputs, beside probmetrics\n\n"
    text += f"{record['date']}, `{record['command']}`. {about(record)}\n"
    text += (
        "Half of the rows of each class are fitted, the rest measured. NLL in nats, Brier score from 0 to 2, ECE with 15 "
        "bins, seconds of one fit. `auto` is the method that `temperance fit --method auto` chose from the fitted half, "
        "its seconds are those of the whole comparison.\n"
    )
    for name, entry in record["sets"].items():
        text += f"\n## {name}\n\n{entry['fit_rows']} rows fitted, {entry['test_rows']} measured, {entry['classes']} classes.\n\n"
        text += "| method | by | NLL | Brier | ECE | seconds |\n|---|---|---|---|---|---|\n"
        for method, sides in entry["methods"].items():
            for side, result in sides.items():
                text += row(method, side, result)
    return text


def main():
    parser = argparse.ArgumentParser(prog="bench/run calibrators", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the smallest sets alone, nothing written")
    parser.add_argument("--only", default="", help="sets whose name holds this text")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    if "TEMPERANCE_SHARED" not in os.environ:
        sys.exit("bench/run calibrators: TEMPERANCE_SHARED is not set; it names the folder that has data/*/*.logits.npy")
    data = Path(os.environ["TEMPERANCE_SHARED"]) / "data"
    listed = subprocess.run([TARGET / "temperance", "methods", "--json"], capture_output=True, check=True)
    methods = [entry["name"] for entry in json.loads(listed.stdout)["methods"]]
    record = start("calibrators", ["numpy", "scipy", "scikit-learn", "torch", "probmetrics"]) | {"sets": {}}
    for name, logits, labels in sets(data):
        if options.only not in name or (options.quick and len(labels) > 600):
            continue
        fit = split(labels)
        with tempfile.TemporaryDirectory() as folder:
            folder = Path(folder)
            for part, rows in (("fit", fit), ("test", ~fit)):
                np.save(folder / f"{part}.npy", logits[rows])
                np.save(folder / f"{part}_y.npy", labels[rows])
            entry = {"fit_rows": int(fit.sum()), "test_rows": int((~fit).sum()), "classes": logits.shape[1], "methods": {}}
            for method in [*methods, "auto"]:
                sides = {"temperance": ours(method, folder)}
                peer = PEER_OF.get(method)
                if peer:
                    sides["probmetrics"] = theirs(peer, folder)
                entry["methods"][method] = sides
                for side, result in sides.items():
                    print(name, row(method, side, result), end="", flush=True)
            record["sets"][name] = entry
    if not options.quick and not options.only:
        print(f"written to {write(record, 'calibrators', {'md': page(record)})}.md")


if __name__ == "__main__":
    main()
