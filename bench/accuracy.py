"""How exact losses and gradients are, beside PyTorch's on the same numbers: the reference is float64, with the sum
over all classes but the largest, so that sure rows are exact too."""

import argparse
import itertools
import subprocess
import tempfile
from pathlib import Path

import mpmath
import numpy as np
import torch
from machine import TARGET, about, start, write
from torch.nn import functional

ROWS, SEED = 256, 0
# Long rows are swept by themselves, short ones in tiles.
CLASSES = {1000: "rows by themselves", 10: "tiles of rows"}
LOSSES = {"CE": (0.0, 0.0), "LS": (0.1, 0.0), "LS + CP": (0.1, 0.1)}
TYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
BITS = {"float32": np.int32, "float16": np.int16, "bfloat16": np.int16}


def cases(classes):
    """Name, logits, labels."""
    rng = np.random.default_rng(SEED)
    for scale in (1, 5, 30):
        logits = rng.normal(0, scale, (ROWS, classes))
        yield f"Gaussian, deviation {scale}", logits, rng.integers(classes, size=ROWS)
    for gap in (15, 30, 45, 60):
        logits, labels = rng.normal(size=(ROWS, classes)), rng.integers(classes, size=ROWS)
        logits[np.arange(ROWS), labels] = logits.max(axis=1) + gap
        yield f"sure and right, gap {gap}", logits, labels


def reference(z, labels, epsilon, beta):
    """Losses of rows, the sizes of their terms, and gradients. Only sums of numbers of one sign."""
    rows, classes = np.arange(len(z)), z.shape[1]
    top = z.argmax(axis=1)
    d = z - z[rows, top][:, None]
    e = np.exp(d)
    e[rows, top] = 0
    tail = e.sum(axis=1)
    log_sum = np.log1p(tail)
    e[rows, top] = 1
    p = e / (1 + tail)[:, None]
    nll = log_sum - d[rows, labels]
    smoothed = (1 - epsilon) * nll + epsilon * (log_sum - d.mean(axis=1))
    entropy = log_sum - (p * d).sum(axis=1)
    base = np.full_like(z, epsilon / classes)
    gradient = p - base
    gradient[rows, labels] -= 1 - epsilon
    # p - t of a label on top, where both may be near 1: (1 - t) - (1 - p).
    right = rows[labels == top]
    gradient[right, top[right]] = epsilon * (classes - 1) / classes - (tail / (1 + tail))[right]
    gradient += beta * p * ((d - log_sum[:, None]) + entropy[:, None])
    return smoothed - beta * entropy, smoothed + beta * entropy, gradient


def prove(z, labels, epsilon, beta, found):
    """The reference of a few rows, against 50 digits."""
    mpmath.mp.dps = 50
    for row in (0, len(z) - 1):
        e = [mpmath.exp(mpmath.mpf(float(x))) for x in z[row]]
        total = mpmath.fsum(e)
        p = [x / total for x in e]
        log_p = [mpmath.log(x) for x in p]
        entropy = -mpmath.fsum(x * y for x, y in zip(p, log_p))
        label = labels[row]
        smoothed = -(1 - epsilon) * log_p[label] - epsilon * mpmath.fsum(log_p) / len(p)
        losses, sizes, gradients = (of[row] for of in found)
        assert abs(smoothed - beta * entropy - losses) <= 1e-14 * sizes, "the reference of a loss is wrong"
        target = [epsilon / mpmath.mpf(len(p)) + (1 - mpmath.mpf(epsilon)) * (c == label) for c in range(len(p))]
        exact = [x - t + beta * x * (y + entropy) for x, y, t in zip(p, log_p, target)]
        largest = max(map(abs, exact))
        for one, other in zip(exact, gradients):
            assert abs(one - other) <= 1e-14 * largest, "the reference of a gradient is wrong"


def pytorch(logits, labels, epsilon, beta):
    """Losses of rows and the gradient of their sum."""
    logits = logits.clone().requires_grad_()
    losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=epsilon)
    if beta > 0:
        log_p = functional.log_softmax(logits, dim=1)
        losses = losses + beta * (log_p.exp() * log_p).sum(dim=1)
    losses.sum().backward()
    return losses.detach().double().numpy(), logits.grad.double().numpy()


