"""Losses of arrays: values, gradients, types, layouts, and what is refused."""

import math

import numpy as np
import pytest

import temperance


def oracle(logits, targets, smoothing=0.0, penalty=0.0):
    """Cross-entropy of each row, straight from its formula."""
    z = np.asarray(logits, np.float64)
    log_p = z - z.max(1, keepdims=True)
    log_p -= np.log(np.exp(log_p).sum(1, keepdims=True))
    shares = np.full(z.shape, smoothing / z.shape[1])
    shares[np.arange(len(z)), targets] += 1 - smoothing
    entropy = -(np.exp(log_p) * log_p).sum(1)
    return -(shares * log_p).sum(1) - penalty * entropy


@pytest.mark.parametrize("dtype, tolerance", [("f8", 1e-13), ("f4", 1e-6), ("f2", 1e-6), ("bfloat16", 1e-6)])
def test_values_and_gradients_of_every_float(rng, dtype, tolerance):
    if dtype == "bfloat16":
        dtype = pytest.importorskip("ml_dtypes").bfloat16
    logits = rng.normal(size=(16, 10)).astype(dtype)
    labels = rng.integers(0, 10, 16)
    expected = oracle(logits, labels, 0.1, 0.2)
    settings = {"label_smoothing": 0.1, "confidence_penalty": 0.2}
    assert math.isclose(temperance.cross_entropy(logits, labels, **settings), expected.mean(), rel_tol=tolerance)
    loss, gradient = temperance.cross_entropy_with_grad(logits, labels, **settings)
    assert math.isclose(loss, expected.mean(), rel_tol=tolerance)
    assert gradient.dtype == logits.dtype and gradient.shape == logits.shape
    rows = temperance.cross_entropy(logits, labels, reduction="none", **settings)
    np.testing.assert_allclose(rows, expected, rtol=1e-5)
    # The gradient by differences, in double precision.
    wide = logits.astype("f8")
    for row, column in [(0, 0), (3, 7), (15, 9)]:
        above, below = wide.copy(), wide.copy()
        above[row, column] += 1e-6
        below[row, column] -= 1e-6
        slope = (oracle(above, labels, 0.1, 0.2).mean() - oracle(below, labels, 0.1, 0.2).mean()) / 2e-6
        assert abs(float(gradient[row, column]) - slope) < (1e-8 if dtype == "f8" else 1e-3)


def test_every_loss_of_the_registry_has_its_two_functions(rng):
    logits, labels = rng.normal(size=(8, 4)), rng.integers(0, 4, 8)
    for name in temperance.LOSSES:
        more = [rng.normal(size=(8, 4))] if name == "distillation" else []
        value = getattr(temperance, name)(logits, labels, *more)
        again, gradient = getattr(temperance, f"{name}_with_grad")(logits, labels, *more)
        assert value == pytest.approx(again, rel=1e-14) and gradient.shape == logits.shape
        step = 1e-6
        above, below = logits.copy(), logits.copy()
        above[2, 1] += step
        below[2, 1] -= step
        function = getattr(temperance, name)
        slope = (function(above, labels, *more) - function(below, labels, *more)) / (2 * step)
        if name != "online_smoothing":
            assert abs(slope - gradient[2, 1]) < 1e-7, name


def test_axes_are_those_of_pytorch(rng):
    logits, labels = rng.normal(size=(2, 3, 4, 5)), rng.integers(0, 3, (2, 4, 5))
    flat = np.moveaxis(logits, 1, -1).reshape(-1, 3)
    assert temperance.cross_entropy(logits, labels) == pytest.approx(oracle(flat, labels.ravel()).mean())
    rows = temperance.cross_entropy(logits, labels, reduction="none")
    assert rows.shape == labels.shape
    assert temperance.cross_entropy(logits[0, :, 0, 0], labels[0, 0, 0]) == pytest.approx(rows[0, 0, 0])
    shares = np.moveaxis(np.eye(3)[labels], -1, 1)
    assert temperance.cross_entropy(logits, shares) == pytest.approx(rows.mean())


