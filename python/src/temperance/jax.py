"""Losses for JAX: pure functions that jit, grad and vmap, with the numbers of the kernel.

They are made of ``jax.numpy`` alone, so that XLA fuses them into the model they train.
"""

from __future__ import annotations

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

__all__ = ["confidence_penalty", "cross_entropy", "entropy", "temperature_scale"]

Reduction = Literal["none", "mean", "sum"]


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: ArrayLike = 0.0,
    confidence_penalty: ArrayLike = 0.0,
    z_loss: ArrayLike = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
) -> Array:
    """Cross-entropy with label smoothing and confidence penalty.

    Parameters
    ----------
    logits : array of shape (..., K)
        Logits; the class axis is the last.
    targets : array of shape (...) or (..., K)
        Class indices of an integer dtype, or shares of the classes.
    label_smoothing : float, default 0.0
        ε, from 0 to 1; ε/K goes to every class. Not checked, as it may be traced.
    confidence_penalty : float, default 0.0
        β; β times the entropy of the prediction is taken off.
    z_loss : float, default 0.0
        λ; λ times the square of ln Σ exp(z) is added.
    weight : array of shape (K,), optional
        A weight for each class.
    ignore_index : int, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count.

    Returns
    -------
    Array
        The loss in nats. A class index outside 0 to K - 1 gives NaN: under jit nothing can be raised.

    Examples
    --------
    >>> import jax.numpy as jnp, temperance.jax
    >>> round(float(temperance.jax.cross_entropy(jnp.array([[2.0, 0.0]]), jnp.array([0]), label_smoothing=0.1)), 5)
    0.22693
    """
    logits, targets = jnp.asarray(logits), jnp.asarray(targets)
    classes = logits.shape[-1]
    log_p = jax.nn.log_softmax(logits, axis=-1)
    hard = jnp.issubdtype(targets.dtype, jnp.integer)
    if hard and targets.shape != logits.shape[:-1]:
        raise ValueError(f"targets is of shape {targets.shape}; expected {logits.shape[:-1]}, one for each row")
    if not hard and targets.shape != logits.shape:
        raise ValueError(f"targets is of shape {targets.shape}; expected {logits.shape}, shares of the classes")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f'reduction is {reduction!r}; expected "none", "mean" or "sum"')
    if hard:
        counts = targets != ignore_index
        legal = jnp.asarray((targets >= 0) & (targets < classes))
        label = jnp.where(legal, targets, 0)
        shares = jax.nn.one_hot(label, classes, dtype=log_p.dtype)
    else:
        counts = legal = jnp.ones(targets.shape[:-1], bool)
        label = jnp.zeros(targets.shape[:-1], int)
        shares = targets.astype(log_p.dtype)
    shares = shares * (1 - label_smoothing) + label_smoothing / classes
    own = jnp.ones(logits.shape[:-1], log_p.dtype)
    if weight is not None:
        weight = jnp.asarray(weight, log_p.dtype)
        shares = shares * weight
        own = weight[label] if hard else own
    # A share of 0 takes nothing of a class that cannot occur.
    value = -jnp.where(shares == 0, 0.0, shares * jnp.where(shares == 0, 0.0, log_p)).sum(-1)
    # The penalties of a row weigh as its label does.
    value = value + own * (z_loss * jax.nn.logsumexp(logits, axis=-1) ** 2 - confidence_penalty * _entropy(log_p))
    value = jnp.where(counts, jnp.where(legal, value, jnp.nan), 0.0)
    if reduction == "none":
        return value
    if reduction == "sum":
        return value.sum()
    return value.sum() / jnp.where(counts, own, 0.0).sum()


def _entropy(log_p: Array) -> Array:
    possible = log_p > -jnp.inf
    safe = jnp.where(possible, log_p, 0.0)
    return -jnp.where(possible, jnp.exp(safe) * safe, 0.0).sum(-1)


def entropy(logits: ArrayLike) -> Array:
    """Entropy of softmax(z) along the last axis, in nats.

    Examples
    --------
    >>> import jax.numpy as jnp, temperance.jax
    >>> round(float(temperance.jax.entropy(jnp.zeros(2))), 4)
    0.6931
    """
    return _entropy(jax.nn.log_softmax(jnp.asarray(logits), axis=-1))


def confidence_penalty(logits: ArrayLike, beta: ArrayLike) -> Array:
    """-β times the mean entropy of softmax(z), to be added to a loss.

    Examples
    --------
    >>> import jax.numpy as jnp, temperance.jax
    >>> round(float(temperance.jax.confidence_penalty(jnp.zeros((3, 2)), beta=0.1)), 4)
    -0.0693
    """
    return -jnp.asarray(beta) * entropy(logits).mean()


def temperature_scale(logits: ArrayLike, T: ArrayLike) -> Array:
    """Probabilities softmax(z / T) along the last axis.

    Examples
    --------
    >>> import jax.numpy as jnp, temperance.jax
    >>> [round(float(p), 4) for p in temperance.jax.temperature_scale(jnp.array([2.0, 0.0]), T=2.0)]
    [0.7311, 0.2689]
    """
    return jax.nn.softmax(jnp.asarray(logits) / T, axis=-1)
