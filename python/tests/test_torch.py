"""PyTorch: values, gradients, types, compilation, and the reading's own lines."""

import pytest

torch = pytest.importorskip("torch")

import temperance  # noqa: E402
import temperance.torch as tt  # noqa: E402

F = torch.nn.functional


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


def both(function, other, logits):
    """Values and gradients of two losses of the same logits."""
    results = []
    for loss in (function, other):
        leaf = logits.clone().requires_grad_()
        value = loss(leaf)
        value.sum().backward()
        results.append((value.detach(), leaf.grad))
    return results


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("kind", ["hard", "ignored", "soft"])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_parity(reduction, weighted, smoothing, kind, dtype):
    logits = torch.randn(12, 7, dtype=dtype) * 3
    target = torch.randint(0, 7, (12,))
    if kind == "ignored":
        target[::3] = -100
    if kind == "soft":
        target = torch.rand(12, 7, dtype=dtype)
        target = target / target.sum(1, keepdim=True)
    weight = torch.rand(7, dtype=dtype) + 0.5 if weighted else None
    settings = {"weight": weight, "reduction": reduction, "label_smoothing": smoothing}
    (value, grad), (expected, expected_grad) = both(
        lambda z: tt.cross_entropy(z, target, **settings), lambda z: F.cross_entropy(z, target, **settings), logits
    )
    tolerance = {"rtol": 1e-12, "atol": 1e-13} if dtype == torch.float64 else {"rtol": 3e-6, "atol": 1e-6}
    torch.testing.assert_close(value, expected, **tolerance)
    torch.testing.assert_close(grad, expected_grad, **tolerance)


