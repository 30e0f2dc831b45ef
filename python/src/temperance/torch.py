"""Losses for PyTorch: modules and functions with the arguments of ``torch.nn``.

On CPU tensors they run the kernel of this package, without a copy; where a gradient is wanted, value and gradient come
from one pass. torch.compile sees the custom operators ``temperance::loss`` and ``temperance::loss_with_grad``. On other
devices :class:`CrossEntropyLoss` is made of torch's own operations, with the same numbers; the other losses are computed on
the CPU and sent back. A gradient of the gradient is refused.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from temperance import _native

__all__ = [
    "CrossEntropyLoss",
    "Loss",
    "confidence_penalty",
    "cross_entropy",
    "entropy",
    "loss",
    "temperature_scale",
]

Reduction = Literal["none", "mean", "sum"]

_DEFAULTS: dict[str, dict[str, float]] = {
    entry["name"]: {p["name"]: float(p["default"]) for p in entry["parameters"]}
    for entry in _native.registry()["losses"]
}


def _check_name(name: str) -> None:
    if name not in _DEFAULTS:
        raise ValueError(f"loss is {name!r}; expected a name of temperance.LOSSES: {', '.join(_DEFAULTS)}")


def _array(tensor: Tensor | None) -> Any:
    """The memory of a CPU tensor as an array; of bfloat16, which NumPy does not know, its bits and its name."""
    if tensor is None:
        return None
    tensor = tensor.detach().contiguous()
    if tensor.dtype == torch.bfloat16:
        return "bfloat16", tensor.view(torch.uint16).numpy()
    return tensor.numpy()


def _settings(name: str, values: list[float]) -> dict[str, float]:
    return dict(zip(_DEFAULTS[name], values, strict=True))


def _rows(logits: Tensor) -> list[int]:
    return [] if logits.ndim == 1 else [logits.shape[0], *logits.shape[2:]]


def _wide(dtype: torch.dtype) -> torch.dtype:
    """What a gradient is kept in until it is scaled: single precision at least, in which 1/N does not vanish."""
    return torch.float32 if dtype.itemsize < 4 else dtype


@torch.library.custom_op("temperance::loss", mutates_args=(), device_types="cpu")
def _loss(
    logits: Tensor,
    target: Tensor,
    name: str,
    values: list[float],
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    teacher: Tensor | None,
) -> Tensor:
    value = _native.loss(
        name,
        _array(logits),
        _array(target),
        _settings(name, values),
        _array(weight),
        ignore_index,
        reduction,
        _array(teacher),
    )
    return torch.as_tensor(value, dtype=logits.dtype)


@_loss.register_fake
def _(
    logits: Tensor,
    target: Tensor,
    name: str,
    values: list[float],
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    teacher: Tensor | None,
) -> Tensor:
    return logits.new_empty(_rows(logits) if reduction == "none" else [])


def _value_and_gradient(
    logits: Tensor,
    target: Tensor,
    name: str,
    values: list[float],
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    teacher: Tensor | None,
) -> tuple[Tensor, Tensor]:
    # NumPy asks the system for large pages, torch does not: half the time of a large gradient.
    gradient = np.empty(tuple(logits.shape), str(_wide(logits.dtype)).removeprefix("torch."))
    value, _ = _native.loss(
        name,
        _array(logits),
        _array(target),
        _settings(name, values),
        _array(weight),
        ignore_index,
        reduction,
        _array(teacher),
        True,
        None,
        gradient,
    )
    return torch.as_tensor(value, dtype=logits.dtype), torch.from_numpy(gradient)


_loss_with_grad = torch.library.custom_op(
    "temperance::loss_with_grad", _value_and_gradient, mutates_args=(), device_types="cpu"
)


@_loss_with_grad.register_fake
def _(
    logits: Tensor,
    target: Tensor,
    name: str,
    values: list[float],
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    teacher: Tensor | None,
) -> tuple[Tensor, Tensor]:
    value = logits.new_empty(_rows(logits) if reduction == "none" else [])
    return value, logits.new_empty(logits.shape, dtype=_wide(logits.dtype))


def _setup(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(inputs[0], output[1])


def _scaled(upstream: Tensor, gradient: Tensor, logits: Tensor) -> Tensor:
    """The gradient of each row times what arrives at its loss."""
    if upstream.ndim:
        upstream = upstream.unsqueeze(1)
    return (gradient * upstream).to(logits.dtype)


def _backward(ctx: Any, upstream: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
    logits, gradient = ctx.saved_tensors
    scaled = None
    if upstream is not None:
        scale = _Once.apply if torch.is_grad_enabled() else _scaled
        scaled = scale(upstream, gradient, logits)
    return scaled, None, None, None, None, None, None, None


_loss_with_grad.register_autograd(_backward, setup_context=_setup)


class _LossFunction(torch.autograd.Function):
    """``temperance::loss_with_grad`` without the dispatcher's time, and without a product by 1."""

    forward = staticmethod(_value_and_gradient)
    setup_context = staticmethod(_setup)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, ...]:
        logits, gradient = ctx.saved_tensors
        plain = gradient.dtype == logits.dtype and not torch.is_grad_enabled()
        if plain and upstream is not None and not upstream.ndim and upstream.item() == 1:
            return gradient, None, None, None, None, None, None, None
        return _backward(ctx, upstream, None)