def test_reductions_weights_and_ignored_rows(rng):
    logits, labels = rng.normal(size=(6, 3)), np.array([0, 1, 2, -100, 1, 0])
    weight = np.array([1.0, 2.0, 0.5])
    counted = labels >= 0
    rows = oracle(logits, np.where(counted, labels, 0)) * counted * weight[np.where(counted, labels, 0)]
    total = weight[labels[counted]].sum()
    assert temperance.cross_entropy(logits, labels, weight=weight) == pytest.approx(rows.sum() / total)
    assert temperance.cross_entropy(logits, labels, weight=weight, reduction="sum") == pytest.approx(rows.sum())
    got = temperance.cross_entropy(logits, labels, weight=weight, reduction="none")
    np.testing.assert_allclose(got, rows)
    assert math.isnan(temperance.cross_entropy(logits, np.full(6, -100)))


def test_upstream_and_out(rng):
    logits, labels = rng.normal(size=(4, 3)).astype("f4"), rng.integers(0, 3, 4)
    _, plain = temperance.cross_entropy_with_grad(logits, labels)
    _, tripled = temperance.cross_entropy_with_grad(logits, labels, upstream=3.0)
    np.testing.assert_allclose(tripled, 3 * plain, rtol=1e-6)
    out = np.empty_like(logits)
    _, same = temperance.cross_entropy_with_grad(logits, labels, out=out)
    assert same is out
    np.testing.assert_array_equal(out, plain)
    arriving = rng.normal(size=4)
    _, rows = temperance.cross_entropy_with_grad(logits, labels, reduction="none", upstream=arriving)
    np.testing.assert_allclose(rows, plain * 4 * arriving[:, None], rtol=1e-5)
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only or in use; expected a writable array"):
        temperance.cross_entropy_with_grad(logits, labels, out=out)
    with pytest.raises(TypeError, match="out is an array of dtype float64; expected the dtype of the logits"):
        temperance.cross_entropy_with_grad(logits, labels, out=np.empty((4, 3)))
    with pytest.raises(ValueError, match=r"out is of shape \[3, 4\]; expected the shape \[4, 3\] of the logits"):
        temperance.cross_entropy_with_grad(logits, labels, out=np.empty((3, 4), "f4"))


def test_arrays_of_every_memory_layout(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    expected = temperance.cross_entropy(logits, labels)
    read_only = logits.copy()
    read_only.flags.writeable = False
    wide = np.zeros((6, 8))
    wide[:, ::2] = logits
    views = [
        np.asfortranarray(logits),
        wide[:, ::2],
        logits[::-1][::-1],
        logits.astype(">f8"),
        logits.tolist(),
        read_only,
    ]
    for view in views:
        assert temperance.cross_entropy(view, labels) == expected
    for integers in ["i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4"]:
        assert temperance.cross_entropy(logits, labels.astype(integers)) == expected
    assert temperance.cross_entropy(logits, labels[::-1][::-1]) == expected
    assert temperance.cross_entropy(logits.round().astype(int), labels) == temperance.cross_entropy(logits.round(), labels)
    binary = rng.normal(size=(6, 2))
    assert temperance.cross_entropy(binary, labels > 1) == temperance.cross_entropy(binary, (labels > 1).astype(int))


def test_frames(rng):
    logits, labels = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    expected = temperance.cross_entropy(logits, labels)
    pandas = pytest.importorskip("pandas")
    assert temperance.cross_entropy(pandas.DataFrame(logits), pandas.Series(labels)) == expected
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({str(k): logits[:, k] for k in range(4)})
    assert temperance.cross_entropy(frame, polars.Series(labels)) == expected


REFUSED = [
    (np.array([["a", "b"]]), [0], TypeError, "logits is an array of dtype <U1; expected numbers"),
    (np.array([[1, None]]), [0], TypeError, "logits is an array of dtype object; expected numbers"),
    (np.array([[1 + 2j, 0]]), [0], TypeError, "logits is an array of dtype complex128; expected numbers"),
    (np.ma.masked_array([[1.0, 2.0]], [[0, 1]]), [0], TypeError, "logits is a masked array; expected an array without"),
    ([[1.0, 2.0]], ["cat"], TypeError, "targets is an array of dtype <U3 and shape .1.; expected class indices"),
    ([[1.0, 2.0]], [0.0], TypeError, "targets is an array of dtype float64 and shape .1.; expected class indices"),
    ([[1.0, 2.0]], [0, 1], ValueError, r"targets is of shape \[2\]; expected the shape \[1\]"),
    ([[1.0, 2.0]], [2], ValueError, r"label is 2 at row 0 \(counted from 0\); expected a class index from 0 to 1"),
    ([[1.0, math.nan]], [0], ValueError, r"logit is NaN at row 0, column 1 \(counted from 0\); expected a finite"),
    (3.0, 0, ValueError, "logits is one number; expected an array with an axis of classes"),
    (np.zeros((0, 3)), np.zeros(0, int), ValueError, "number of logits is 0; expected at least one row"),
]


@pytest.mark.parametrize("logits, targets, error, text", REFUSED)
def test_refusals(logits, targets, error, text):
    with pytest.raises(error, match=text):
        temperance.cross_entropy(logits, targets)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="epsilon is 1.5; expected a number from 0 to 1"):
        temperance.cross_entropy([[1.0, 0.0]], [0], label_smoothing=1.5)
    with pytest.raises(TypeError, match="label_smoothing is 'a'; expected a number"):
        temperance.cross_entropy([[1.0, 0.0]], [0], label_smoothing="a")
    with pytest.raises(ValueError, match='reduction is "max"; expected "none", "mean" or "sum"'):
        temperance.cross_entropy([[1.0, 0.0]], [0], reduction="max")
    with pytest.raises(ValueError, match="number of class weights is 3; expected one for each of the 2 classes"):
        temperance.cross_entropy([[1.0, 0.0]], [0], weight=[1, 1, 1])


