"""What all calibrating estimators share."""

from __future__ import annotations

import os
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d, validate_data

from temperance import _native
from temperance._files import load, save


class Calibration(ClassifierMixin, BaseEstimator):
    """A calibration method whose X has one column of scores for each class."""

    method: ClassVar[str]
    _settings: ClassVar[tuple[str, ...]] = ()

    scores: str
    zeros: str
    classes: Any

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """Fits the calibrator to scores and labels.

        Parameters
        ----------
        X : array_like of shape (n, K)
            Logits or probabilities, as ``scores`` says.
        y : array_like of shape (n,)
            Labels: integers from 0 to K - 1, or any others that ``classes_`` then lists in the order of the columns.
        sample_weight : array_like of shape (n,), optional
            Weights of the rows.

        Returns
        -------
        self
        """
        probabilities = self._probabilities()
        X = self._check(X, reset=True)
        given = column_or_1d(y, warn=True)
        check_classification_targets(given)
        if len(given) != len(X):
            raise ValueError(f"number of labels is {len(given)}; expected one for each of the {len(X)} rows")
        self.classes_, labels = classes_of(given, X.shape[1], self.classes)
        if sample_weight is not None:
            sample_weight = _check_sample_weight(sample_weight, X)
        settings = {name: getattr(self, name) for name in self._settings}
        self.calibrator_ = _native.fit(
            self.method,
            X,
            labels,
            settings,
            probabilities=probabilities,
            weights=sample_weight,
            zeros=self.zeros,
            class_names=[str(name) for name in self.classes_],
        )
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities, of shape (n, K), in the order of ``classes_``."""
        check_is_fitted(self, "calibrator_")
        X = self._check(X, reset=False)
        return self.calibrator_.apply(X, probabilities=self._probabilities(), zeros=self.zeros)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each row."""
        probabilities = self.predict_proba(X)
        return self.classes_[probabilities.argmax(axis=1)]

    @property
    def temperature_(self) -> float:
        """The fitted temperature, of methods that have one."""
        check_is_fitted(self, "calibrator_")
        parameters = self.calibrator_.parameters
        if "temperature" not in parameters:
            raise AttributeError(f"{type(self).__name__} has no temperature")
        return parameters["temperature"]

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the calibrator file, which the command ``temperance apply`` reads too."""
        check_is_fitted(self, "calibrator_")
        save(self.calibrator_, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Any:
        """An estimator from a calibrator file, as :meth:`save` or ``temperance fit`` writes it."""
        calibrator = load(path)
        if calibrator.method != cls.method:
            raise ValueError(f"method is {calibrator.method}; expected {cls.method}, which {cls.__name__} fits")
        estimator = cls()
        estimator.calibrator_ = calibrator
        names = calibrator.class_names
        estimator.classes_ = np.arange(calibrator.classes) if names is None else np.array(names)
        if names is not None and names == [str(k) for k in range(calibrator.classes)]:
            estimator.classes_ = np.arange(calibrator.classes)
        estimator.n_features_in_ = calibrator.classes
        return estimator

    def _probabilities(self) -> bool:
        if self.scores not in ("logits", "probabilities"):
            raise ValueError(f'scores is {self.scores!r}; expected "logits" or "probabilities"')
        return self.scores == "probabilities"

    def _check(self, X: ArrayLike, reset: bool) -> NDArray[Any]:
        # A logit of -inf is a class that cannot occur; the library names what is not legal, with its place.
        finite = self.scores != "logits"
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32],
            order="C",
            ensure_all_finite=finite,
            ensure_min_features=2 if reset else 1,
        )


def classes_of(y: NDArray[Any], columns: int, given: Any) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """The class of each column, and the labels as indices of columns."""
    found, labels = np.unique(y, return_inverse=True)
    if given is not None:
        classes = np.asarray(given)
        if len(classes) != columns:
            raise ValueError(f"number of classes is {len(classes)}; expected one for each of the {columns} columns")
        place = {label: index for index, label in enumerate(classes.tolist())}
        unknown = [label for label in found.tolist() if label not in place]
        if unknown:
            raise ValueError(f"label is {unknown[0]!r}; expected one of the classes that were given")
        return classes, np.array([place[label] for label in found.tolist()], dtype=np.int64)[labels]
    whole = found.dtype.kind in "iub" or (found.dtype.kind == "f" and bool((found == np.floor(found)).all()))
    if whole and found[0] >= 0 and found[-1] < columns:
        return np.arange(columns), y.astype(np.int64)
    if len(found) != columns:
        raise ValueError(
            f"number of classes among the labels is {len(found)}; expected {columns}, one for each column, "
            f"or integers from 0 to {columns - 1}, or the parameter classes"
        )
    return found, labels.astype(np.int64)
