"""Estimators, as scikit-learn uses them."""

import inspect
import pickle

import numpy as np
import pytest

sklearn = pytest.importorskip("sklearn")

from sklearn.base import clone  # noqa: E402
from sklearn.calibration import CalibratedClassifierCV  # noqa: E402
from sklearn.datasets import make_classification  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.model_selection import GridSearchCV, cross_val_predict  # noqa: E402
from sklearn.naive_bayes import GaussianNB  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.svm import SVC  # noqa: E402
from sklearn.utils.estimator_checks import estimator_checks_generator  # noqa: E402

import temperance  # noqa: E402
import temperance.sklearn  # noqa: E402
from temperance.sklearn import CalibratedClassifier, TemperatureScaling  # noqa: E402

ESTIMATORS = [
    getattr(temperance.sklearn, name) for name in temperance.sklearn.__all__ if name != "CalibratedClassifier"
]

# Three classes in two columns: the checks hand in features, where a calibrator needs a score for each class.
COLUMNS = "its data have another number of columns than of classes"
UNRELATED = "its data are features of a classifier to be learned, where a calibrator's columns are classes already"
EXPECTED_FAILED_CHECKS = {
    "check_estimators_overwrite_params": COLUMNS,
    "check_estimators_fit_returns_self": COLUMNS,
    "check_readonly_memmap_input": COLUMNS,
    "check_classifiers_classes": COLUMNS,
    "check_classifiers_train": UNRELATED,
    "check_fit2d_1sample": "one row has one class: refused, in the library's words",
}


@pytest.mark.parametrize("estimator, check", list(estimator_checks_generator(CalibratedClassifier())))
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_of_the_classifier(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "estimator, check",
    list(
        estimator_checks_generator(TemperatureScaling(), expected_failed_checks=EXPECTED_FAILED_CHECKS, mark="xfail")
    ),
)
@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks_of_a_calibrator(estimator, check):
    check(estimator)


def test_there_is_an_estimator_for_every_method_with_its_parameters():
    assert {estimator.method for estimator in ESTIMATORS} == set(temperance.METHODS)
    registry = {entry["name"]: entry for entry in temperance._native.registry()["methods"]}
    for estimator in ESTIMATORS:
        given = inspect.signature(estimator).parameters
        for parameter in registry[estimator.method]["parameters"]:
            assert given[parameter["name"]].default == float(parameter["default"])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: estimator.__name__)
def test_every_estimator(estimator, overconfident, tmp_path):
    logits, labels = overconfident
    fitted = clone(estimator()).fit(logits, labels)
    p = fitted.predict_proba(logits)
    np.testing.assert_array_equal(p, temperance.fit(logits, labels, method=estimator.method).apply(logits))
    assert set(fitted.predict(logits)) <= set(range(5))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fitted)).predict_proba(logits), p)
    fitted.save(tmp_path / "c.json")
    np.testing.assert_array_equal(estimator.load(tmp_path / "c.json").predict_proba(logits), p)
    np.testing.assert_array_equal(estimator.load(tmp_path / "c.json").classes_, np.arange(5))


def test_labels_of_any_kind(overconfident):
    logits, labels = overconfident
    names = np.array(["ant", "bee", "cat", "dog", "eel"])
    fitted = TemperatureScaling().fit(logits, names[labels])
    assert list(fitted.classes_) == list(names)
    assert set(fitted.predict(logits)) <= set(names)
    assert fitted.temperature_ == TemperatureScaling().fit(logits, labels).temperature_
    # A class without a row: the labels cannot say which column is whose.
    some = labels != 2
    with pytest.raises(ValueError, match="number of classes among the labels is 4; expected 5"):
        TemperatureScaling().fit(logits[some], names[labels[some]])
    given = TemperatureScaling(classes=names).fit(logits[some], names[labels[some]])
    assert list(given.classes_) == list(names)
    assert TemperatureScaling().fit(logits[some], labels[some]).temperature_ == given.temperature_
    with pytest.raises(ValueError, match="label is 'fox'; expected one of the classes that were given"):
        TemperatureScaling(classes=names).fit(logits[:2], ["ant", "fox"])
    with pytest.raises(AttributeError, match="HistogramBinning has no temperature"):
        temperance.sklearn.HistogramBinning().fit(logits, labels).temperature_  # noqa: B018