def test_softmax_and_its_kin(rng):
    for dtype in ["f8", "f4", "f2"]:
        logits = rng.normal(size=(3, 5, 4)).astype(dtype)
        wide = logits.astype("f8")
        p = np.exp(wide) / np.exp(wide).sum(-1, keepdims=True)
        tolerance = {"f8": 1e-14, "f4": 1e-6, "f2": 2e-3}[dtype]
        np.testing.assert_allclose(temperance.softmax(logits), p, rtol=tolerance)
        np.testing.assert_allclose(temperance.log_softmax(logits), np.log(p), rtol=tolerance, atol=tolerance)
        np.testing.assert_allclose(temperance.entropy(logits), -(p * np.log(p)).sum(-1), rtol=max(tolerance, 1e-6))
        assert temperance.softmax(logits).dtype == logits.dtype
        half = np.exp(wide / 2) / np.exp(wide / 2).sum(-1, keepdims=True)
        np.testing.assert_allclose(temperance.temperature_scale(logits, 2.0), half, rtol=tolerance)
    penalty = temperance.confidence_penalty(logits, 0.1)
    assert penalty == pytest.approx(-0.1 * (-(p * np.log(p)).sum(-1)).mean(), rel=1e-3)
    with pytest.raises(ValueError, match="temperature is -1"):
        temperance.temperature_scale(logits, -1.0)


def test_the_readings_inputs(rng):
    logits, targets = rng.normal(size=(16, 10)), rng.integers(0, 10, 16)
    assert temperance.cross_entropy(logits, targets, label_smoothing=0.1) > 0
    p = temperance.temperature_scale(logits, 1.5)
    assert p.shape == (16, 10)
    np.testing.assert_allclose(p.sum(1), 1)
    assert temperance.confidence_penalty(logits, beta=0.1) == pytest.approx(-0.1 * temperance.entropy(logits).mean())


def test_ten_thousand_calls_leak_nothing(rng):
    resource = pytest.importorskip("resource")
    logits, labels = rng.normal(size=(64, 100)), rng.integers(0, 100, 64)

    def calls(count):
        for _ in range(count):
            temperance.cross_entropy_with_grad(logits, labels)
            try:
                temperance.cross_entropy(logits, labels + 100)
            except ValueError:
                pass
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = calls(1000)
    # 10 000 gradients are 512 MB; the peak must not grow by a hundredth of that.
    assert calls(10_000) - before < 5000


def test_threads_run_beside_each_other(rng):
    from concurrent.futures import ThreadPoolExecutor

    logits, labels = rng.normal(size=(2000, 50)), rng.integers(0, 50, 2000)
    expected = temperance.cross_entropy(logits, labels)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: temperance.cross_entropy(logits, labels), range(64)))
    assert results == [expected] * 64
