"""JAX: the numbers of the kernel, under jit, grad and vmap."""

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

import temperance  # noqa: E402
import temperance.jax as tj  # noqa: E402

jax.config.update("jax_enable_x64", True)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["hard", "ignored", "soft"])
def test_parity(rng, reduction, weighted, kind):
    logits = rng.normal(size=(12, 5)) * 3
    targets = rng.integers(0, 5, 12)
    if kind == "ignored":
        targets[::4] = -100
    if kind == "soft":
        targets = rng.dirichlet(np.ones(5), 12)
    settings = {"label_smoothing": 0.1, "confidence_penalty": 0.2, "reduction": reduction}
    settings["weight"] = rng.uniform(0.5, 2, 5) if weighted else None
    expected = temperance.cross_entropy(logits, targets, **settings)
    got = jax.jit(lambda z: tj.cross_entropy(z, jnp.asarray(targets), **settings))(logits)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)
    if reduction != "none":
        _, gradient = temperance.cross_entropy_with_grad(logits, targets, **settings)
        got = jax.grad(lambda z: tj.cross_entropy(z, jnp.asarray(targets), **settings))(logits)
        np.testing.assert_allclose(got, gradient, rtol=1e-11, atol=1e-13)


def test_vmap_z_loss_and_masked_classes(rng):
    logits, targets = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    each = jax.vmap(lambda z, y: tj.cross_entropy(z, y, z_loss=0.01))(logits, targets)
    np.testing.assert_allclose(each, temperance.cross_entropy(logits, targets, z_loss=0.01, reduction="none"), rtol=1e-12)
    logits[:, 0] = -np.inf
    targets = np.maximum(targets, 1)
    gradient = jax.grad(lambda z: tj.cross_entropy(z, targets, confidence_penalty=0.2))(logits)
    expected = temperance.cross_entropy_with_grad(logits, targets, confidence_penalty=0.2)[1]
    np.testing.assert_allclose(gradient, expected, atol=1e-13)
    assert jnp.isnan(tj.cross_entropy(jnp.zeros((1, 2)), jnp.array([2])))
    with pytest.raises(ValueError, match="targets is of shape .3,.; expected .6,., one for each row"):
        tj.cross_entropy(logits, jnp.zeros(3, int))


def test_the_rest(rng):
    logits = rng.normal(size=(5, 4))
    np.testing.assert_allclose(tj.entropy(logits), temperance.entropy(logits), rtol=1e-12)
    np.testing.assert_allclose(tj.temperature_scale(logits, T=1.5), temperance.temperature_scale(logits, 1.5), rtol=1e-12)
    assert float(tj.confidence_penalty(logits, 0.1)) == pytest.approx(temperance.confidence_penalty(logits, 0.1))
