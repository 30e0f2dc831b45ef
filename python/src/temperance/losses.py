"""Losses of NumPy arrays, and their gradients.

Written by `python/generate.py` from the registries: change those, or the generator.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from numpy.typing import ArrayLike, NDArray

from temperance import _native

__all__ = [
    "cross_entropy",
    "cross_entropy_with_grad",
    "binary_cross_entropy",
    "binary_cross_entropy_with_grad",
    "distillation",
    "distillation_with_grad",
    "dual_focal",
    "dual_focal_with_grad",
    "entropy_family",
    "entropy_family_with_grad",
    "focal",
    "focal_with_grad",
    "logit_norm",
    "logit_norm_with_grad",
    "margin_smoothing",
    "margin_smoothing_with_grad",
    "online_smoothing",
    "online_smoothing_with_grad",
    "poly1",
    "poly1_with_grad",
]

Reduction = Literal["none", "mean", "sum"]


def cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    confidence_penalty: float = 0.0,
    penalty_threshold: float = math.inf,
    z_loss: float = 0.0,
    logit_penalty: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with label smoothing, confidence penalty, z-loss and logit penalty as its terms.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    label_smoothing : float, default 0.0
        From 0 to 1.
    confidence_penalty : float, default 0.0
        0 or above.
    penalty_threshold : float, default math.inf
        Nats, 0 or above; inf for none.
    z_loss : float, default 0.0
        0 or above.
    logit_penalty : float, default 0.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p - β·H(p) + λ·(ln Σ exp z)² + κ·‖z‖²,  t = (1-ε)·onehot + ε/K, in nats.

    References
    ----------
    Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β), Chowdhery et al. 2022 (λ), Kornblith et al. 2021 (κ).

    Examples
    --------
    >>> import temperance
    >>> round(temperance.cross_entropy([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    1.067107
    """
    settings = {
        "label_smoothing": label_smoothing,
        "confidence_penalty": confidence_penalty,
        "penalty_threshold": penalty_threshold,
        "z_loss": z_loss,
        "logit_penalty": logit_penalty,
    }
    return _native.loss("cross_entropy", logits, targets, settings, weight, ignore_index, reduction, None)


def cross_entropy_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    confidence_penalty: float = 0.0,
    penalty_threshold: float = math.inf,
    z_loss: float = 0.0,
    logit_penalty: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`cross_entropy` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    label_smoothing : float, default 0.0
        From 0 to 1.
    confidence_penalty : float, default 0.0
        0 or above.
    penalty_threshold : float, default math.inf
        Nats, 0 or above; inf for none.
    z_loss : float, default 0.0
        0 or above.
    logit_penalty : float, default 0.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p - β·H(p) + λ·(ln Σ exp z)² + κ·‖z‖²,  t = (1-ε)·onehot + ε/K, in nats.

    References
    ----------
    Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β), Chowdhery et al. 2022 (λ), Kornblith et al. 2021 (κ).

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.cross_entropy_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.078103, 0.057098, 0.021005]
    """
    settings = {
        "label_smoothing": label_smoothing,
        "confidence_penalty": confidence_penalty,
        "penalty_threshold": penalty_threshold,
        "z_loss": z_loss,
        "logit_penalty": logit_penalty,
    }
    return _native.loss(
        "cross_entropy", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def binary_cross_entropy(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    convention: float = 0.0,
    positive_weight: float = 1.0,
    confidence_penalty: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy of one sigmoid per class, for labels that do not exclude each other.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    label_smoothing : float, default 0.0
        From 0 to 1.
    convention : float, default 0.0
        0 (half), 1 (full) or 2 (per class).
    positive_weight : float, default 1.0
        0 or above; one number, or one for each class.
    confidence_penalty : float, default 0.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    Σ_c ln(1 + exp z_c) - t_c·z_c,  t = y·(1-ε) + ε/2, in nats.

    References
    ----------
    Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β); as PyTorch's BCEWithLogitsLoss.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.binary_cross_entropy([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    0.750329
    """
    settings = {
        "label_smoothing": label_smoothing,
        "convention": convention,
        "positive_weight": positive_weight,
        "confidence_penalty": confidence_penalty,
    }
    return _native.loss("binary_cross_entropy", logits, targets, settings, weight, ignore_index, reduction, None)


