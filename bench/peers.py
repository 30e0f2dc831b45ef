"""One timed run of a peer on arrays in memory: `peers.py NAME logits.npy labels.npy` prints JSON."""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

WARM_UP_ROWS = 1000


def timed(fit, rows):
    """Seconds of fit(rows), after a small fit that wakes threads and lazy imports; and its T."""
    fit(min(rows, WARM_UP_ROWS))
    start = time.perf_counter()
    temperature = fit(rows)
    return {"seconds": [time.perf_counter() - start], "temperature": float(temperature)}


def scikit_learn(logits, labels):
    """What CalibratedClassifierCV(method="temperature") fits, on logits."""
    from sklearn.calibration import _TemperatureScaling

    return timed(lambda n: 1 / _TemperatureScaling().fit(logits[:n], labels[:n]).beta_, len(labels))


def probmetrics(logits, labels):
    """Its default method (bisection) on logits: the torch interface; the numpy one takes probabilities."""
    import torch
    from probmetrics.calibrators import get_calibrator
    from probmetrics.distributions import CategoricalLogits

    z, y = torch.from_numpy(logits), torch.from_numpy(labels)

    def fit(n):
        calibrator = get_calibrator("temp-scaling")
        return 1 / calibrator.fit_torch(CategoricalLogits(z[:n]), y[:n]).invtemp_

    return timed(fit, len(labels)) | {"threads": torch.get_num_threads()}


def read_once(logits, _labels):
    """No fit: one pass that sums the array, on all cores."""
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:
        parts = np.array_split(logits, cores)
        list(pool.map(np.sum, parts))
        start = time.perf_counter()
        list(pool.map(np.sum, parts))
        return {"seconds": [time.perf_counter() - start]}


PEERS = {"scikit-learn": scikit_learn, "probmetrics": probmetrics, "read once": read_once}

if __name__ == "__main__":
    name, logits_path, labels_path = sys.argv[1:]
    print(json.dumps(PEERS[name](np.load(logits_path), np.load(labels_path))))
