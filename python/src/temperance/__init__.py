"""Train, calibrate and measure the softmax output of classifiers.

Functions of NumPy arrays are here. ``temperance.sklearn`` has estimators, ``temperance.torch``, ``temperance.keras`` and
``temperance.jax`` have losses for those frameworks; each needs its framework only when it is imported.

Examples
--------
>>> import temperance
>>> round(temperance.cross_entropy([[2.0, 0.0]], [0], label_smoothing=0.1), 6)
0.226928
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from temperance import _native
from temperance import losses as _losses
from temperance._files import load, save
from temperance._native import Calibrator, FitError, confidence_penalty, entropy, log_softmax, softmax, temperature_scale
from temperance._report import Comparison, Report, compare, report
from temperance.losses import *  # noqa: F403

__version__: str = _native.__version__

_registry = _native.registry()
#: Names of the losses.
LOSSES: tuple[str, ...] = tuple(entry["name"] for entry in _registry["losses"])
#: Names of the calibration methods, from the simplest to the richest.
METHODS: tuple[str, ...] = tuple(entry["name"] for entry in _registry["methods"])
#: Names of the metrics.
METRICS: tuple[str, ...] = tuple(entry["name"] for entry in _registry["metrics"])

__all__ = [
    "LOSSES",
    "METHODS",
    "METRICS",
    "Calibrator",
    "Comparison",
    "FitError",
    "Report",
    "compare",
    "confidence_penalty",
    "entropy",
    "evaluate",
    "fit",
    "load",
    "log_softmax",
    "report",
    "save",
    "softmax",
    "temperature_scale",
    *_losses.__all__,
]


def fit(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    method: str = "temperature",
    probabilities: bool = False,
    weights: ArrayLike | None = None,
    zeros: str = "clip",
    ignore_index: int | None = None,
    class_names: Sequence[str] | None = None,
    parameters: Mapping[str, float] | None = None,
    progress: bool | Callable[[str, int, int | None, int], object] = False,
) -> Calibrator:
    """Fits a calibrator.

    Parameters
    ----------
    scores : array_like of shape (n, K)
        Logits, or probabilities if ``probabilities`` is true.
    labels : array_like of shape (n,) or (n, K)
        Class indices, or shares of the classes where the method takes them.
    method : str, default "temperature"
        A name of ``METHODS``, or "auto": the simplest method that cross-validation does not tell from the best.
    probabilities : bool, default False
        Whether the scores are probabilities. Never guessed from the values.
    weights : array_like of shape (n,), optional
        Weights of the rows.
    zeros : {"clip", "error", "infinite"}, default "clip"
        What a probability of 0 counts as: 1.1754944e-38, an error, or a class that cannot occur.
    ignore_index : int, optional
        A label that does not count.
    class_names : sequence of K str, optional
        Names of the classes, for the file.
    parameters : dict, optional
        Parameters of the method, by the names that ``temperance methods NAME`` lists.
    progress : bool or callable, default False
        True shows a bar of tqdm; a callable is given the task, rows read, rows in all, and the pass.

    Returns
    -------
    Calibrator
        Its ``apply(scores)`` gives probabilities, its ``certificate`` tells of the fit.

    Raises
    ------
    FitError
        If the rows do not determine the parameters.
    ValueError
        If a value, label, weight, shape or name is not legal.

    Examples
    --------
    >>> import temperance
    >>> fitted = temperance.fit([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 2.0]], [0, 0, 1, 1])
    >>> round(fitted.parameters["temperature"], 4)
    1.8205
    """
    names = None if class_names is None else [str(name) for name in class_names]
    classes = np.shape(scores)[-1:]
    if names is not None and (len(names),) != classes:
        raise ValueError(f"number of class names is {len(names)}; expected one for each of the {classes[0]} columns")
    _one_axis("weights", weights)
    bar = _Bar() if progress is True else None
    told = bar if bar is not None else progress if callable(progress) else None
    try:
        return _native.fit(
            method,
            scores,
            labels,
            dict(parameters or {}),
            probabilities=probabilities,
            weights=weights,
            zeros=zeros,
            ignore_index=ignore_index,
            class_names=names,
            progress=told,
        )
    finally:
        if bar is not None:
            bar.close()


def _one_axis(what: str, array: ArrayLike | None) -> None:
    if array is not None and np.ndim(array) != 1:
        raise ValueError(f"{what} has {np.ndim(array)} axes; expected one, with a number for each row")


class _Bar:
    """Progress by tqdm."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        self._bar = tqdm(unit=" rows", leave=False)
        self._of: tuple[str, int] | None = None

    def __call__(self, task: str, rows: int, total: int | None, passes: int) -> None:
        if self._of != (task, passes):
            self._of = task, passes
            self._bar.reset(total)
            self._bar.set_description(f"{task}, pass {passes + 1}", refresh=False)
        self._bar.update(rows - self._bar.n)

    def close(self) -> None:
        self._bar.close()