def binary_cross_entropy_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    label_smoothing: float = 0.0,
    convention: float = 0.0,
    positive_weight: float = 1.0,
    confidence_penalty: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`binary_cross_entropy` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    label_smoothing : float, default 0.0
        From 0 to 1.
    convention : float, default 0.0
        0 (half), 1 (full) or 2 (per class).
    positive_weight : float, default 1.0
        0 or above; one number, or one for each class.
    confidence_penalty : float, default 0.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    Σ_c ln(1 + exp z_c) - t_c·z_c,  t = y·(1-ε) + ε/2, in nats.

    References
    ----------
    Szegedy et al. 2016 (ε), Pereyra et al. 2017 (β); as PyTorch's BCEWithLogitsLoss.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.binary_cross_entropy_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.019867, 0.083333, 0.044824]
    """
    settings = {
        "label_smoothing": label_smoothing,
        "convention": convention,
        "positive_weight": positive_weight,
        "confidence_penalty": confidence_penalty,
    }
    return _native.loss(
        "binary_cross_entropy", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def distillation(
    logits: ArrayLike,
    targets: ArrayLike,
    teacher: ArrayLike,
    *,
    teacher_weight: float = 0.9,
    temperature: float = 4.0,
    temperature_exponent: float = 2.0,
    subtract_teacher_entropy: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with the labels and, at a temperature, with the predictions of a teacher.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    teacher : array_like
        Logits of the teacher, in the shape of the logits.
    teacher_weight : float, default 0.9
        From 0 to 1.
    temperature : float, default 4.0
        From 1e-30 to 1e30.
    temperature_exponent : float, default 2.0
        2 (the teacher's term times T squared) or 0 (times 1).
    subtract_teacher_entropy : float, default 0.0
        0 (cross-entropy with the teacher) or 1 (Kullback-Leibler divergence from it).
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -(1-w)·ln p_y + w·T²·H(softmax(teacher/T), softmax(z/T)), in nats.

    References
    ----------
    Hinton, Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network, section 2.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.distillation([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2], [[1.0, 0.0, -0.5], [0.25, 0.75, 0.0]]), 6)
    15.928093
    """
    settings = {
        "teacher_weight": teacher_weight,
        "temperature": temperature,
        "temperature_exponent": temperature_exponent,
        "subtract_teacher_entropy": subtract_teacher_entropy,
    }
    return _native.loss("distillation", logits, targets, settings, weight, ignore_index, reduction, teacher)


