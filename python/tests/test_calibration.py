"""Fitting, applying, files, measuring, comparing and reports."""

import json
import pickle
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

import temperance


def test_a_temperature_is_found(overconfident):
    logits, labels = overconfident
    fitted = temperance.fit(logits, labels)
    assert fitted.method == "temperature" and fitted.classes == 5
    assert abs(fitted.parameters["temperature"] - 2) < 0.15
    low, high = fitted.certificate["interval"]
    assert low < 2 < high
    p = fitted.apply(logits)
    np.testing.assert_allclose(p, temperance.softmax(logits / fitted.parameters["temperature"]), rtol=1e-12)
    assert fitted.apply(logits.astype("f4")).dtype == np.float32
    np.testing.assert_allclose(temperance.softmax(fitted.logits(logits)), p, rtol=1e-12)


@pytest.mark.parametrize("method", temperance.METHODS)
def test_every_method_fits_applies_and_goes_through_its_file(overconfident, method, tmp_path):
    logits, labels = overconfident
    fitted = temperance.fit(logits, labels, method=method)
    p = fitted.apply(logits)
    assert p.shape == logits.shape
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)
    temperance.save(fitted, tmp_path / "c.json")
    for again in [temperance.load(tmp_path / "c.json"), pickle.loads(pickle.dumps(fitted))]:
        assert again == fitted
        np.testing.assert_array_equal(again.apply(logits), p)


def test_probabilities_are_said_not_guessed(overconfident):
    logits, labels = overconfident
    p = temperance.softmax(logits)
    a = temperance.fit(p, labels, probabilities=True)
    b = temperance.fit(logits, labels)
    assert a.parameters["temperature"] == pytest.approx(b.parameters["temperature"], rel=1e-9)
    with pytest.raises(ValueError, match="probabilit"):
        temperance.fit(logits, labels, probabilities=True)


def test_weights_are_repeated_rows(overconfident):
    logits, labels = overconfident
    twice = temperance.fit(np.vstack([logits, logits[:100]]), np.concatenate([labels, labels[:100]]))
    weights = np.ones(len(labels))
    weights[:100] = 2
    assert temperance.fit(logits, labels, weights=weights).parameters["temperature"] == pytest.approx(
        twice.parameters["temperature"], rel=1e-9
    )


