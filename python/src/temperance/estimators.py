"""The calibration methods as scikit-learn estimators.

Written by `python/generate.py` from the registries: change those, or the generator.
"""

from __future__ import annotations

from typing import Any

from temperance._calibration import Calibration

__all__ = [
    "BayesianBinning",
    "BetaCalibration",
    "CentredIsotonicCalibration",
    "DirichletCalibration",
    "EnsembleTemperatureScaling",
    "HistogramBinning",
    "Identity",
    "IsotonicCalibration",
    "MatrixScaling",
    "PlattScaling",
    "QuadraticScaling",
    "ScalingBinning",
    "StructuredMatrixScaling",
    "StructuredVectorScaling",
    "TemperatureBiasScaling",
    "TemperatureScaling",
    "VectorScaling",
    "VennAbers",
]


class Identity(Calibration):
    """Leaves the probabilities as they are: what every other method is compared with.

    Parameters
    ----------
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    definition.

    Examples
    --------
    >>> from temperance.sklearn import Identity
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = Identity().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.9526, 0.0474]
    """

    method = "identity"
    _settings = ()

    def __init__(
        self,
        *,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class TemperatureScaling(Calibration):
    """Divides all logits by one number T, fitted by maximum likelihood.

    Parameters
    ----------
    minimum : float, default 0.0001
        From 1e-30.
    maximum : float, default 10000.0
        Above the minimum, to 1e30.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2.

    Examples
    --------
    >>> from temperance.sklearn import TemperatureScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = TemperatureScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.7164, 0.2836]
    """

    method = "temperature"
    _settings = ("minimum", "maximum")

    def __init__(
        self,
        *,
        minimum: float = 0.0001,
        maximum: float = 10000.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class EnsembleTemperatureScaling(Calibration):
    """A mixture of the model at a temperature, the model as it is, and the uniform distribution (ETS).

    Parameters
    ----------
    minimum : float, default 0.05
        Above 0: the least temperature.
    maximum : float, default 5.0
        Above the minimum: the largest.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Zhang, Kailkhura, Han 2020, Mix-n-Match: Ensemble and Compositional Methods, section 4.

    Examples
    --------
    >>> from temperance.sklearn import EnsembleTemperatureScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = EnsembleTemperatureScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6967, 0.3033]
    """

    method = "ensemble_temperature"
    _settings = ("minimum", "maximum")

    def __init__(
        self,
        *,
        minimum: float = 0.05,
        maximum: float = 5.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class TemperatureBiasScaling(Calibration):
    """Temperature scaling with a bias for each class.

    Parameters
    ----------
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Alexandari, Kundaje, Shrikumar 2020, Maximum Likelihood with Bias-Corrected Calibration, section 3.

    Examples
    --------
    >>> from temperance.sklearn import TemperatureBiasScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = TemperatureBiasScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.7257, 0.2743]
    """

    method = "temperature_biases"
    _settings = ()

    def __init__(
        self,
        *,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class PlattScaling(Calibration):
    """Multiplies log-odds by a slope and adds an intercept, fitted by maximum likelihood.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    priors : float, default 0.0
        0 or 1 (Platt's targets).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Platt 1999, Probabilistic Outputs for Support Vector Machines.

    Examples
    --------
    >>> from temperance.sklearn import PlattScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = PlattScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.7257, 0.2743]
    """

    method = "platt"
    _settings = ("top_label", "priors")

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        priors: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.priors = priors
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class StructuredVectorScaling(Calibration):
    """Temperature scaling, then a scale and a bias for each class, held back by penalties (SVS).

    Parameters
    ----------
    bias_penalty : float, default 1.0
        0 or above; times K/n.
    diagonal_penalty : float, default 1.0
        0 or above; times K/n.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Berta, Holzmüller, Jordan, Bach 2026, Structured Matrix Scaling for Multi-Class Calibration.

    Examples
    --------
    >>> from temperance.sklearn import StructuredVectorScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = StructuredVectorScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6908, 0.3092]
    """

    method = "structured_vector"
    _settings = ("bias_penalty", "diagonal_penalty")

    def __init__(
        self,
        *,
        bias_penalty: float = 1.0,
        diagonal_penalty: float = 1.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.bias_penalty = bias_penalty
        self.diagonal_penalty = diagonal_penalty
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class VectorScaling(Calibration):
    """A scale and a bias for each class, without a penalty.

    Parameters
    ----------
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2.

    Examples
    --------
    >>> from temperance.sklearn import VectorScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = VectorScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6805, 0.3195]
    """

    method = "vector"
    _settings = ()

    def __init__(
        self,
        *,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class BetaCalibration(Calibration):
    """Replaces log-odds by a·ln p - b·ln(1 - p) + c, fitted by maximum likelihood.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    variant : float, default 0.0
        0 (a, b and m), 1 (a = b, and m) or 2 (a and b).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Kull, Silva Filho, Flach 2017, Beta Calibration, AISTATS.

    Examples
    --------
    >>> from temperance.sklearn import BetaCalibration
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = BetaCalibration().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6805, 0.3195]
    """

    method = "beta"
    _settings = ("top_label", "variant")

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        variant: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.variant = variant
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class QuadraticScaling(Calibration):
    """Replaces log-odds s by c + b·s + a·s², fitted by maximum likelihood.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    probmetrics 1.3.0, BinaryLogisticCalibrator.

    Examples
    --------
    >>> from temperance.sklearn import QuadraticScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = QuadraticScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6662, 0.3338]
    """

    method = "quadratic"
    _settings = ("top_label",)

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class StructuredMatrixScaling(Calibration):
    """Temperature scaling, then a K by K matrix and a bias, held back by penalties (SMS).

    Parameters
    ----------
    bias_penalty : float, default 1.0
        0 or above; times K/n.
    diagonal_penalty : float, default 1.0
        0 or above; times K/n.
    off_diagonal_penalty : float, default 1.0
        0 or above; times K(K - 1)/n.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Berta, Holzmüller, Jordan, Bach 2026, Structured Matrix Scaling for Multi-Class Calibration.

    Examples
    --------
    >>> from temperance.sklearn import StructuredMatrixScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = StructuredMatrixScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6926, 0.3074]
    """

    method = "structured_matrix"
    _settings = ("bias_penalty", "diagonal_penalty", "off_diagonal_penalty")

    def __init__(
        self,
        *,
        bias_penalty: float = 1.0,
        diagonal_penalty: float = 1.0,
        off_diagonal_penalty: float = 1.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.bias_penalty = bias_penalty
        self.diagonal_penalty = diagonal_penalty
        self.off_diagonal_penalty = off_diagonal_penalty
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class DirichletCalibration(Calibration):
    """A K by K matrix and a bias on log-probabilities, with off-diagonal and intercept penalties (ODIR).

    Parameters
    ----------
    off_diagonal_penalty : float, default 0.001
        0 or above: λ.
    bias_penalty : float, default 0.001
        0 or above: μ.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Kull, Perello Nieto, Kängsepp, Silva Filho, Song, Flach 2019, Beyond Temperature Scaling, sections 3 and 4.

    Examples
    --------
    >>> from temperance.sklearn import DirichletCalibration
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = DirichletCalibration().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.682, 0.318]
    """

    method = "dirichlet"
    _settings = ("off_diagonal_penalty", "bias_penalty")

    def __init__(
        self,
        *,
        off_diagonal_penalty: float = 0.001,
        bias_penalty: float = 0.001,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.off_diagonal_penalty = off_diagonal_penalty
        self.bias_penalty = bias_penalty
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class CentredIsotonicCalibration(Calibration):
    """Isotonic regression with each flat piece drawn together to its centre.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Oron, Flournoy 2017, Centered Isotonic Regression.

    Examples
    --------
    >>> from temperance.sklearn import CentredIsotonicCalibration
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = CentredIsotonicCalibration().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [1.0, 0.0]
    """

    method = "centred_isotonic"
    _settings = ("top_label",)

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class IsotonicCalibration(Calibration):
    """Replaces each probability by the closest non-decreasing function of it.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Zadrozny, Elkan 2002, Transforming Classifier Scores into Accurate Multiclass Probability Estimates.

    Examples
    --------
    >>> from temperance.sklearn import IsotonicCalibration
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = IsotonicCalibration().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [1.0, 0.0]
    """

    method = "isotonic"
    _settings = ("top_label",)

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class HistogramBinning(Calibration):
    """Replaces each probability by the rate of the outcome in its bin.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    bins : float, default 15.0
        A whole number from 1 to 1000000.
    equal_mass : float, default 1.0
        0 (equal width) or 1 (equal weight).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Zadrozny, Elkan 2001, Obtaining Calibrated Probability Estimates.

    Examples
    --------
    >>> from temperance.sklearn import HistogramBinning
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = HistogramBinning().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [1.0, 0.0]
    """

    method = "histogram"
    _settings = ("top_label", "bins", "equal_mass")

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        bins: float = 15.0,
        equal_mass: float = 1.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.bins = bins
        self.equal_mass = equal_mass
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class ScalingBinning(Calibration):
    """Platt scaling, then the mean of its results in each of a few bins of equal weight.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    bins : float, default 15.0
        A whole number from 1 to 1000000.
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Kumar, Liang, Ma 2019, Verified Uncertainty Calibration.

    Examples
    --------
    >>> from temperance.sklearn import ScalingBinning
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = ScalingBinning().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.7257, 0.2743]
    """

    method = "scaling_binning"
    _settings = ("top_label", "bins")

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        bins: float = 15.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.bins = bins
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class BayesianBinning(Calibration):
    """Averages histograms of many numbers of bins by how likely they make the outcomes.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Naeini, Cooper, Hauskrecht 2015, Obtaining Well Calibrated Probabilities Using Bayesian Binning.

    Examples
    --------
    >>> from temperance.sklearn import BayesianBinning
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = BayesianBinning().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.5553, 0.4447]
    """

    method = "bbq"
    _settings = ("top_label",)

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class VennAbers(Calibration):
    """Isotonic regression with the row itself as a miss and as a hit, and the two joined.

    Parameters
    ----------
    top_label : float, default 0.0
        0 (one versus rest) or 1 (top label).
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Vovk, Petej, Fedorova 2015, Large-Scale Probabilistic Predictors With and Without Guarantees of Validity.

    Examples
    --------
    >>> from temperance.sklearn import VennAbers
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = VennAbers().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6667, 0.3333]
    """

    method = "venn_abers"
    _settings = ("top_label",)

    def __init__(
        self,
        *,
        top_label: float = 0.0,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.top_label = top_label
        self.scores = scores
        self.zeros = zeros
        self.classes = classes


class MatrixScaling(Calibration):
    """A K by K matrix and a bias for each class, without a penalty: over-fits unless rows are many.

    Parameters
    ----------
    scores : {"logits", "probabilities"}, default "logits"
        What the columns of X are. Never guessed from the values.
    zeros : {"clip", "error", "infinite"}, default "clip"
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
    Guo, Pleiss, Sun, Weinberger 2017, On Calibration of Modern Neural Networks, section 4.2.

    Examples
    --------
    >>> from temperance.sklearn import MatrixScaling
    >>> X = [[3, 0], [2, 0], [0, 1], [0, 4], [1, 0], [0, 2]]
    >>> fitted = MatrixScaling().fit(X, [0, 1, 1, 1, 0, 0])
    >>> [round(p, 4) for p in fitted.predict_proba(X)[0].tolist()]
    [0.6805, 0.3195]
    """

    method = "matrix"
    _settings = ()

    def __init__(
        self,
        *,
        scores: str = "logits",
        zeros: str = "clip",
        classes: Any = None,
    ) -> None:
        self.scores = scores
        self.zeros = zeros
        self.classes = classes