class Ours:
    def __init__(self, folder):
        self.stem = Path(folder, "case")
        command = [TARGET / "temperance-bench", folder]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, logits, labels, kind, gradient_kind, epsilon, beta):
        logits.view(getattr(torch, BITS[kind].__name__)).numpy().tofile(self.stem.with_suffix(".logits"))
        labels.numpy().tofile(self.stem.with_suffix(".labels"))
        fields = ("rows", self.stem, kind, gradient_kind, logits.shape[1], epsilon, beta)
        self.process.stdin.write("\t".join(map(str, fields)) + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "ok\n":
            raise SystemExit(f"temperance-bench died of {fields}")
        bits = torch.from_numpy(np.fromfile(self.stem.with_suffix(".gradient"), BITS[gradient_kind]))
        gradient = bits.view(TYPES[gradient_kind]).reshape(logits.shape).double().numpy()
        return np.fromfile(self.stem.with_suffix(".rows"), np.float64), gradient


def errors(found, exact):
    """Of losses, relative to the size of their terms; of gradients, to the largest entry of their row."""
    losses, gradient = found
    exact_losses, sizes, exact_gradient = exact
    largest = np.abs(exact_gradient).max(axis=1)
    loss = (np.abs(losses - exact_losses) / sizes).max()
    return {"loss": float(loss), "gradient": float((np.abs(gradient - exact_gradient).max(axis=1) / largest).max())}


def measure(folder):
    ours, results = Ours(folder), []
    for classes, (name, z, y) in ((classes, case) for classes in CLASSES for case in cases(classes)):
        for (kind, of), (loss, terms) in itertools.product(TYPES.items(), LOSSES.items()):
            logits, labels = torch.from_numpy(z).to(of), torch.from_numpy(y)
            rounded = logits.double().numpy()
            exact = reference(rounded, y, *terms)
            prove(rounded, y, *terms, exact)
            result = {"classes": classes, "case": name, "type": kind, "loss": loss}
            result["temperance"] = errors(ours(logits, labels, kind, kind, *terms), exact)
            result["PyTorch"] = errors(pytorch(logits, labels, *terms), exact)
            if kind != "float32":
                wide = ours(logits, labels, kind, "float32", *terms)
                result["temperance, float32 gradient"] = errors(wide, exact)
                result["PyTorch in float32"] = errors(pytorch(logits.float(), labels, *terms), exact)
            results.append(result)
    return results


def table(record):
    lines = [
        f"# Accuracy of losses, {record['date'][:10]}\n",
        f"{ROWS} rows, rounded to the type; `{record['command']}`\n",
        about(record),
        "Largest error over the rows, against float64 on the rounded logits (checked against 50 digits): of the loss "
        "of a row, relative to the loss (with the penalty CP: to the sum of its two terms); of its gradient, relative "
        "to the largest entry of the row's gradient. 1 is a loss or gradient of 0 where there is one: float16 ends at "
        "6e-8. Gradients have the type of the logits unless the column says float32; PyTorch in float32 is after "
        "`logits.float()`.\n",
    ]
    pairs = (("temperance", "loss"), ("PyTorch", "loss"), ("PyTorch in float32", "loss"),
             ("temperance", "gradient"), ("PyTorch", "gradient"),
             ("temperance, float32 gradient", "gradient"), ("PyTorch in float32", "gradient"))
    for (classes, kernel), kind in itertools.product(CLASSES.items(), TYPES):
        shown = [pair for pair in pairs if kind != "float32" or "float32" not in pair[0]]
        names = [name.replace(", float32 gradient", " in float32") for name, _ in shown]
        heads = " | ".join(f"{what}: {name}" for name, (_, what) in zip(names, shown))
        lines += [f"## {classes} classes ({kernel}), {kind}\n", f"| | | {heads} |", "|---|---|" + "---:|" * len(shown)]
        for result in record["results"]:
            if (result["classes"], result["type"]) == (classes, kind):
                cells = [result["case"], result["loss"], *(f"{result[name][what]:.1e}" for name, what in shown)]
                lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def main():
    argparse.ArgumentParser(prog="bench/run accuracy", description=__doc__).parse_args()
    record = start("accuracy", ("numpy", "torch"))
    with tempfile.TemporaryDirectory() as folder:
        record["results"] = measure(folder)
    write(record, "accuracy", {"md": table(record)})
    print(table(record))


if __name__ == "__main__":
    main()
