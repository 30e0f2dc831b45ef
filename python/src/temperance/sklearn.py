"""Calibration as scikit-learn knows it: estimators of scores, and a classifier that calibrates another.

The estimators take scores, one column for each class, as a model's logits or probabilities come from anywhere.
:class:`CalibratedClassifier` takes features and an estimator, as ``sklearn.calibration.CalibratedClassifierCV`` does.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch, get_tags, indexable
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_method_params,
    _check_response_method,
    _check_sample_weight,
    _num_samples,
    check_is_fitted,
    has_fit_parameter,
)

from temperance import _native, estimators
from temperance.estimators import *  # noqa: F403

__all__ = ["CalibratedClassifier", *estimators.__all__]


class CalibratedClassifier(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier whose probabilities are calibrated on rows that it was not fitted to.

    The same arguments, attributes and splits as ``CalibratedClassifierCV``, with every method of
    ``temperance.METHODS``. The scores of the estimator are its ``decision_function``, taken as logits (of two classes: as
    log-odds), or else its ``predict_proba``.

    Parameters
    ----------
    estimator : classifier, optional
        What is calibrated; ``LinearSVC()`` if it is not given. A fitted one in ``sklearn.frozen.FrozenEstimator`` is
        left as it is.
    method : str, default "temperature"
        A name of ``temperance.METHODS``, or "auto": the simplest method that cross-validation does not tell from the
        best.
    cv : int, splitter or iterable, optional
        Folds; 5 if it is not given.
    n_jobs : int, optional
        Jobs that predict at a time where ``ensemble`` is false. Fits of calibrators use all cores anyhow.
    ensemble : bool or "auto", default "auto"
        If true, an estimator and a calibrator for each fold, whose probabilities are averaged. If false, one
        calibrator of the scores of all folds, and one estimator of all rows. "auto" is false for a frozen estimator.
    parameters : dict, optional
        Parameters of the method.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The classes, in the order of the columns of ``predict_proba``.
    calibrated_classifiers_ : list
        Pairs, as bunches with ``estimator`` and ``calibrator``.

    Examples
    --------
    >>> from sklearn.datasets import make_classification
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from temperance.sklearn import CalibratedClassifier
    >>> X, y = make_classification(400, n_redundant=10, random_state=0)
    >>> model = CalibratedClassifier(GaussianNB(), method="temperature", ensemble=False).fit(X, y)
    >>> model.calibrated_classifiers_[0].calibrator.parameters["temperature"] > 2
    True
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        method: str = "temperature",
        cv: Any = None,
        n_jobs: int | None = None,
        ensemble: bool | str = "auto",
        parameters: dict[str, float] | None = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.n_jobs = n_jobs
        self.ensemble = ensemble
        self.parameters = parameters

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any) -> Any:
        """Fits estimators and calibrators.

        Parameters
        ----------
        X : array_like of shape (n, features)
            Features.
        y : array_like of shape (n,)
            Labels.
        sample_weight : array_like of shape (n,), optional
            Weights of the rows, for the calibrators and, where it takes them, the estimator.
        **fit_params
            Passed to the estimator's ``fit``.

        Returns
        -------
        self
        """
        if y is None:
            raise ValueError(f"{type(self).__name__} requires y to be passed, but the target y is None")
        X, y = indexable(X, y)
        y = np.asarray(y)
        if y.ndim == 2 and y.shape[1] == 1:
            text = "A column-vector y was passed when a 1d array was expected."
            warnings.warn(text, DataConversionWarning, stacklevel=2)
            y = y.ravel()
        check_classification_targets(y)
        estimator = LinearSVC() if self.estimator is None else self.estimator
        weights = None if sample_weight is None else _check_sample_weight(sample_weight, X)
        self.classes_, labels = np.unique(y, return_inverse=True)
        cv = check_cv(5 if self.cv is None else self.cv, y, classifier=True)
        fit_params = _check_method_params(X, fit_params)
        weighs = has_fit_parameter(estimator, "sample_weight")
        frozen = type(estimator).__name__ == "FrozenEstimator"
        ensemble = not frozen if self.ensemble == "auto" else bool(self.ensemble)
        self.calibrated_classifiers_ = []
        if ensemble:
            for train, test in cv.split(X, y):
                weight = weights if weighs else None
                fitted = self._fit_estimator(clone(estimator), X, y, train, weight, fit_params)
                scores, probabilities = self._scores(fitted, _rows(X, test))
                weight = None if weights is None else weights[test]
                calibrator = self._calibrate(scores, probabilities, labels[test], weight)
                self.calibrated_classifiers_.append(Bunch(estimator=fitted, calibrator=calibrator))
        else:
            params = dict(fit_params)
            if weighs and weights is not None:
                params["sample_weight"] = weights
            name = _response(estimator)
            scores = cross_val_predict(
                clone(estimator), X, y, cv=cv, method=name, n_jobs=self.n_jobs, params=params
            )
            scores, probabilities = _columns(scores, name, self.classes_, self.classes_)
            calibrator = self._calibrate(scores, probabilities, labels, weights)
            every = np.arange(_num_samples(X))
            weight = weights if weighs else None
            fitted = self._fit_estimator(clone(estimator), X, y, every, weight, fit_params)
            self.calibrated_classifiers_.append(Bunch(estimator=fitted, calibrator=calibrator))
        first = self.calibrated_classifiers_[0].estimator
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(first, name):
                setattr(self, name, getattr(first, name))
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities of shape (n, K), the mean over the fitted pairs."""
        check_is_fitted(self, "calibrated_classifiers_")
        total: Any = 0.0
        for pair in self.calibrated_classifiers_:
            scores, probabilities = self._scores(pair.estimator, X)
            total = total + pair.calibrator.apply(scores, probabilities=probabilities)
        return total / len(self.calibrated_classifiers_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable class of each row."""
        check_is_fitted(self, "calibrated_classifiers_")
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def _fit_estimator(self, estimator: Any, X: Any, y: Any, rows: Any, weight: Any, fit_params: Any) -> Any:
        params = _check_method_params(X, fit_params, rows)
        if weight is not None:
            params["sample_weight"] = weight[rows]
        return estimator.fit(_rows(X, rows), y[rows], **params)

    def _scores(self, estimator: Any, X: Any) -> tuple[NDArray[np.float64], bool]:
        name = _response(estimator)
        return _columns(getattr(estimator, name)(X), name, estimator.classes_, self.classes_)

    def _calibrate(self, scores: Any, probabilities: bool, labels: Any, weight: Any) -> _native.Calibrator:
        # A class that the estimator of this fold never saw cannot be calibrated by its rows.
        possible = np.isfinite(scores[np.arange(len(labels)), labels])
        if not possible.all():
            scores, labels = scores[possible], labels[possible]
            weight = None if weight is None else weight[possible]
        names = [str(name) for name in self.classes_]
        try:
            return _native.fit(
                self.method,
                scores,
                labels,
                self.parameters or {},
                probabilities=probabilities,
                weights=weight,
                class_names=names,
            )
        except _native.FitError as error:
            text = f"the rows of a fold do not determine a calibrator ({error}); its scores are left as they are"
            warnings.warn(text, UserWarning, stacklevel=3)
        return _native.fit("identity", np.zeros((2, len(names))), np.array([0, 1]), {}, class_names=names)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        estimator = LinearSVC() if self.estimator is None else self.estimator
        tags.input_tags.sparse = get_tags(estimator).input_tags.sparse
        return tags


def _rows(X: Any, rows: Any) -> Any:
    from sklearn.utils import _safe_indexing

    return _safe_indexing(X, rows)


def _response(estimator: Any) -> str:
    return _check_response_method(estimator, ["decision_function", "predict_proba"]).__name__


def _columns(scores: Any, name: str, own: Any, classes: Any) -> tuple[NDArray[np.float64], bool]:
    """Scores with a column for each class, and whether they are probabilities."""
    scores = np.asarray(scores, dtype=np.float64)
    probabilities = name == "predict_proba"
    if scores.ndim == 1:
        scores = np.column_stack([np.zeros_like(scores), scores])
    if len(own) == len(classes):
        return scores, probabilities
    whole = np.full((len(scores), len(classes)), 0.0 if probabilities else -np.inf)
    whole[:, np.searchsorted(classes, own)] = scores
    return whole, probabilities
