"""Data that tests share."""

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def overconfident():
    """Logits twice as large as those that their labels were drawn from."""
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(3000, 5)) * 2
    labels = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    return 2 * truth, labels
