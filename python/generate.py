"""Writes the parts of the package that follow from the registries: `python generate.py`; `--check` only compares.

Each loss becomes two functions of `src/temperance/losses.py`, each calibration method an estimator of `src/temperance/estimators.py`,
with the parameters, formulas and sources that the registries hold. The numbers in examples are computed here.
"""

import math
import sys
import textwrap
from pathlib import Path

import numpy as np

from temperance import _native

HERE = Path(__file__).parent / "src" / "temperance"
HEAD = '"""{title}\n\nWritten by `python/generate.py` from the registries: change those, or the generator.\n"""\n\n'

ESTIMATORS = {
    "identity": "Identity",
    "temperature": "TemperatureScaling",
    "ensemble_temperature": "EnsembleTemperatureScaling",
    "temperature_biases": "TemperatureBiasScaling",
    "platt": "PlattScaling",
    "structured_vector": "StructuredVectorScaling",
    "vector": "VectorScaling",
    "beta": "BetaCalibration",
    "quadratic": "QuadraticScaling",
    "structured_matrix": "StructuredMatrixScaling",
    "dirichlet": "DirichletCalibration",
    "centred_isotonic": "CentredIsotonicCalibration",
    "isotonic": "IsotonicCalibration",
    "histogram": "HistogramBinning",
    "scaling_binning": "ScalingBinning",
    "bbq": "BayesianBinning",
    "venn_abers": "VennAbers",
    "matrix": "MatrixScaling",
}

# Example data: three classes, and a teacher that is less sure.
LOGITS = [[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]]
LABELS = [0, 2]


def default(value):
    """A default as Python writes it."""
    number = float(value)
    if math.isinf(number):
        return "math.inf" if number > 0 else "-math.inf"
    return repr(number)


def wrapped(text, indent, first=""):
    """Lines of at most 120 characters."""
    pad = " " * indent
    return textwrap.fill(text, 120, initial_indent=pad + first, subsequent_indent=pad, break_on_hyphens=False)


def sentence(text):
    """A summary as a sentence."""
    return text[0].upper() + text[1:] + "."


def described(parameters, indent):
    lines = []
    for p in parameters:
        lines.append(" " * indent + f"{p['name']} : float, default {default(p['default'])}")
        lines.append(wrapped(p["domain"][0].upper() + p["domain"][1:] + ".", indent + 4))
    return "\n".join(lines)


def loss(entry):
    name, parameters = entry["name"], entry["parameters"]
    teacher = "teacher: ArrayLike, " if entry["teacher"] else ""
    keywords = "".join(f"    {p['name']}: float = {default(p['default'])},\n" for p in parameters)
    settings = "{\n" + "".join(f'        "{p["name"]}": {p["name"]},\n' for p in parameters) + "    }"
    pass_teacher = "teacher" if entry["teacher"] else "None"
    example = [LOGITS, LABELS] + ([[[x / 2 for x in row] for row in LOGITS]] if entry["teacher"] else [])
    arguments = ", ".join(map(str, example))
    value, gradient = _native.loss(
        name, np.array(LOGITS), np.array(LABELS), {}, teacher=example[2] if entry["teacher"] else None, gradient=True
    )
    soft = "        Or shares of the classes, in the shape of the logits.\n" if entry["soft_labels"] else ""
    teacher_doc = "    teacher : array_like\n        Logits of the teacher, in the shape of the logits.\n" if teacher else ""
    shared = f"""    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
{soft}{teacher_doc}{described(parameters, 4)}
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {{"mean", "sum", "none"}}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
"""
    source = f"""    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
{wrapped(entry["formula"] + ", in nats.", 4)}

    References
    ----------
{wrapped(entry["source"] + ".", 4)}
"""
    text = f'''def {name}(
    logits: ArrayLike,
    targets: ArrayLike,
    {teacher}
    *,
{keywords}    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """{sentence(entry["summary"])}

    Parameters
    ----------
{shared}
    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

{source}
    Examples
    --------
    >>> import temperance
    >>> round(temperance.{name}({arguments}), 6)
    {round(value, 6)}
    """
    settings = {settings}
    return _native.loss("{name}", logits, targets, settings, weight, ignore_index, reduction, {pass_teacher})


def {name}_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    {teacher}
    *,
{keywords}    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`{name}` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
{shared}    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

{source}
    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.{name}_with_grad({arguments})
    >>> [round(g, 6) for g in gradient[0].tolist()]
    {[round(g, 6) for g in gradient[0].tolist()]}
    """
    settings = {settings}
    return _native.loss(
        "{name}", logits, targets, settings, weight, ignore_index, reduction, {pass_teacher}, True, upstream, out
    )
'''
    return text.replace("\n    \n    *,", "\n    *,").replace(", \n    *,", ",\n    *,")


