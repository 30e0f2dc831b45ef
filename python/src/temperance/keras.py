"""Losses and layers for Keras 3, on each of its backends, with the numbers of the kernel.

They are made of ``keras.ops`` alone. Models that hold them are saved and loaded by Keras.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

__all__ = [
    "CategoricalCrossentropy",
    "SparseCategoricalCrossentropy",
    "TemperatureScaling",
    "confidence_penalty",
    "entropy",
    "temperature_scale",
]


def _log_probabilities(y_pred: Any, from_logits: bool) -> Any:
    if from_logits:
        return ops.log_softmax(y_pred, axis=-1)
    total = ops.sum(y_pred, axis=-1, keepdims=True)
    return ops.log(ops.clip(y_pred / total, keras.config.epsilon(), 1.0))


def _entropy(log_p: Any) -> Any:
    # -inf is a class that cannot occur: it adds nothing.
    safe = ops.maximum(log_p, -1e30)
    return -ops.sum(ops.exp(safe) * safe, axis=-1)


class _Crossentropy(keras.losses.Loss):
    def __init__(
        self,
        from_logits: bool,
        label_smoothing: float,
        confidence_penalty: float,
        reduction: str,
        name: str,
        dtype: Any,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        if not 0.0 <= label_smoothing <= 1.0:
            raise ValueError(f"label smoothing is {label_smoothing}; expected a number from 0 to 1")
        if not 0.0 <= confidence_penalty < float("inf"):
            raise ValueError(f"confidence penalty is {confidence_penalty}; expected a finite number, 0 or above")
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.confidence_penalty = confidence_penalty

    def _of(self, shares: Any, y_pred: Any) -> Any:
        classes = y_pred.shape[-1]
        log_p = _log_probabilities(y_pred, self.from_logits)
        shares = ops.cast(shares, log_p.dtype)
        shares = shares * (1.0 - self.label_smoothing) + self.label_smoothing / classes
        taken = ops.where(shares == 0, ops.zeros_like(log_p), log_p)
        value = -ops.sum(shares * taken, axis=-1)
        if self.confidence_penalty:
            value = value - self.confidence_penalty * _entropy(log_p)
        return value

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make it again."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_smoothing": self.label_smoothing,
            "confidence_penalty": self.confidence_penalty,
        }


@keras.saving.register_keras_serializable("temperance")
class CategoricalCrossentropy(_Crossentropy):
    """Cross-entropy with shares of the classes, label smoothing and confidence penalty.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits.
    label_smoothing : float, default 0.0
        ε, from 0 to 1; ε/K goes to every class.
    confidence_penalty : float, default 0.0
        β, 0 or above; β times the entropy of the prediction is taken off.
    reduction : str, default "sum_over_batch_size"
        As Keras's.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> loss = temperance.keras.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    >>> round(float(loss(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0]]))), 5)
    0.22693
    """

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        confidence_penalty: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, confidence_penalty, reduction, name, dtype)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row."""
        return self._of(y_true, y_pred)


@keras.saving.register_keras_serializable("temperance")
class SparseCategoricalCrossentropy(_Crossentropy):
    """Cross-entropy with class indices, label smoothing and confidence penalty.

    Parameters
    ----------
    from_logits : bool, default False
        Whether predictions are logits.
    ignore_class : int, optional
        A label that does not count; the mean is over the others, as Keras does.
    label_smoothing : float, default 0.0
        ε, from 0 to 1; ε/K goes to every class.
    confidence_penalty : float, default 0.0
        β, 0 or above; β times the entropy of the prediction is taken off.
    reduction : str, default "sum_over_batch_size"
        As Keras's.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> loss = temperance.keras.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    >>> round(float(loss(np.array([0]), np.array([[2.0, 0.0]]))), 5)
    0.22693
    """

    def __init__(
        self,
        from_logits: bool = False,
        ignore_class: int | None = None,
        label_smoothing: float = 0.0,
        confidence_penalty: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(from_logits, label_smoothing, confidence_penalty, reduction, name, dtype)
        self.ignore_class = ignore_class

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """The loss of each row."""
        label = ops.cast(y_true, "int32")
        if len(label.shape) == len(y_pred.shape) and label.shape[-1] == 1:
            label = ops.squeeze(label, axis=-1)
        counts = None if self.ignore_class is None else label != self.ignore_class
        if counts is not None:
            label = ops.where(counts, label, ops.zeros_like(label))
        value = self._of(ops.one_hot(label, y_pred.shape[-1], dtype=y_pred.dtype), y_pred)
        if counts is None:
            return value
        mask = ops.cast(counts, value.dtype)
        value = value * mask
        value._keras_mask = counts
        return value

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make it again."""
        return {**super().get_config(), "ignore_class": self.ignore_class}


@keras.saving.register_keras_serializable("temperance")
class TemperatureScaling(keras.layers.Layer):
    """A layer that divides logits by a temperature.

    Parameters
    ----------
    temperature : float, default 1.0
        T, above 0; of a fitted calibrator, ``calibrator.parameters["temperature"]``.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> layer = temperance.keras.TemperatureScaling(2.0)
    >>> np.asarray(layer(np.array([[2.0, 0.0]]))).tolist()
    [[1.0, 0.0]]
    """

    def __init__(self, temperature: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0.0 < temperature < float("inf"):
            raise ValueError(f"temperature is {temperature}; expected a finite number above 0")
        self.temperature = temperature

    def call(self, inputs: Any) -> Any:
        """The logits, divided."""
        return inputs / self.temperature

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shape of the logits."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """What Keras needs to make it again."""
        return {**super().get_config(), "temperature": self.temperature}


def entropy(logits: Any) -> Any:
    """Entropy of softmax(z) along the last axis, in nats.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> round(float(temperance.keras.entropy(np.zeros(2))), 4)
    0.6931
    """
    return _entropy(ops.log_softmax(ops.convert_to_tensor(logits), axis=-1))


def confidence_penalty(logits: Any, beta: float) -> Any:
    """-β times the mean entropy of softmax(z), to be added to a loss.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> round(float(temperance.keras.confidence_penalty(np.zeros((3, 2)), beta=0.1)), 4)
    -0.0693
    """
    return -beta * ops.mean(entropy(logits))


def temperature_scale(logits: Any, T: float) -> Any:
    """Probabilities softmax(z / T) along the last axis.

    Examples
    --------
    >>> import numpy as np, temperance.keras
    >>> [round(float(p), 4) for p in temperance.keras.temperature_scale(np.array([2.0, 0.0]), T=2.0)]
    [0.7311, 0.2689]
    """
    if not 0.0 < T < float("inf"):
        raise ValueError(f"temperature is {T}; expected a finite number above 0")
    return ops.softmax(ops.convert_to_tensor(logits) / T, axis=-1)
