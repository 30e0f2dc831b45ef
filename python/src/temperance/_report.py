"""Reports and comparisons: the command's own, on arrays."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from temperance import _native
from temperance._files import write


class Page:
    """What a command wrote: numbers, a page, figures.

    In a notebook it shows itself. ``data`` is the whole of it as a dictionary.
    """

    def __init__(self, data: dict[str, Any], html: str, figures: dict[str, str], text: str) -> None:
        self.data = data
        self._html = html
        self._figures = figures
        self._text = text

    def _repr_html_(self) -> str:
        # The page stands alone, with styles of its own: in a frame, it and the notebook leave each other alone.
        escaped = self._html.replace("&", "&amp;").replace('"', "&quot;")
        return f'<iframe srcdoc="{escaped}" width="100%" height="720" style="border:0" title="temperance"></iframe>'

    def __str__(self) -> str:
        return self._text

    @property
    def html(self) -> str:
        """The page: one file that needs no other."""
        return self._html

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the page."""
        write(path, self._html)

    @property
    def figures(self) -> list[str]:
        """Names of the figures."""
        return list(self._figures)

    def svg(self, name: str | None = None) -> str:
        """A figure as SVG; the first if none is named."""
        name = self.figures[0] if name is None else name
        if name not in self._figures:
            raise ValueError(f"figure is {name!r}; expected {', '.join(self.figures)}")
        return self._figures[name]


class Report(Page):
    """How a model did before and after calibration."""

    @property
    def metrics(self) -> dict[str, dict[str, float]]:
        """Metrics by name, ``before`` and ``after``."""
        known = {entry["name"] for entry in _native.registry()["metrics"]}
        sides = {side: self.data[side].items() for side in ("before", "after")}
        return {side: {name: value for name, value in items if name in known} for side, items in sides.items()}

    def figure(self) -> Any:
        """A reliability diagram before and after, as a matplotlib figure."""
        from matplotlib import pyplot

        figure, axes = pyplot.subplots(1, 2, sharex=True, sharey=True, figsize=(8, 4), layout="constrained")
        # The caller's alone: shown where it is asked for, and not once more at the end of a cell.
        pyplot.close(figure)
        for axis, side in zip(axes, ("before", "after"), strict=True):
            bins = [bin for bin in self.data[side]["reliability"] if bin["weight"]]
            confidence = [bin["confidence"] for bin in bins]
            accuracy = np.array([bin["accuracy"] for bin in bins])
            ends = np.array([bin["band"] for bin in bins]).T
            axis.plot([0, 1], [0, 1], color="0.6", linewidth=1)
            axis.errorbar(confidence, accuracy, yerr=[accuracy - ends[0], ends[1] - accuracy], fmt="o-", capsize=2)
            axis.set(title=f"{side}: ECE {self.metrics[side]['ece']:.4f}", xlabel="confidence", xlim=(0, 1), ylim=(0, 1))
        axes[0].set_ylabel("accuracy")
        return figure


class Comparison(Page):
    """Calibration methods on rows that each has not seen."""

    @property
    def recommended(self) -> str:
        """The simplest method that is not significantly worse than any other."""
        return self.data["recommended"]

    @property
    def best(self) -> str:
        """The method of the lowest score."""
        return self.data["best"]

    @property
    def methods(self) -> list[dict[str, Any]]:
        """Each method with its metrics, intervals, differences and times."""
        return self.data["methods"]


def report(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    method: str = "temperature",
    probabilities: bool = False,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    test: tuple[ArrayLike, ArrayLike] | None = None,
    parameters: Mapping[str, float] | None = None,
    **options: Any,
) -> Report:
    """Fits a calibrator to some of the rows, measures the rest before and after, and makes a page of it.

    Parameters
    ----------
    scores : array_like of shape (n, K)
        Logits, or probabilities if ``probabilities`` is true.
    labels : array_like of shape (n,) or (n, K)
        Class indices, or shares of the classes.
    method : str, default "temperature"
        A name of ``temperance.METHODS``, or "auto".
    probabilities : bool, default False
        Whether the scores are probabilities.
    weights, groups : array_like of shape (n,), optional
        Weights of the rows; groups that intervals and splits keep together.
    class_names : sequence of K str, optional
        Names of the classes.
    test : pair of scores and labels, optional
        Rows to measure on; all of ``scores`` are then fitted.
    parameters : dict, optional
        Parameters of the method.
    **options
        Any option of ``temperance calibrate``: ``bootstrap=200`` is ``--bootstrap 200``.

    Returns
    -------
    Report

    Examples
    --------
    >>> import numpy as np, temperance
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=(2000, 4))
    >>> labels = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    >>> page = temperance.report(3 * truth, labels, bootstrap=50)
    >>> round(page.data["calibrator"]["temperature"], 1)
    3.0
    """
    more = {"method": method, "parameter": [f"{k}={v}" for k, v in (parameters or {}).items()], **options}
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"weights": weights, "groups": groups}
        arguments = _files(folder, scores, labels, probabilities, arrays, class_names)
        if test is not None:
            arguments += _files(folder, *test, probabilities, {}, None, "test-")
        out = _run("calibrate", folder, arguments, more)
        return Report(*_written(folder, "report", out))


