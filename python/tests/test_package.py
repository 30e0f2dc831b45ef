"""The package as a whole: generated files, stubs, docs, what it imports."""

import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import temperance

ROOT = Path(__file__).parent.parent


def test_generated_files_are_those_of_the_registry():
    run = subprocess.run([sys.executable, str(ROOT / "generate.py"), "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


NEEDS = {"estimators": "sklearn", "sklearn": "sklearn", "torch": "torch", "jax": "jax"}


@pytest.mark.parametrize("module", ["", "losses", "_report", "_files", "estimators", "sklearn", "torch", "jax"])
def test_examples_of_docstrings(module):
    if module in NEEDS:
        pytest.importorskip(NEEDS[module])
    name = f"temperance.{module}" if module else "temperance"
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert failed == 0 and (tried > 0 or module == "_files")


def test_readme():
    failed, tried = doctest.testfile(str(ROOT / "README.md"), module_relative=False)
    assert failed == 0 and tried > 5


def test_nothing_heavy_is_imported():
    heavy = ["torch", "jax", "keras", "tensorflow", "sklearn", "matplotlib", "tqdm", "pandas"]
    code = f"import sys, temperance; print([name for name in {heavy} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_everything_public_exists_and_says_what_it_is():
    for name in temperance.__all__:
        thing = getattr(temperance, name)
        assert isinstance(thing, tuple) or (thing.__doc__ and thing.__doc__.strip()), name


def test_stubs_match_the_module():
    pytest.importorskip("mypy")
    run = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "temperance._native", "--mypy-config-file", "pyproject.toml"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_types():
    pytest.importorskip("mypy")
    run = subprocess.run(
        [sys.executable, "-m", "mypy", "-p", "temperance"],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert run.returncode == 0, run.stdout


def test_notebook():
    for needed in ("nbclient", "nbformat", "torch", "sklearn", "matplotlib", "ipykernel"):
        pytest.importorskip(needed)
    import nbclient
    import nbformat

    notebook = nbformat.read(ROOT / "examples" / "calibration.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=300).execute()
    printed = [output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("smoothed  T" in text for text in printed)