class _Once(torch.autograd.Function):
    """A gradient that tells who wants its own that there is none."""

    @staticmethod
    def forward(upstream: Tensor, gradient: Tensor, logits: Tensor) -> Tensor:
        return _scaled(upstream, gradient, logits)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> None:
        raise RuntimeError("the gradient of a gradient is asked for; expected first derivatives, which temperance has")


def loss(
    name: str,
    input: Tensor,
    target: Tensor,
    *,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    teacher: Tensor | None = None,
    **parameters: float,
) -> Tensor:
    """The loss of that name in ``temperance.LOSSES``.

    Parameters
    ----------
    name : str
        A name of ``temperance.LOSSES``.
    input : Tensor of shape (N, K), (K,) or (N, K, ...)
        Logits.
    target : Tensor of shape (N,), () or (N, ...)
        Class indices; or shares of the classes in the shape of the input, where the loss takes them.
    weight : Tensor of shape (K,), optional
        A weight for each class.
    ignore_index : int, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        As PyTorch's.
    teacher : Tensor, optional
        Logits of a teacher, for distillation. It gets no gradient.
    **parameters
        Parameters of the loss, as ``temperance losses NAME`` lists them.

    Returns
    -------
    Tensor
        The loss in nats.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> logits = torch.tensor([[2.0, 0.0]], requires_grad=True)
    >>> value = temperance.torch.loss("focal", logits, torch.tensor([0]), gamma=2.0)
    >>> round(value.item(), 6)
    0.001804
    """
    _check_name(name)
    unknown = [parameter for parameter in parameters if parameter not in _DEFAULTS[name]]
    if unknown:
        raise TypeError(f"parameter is {unknown[0]!r}; expected {', '.join(_DEFAULTS[name]) or 'no parameters'}")
    if not isinstance(input, Tensor) or not isinstance(target, Tensor):
        raise TypeError("input and target must be tensors")
    if target.is_floating_point() and target.requires_grad:
        raise ValueError("target requires a gradient; expected a target that is given")
    settings = {**_DEFAULTS[name], **parameters}
    values = [float(value) for value in settings.values()]
    if input.device.type == "cpu":
        return _on_cpu(input, target, name, values, weight, ignore_index, reduction, teacher)
    if name == "cross_entropy":
        return _cross_entropy(input, target, settings, weight, ignore_index, reduction)
    weight, teacher = (None if tensor is None else tensor.cpu() for tensor in (weight, teacher))
    value = _on_cpu(input.cpu(), target.cpu(), name, values, weight, ignore_index, reduction, teacher)
    return value.to(input.device)


