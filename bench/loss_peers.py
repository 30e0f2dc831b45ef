"""Losses of PyTorch and JAX: `loss_peers.py torch|jax FOLDER` answers the requests of losses.py as rust/ does."""

import os
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np

CORES = len(os.sched_getaffinity(0))


class Torch:
    """Eager and compiled, both composed of one log_softmax where no ready loss exists."""

    def __init__(self):
        import torch
        from torch.nn import functional

        # One compilation for each shape and loss; by default the ninth would silently run eagerly.
        torch._dynamo.config.recompile_limit = 1000
        torch._dynamo.config.fail_on_recompile_limit_hit = True
        torch.set_num_threads(CORES)
        self.torch = torch

        def loss(logits, labels, epsilon, beta):
            if beta == 0:
                return functional.cross_entropy(logits, labels, label_smoothing=epsilon)
            log_p = functional.log_softmax(logits, dim=1)
            smoothed = (1 - epsilon) * functional.nll_loss(log_p, labels) - epsilon * log_p.mean()
            entropy = -(log_p.exp() * log_p).sum(dim=1)
            return smoothed - beta * entropy.mean()

        self.losses = {"PyTorch": loss, "torch.compile": torch.compile(loss, dynamic=False)}

    def threads(self):
        return self.torch.get_num_threads()

    def load(self, logits, labels):
        return self.torch.from_numpy(logits).requires_grad_(), self.torch.from_numpy(labels)

    def task(self, contestant, data, epsilon, beta, task):
        logits, labels = data
        loss = self.losses[contestant]

        def gradient():
            value = loss(logits, labels, epsilon, beta)
            return value.detach(), self.torch.autograd.grad(value, logits)[0]

        def alone():
            with self.torch.no_grad():
                return loss(logits, labels, epsilon, beta), None

        return gradient if task == "gradient" else alone


class Jax:
    """Composed, differentiated and compiled as a whole."""

    def __init__(self):
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax
        from jax import numpy as jnp

        def loss(logits, labels, epsilon, beta):
            log_p = jax.nn.log_softmax(logits)
            of_labels = jnp.take_along_axis(log_p, labels[:, None], axis=1)
            value = -(1 - epsilon) * of_labels.mean() - epsilon * log_p.mean()
            if beta != 0:
                entropy = -(jnp.exp(log_p) * log_p).sum(axis=1)
                value -= beta * entropy.mean()
            return value

        self.jax, self.loss, self.compiled = jax, loss, {}

    def threads(self):
        return CORES

    def load(self, logits, labels):
        return self.jax.device_put(logits), self.jax.device_put(labels.astype(np.int32))

    def task(self, _contestant, data, epsilon, beta, task):
        key = epsilon, beta, task
        if key not in self.compiled:
            loss = partial(self.loss, epsilon=epsilon, beta=beta)
            self.compiled[key] = self.jax.jit(self.jax.value_and_grad(loss) if task == "gradient" else loss)
        compiled = self.compiled[key]

        def gradient():
            return self.jax.block_until_ready(compiled(*data))

        def alone():
            return self.jax.block_until_ready(compiled(*data)), None

        return gradient if task == "gradient" else alone


def run(task, repeats):
    """Seconds of a call; results are freed while the clock stands."""
    seconds = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        answer = task()
        seconds += time.perf_counter() - start
        del answer
    return seconds / repeats


def main():
    peer = {"torch": Torch, "jax": Jax}[sys.argv[1]]()
    folder, data = Path(sys.argv[2]), {}
    for line in sys.stdin:
        match line.rstrip("\n").split("\t"):
            case ["about"]:
                reply = peer.threads()
            case ["load", shape]:
                rows, classes = map(int, shape.split("x"))
                logits = np.fromfile(folder / f"{shape}.logits", np.float32).reshape(rows, classes)
                data[shape] = peer.load(logits, np.fromfile(folder / f"{shape}.labels", np.int64))
                reply = "ok"
            case ["run", contestant, shape, epsilon, beta, task, repeats]:
                work = peer.task(contestant, data[shape], float(epsilon), float(beta), task)
                reply = run(work, int(repeats))
            case ["save", contestant, shape, epsilon, beta, task, file]:
                value, gradient = peer.task(contestant, data[shape], float(epsilon), float(beta), task)()
                if gradient is not None:
                    np.asarray(gradient).tofile(file)
                reply = float(value)
            case request:
                raise ValueError(f"unknown request {request}")
        print(reply, flush=True)


if __name__ == "__main__":
    main()