def test_what_cannot_be_fitted():
    with pytest.raises(temperance.FitError, match="every label is 1; expected at least two classes"):
        temperance.fit([[1.0, 0.0], [0.0, 1.0]], [1, 1])
    assert issubclass(temperance.FitError, ValueError)
    with pytest.raises(ValueError, match='method is "magic"; expected auto, identity'):
        temperance.fit([[1.0, 0.0]], [0], method="magic")
    with pytest.raises(ValueError, match="parameter is \"speed\"; expected"):
        temperance.fit([[1.0, 0.0], [0.0, 1.0]], [1, 0], parameters={"speed": 1})
    with pytest.raises(ValueError, match=r"logits is of shape \[2\]; expected two axes, rows and classes"):
        temperance.fit([1.0, 0.0], [1])
    with pytest.raises(ValueError, match="the 2 classes that the calibrator was fitted to"):
        temperance.fit([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [1, 1, 0], method="vector").apply([[1.0, 2.0, 3.0]])
    rows = [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(ValueError, match="number of class names is 1; expected one for each of the 2 columns"):
        temperance.fit(rows, [0, 1], class_names=["a"])
    with pytest.raises(ValueError, match="weights has 2 axes; expected one, with a number for each row"):
        temperance.fit(rows, [0, 1], weights=[[1.0], [1.0]])
    with pytest.raises(TypeError, match="labels is an array of dtype <U3; expected integers"):
        temperance.fit(rows, ["cat", "dog"])
    with pytest.raises(ValueError, match="number of bins is -1; expected at least 1"):
        temperance.evaluate(rows, [0, 1], bins=-1)
    with pytest.raises(ValueError, match="number of resamplings is -1; expected 0 or above"):
        temperance.evaluate(rows, [0, 1], bootstrap=-1)
    with pytest.raises(ValueError, match="number of groups of rows is 1; expected one for each of the 2 rows"):
        temperance.evaluate(rows, [0, 1], bootstrap=5, groups=[0])
    with pytest.raises(TypeError, match="option is 'nonsense'; expected an option of temperance calibrate"):
        temperance.report(rows, [0, 1], nonsense=3)
    with pytest.raises(TypeError, match="option is 'output'; expected one that does not say where results go"):
        temperance.report(rows, [0, 1], output="x")
    with pytest.raises(ValueError, match="x.json: content is"):
        raise_from_file("{}")


def raise_from_file(text):
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.json")
        with open(path, "w") as file:
            file.write(text)
        temperance.load(path)


def test_auto(overconfident):
    assert temperance.fit(*overconfident, method="auto").method == "temperature"


def test_progress_is_told_and_its_exception_ends_the_fit(overconfident):
    seen = []
    temperance.fit(*overconfident, method="vector", progress=lambda *told: seen.append(told))
    assert seen and seen[0][1] <= 3000 and {len(told) for told in seen} == {4}

    def stop(*_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        temperance.fit(*overconfident, method="vector", progress=stop)


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_a_long_fit(rng):
    logits, labels = rng.normal(size=(20_000, 60)), rng.integers(0, 60, 20_000)
    # A process in the background of a shell is started with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        threading.Timer(0.3, lambda: signal.raise_signal(signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            for _ in range(100):
                temperance.fit(logits, labels, method="matrix")
    finally:
        signal.signal(signal.SIGINT, before)


def test_metrics_are_measured(overconfident):
    logits, labels = overconfident
    found = temperance.evaluate(logits, labels, metrics=["spiegelhalter_p"], bootstrap=100, seed=3)
    p = temperance.softmax(logits)
    assert found["metrics"]["accuracy"] == pytest.approx((p.argmax(1) == labels).mean())
    assert found["metrics"]["nll"] == pytest.approx(-np.log(p[np.arange(len(p)), labels]).mean())
    assert found["metrics"]["spiegelhalter_p"] < 1e-6
    low, high = found["intervals"]["ece"]
    assert low < found["metrics"]["ece"] < high
    assert len(found["reliability"]) == 15 and found["rows"] == 3000
    assert found == temperance.evaluate(logits, labels, metrics=["spiegelhalter_p"], bootstrap=100, seed=3)
    groups = np.repeat([f"patient {k}" for k in range(300)], 10)
    assert temperance.evaluate(logits, labels, bootstrap=50, groups=groups)["intervals"].keys()


def test_metrics_equal_scikit_learn(overconfident):
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = overconfident
    p = temperance.softmax(logits)
    found = temperance.evaluate(p, labels, probabilities=True)["metrics"]
    assert found["nll"] == pytest.approx(metrics.log_loss(labels, p), rel=1e-12)
    assert found["accuracy"] == metrics.accuracy_score(labels, p.argmax(1))


def test_report(overconfident, tmp_path):
    names = ["a", "b", "c", "d", "e"]
    page = temperance.report(*overconfident, bootstrap=20, class_names=names)
    assert page.metrics["after"]["ece"] < page.metrics["before"]["ece"]
    assert page.svg().startswith("<svg") and len(page.figures) >= 3
    assert page.html.lstrip().lower().startswith("<!doctype html") and "<iframe" in page._repr_html_()
    page.save(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page.html
    assert "ECE" in str(page)
    with pytest.raises(ValueError, match="figure is 'x'; expected"):
        page.svg("x")
    pytest.importorskip("matplotlib")
    assert len(page.figure().axes) == 2


def test_report_of_test_rows(overconfident):
    logits, labels = overconfident
    page = temperance.report(logits[:2000], labels[:2000], test=(logits[2000:], labels[2000:]), bootstrap=10)
    assert (page.data["n_fit"], page.data["n_test"]) == (2000, 1000)
    direct = temperance.fit(logits[:2000], labels[:2000])
    assert page.data["calibrator"]["temperature"] == direct.parameters["temperature"]


def test_compare(overconfident):
    found = temperance.compare(*overconfident, methods=["temperature", "vector"], bootstrap=100, rank_by="brier")
    assert found.recommended == "temperature"
    assert [method["name"] for method in found.methods] == ["identity", "temperature", "vector"]
    assert found.data["criterion"] == "brier"
    with pytest.raises(ValueError, match="method is \"magic\""):
        temperance.compare(*overconfident, methods=["magic"])
    with pytest.raises(ValueError, match="logits.npy: .*at row 3, column 1"):
        logits = overconfident[0].copy()
        logits[3, 1] = np.nan
        temperance.compare(logits, overconfident[1])
    with pytest.raises(TypeError, match="labels has dtype object; expected numbers"):
        temperance.compare(overconfident[0], np.array(["a"] * 3000, dtype=object))


def test_the_command_is_the_same(tmp_path, overconfident):
    logits, labels = overconfident
    np.save(tmp_path / "z.npy", logits)
    np.save(tmp_path / "y.npy", labels)
    command = [sys.executable, "-m", "temperance"]
    run = subprocess.run(
        [*command, "fit", "--logits", "z.npy", "--labels", "y.npy", "--output", "out", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    fitted = temperance.fit(logits, labels)
    assert json.loads(run.stdout)["calibrator"]["temperature"] == fitted.parameters["temperature"]
    from_file = temperance.load(tmp_path / "out" / "calibrator.json")
    np.testing.assert_array_equal(from_file.apply(logits), fitted.apply(logits))
    temperance.save(fitted, tmp_path / "mine.json")
    run = subprocess.run(
        [*command, "apply", "z.npy", "--calibrator", "mine.json", "--output", "applied"], cwd=tmp_path, text=True
    )
    assert run.returncode == 0
    np.testing.assert_array_equal(np.load(tmp_path / "applied" / "probabilities.npy"), fitted.apply(logits))
    run = subprocess.run([*command, "fit", "--logits", "none.npy"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("error: cannot read none.npy")