def _on_cpu(input: Tensor, *rest: Any) -> Tensor:
    """The loss by the kernel, with the gradient in the same pass if one is wanted."""
    if torch.is_autocast_enabled("cpu") and input.dtype.itemsize < 4:
        input = input.float()
    if not (input.requires_grad and torch.is_grad_enabled()):
        return _loss(input, *rest)
    of_both = _loss_with_grad if torch.compiler.is_compiling() else _LossFunction.apply
    return of_both(input, *rest)[0]


def _cross_entropy(
    input: Tensor,
    target: Tensor,
    settings: dict[str, float],
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
) -> Tensor:
    """The cross-entropy of the kernel in torch's operations, for every device."""
    axis = 0 if input.ndim == 1 else 1
    value = nn.functional.cross_entropy(
        input,
        target,
        weight=weight,
        ignore_index=ignore_index,
        reduction="none",
        label_smoothing=settings["label_smoothing"],
    )
    log_p = input.log_softmax(axis)
    hard = not target.is_floating_point()
    counts = (target != ignore_index) if hard else torch.ones_like(value, dtype=torch.bool)
    if hard:
        safe = torch.where(counts, target, torch.zeros_like(target))
        own = torch.ones_like(value) if weight is None else weight[safe].to(value.dtype)
    else:
        own = torch.ones_like(value)
    penalty = torch.zeros_like(value)
    if settings["confidence_penalty"]:
        p = log_p.exp()
        entropies = -torch.where(p > 0, p * log_p, torch.zeros_like(p)).sum(axis)
        if settings["penalty_threshold"] != float("inf"):
            below = settings["penalty_threshold"] - entropies
            penalty = penalty + settings["confidence_penalty"] * below.clamp(min=0)
        else:
            penalty = penalty - settings["confidence_penalty"] * entropies
    if settings["z_loss"]:
        penalty = penalty + settings["z_loss"] * input.logsumexp(axis).square()
    if settings["logit_penalty"]:
        finite = torch.where(input.isfinite(), input, torch.zeros_like(input))
        penalty = penalty + settings["logit_penalty"] * finite.square().sum(axis)
    # The penalties of a row weigh as its label does.
    value = value + torch.where(counts, own * penalty, torch.zeros_like(value))
    if reduction == "none":
        return value
    if reduction == "sum":
        return value.sum()
    if reduction == "mean":
        return value.sum() / torch.where(counts, own, torch.zeros_like(own)).sum()
    raise ValueError(f'reduction is {reduction!r}; expected "none", "mean" or "sum"')


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    ignore_index: int = -100,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    confidence_penalty: float = 0.0,
    **parameters: float,
) -> Tensor:
    """Cross-entropy with label smoothing and confidence penalty: ``torch.nn.functional.cross_entropy``, and more.

    Parameters
    ----------
    input : Tensor of shape (N, K), (K,) or (N, K, ...)
        Logits.
    target : Tensor of shape (N,), () or (N, ...)
        Class indices, or shares of the classes in the shape of the input.
    weight : Tensor of shape (K,), optional
        A weight for each class.
    ignore_index : int, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        As PyTorch's.
    label_smoothing : float, default 0.0
        ε, from 0 to 1; ε/K goes to every class.
    confidence_penalty : float, default 0.0
        β, 0 or above; β times the entropy of the prediction is taken off.
    **parameters
        ``penalty_threshold``, ``z_loss``, ``logit_penalty``.

    Returns
    -------
    Tensor
        The loss in nats.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> logits = torch.tensor([[2.0, 0.0]])
    >>> round(temperance.torch.cross_entropy(logits, torch.tensor([0]), label_smoothing=0.1).item(), 6)
    0.226928
    """
    return loss(
        "cross_entropy",
        input,
        target,
        weight=weight,
        ignore_index=ignore_index,
        reduction=reduction,
        teacher=None,
        label_smoothing=label_smoothing,
        confidence_penalty=confidence_penalty,
        **parameters,
    )