def test_sample_weight_pipeline_and_search(overconfident):
    logits, labels = overconfident
    weights = np.where(np.arange(3000) < 1500, 1.0, 0.0)
    half = TemperatureScaling().fit(logits, labels, sample_weight=weights)
    assert half.temperature_ == pytest.approx(TemperatureScaling().fit(logits[:1500], labels[:1500]).temperature_)
    search = GridSearchCV(
        temperance.sklearn.StructuredVectorScaling(), {"bias_penalty": [0.1, 10.0]}, scoring="neg_log_loss", cv=3
    )
    assert search.fit(logits, labels).best_score_ > -2
    assert cross_val_predict(TemperatureScaling(), logits, labels, method="predict_proba").shape == (3000, 5)


def test_probabilities(overconfident):
    logits, labels = overconfident
    p = temperance.softmax(logits)
    assert TemperatureScaling(scores="probabilities").fit(p, labels).temperature_ == pytest.approx(
        TemperatureScaling().fit(logits, labels).temperature_, rel=1e-9
    )
    with pytest.raises(ValueError, match="scores is 'log'; expected"):
        TemperatureScaling(scores="log").fit(p, labels)


@pytest.mark.parametrize("ensemble", [True, False])
@pytest.mark.parametrize("method", ["temperature", "platt", "isotonic", "auto"])
@pytest.mark.parametrize("classes", [2, 3])
def test_calibrated_classifier(ensemble, method, classes):
    X, y = make_classification(900, n_features=20, n_informative=4, n_redundant=10, n_classes=classes, random_state=0)
    names = np.array(["no", "yes", "perhaps"])
    model = CalibratedClassifier(GaussianNB(), method=method, cv=3, ensemble=ensemble).fit(X[:600], names[y[:600]])
    p = model.predict_proba(X[600:])
    assert p.shape == (300, classes)
    np.testing.assert_allclose(p.sum(1), 1)
    truth = np.searchsorted(model.classes_, names[y[600:]])
    plain = GaussianNB().fit(X[:600], names[y[:600]]).predict_proba(X[600:])

    def nll(p):
        return -np.log(np.maximum(p[np.arange(300), truth], 1e-300)).mean()

    if method != "isotonic":
        assert nll(p) < nll(plain)
    assert len(model.calibrated_classifiers_) == (3 if ensemble else 1)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))


def test_it_equals_scikit_learns_sigmoid_on_log_odds():
    # Platt's priors apart: temperature on a decision function of two classes is theirs.
    X, y = make_classification(600, random_state=1)
    ours = CalibratedClassifier(LogisticRegression(), method="temperature", cv=3, ensemble=False).fit(X, y)
    theirs = CalibratedClassifierCV(LogisticRegression(), method="temperature", cv=3, ensemble=False).fit(X, y)
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=2e-6)


def test_frozen_and_pipeline_and_default():
    frozen = pytest.importorskip("sklearn.frozen").FrozenEstimator
    X, y = make_classification(600, random_state=2)
    fitted = SVC().fit(X[:300], y[:300])
    model = CalibratedClassifier(frozen(fitted)).fit(X[300:], y[300:])
    assert len(model.calibrated_classifiers_) == 1
    assert make_pipeline(StandardScaler(), CalibratedClassifier()).fit(X, y).score(X, y) > 0.7
    weighted = CalibratedClassifier(GaussianNB()).fit(X, y, sample_weight=np.ones(600))
    np.testing.assert_allclose(weighted.predict_proba(X), CalibratedClassifier(GaussianNB()).fit(X, y).predict_proba(X))


def test_a_fold_that_cannot_be_calibrated_is_said():
    X, y = np.arange(12.0).reshape(6, 2), np.array([0, 0, 0, 1, 1, 1])
    folds = [(np.array([0, 1, 3, 4]), np.array([2])), (np.array([0, 1, 3, 4]), np.array([2, 5]))]
    with pytest.warns(UserWarning, match="the rows of a fold do not determine a calibrator .every label is 0"):
        CalibratedClassifier(GaussianNB(), cv=folds).fit(X, y)
