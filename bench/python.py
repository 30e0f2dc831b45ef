"""The Python package beside what its users have today: a call, a training step's loss, a calibrator's fit."""

import argparse
import json
import statistics
import subprocess
import sys
import time
import warnings

import numpy as np
from machine import BENCH, CORES, about, start, write

SEED = 0
# Rows and classes of a step: a tabular model, an image model, a language model.
STEPS = [(128, 10), (4096, 1000), (512, 50257)]
FITS = [(5_000, 10), (10_000, 100), (50_000, 1000)]
QUICK_STEPS, QUICK_FITS = [(128, 10)], [(500, 10)]


def seconds(work, least=0.2, most=400):
    """The median and the least time of one call, in turns that each last long enough to be measured."""
    work()
    begin = time.perf_counter()
    work()
    calls = max(1, int(0.002 / max(time.perf_counter() - begin, 1e-9)))
    times, begin = [], time.perf_counter()
    while len(times) < 7 or (time.perf_counter() - begin < least and len(times) < most):
        lap = time.perf_counter()
        for _ in range(calls):
            work()
        times.append((time.perf_counter() - lap) / calls)
    return {"median": statistics.median(times), "least": min(times)}


def overhead():
    import temperance

    rng = np.random.default_rng(SEED)
    logits, labels = rng.normal(size=(4, 3)), rng.integers(0, 3, 4)
    return {
        "cross_entropy": seconds(lambda: temperance.cross_entropy(logits, labels)),
        "cross_entropy_with_grad": seconds(lambda: temperance.cross_entropy_with_grad(logits, labels)),
        "softmax": seconds(lambda: temperance.softmax(logits)),
    }


def step(rows, classes):
    """Forward and backward of cross-entropy with smoothing 0.1."""
    import torch

    import temperance
    import temperance.torch

    torch.manual_seed(SEED)
    torch.set_num_threads(CORES)
    logits = torch.randn(rows, classes, requires_grad=True)
    target = torch.randint(0, classes, (rows,))

    def run(loss):
        def work():
            logits.grad = None
            loss(logits, target).backward()

        return seconds(work)

    def eager(z, y):
        return torch.nn.functional.cross_entropy(z, y, label_smoothing=0.1)

    def ours(z, y):
        return temperance.torch.cross_entropy(z, y, label_smoothing=0.1)

    def penalised(z, y):
        log_p = z.log_softmax(1)
        return eager(z, y) + 0.1 * (log_p.exp() * log_p).sum(1).mean()

    def ours_penalised(z, y):
        return temperance.torch.cross_entropy(z, y, label_smoothing=0.1, confidence_penalty=0.1)

    array, labels = logits.detach().numpy(), target.numpy()
    out = np.empty_like(array)
    result = {
        "temperance.torch": run(ours),
        "torch eager": run(eager),
        "torch.compile": run(torch.compile(eager)),
        "temperance.torch, with penalty": run(ours_penalised),
        "torch eager, with penalty": run(penalised),
        "torch.compile, with penalty": run(torch.compile(penalised)),
        "temperance, NumPy": seconds(
            lambda: temperance.cross_entropy_with_grad(array, labels, label_smoothing=0.1, out=out)
        ),
    }
    mine, theirs = ours(logits, target).item(), eager(logits, target).item()
    assert abs(mine - theirs) < 1e-5 * abs(theirs), (mine, theirs)
    return result