def evaluate(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    probabilities: bool = False,
    weights: ArrayLike | None = None,
    zeros: str = "clip",
    ignore_index: int | None = None,
    bins: int = 15,
    metrics: Sequence[str] | None = None,
    event: str = "confidence",
    bootstrap: int = 0,
    level: float = 0.95,
    interval: str = "percentile",
    seed: int = 0,
    groups: ArrayLike | None = None,
) -> dict[str, Any]:
    """Measures how good and how calibrated probabilities are.

    Parameters
    ----------
    scores : array_like of shape (n, K)
        Logits, or probabilities if ``probabilities`` is true.
    labels : array_like of shape (n,) or (n, K)
        Class indices, or shares of the classes.
    probabilities : bool, default False
        Whether the scores are probabilities.
    weights : array_like of shape (n,), optional
        Weights of the rows.
    zeros : {"clip", "error", "infinite"}, default "clip"
        What a probability of 0 counts as where its logarithm is needed.
    ignore_index : int, optional
        A label that does not count.
    bins : int, default 15
        Bins of the calibration errors that have bins.
    metrics : sequence of str, optional
        Names of ``METRICS`` to measure besides the standard ones.
    event : {"confidence", "positive"}, default "confidence"
        What calibration is of: the largest probability, or the probability of class 1 of two.
    bootstrap : int, default 0
        Resamplings behind the intervals; 0 for none.
    level : float, default 0.95
        Level of the intervals.
    interval : {"percentile", "basic", "bca"}, default "percentile"
        Kind of the intervals.
    seed : int, default 0
        Seed of the resampling.
    groups : array_like of int of shape (n,), optional
        Groups that are resampled whole.

    Returns
    -------
    dict
        ``metrics`` and ``intervals`` by name, ``reliability`` (the bins), ``conventions``, ``rows``, ``weight``, ``classes``.

    Examples
    --------
    >>> import temperance
    >>> found = temperance.evaluate([[0.8, 0.2], [0.3, 0.7]], [0, 0], probabilities=True)
    >>> round(found["metrics"]["ece"], 3), round(found["metrics"]["brier"], 3)
    (0.45, 0.53)
    """
    if bins < 1:
        raise ValueError(f"number of bins is {bins}; expected at least 1")
    if bootstrap < 0 or seed < 0:
        name, value = ("resamplings", bootstrap) if bootstrap < 0 else ("the seed", seed)
        raise ValueError(f"number of {name} is {value}; expected 0 or above")
    _one_axis("weights", weights)
    _one_axis("groups", groups)
    parts: list[int] | None = None
    if groups is not None:
        parts = np.unique(np.asarray(groups), return_inverse=True)[1].tolist()
    return _native.evaluate(
        scores,
        labels,
        probabilities=probabilities,
        weights=weights,
        zeros=zeros,
        ignore_index=ignore_index,
        bins=bins,
        metrics=None if metrics is None else list(metrics),
        event=event,
        bootstrap=bootstrap,
        level=level,
        interval=interval,
        seed=seed,
        groups=parts,
    )