class Loss(nn.Module):
    """The loss of that name in ``temperance.LOSSES``, as a module.

    Parameters
    ----------
    name : str
        A name of ``temperance.LOSSES``.
    weight : Tensor of shape (K,), optional
        A weight for each class.
    ignore_index : int, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        As PyTorch's.
    **parameters
        Parameters of the loss, as ``temperance losses NAME`` lists them.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> focal = temperance.torch.Loss("focal", gamma=2.0)
    >>> round(focal(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item(), 6)
    0.001804
    """

    weight: Tensor | None

    def __init__(
        self,
        name: str,
        *,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        **parameters: float,
    ) -> None:
        super().__init__()
        _check_name(name)
        self.name = name
        self.register_buffer("weight", weight)
        self.ignore_index = ignore_index
        self.reduction = reduction
        self.parameters_of_loss = parameters

    def forward(self, input: Tensor, target: Tensor, teacher: Tensor | None = None) -> Tensor:
        """The loss of logits and targets."""
        return loss(
            self.name,
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            teacher=teacher,
            **self.parameters_of_loss,
        )

    def extra_repr(self) -> str:
        """The name and parameters."""
        return ", ".join([self.name, *(f"{name}={value}" for name, value in self.parameters_of_loss.items())])


class CrossEntropyLoss(Loss):
    """Cross-entropy with label smoothing and confidence penalty: ``torch.nn.CrossEntropyLoss``, and more.

    Parameters
    ----------
    weight : Tensor of shape (K,), optional
        A weight for each class.
    ignore_index : int, default -100
        A target that does not count.
    reduction : {"mean", "sum", "none"}, default "mean"
        As PyTorch's.
    label_smoothing : float, default 0.0
        ε, from 0 to 1; ε/K goes to every class.
    confidence_penalty : float, default 0.0
        β, 0 or above; β times the entropy of the prediction is taken off.
    **parameters
        ``penalty_threshold``, ``z_loss``, ``logit_penalty``.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> criterion = temperance.torch.CrossEntropyLoss(label_smoothing=0.1)
    >>> round(criterion(torch.tensor([[2.0, 0.0]]), torch.tensor([0])).item(), 6)
    0.226928
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
        confidence_penalty: float = 0.0,
        **parameters: float,
    ) -> None:
        super().__init__(
            "cross_entropy",
            weight=weight,
            ignore_index=ignore_index,
            reduction=reduction,
            label_smoothing=label_smoothing,
            confidence_penalty=confidence_penalty,
            **parameters,
        )


def temperature_scale(logits: Tensor, T: float) -> Tensor:
    """Probabilities softmax(z / T) along the last axis.

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        Logits.
    T : float
        Temperature, above 0.

    Returns
    -------
    Tensor
        Of the shape and dtype of the logits.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> [round(p, 4) for p in temperance.torch.temperature_scale(torch.tensor([[2.0, 0.0]]), T=2.0)[0].tolist()]
    [0.7311, 0.2689]
    """
    if not 0.0 < float(T) < float("inf"):
        raise ValueError(f"temperature is {T}; expected a finite number above 0")
    return (logits / T).softmax(-1)


def entropy(logits: Tensor) -> Tensor:
    """Entropy of softmax(z) along the last axis in nats, of shape (...).

    Examples
    --------
    >>> import torch, temperance.torch
    >>> round(temperance.torch.entropy(torch.tensor([0.0, 0.0])).item(), 4)
    0.6931
    """
    log_p = logits.log_softmax(-1)
    p = log_p.exp()
    return -torch.where(p > 0, p * log_p, torch.zeros_like(p)).sum(-1)


def confidence_penalty(logits: Tensor, beta: float) -> Tensor:
    """-β times the mean entropy of softmax(z), to be added to a loss.

    Parameters
    ----------
    logits : Tensor of shape (..., K)
        Logits.
    beta : float
        β.

    Returns
    -------
    Tensor
        One number, in nats.

    Examples
    --------
    >>> import torch, temperance.torch
    >>> round(temperance.torch.confidence_penalty(torch.zeros(3, 2), beta=0.1).item(), 4)
    -0.0693
    """
    return -beta * entropy(logits).mean()
