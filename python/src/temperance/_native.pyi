from collections.abc import Callable, Sequence
from typing import Any, final

from numpy.typing import ArrayLike, NDArray

__all__ = [
    "Calibrator",
    "FitError",
    "__version__",
    "command",
    "confidence_penalty",
    "entropy",
    "evaluate",
    "fit",
    "log_softmax",
    "loss",
    "main",
    "registry",
    "softmax",
    "temperature_scale",
]
__version__: str

class FitError(ValueError): ...

@final
class Calibrator:
    @property
    def method(self) -> str: ...
    @property
    def classes(self) -> int: ...
    @property
    def class_names(self) -> list[str] | None: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    @property
    def certificate(self) -> dict[str, Any] | None: ...
    def apply(self, scores: ArrayLike, *, probabilities: bool = False, zeros: str = "clip") -> NDArray[Any]: ...
    def logits(self, scores: ArrayLike, *, probabilities: bool = False, zeros: str = "clip") -> NDArray[Any]: ...
    def to_json(self) -> str: ...
    @staticmethod
    def from_json(text: str) -> Calibrator: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __reduce__(self) -> tuple[Any, tuple[str]]: ...

def loss(
    name: str,
    logits: Any,
    targets: Any,
    settings: dict[str, float],
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    teacher: Any = None,
    gradient: bool = False,
    upstream: Any = None,
    out: NDArray[Any] | None = None,
) -> Any: ...
def softmax(logits: ArrayLike) -> NDArray[Any]: ...
def log_softmax(logits: ArrayLike) -> NDArray[Any]: ...
def temperature_scale(logits: ArrayLike, temperature: float) -> NDArray[Any]: ...
def entropy(logits: ArrayLike) -> NDArray[Any]: ...
def confidence_penalty(logits: ArrayLike, beta: float) -> float: ...
def fit(
    method: str,
    scores: ArrayLike,
    labels: ArrayLike,
    settings: dict[str, float],
    *,
    probabilities: bool = False,
    weights: ArrayLike | None = None,
    zeros: str = "clip",
    ignore_index: int | None = None,
    class_names: Sequence[str] | None = None,
    progress: Callable[[str, int, int | None, int], object] | None = None,
) -> Calibrator: ...
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
    groups: Sequence[int] | None = None,
    progress: Callable[[str, int, int | None, int], object] | None = None,
) -> dict[str, Any]: ...
def main(arguments: Sequence[str]) -> int: ...
def command(arguments: Sequence[str]) -> tuple[int, str, str]: ...
def registry() -> dict[str, list[dict[str, Any]]]: ...