def losses(registry):
    names = [entry["name"] for entry in registry["losses"]]
    listed = "".join(f'    "{name}",\n    "{name}_with_grad",\n' for name in names)
    head = HEAD.format(title="Losses of NumPy arrays, and their gradients.")
    head += "from __future__ import annotations\n\nimport math\nfrom typing import Any, Literal\n\n"
    head += "from numpy.typing import ArrayLike, NDArray\n\nfrom temperance import _native\n\n"
    head += f"__all__ = [\n{listed}]\n\n"
    head += 'Reduction = Literal["none", "mean", "sum"]\n'
    return head + "".join("\n\n" + loss(entry) for entry in registry["losses"])


def estimator(entry):
    name, parameters = entry["name"], entry["parameters"]
    keywords = "".join(f"        {p['name']}: float = {default(p['default'])},\n" for p in parameters)
    assigned = "".join(f"        self.{p['name']} = {p['name']}\n" for p in parameters)
    assigned = assigned.replace("= inf", "= math.inf")
    described_parameters = described(parameters, 4) + "\n" if parameters else ""
    settings = ", ".join(f'"{p["name"]}"' for p in parameters) + ("," if len(parameters) == 1 else "")
    scores = np.array([[3.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 4.0], [1.0, 0.0], [0.0, 2.0]])
    labels = np.array([0, 1, 1, 1, 0, 0])
    fitted = _native.fit(name, scores, labels, {})
    first = [round(p, 4) for p in fitted.apply(scores)[0].tolist()]
    return f'''class {ESTIMATORS[name]}(Calibration):
    """{sentence(entry["summary"])}

    Parameters
    ----------
{described_parameters}    scores : {{"logits", "probabilities"}}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {{"clip", "error", "infinite"}}, default "clip"
        What a probability of 0 counts as: 1.1754944e-38, an error, or a class that cannot occur.
    classes : array_like of K labels, optional
        The class of each column. Not needed if the labels are the integers from 0 to K - 1, or if every class occurs.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The class of each column.
    calibrator_ : temperance.Calibrator
        What was fitted: its parameters, its certificate, its file.

    References
    ----------
{wrapped(entry["source"] + ".", 4)}

    Examples
    --------
    >>> from temperance.sklearn import {ESTIMATORS[name]}
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = {ESTIMATORS[name]}().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    {first}
    """

    method = "{name}"
    _settings = ({settings})

    def __init__(
        self,
        *,
{keywords}        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
{assigned}        self.scores = scores
        self.zeros = zeros
        self.classes = classes
'''


def estimators(registry):
    names = sorted(ESTIMATORS[entry["name"]] for entry in registry["methods"])
    head = HEAD.format(title="The calibration methods as scikit-learn estimators.")
    body = "".join("\n\n" + estimator(entry) for entry in registry["methods"])
    head += "from __future__ import annotations\n\n"
    head += "import math\n" if "math." in body else ""
    head += "from typing import Any\n\nfrom temperance._calibration import Calibration\n\n"
    head += "__all__ = [\n" + "".join(f'    "{name}",\n' for name in names) + "]\n"
    return head + body


def main():
    registry = _native.registry()
    files = {"losses.py": losses(registry), "estimators.py": estimators(registry)}
    stale = [name for name, text in files.items() if not same(HERE / name, text)]
    if "--check" in sys.argv:
        if stale:
            sys.exit(f"stale: {', '.join(stale)}; run python/generate.py")
        return
    for name, text in files.items():
        (HERE / name).write_text(text, encoding="utf-8")


def same(path, text):
    return path.exists() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()
