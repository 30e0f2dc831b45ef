# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6"]
# ///
"""Make sample.npz: test-set logits of a deliberately over-confident classifier.

Trains a small ReLU network on Fashion-MNIST without any regularisation and
writes its logits for the 10 000 test images, in test-set order, together with
their labels. Prints how well, and how badly calibrated, the network is.
"""

import argparse
import gzip
import os
from pathlib import Path

# The order of BLAS sums depends on the number of threads, and training
# magnifies the difference, so fix it before NumPy loads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402

SEED = 0
LAYERS = [784, 256, 128, 10]
EPOCHS = 60
BATCH = 128
LEARNING_RATE = 1e-3
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # Adam
ECE_BINS = 15


def read_idx(path):
    """Read a gzipped IDX file of unsigned bytes."""
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\0\0\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    ndim = data[3]
    shape = np.frombuffer(data, ">u4", ndim, offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def load(folder, split):
    """Return images as float32 rows in [0, 1], and labels."""
    images = read_idx(folder / f"{split}-images-idx3-ubyte.gz")
    labels = read_idx(folder / f"{split}-labels-idx1-ubyte.gz")
    return images.reshape(len(images), -1).astype(np.float32) / 255, labels


def softmax(logits):
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


def activations(params, x):
    """Return the input of every layer, and last the logits."""
    acts = [x]
    for i, (weight, bias) in enumerate(params):
        z = acts[-1] @ weight + bias
        acts.append(z if i == len(params) - 1 else np.maximum(z, 0))
    return acts


def gradients(params, x, labels):
    """Return the gradient of the mean cross-entropy, shaped like params."""
    acts = activations(params, x)
    delta = softmax(acts[-1])
    delta[np.arange(len(labels)), labels] -= 1
    delta /= len(labels)
    grads = []
    for (weight, _), act in zip(reversed(params), reversed(acts[:-1])):
        grads.append([act.T @ delta, delta.sum(axis=0)])
        delta = (delta @ weight.T) * (act > 0)
    return grads[::-1]


def train(images, labels):
    """Fit the network with Adam, its learning rate falling linearly to zero."""
    rng = np.random.default_rng(SEED)
    params = [
        [
            rng.standard_normal((n_in, n_out), np.float32) * np.float32(np.sqrt(2 / n_in)),
            np.zeros(n_out, np.float32),
        ]
        for n_in, n_out in zip(LAYERS, LAYERS[1:])
    ]
    moments = [[(np.zeros_like(p), np.zeros_like(p)) for p in layer] for layer in params]
    total_steps = EPOCHS * -(-len(images) // BATCH)
    step = 0
    for _ in range(EPOCHS):
        order = rng.permutation(len(images))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            grads = gradients(params, images[rows], labels[rows])
            rate = LEARNING_RATE * (1 - step / total_steps)
            step += 1
            for layer, layer_grads, layer_moments in zip(params, grads, moments):
                for p, g, (m, v) in zip(layer, layer_grads, layer_moments):
                    m += (1 - BETA1) * (g - m)
                    v += (1 - BETA2) * (g * g - v)
                    m_hat = m / (1 - BETA1**step)
                    v_hat = v / (1 - BETA2**step)
                    p -= rate * m_hat / (np.sqrt(v_hat) + EPSILON)
    return params


def nll(logits, labels):
    """Mean negative log-likelihood."""
    top = logits.max(axis=1)
    log_sum = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.mean(log_sum - logits[np.arange(len(labels)), labels])


def ece(probs, labels):
    """Top-label expected calibration error over equal-width bins (lo, hi]."""
    confidence = probs.max(axis=1)
    correct = probs.argmax(axis=1) == labels
    bins = np.ceil(confidence * ECE_BINS)
    gaps = [(correct[bins == b] - confidence[bins == b]).sum() for b in np.unique(bins)]
    return np.abs(gaps).sum() / len(labels)


def best_temperature(logits, labels):
    """Temperature T that minimises the NLL of logits / T.

    The NLL is convex in 1/T, so bisect 1/T on the sign of its derivative.
    """
    target = logits[np.arange(len(labels)), labels].mean()
    low, high = 0.01, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        slope = (softmax(logits * middle) * logits).sum(axis=1).mean() - target
        low, high = (middle, high) if slope < 0 else (low, middle)
    return 1 / middle


def accuracy(logits, labels):
    return np.mean(logits.argmax(axis=1) == labels)


def report(train_accuracy, logits, labels):
    logits = logits.astype(np.float64)
    temperature = best_temperature(logits, labels)
    probs, scaled = softmax(logits), logits / temperature
    print(f"train accuracy         {train_accuracy:.4f}")
    print(f"test accuracy          {accuracy(logits, labels):.4f}")
    print(f"test mean confidence   {probs.max(axis=1).mean():.4f}")
    print(f"test NLL               {nll(logits, labels):.4f}")
    print(f"test ECE, {ECE_BINS} bins      {ece(probs, labels):.4f}")
    print(f"best temperature       {temperature:.4f}")
    print(f"test NLL after         {nll(scaled, labels):.4f}")
    print(f"test ECE after         {ece(softmax(scaled), labels):.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--dataset",
        type=Path,
        default="/usr/share/datasets/fashion-mnist",
        help="folder of the four Fashion-MNIST .gz files (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        default=Path(__file__).with_name("sample.npz"),
        help="file to write (default: sample.npz beside this script)",
    )
    args = parser.parse_args()

    train_images, train_labels = load(args.dataset, "train")
    test_images, test_labels = load(args.dataset, "t10k")
    params = train(train_images, train_labels)
    train_logits = activations(params, train_images)[-1]
    test_logits = activations(params, test_images)[-1]

    np.savez(args.output, logits=test_logits.astype("<f4"), labels=test_labels)
    report(accuracy(train_logits, train_labels), test_logits, test_labels)


if __name__ == "__main__":
    main()