def compare(
    scores: ArrayLike,
    labels: ArrayLike,
    *,
    methods: Sequence[str] | None = None,
    probabilities: bool = False,
    weights: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    class_names: Sequence[str] | None = None,
    **options: Any,
) -> Comparison:
    """Compares calibration methods by cross-validation.

    Parameters
    ----------
    scores : array_like of shape (n, K)
        Logits, or probabilities if ``probabilities`` is true.
    labels : array_like of shape (n,) or (n, K)
        Class indices, or shares of the classes.
    methods : sequence of str, optional
        Names of ``temperance.METHODS``; all if not given.
    probabilities : bool, default False
        Whether the scores are probabilities.
    weights, groups : array_like of shape (n,), optional
        Weights of the rows; groups of rows that no two folds share.
    class_names : sequence of K str, optional
        Names of the classes.
    **options
        Any option of ``temperance compare``: ``rank_by="brier"`` is ``--rank-by brier``.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import numpy as np, temperance
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(size=(2000, 4))
    >>> labels = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    >>> found = temperance.compare(3 * truth, labels, methods=["temperature", "vector"], bootstrap=100)
    >>> found.recommended
    'temperature'
    """
    more: dict[str, Any] = {**options}
    if methods is not None:
        more["methods"] = ",".join(methods)
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"weights": weights, "groups": groups}
        arguments = _files(folder, scores, labels, probabilities, arrays, class_names)
        out = _run("compare", folder, arguments, more)
        return Comparison(*_written(folder, "comparison", out))


def _files(
    folder: str,
    scores: ArrayLike,
    labels: ArrayLike,
    probabilities: bool,
    arrays: Mapping[str, ArrayLike | None],
    class_names: Sequence[str] | None,
    prefix: str = "",
) -> list[str]:
    """Writes arrays as files, and says how the command is told of them."""
    arguments: list[str] = []

    def put(option: str, array: ArrayLike) -> None:
        path = os.path.join(folder, f"{prefix}{option}.npy")
        array = np.asarray(array)
        if array.dtype.hasobject:
            raise TypeError(f"{option.replace('-', ' ')} has dtype {array.dtype}; expected numbers")
        # bfloat16 has no form in a file of NumPy.
        np.save(path, array.astype(np.float32) if array.dtype.name == "bfloat16" else array, allow_pickle=False)
        arguments.extend([f"--{prefix}{option}", path])

    put("probabilities" if probabilities else "logits", scores)
    put("labels" if np.ndim(labels) < 2 else "soft-labels", labels)
    for option, array in arrays.items():
        if array is not None:
            put(option, array)
    if class_names is not None:
        path = os.path.join(folder, "names.txt")
        Path(path).write_text("".join(f"{name}\n" for name in class_names), encoding="utf-8")
        arguments.extend(["--class-names", path])
    return arguments


#: Options that are this module's own.
_OURS = ("output", "force", "json", "quiet", "logits", "probabilities", "labels")


def _run(command: str, folder: str, arguments: list[str], options: Mapping[str, Any]) -> str:
    """Runs the command; gives what it said."""
    for name, value in options.items():
        if name in _OURS:
            raise TypeError(f"option is {name!r}; expected one that does not say where results go or how they are told")
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list) else [value]:
            if one is True:
                arguments.append(option)
            elif one is not False and one is not None:
                arguments.extend([option, str(one)])
    code, stdout, stderr = _native.command(
        ["temperance", command, *arguments, "--output", os.path.join(folder, "out")]
    )
    if code != 0:
        # The files are ours; their names mean nothing to the caller.
        text = stderr.strip().removeprefix("error: ").replace(folder + os.sep, "")
        if text.startswith("unexpected argument"):
            option = text.split("'")[1].removeprefix("--").replace("-", "_")
            raise TypeError(f"option is {option!r}; expected an option of temperance {command}")
        raise ValueError(text.split("\n\nUsage:")[0].split("\n\nFor more")[0])
    return stdout.split("\nwritten to")[0]


def _written(folder: str, stem: str, text: str) -> tuple[dict[str, Any], str, dict[str, str], str]:
    out = Path(folder) / "out"
    data = json.loads((out / f"{stem}.json").read_text(encoding="utf-8"))
    html = (out / f"{stem}.html").read_text(encoding="utf-8")
    figures = {path.stem: path.read_text(encoding="utf-8") for path in sorted(out.glob("*.svg"))}
    return data, html, figures, text
