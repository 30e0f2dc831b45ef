"""Keras 3, on the backends that are there: each in a process of its own, as Keras chooses one when it is imported."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

if importlib.util.find_spec("keras") is None:
    pytest.skip("keras is not installed", allow_module_level=True)


@pytest.mark.parametrize("backend", ["tensorflow", "jax", "torch"])
def test_backend(backend, tmp_path):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    script = Path(__file__).with_name("keras_backend.py")
    run = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "model.keras")],
        env={**os.environ, "KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