@pytest.mark.parametrize("shape", [(5,), (2, 5, 3), (2, 5, 3, 4)])
def test_layouts(shape):
    logits = torch.randn(*shape, dtype=torch.float64)
    rows = [] if len(shape) == 1 else [shape[0], *shape[2:]]
    target = torch.randint(0, 5, rows)
    a, b = both(lambda z: tt.cross_entropy(z, target), lambda z: F.cross_entropy(z, target), logits)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    shares = torch.rand(shape, dtype=torch.float64)
    a, b = both(lambda z: tt.cross_entropy(z, shares), lambda z: F.cross_entropy(z, shares), logits)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)
    transposed = torch.randn(7, 5, dtype=torch.float64).t().contiguous().t()
    labels = torch.randint(0, 5, (7,))
    a, b = both(lambda z: tt.cross_entropy(z, labels), lambda z: F.cross_entropy(z, labels), transposed)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    logits = torch.randn(16, 10).to(dtype)
    target = torch.randint(0, 10, (16,))
    (value, grad), (expected, expected_grad) = both(
        lambda z: tt.cross_entropy(z, target), lambda z: F.cross_entropy(z.float(), target), logits
    )
    assert value.dtype == dtype and grad.dtype == dtype
    torch.testing.assert_close(value.float(), expected, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(grad, expected_grad, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("upstream", [1.0, 0.25, 1024.0])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_what_arrives_is_multiplied_in(dtype, upstream):
    logits = torch.randn(2000, 40).to(dtype)
    target = torch.randint(0, 40, (2000,))
    a, b = both(
        lambda z: tt.cross_entropy(z, target) * upstream, lambda z: F.cross_entropy(z.double(), target) * upstream, logits
    )
    # 1/N times a small probability is no number of half precision; the scale that saves it comes later.
    tolerance = {"rtol": max(4 * torch.finfo(dtype).eps, 1e-12), "atol": 1e-7 if dtype == torch.float16 else 1e-15}
    torch.testing.assert_close(a[1].double(), b[1].double(), **tolerance)


def test_a_graph_can_be_used_twice():
    logits = torch.randn(6, 5, requires_grad=True)
    value = tt.cross_entropy(logits, torch.randint(0, 5, (6,)))
    (first,) = torch.autograd.grad(value, logits, retain_graph=True)
    kept = first.clone()
    (second,) = torch.autograd.grad(value, logits, retain_graph=True)
    torch.testing.assert_close(second, kept, rtol=0, atol=0)
    value.backward(retain_graph=True)
    logits.grad.zero_()
    value.backward()
    torch.testing.assert_close(logits.grad, kept, rtol=0, atol=0)


def test_functional_gradient():
    logits, target = torch.randn(6, 5), torch.randint(0, 5, (6,))
    found = torch.func.grad(lambda z: tt.cross_entropy(z, target, label_smoothing=0.1))(logits)
    expected = torch.func.grad(lambda z: F.cross_entropy(z, target, label_smoothing=0.1))(logits)
    torch.testing.assert_close(found, expected)


def test_no_gradient_is_computed_that_nobody_wants():
    logits, target = torch.randn(6, 5, requires_grad=True), torch.randint(0, 5, (6,))
    with torch.no_grad():
        assert not tt.cross_entropy(logits, target).requires_grad
    assert not tt.cross_entropy(logits.detach(), target).requires_grad


LOSSES = [name for name in temperance.LOSSES if name != "online_smoothing"]


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("reduction", ["mean", "none"])
def test_gradcheck(name, reduction):
    logits = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    target = torch.randint(0, 4, (5,))
    teacher = torch.randn(5, 4, dtype=torch.float64) if name == "distillation" else None
    assert torch.autograd.gradcheck(
        lambda z: tt.loss(name, z, target, reduction=reduction, teacher=teacher), logits
    )


def test_confidence_penalty_by_hand():
    logits = torch.randn(6, 5, dtype=torch.float64)
    target = torch.randint(0, 5, (6,))

    def plain(z):
        log_p = z.log_softmax(1)
        return F.cross_entropy(z, target, label_smoothing=0.1) + 0.3 * (log_p.exp() * log_p).sum(1).mean()

    a, b = both(lambda z: tt.cross_entropy(z, target, label_smoothing=0.1, confidence_penalty=0.3), plain, logits)
    torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(
    "settings",
    [
        {"label_smoothing": 0.1},
        {"confidence_penalty": 0.3},
        {"confidence_penalty": 0.3, "penalty_threshold": 0.8},
        {"z_loss": 1e-3, "logit_penalty": 1e-2},
    ],
)
def test_other_devices_get_the_same_numbers(settings, reduction):
    logits = torch.randn(9, 5, dtype=torch.float64)
    target = torch.randint(0, 5, (9,))
    target[2] = -100
    weight = torch.rand(5, dtype=torch.float64)
    every = {**tt._DEFAULTS["cross_entropy"], **settings}
    a, b = both(
        lambda z: tt.cross_entropy(z, target, weight, -100, reduction, **settings),
        lambda z: tt._cross_entropy(z, target, every, weight, -100, reduction),
        logits,
    )
    torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_modules():
    criterion = tt.CrossEntropyLoss(weight=torch.ones(3), label_smoothing=0.1, confidence_penalty=0.2)
    assert "label_smoothing=0.1" in repr(criterion) and "weight" in criterion.state_dict()
    logits, target = torch.randn(4, 3), torch.randint(0, 3, (4,))
    torch.testing.assert_close(
        criterion(logits, target), tt.cross_entropy(logits, target, label_smoothing=0.1, confidence_penalty=0.2)
    )
    assert tt.Loss("distillation", temperature=2.0)(logits, target, torch.randn(4, 3)).item() > 0


def test_the_readings_lines():
    logits, targets = torch.randn(16, 10), torch.randint(0, 10, (16,))
    criterion = tt.CrossEntropyLoss(label_smoothing=0.1)
    torch.testing.assert_close(
        criterion(logits, targets), torch.nn.CrossEntropyLoss(label_smoothing=0.1)(logits, targets)
    )
    probs = tt.temperature_scale(logits, T=1.5)
    torch.testing.assert_close(probs, F.softmax(logits / 1.5, dim=-1))
    penalty = tt.confidence_penalty(logits, beta=0.1)
    p = F.softmax(logits, dim=-1)
    torch.testing.assert_close(penalty, 0.1 * (p * p.log()).sum(-1).mean())
    with pytest.raises(ValueError, match="temperature is 0; expected a finite number above 0"):
        tt.temperature_scale(logits, T=0)


def test_autocast():
    weight, inputs = torch.randn(8, 5), torch.randn(16, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = inputs @ weight
        loss = tt.cross_entropy(logits, torch.randint(0, 5, (16,)))
    assert logits.dtype == torch.bfloat16 and loss.dtype == torch.float32


def test_compile():
    compiler = pytest.importorskip("torch._inductor.cpp_builder")
    try:
        compiler.get_cpp_compiler()
    except Exception as error:
        pytest.skip(f"no compiler: {error}")
    target = torch.randint(0, 5, (16,))

    def step(z):
        return tt.cross_entropy(z * 2, target, label_smoothing=0.1)

    logits = torch.randn(16, 5)
    (value, grad), (expected, expected_grad) = both(torch.compile(step, fullgraph=True), step, logits)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(grad, expected_grad)


def test_operators_are_well_formed():
    logits = torch.randn(4, 3, requires_grad=True)
    values = list(tt._DEFAULTS["cross_entropy"].values())
    arguments = (logits, torch.tensor([0, 1, 2, 0]), "cross_entropy", values, None, -100, "mean", None)
    torch.library.opcheck(tt._loss_with_grad, arguments)
    torch.library.opcheck(tt._loss, (logits.detach(), *arguments[1:]))


def test_refusals():
    logits = torch.randn(4, 3, requires_grad=True)
    target = torch.tensor([0, 1, 2, 0])
    with pytest.raises(RuntimeError, match="the gradient of a gradient is asked for; expected first derivatives"):
        (grad,) = torch.autograd.grad(tt.cross_entropy(logits, target), logits, create_graph=True)
        grad.sum().backward()
    value = tt.cross_entropy(logits, target)
    (grad,) = torch.autograd.grad(value, logits, create_graph=True)
    with pytest.raises(RuntimeError, match="the gradient of a gradient is asked for"):
        (value + grad.square().sum()).backward()
    with pytest.raises(ValueError, match="loss is 'magic'; expected a name of temperance.LOSSES"):
        tt.loss("magic", logits, target)
    with pytest.raises(TypeError, match="parameter is 'speed'; expected label_smoothing"):
        tt.loss("cross_entropy", logits, target, speed=1.0)
    with pytest.raises(ValueError, match="label is 3 at row 0"):
        tt.cross_entropy(logits, target + 3)
    with pytest.raises(TypeError, match="input and target must be tensors"):
        tt.cross_entropy(logits, [0, 1, 2, 0])


def test_training_reduces_the_loss():
    model = torch.nn.Linear(8, 3)
    inputs = torch.randn(200, 8)
    target = (inputs @ torch.randn(8, 3)).argmax(1)
    optimiser = torch.optim.Adam(model.parameters(), 0.05)
    criterion = tt.CrossEntropyLoss(label_smoothing=0.1, confidence_penalty=0.05)
    first = None
    for _ in range(100):
        optimiser.zero_grad()
        loss = criterion(model(inputs), target)
        loss.backward()
        optimiser.step()
        first = loss.item() if first is None else first
    assert loss.item() < 0.6 * first