def fit(rows, classes, method, contestant):
    """One fit in this process, after a small one that wakes everything."""
    warnings.simplefilter("ignore")
    rng = np.random.default_rng(SEED)
    truth = rng.normal(size=(rows, classes)).astype(np.float32) * 3
    labels = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    logits = 2 * truth
    few = np.concatenate([np.unique(labels, return_index=True)[1], np.arange(min(rows, 200))])

    if contestant == "temperance":
        import temperance

        def work(rows):
            return temperance.fit(logits[rows], labels[rows], method=method)

        def measure(fitted):
            return temperance.evaluate(fitted.apply(logits), labels, probabilities=True)["metrics"]["nll"]
    elif contestant == "scikit-learn":
        from sklearn.calibration import _TemperatureScaling

        def work(rows):
            return _TemperatureScaling().fit(logits[rows], labels[rows])

        def measure(fitted):
            p = fitted.predict(logits)
            return float(-np.log(p[np.arange(len(p)), labels]).mean())
    else:
        import torch
        from probmetrics.calibrators import get_calibrator
        from probmetrics.distributions import CategoricalLogits

        torch.set_num_threads(CORES)
        name = {"temperature": "temp-scaling", "structured_vector": "svs", "structured_matrix": "sms"}[method]

        def work(rows):
            calibrator = get_calibrator(name)
            z, y = torch.from_numpy(logits[rows]), torch.from_numpy(labels[rows])
            return calibrator.fit_torch(CategoricalLogits(z), y)

        def measure(fitted):
            p = fitted.predict_proba_torch(CategoricalLogits(torch.from_numpy(logits))).get_probs()
            return float(-p[np.arange(len(p)), labels].log().mean())

    work(few)
    every = slice(None)
    times = []
    for _ in range(3):
        begin = time.perf_counter()
        fitted = work(every)
        times.append(time.perf_counter() - begin)
    return {"median": statistics.median(times), "least": min(times), "nll": measure(fitted)}


def table(title, results):
    text = f"## {title}\n\n| | median | least | / ours |\n|---|---|---|---|\n"
    ours = next(iter(results.values()))["median"]
    for name, found in results.items():
        if "failure" in found:
            text += f"| {name} | – | – | {found['failure']} |\n"
            continue
        extra = f", NLL {found['nll']:.6f}" if "nll" in found else ""
        ratio = found["median"] / ours
        text += f"| {name}{extra} | {shown(found['median'])} | {shown(found['least'])} | {ratio:.2f} |\n"
    return text + "\n"


def shown(value):
    return f"{value * 1e6:.1f} µs" if value < 1e-3 else f"{value * 1e3:.1f} ms" if value < 1 else f"{value:.2f} s"


def apart(*arguments):
    """This file in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-W", "ignore", BENCH / "python.py", *map(str, arguments)], capture_output=True, text=True
    )
    if run.returncode:
        return {"failure": run.stderr.strip().splitlines()[-1][:120]}
    return json.loads(run.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(prog="bench/run python")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part:
        kind, *rest = arguments.part
        if kind == "overhead":
            print(json.dumps(overhead()))
        elif kind == "step":
            print(json.dumps(step(int(rest[0]), int(rest[1]))))
        else:
            print(json.dumps(fit(int(rest[0]), int(rest[1]), rest[2], rest[3])))
        return
    record = start("python", ["numpy", "scipy", "scikit-learn", "torch", "probmetrics"])
    text = f"# The Python package beside its peers\n\n{record['date']}, `{record['command']}`. {about(record)}\n"
    record["overhead"] = apart("--part", "overhead")
    text += table("A call with 4 rows of 3 classes", record["overhead"]).replace("| / ours |", "| / the first |")
    record["steps"], record["fits"] = {}, {}
    for rows, classes in QUICK_STEPS if arguments.quick else STEPS:
        found = apart("--part", "step", rows, classes)
        record["steps"][f"{rows}x{classes}"] = found
        text += table(f"Loss and gradient, {rows} x {classes}, float32", found)
        print(text.rsplit("## ", 1)[1], flush=True)
    for rows, classes in QUICK_FITS if arguments.quick else FITS:
        for method in ("temperature", "structured_vector", "structured_matrix"):
            if method != "temperature" and classes == 1000:
                continue
            peers = ["temperance", "probmetrics"] + (["scikit-learn"] if method == "temperature" else [])
            found = {peer: apart("--part", "fit", rows, classes, method, peer) for peer in peers}
            record["fits"][f"{method} {rows}x{classes}"] = found
            text += table(f"Fit of {method}, {rows} x {classes}, float32", found)
            print(text.rsplit("## ", 1)[1], flush=True)
    name = "python-quick" if arguments.quick else "python"
    print(write(record, name, {"md": text}))


if __name__ == "__main__":
    main()
