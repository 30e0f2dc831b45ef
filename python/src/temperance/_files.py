"""Calibrator files."""

from __future__ import annotations

import os

from temperance import _native


def write(path: str | os.PathLike[str], text: str) -> None:
    """Writes a file beside its place, and moves it there: it is whole or not there."""
    beside = f"{os.fspath(path)}.partial"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(beside, path)


def save(calibrator: _native.Calibrator, path: str | os.PathLike[str]) -> None:
    """Writes a calibrator file."""
    write(path, calibrator.to_json())


def load(path: str | os.PathLike[str]) -> _native.Calibrator:
    """Reads a calibrator file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return _native.Calibrator.from_json(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