def distillation_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    teacher: ArrayLike,
    *,
    teacher_weight: float = 0.9,
    temperature: float = 4.0,
    temperature_exponent: float = 2.0,
    subtract_teacher_entropy: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`distillation` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    teacher : array_like
        Logits of the teacher, in the shape of the logits.
    teacher_weight : float, default 0.9
        From 0 to 1.
    temperature : float, default 4.0
        From 1e-30 to 1e30.
    temperature_exponent : float, default 2.0
        2 (the teacher's term times T squared) or 0 (times 1).
    subtract_teacher_entropy : float, default 0.0
        0 (cross-entropy with the teacher) or 1 (Kullback-Leibler divergence from it).
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -(1-w)·ln p_y + w·T²·H(softmax(teacher/T), softmax(z/T)), in nats.

    References
    ----------
    Hinton, Vinyals, Dean 2015, Distilling the Knowledge in a Neural Network, section 2.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.distillation_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2], [[1.0, 0.0, -0.5], [0.25, 0.75, 0.0]])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [0.128133, -0.037576, -0.090557]
    """
    settings = {
        "teacher_weight": teacher_weight,
        "temperature": temperature,
        "temperature_exponent": temperature_exponent,
        "subtract_teacher_entropy": subtract_teacher_entropy,
    }
    return _native.loss(
        "distillation", logits, targets, settings, weight, ignore_index, reduction, teacher, True, upstream, out
    )


def dual_focal(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: float = 5.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """The focal loss of the lead of the label over the class that comes next.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    gamma : float, default 5.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    (1 - p_y + p_j)^γ·(-ln p_y),  p_j the largest probability below p_y, in nats.

    References
    ----------
    Tao et al. 2023.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.dual_focal([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    0.461513
    """
    settings = {
        "gamma": gamma,
    }
    return _native.loss("dual_focal", logits, targets, settings, weight, ignore_index, reduction, None)


def dual_focal_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: float = 5.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`dual_focal` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    gamma : float, default 5.0
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    (1 - p_y + p_j)^γ·(-ln p_y),  p_j the largest probability below p_y, in nats.

    References
    ----------
    Tao et al. 2023.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.dual_focal_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.000631, 0.000531, 0.0001]
    """
    settings = {
        "gamma": gamma,
    }
    return _native.loss(
        "dual_focal", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def entropy_family(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: float = 0.5,
    beta: float = 0.1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with the generalised entropy regulariser: from the confidence penalty to label smoothing.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    alpha : float, default 0.5
        From 0 to 1.
    beta : float, default 0.1
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -ln p_y + β·J_α,  J_α = KL(p‖m)/(1-α) + KL(u‖m)/α,  m = α·p + (1-α)·u,  u = 1/K, in nats.

    References
    ----------
    Meister, Salesky, Cotterell 2020, Generalized Entropy Regularization, section 3.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.entropy_family([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    1.106601
    """
    settings = {
        "alpha": alpha,
        "beta": beta,
    }
    return _native.loss("entropy_family", logits, targets, settings, weight, ignore_index, reduction, None)


def entropy_family_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: float = 0.5,
    beta: float = 0.1,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`entropy_family` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    alpha : float, default 0.5
        From 0 to 1.
    beta : float, default 0.1
        0 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -ln p_y + β·J_α,  J_α = KL(p‖m)/(1-α) + KL(u‖m)/α,  m = α·p + (1-α)·u,  u = 1/K, in nats.

    References
    ----------
    Meister, Salesky, Cotterell 2020, Generalized Entropy Regularization, section 3.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.entropy_family_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.061567, 0.04754, 0.014027]
    """
    settings = {
        "alpha": alpha,
        "beta": beta,
    }
    return _native.loss(
        "entropy_family", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def focal(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: float = 2.0,
    threshold: float = 0.0,
    gamma_below: float = 5.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy that fades where the label is already likely.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    gamma : float, default 2.0
        0 or above.
    threshold : float, default 0.0
        From 0 to 1.
    gamma_below : float, default 5.0
        0 or above, where p_y < threshold.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    (1 - p_y)^γ·(-ln p_y), in nats.

    References
    ----------
    Lin et al. 2017; as a way to calibrate, with the schedule of γ: Mukhoti et al. 2020.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.focal([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    0.728083
    """
    settings = {
        "gamma": gamma,
        "threshold": threshold,
        "gamma_below": gamma_below,
    }
    return _native.loss("focal", logits, targets, settings, weight, ignore_index, reduction, None)


def focal_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    gamma: float = 2.0,
    threshold: float = 0.0,
    gamma_below: float = 5.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`focal` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    gamma : float, default 2.0
        0 or above.
    threshold : float, default 0.0
        From 0 to 1.
    gamma_below : float, default 5.0
        0 or above, where p_y < threshold.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    (1 - p_y)^γ·(-ln p_y), in nats.

    References
    ----------
    Lin et al. 2017; as a way to calibrate, with the schedule of γ: Mukhoti et al. 2020.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.focal_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.005403, 0.00395, 0.001453]
    """
    settings = {
        "gamma": gamma,
        "threshold": threshold,
        "gamma_below": gamma_below,
    }
    return _native.loss(
        "focal", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def logit_norm(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    tau: float = 0.04,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy of logits that were brought to one norm, so that longer logits gain nothing.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    tau : float, default 0.04
        From 1e-6 to 1000.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -ln softmax(z/(τ·(‖z‖ + 1e-7)))_y, in nats.

    References
    ----------
    Wei et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.logit_norm([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    11.858541
    """
    settings = {
        "tau": tau,
    }
    return _native.loss("logit_norm", logits, targets, settings, weight, ignore_index, reduction, None)


def logit_norm_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    tau: float = 0.04,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`logit_norm` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    tau : float, default 0.04
        From 1e-6 to 1000.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -ln softmax(z/(τ·(‖z‖ + 1e-7)))_y, in nats.

    References
    ----------
    Wei et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.logit_norm_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.0, 0.0, -0.0]
    """
    settings = {
        "tau": tau,
    }
    return _native.loss(
        "logit_norm", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def margin_smoothing(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    margin: float = 10.0,
    alpha: float = 0.1,
    summed: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with a penalty on logits that lie more than a margin below the largest.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    margin : float, default 10.0
        0 or above.
    alpha : float, default 0.1
        0 or above.
    summed : float, default 0.0
        0 for λ = α/K, 1 for λ = α.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p + λ·Σ_k max(0, max z - z_k - m),  λ = α/K, in nats.

    References
    ----------
    Liu et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.margin_smoothing([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    1.067107
    """
    settings = {
        "margin": margin,
        "alpha": alpha,
        "summed": summed,
    }
    return _native.loss("margin_smoothing", logits, targets, settings, weight, ignore_index, reduction, None)


def margin_smoothing_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    margin: float = 10.0,
    alpha: float = 0.1,
    summed: float = 0.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`margin_smoothing` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    margin : float, default 10.0
        0 or above.
    alpha : float, default 0.1
        0 or above.
    summed : float, default 0.0
        0 for λ = α/K, 1 for λ = α.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p + λ·Σ_k max(0, max z - z_k - m),  λ = α/K, in nats.

    References
    ----------
    Liu et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.margin_smoothing_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.078103, 0.057098, 0.021005]
    """
    settings = {
        "margin": margin,
        "alpha": alpha,
        "summed": summed,
    }
    return _native.loss(
        "margin_smoothing", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def online_smoothing(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: float = 0.5,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with labels smoothed by the mean prediction of the rows of a class that were right.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    alpha : float, default 0.5
        From 0 to 1.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -α·ln p_y - (1-α)·Σ_c S_yc·ln p_c, in nats.

    References
    ----------
    Zhang et al. 2021, Delving Deep into Label Smoothing, section III.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.online_smoothing([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    1.317107
    """
    settings = {
        "alpha": alpha,
    }
    return _native.loss("online_smoothing", logits, targets, settings, weight, ignore_index, reduction, None)


def online_smoothing_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    alpha: float = 0.5,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`online_smoothing` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
    alpha : float, default 0.5
        From 0 to 1.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -α·ln p_y - (1-α)·Σ_c S_yc·ln p_c, in nats.

    References
    ----------
    Zhang et al. 2021, Delving Deep into Label Smoothing, section III.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.online_smoothing_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [0.088564, -0.026236, -0.062328]
    """
    settings = {
        "alpha": alpha,
    }
    return _native.loss(
        "online_smoothing", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )


def poly1(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
) -> Any:
    """Cross-entropy with another weight on the first term of its expansion in powers of 1 - p.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    epsilon : float, default 2.0
        -1 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.

    Returns
    -------
    float, or an array of one loss for each row
        The loss in nats.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p + ε·Σ t·(1 - p), in nats.

    References
    ----------
    Leng et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> round(temperance.poly1([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2]), 6)
    2.083068
    """
    settings = {
        "epsilon": epsilon,
    }
    return _native.loss("poly1", logits, targets, settings, weight, ignore_index, reduction, None)


def poly1_with_grad(
    logits: ArrayLike,
    targets: ArrayLike,
    *,
    epsilon: float = 2.0,
    weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: Reduction = "mean",
    upstream: ArrayLike | None = None,
    out: NDArray[Any] | None = None,
) -> tuple[Any, NDArray[Any]]:
    """The loss :func:`poly1` and its gradient with respect to the logits, in one pass.

    Parameters
    ----------
    logits : array_like, shape (N, K), (K,) or (N, K, ...)
        One score for each class. float64, float32, float16 and bfloat16 in C order are read without a copy; arrays of
        other numbers become float64, others are copied into C order.
    targets : array_like of int, shape (N,), () or (N, ...)
        The right class of each row.
        Or shares of the classes, in the shape of the logits.
    epsilon : float, default 2.0
        -1 or above.
    weight : array_like of shape (K,), optional
        A weight for each class.
    ignore_index : int or None, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        "mean" divides by the weights of the targets that count, as PyTorch does; NaN if none does. "none" gives one
        loss for each row.
    upstream : float, or array_like of one number for each row, optional
        The gradient that arrives at the loss; 1 if not given. For each row if the reduction is "none".
    out : ndarray, optional
        Where the gradient is written: an array of the shape and dtype of the logits.

    Returns
    -------
    loss : float, or an array of one loss for each row
        The loss in nats.
    gradient : ndarray
        In the shape and dtype of the logits; ``out`` if it was given.

    Raises
    ------
    ValueError
        If a value, label, shape or parameter is not legal; the text names it, its place and what was expected.
    TypeError
        If an argument is not an array of numbers.

    Notes
    -----
    -Σ t·ln p + ε·Σ t·(1 - p), in nats.

    References
    ----------
    Leng et al. 2022.

    Examples
    --------
    >>> import temperance
    >>> loss, gradient = temperance.poly1_with_grad([[2.0, 0.0, -1.0], [0.5, 1.5, 0.0]], [0, 2])
    >>> [round(g, 6) for g in gradient[0].tolist()]
    [-0.209908, 0.153455, 0.056453]
    """
    settings = {
        "epsilon": epsilon,
    }
    return _native.loss(
        "poly1", logits, targets, settings, weight, ignore_index, reduction, None, True, upstream, out
    )
