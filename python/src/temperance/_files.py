"""Calibrator files."""

from __future__ import annotations

import os

from temperance import _native


def save(calibrator: _native.Calibrator, path: str | os.PathLike[str]) -> None:
    """Writes a calibrator file beside its place, and moves it there."""
    beside = f"{os.fspath(path)}.partial"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(calibrator.to_json())
    os.replace(beside, path)


def load(path: str | os.PathLike[str]) -> _native.Calibrator:
    """Reads a calibrator file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return _native.Calibrator.from_json(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
