"""What test_keras.py runs under each backend: losses against the kernel, the reading's lines, a model saved and loaded."""

import doctest
import sys

import keras
import numpy as np

import temperance
import temperance.keras as tk

rng = np.random.default_rng(0)
logits = rng.normal(size=(16, 10)).astype("float32")
targets = rng.integers(0, 10, 16)

# The reading's lines.
loss = tk.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
expected = temperance.cross_entropy(logits, targets, label_smoothing=0.1)
np.testing.assert_allclose(float(loss(targets, logits)), expected, rtol=1e-5)
np.testing.assert_allclose(
    keras.ops.convert_to_numpy(tk.temperature_scale(logits, T=1.5)), temperance.temperature_scale(logits, 1.5), rtol=1e-5
)
np.testing.assert_allclose(
    float(tk.confidence_penalty(logits, beta=0.1)), temperance.confidence_penalty(logits, 0.1), rtol=1e-5
)

onehot = np.eye(10, dtype="float32")[targets]
theirs = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
ours = tk.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
np.testing.assert_allclose(float(ours(onehot, logits)), float(theirs(onehot, logits)), rtol=1e-5)
p = temperance.softmax(logits)
np.testing.assert_allclose(float(tk.CategoricalCrossentropy()(onehot, p)), temperance.cross_entropy(logits, targets), rtol=1e-4)

both = tk.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1, confidence_penalty=0.2)
expected = temperance.cross_entropy(logits, targets, label_smoothing=0.1, confidence_penalty=0.2)
np.testing.assert_allclose(float(both(targets, logits)), expected, rtol=1e-5)

some = np.where(np.arange(16) % 4 == 0, -1, targets)
ignoring = tk.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1, label_smoothing=0.1)
expected = temperance.cross_entropy(logits, some, label_smoothing=0.1, ignore_index=-1)
np.testing.assert_allclose(float(ignoring(some, logits)), expected, rtol=1e-5)

for wrong in ({"label_smoothing": 1.5}, {"confidence_penalty": -1.0}):
    try:
        tk.SparseCategoricalCrossentropy(**wrong)
    except ValueError as error:
        assert "expected" in str(error)
    else:
        raise AssertionError(wrong)

# A model is trained with the loss, saved and loaded.
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), tk.TemperatureScaling(1.5)])
model.compile("adam", tk.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1, confidence_penalty=0.05))
features, labels = rng.normal(size=(64, 4)).astype("float32"), rng.integers(0, 3, 64)
model.fit(features, labels, epochs=2, verbose=0)
model.save(sys.argv[1])
again = keras.saving.load_model(sys.argv[1])
np.testing.assert_allclose(again.predict(features, verbose=0), model.predict(features, verbose=0), rtol=1e-6)
assert again.loss.label_smoothing == 0.1 and again.loss.confidence_penalty == 0.05
assert again.layers[-1].temperature == 1.5

failed, tried = doctest.testmod(tk)
assert tried > 5 and failed == 0
