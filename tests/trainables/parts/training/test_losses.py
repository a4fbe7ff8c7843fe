"""The losses against their definitions, written as loops, and against
pytorch_metric_learning."""

import math

import pytest
import torch
from pytorch_metric_learning.losses import NTXentLoss, SupConLoss
from torch import Tensor

from trainables.parts.training.losses import nt_xent, rdrop, supcon

TEMPERATURES = (0.02, 0.07, 0.5, 1.0)


def vectors(count: int, width: int = 8, seed: int = 0) -> Tensor:
    return torch.randn(
        count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.double
    )


def similarity(a: Tensor, b: Tensor) -> float:
    return float(a @ b / (a.norm() * b.norm()))


def slow_supcon(z: Tensor, labels: list[int], temperature: float) -> float:
    """L_out of https://arxiv.org/abs/2004.11362, eq. (2), over the anchors with a positive."""
    terms = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            continue
        total = sum(math.exp(similarity(z[i], z[a]) / temperature) for a in others)
        terms.append(
            -sum(
                math.log(math.exp(similarity(z[i], z[p]) / temperature) / total) for p in positives
            )
            / len(positives)
        )
    return sum(terms) / len(terms)


def slow_nt_xent(z: Tensor, temperature: float) -> float:
    """https://arxiv.org/abs/2002.05709 eq. (1), averaged over both orders of the two views."""
    half = len(z) // 2
    total = 0.0
    for i in range(len(z)):
        j = (i + half) % len(z)
        denominator = sum(
            math.exp(similarity(z[i], z[k]) / temperature) for k in range(len(z)) if k != i
        )
        total -= math.log(math.exp(similarity(z[i], z[j]) / temperature) / denominator)
    return total / len(z)


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize(
    "labels", [[0, 0, 1, 1, 0, 1], [0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 2, 3], [5, 5, 5, 5, 5, 5]]
)
def test_supcon_is_its_definition(labels: list[int], temperature: float) -> None:
    z = vectors(len(labels))
    assert supcon(z, torch.tensor(labels), temperature).item() == pytest.approx(
        slow_supcon(z, labels, temperature), rel=1e-9
    )


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_supcon_agrees_with_pytorch_metric_learning(temperature: float) -> None:
    # Theirs averages over non-zero terms, so every anchor has a positive here.
    z, labels = vectors(24), torch.arange(4).repeat(6)
    assert supcon(z, labels, temperature).item() == pytest.approx(
        SupConLoss(temperature=temperature)(z, labels).item(), rel=1e-6
    )


@pytest.mark.parametrize("temperature", TEMPERATURES)
@pytest.mark.parametrize("sentences", [1, 2, 7])
def test_nt_xent_is_its_definition(sentences: int, temperature: float) -> None:
    z = vectors(2 * sentences)
    assert nt_xent(z, temperature).item() == pytest.approx(
        slow_nt_xent(z, temperature), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("temperature", TEMPERATURES)
def test_nt_xent_agrees_with_pytorch_metric_learning(temperature: float) -> None:
    z = vectors(16)
    reference = NTXentLoss(temperature=temperature)(z, torch.arange(8).repeat(2))
    assert nt_xent(z, temperature).item() == pytest.approx(reference.item(), rel=1e-6)


def test_anchors_without_a_positive_do_not_dilute_the_mean() -> None:
    z = vectors(6)
    cosine = torch.nn.functional.cosine_similarity(z[:, None], z[None, :], dim=2) / 0.1
    pair = [
        (cosine[i, [a for a in range(6) if a != i]].logsumexp(0) - cosine[i, j]).item()
        for i, j in ((0, 1), (1, 0))
    ]
    assert supcon(z, torch.tensor([0, 0, 1, 2, 3, 4]), 0.1).item() == pytest.approx(
        sum(pair) / 2, rel=1e-9
    )


def test_no_positive_at_all_is_zero_with_zero_gradient() -> None:
    z = vectors(5).requires_grad_()
    loss = supcon(z, torch.arange(5), 0.07)
    loss.backward()
    assert loss.item() == 0
    assert z.grad is not None and torch.equal(z.grad, torch.zeros_like(z))


@pytest.mark.parametrize("temperature", [1e-3, 0.07, 100.0])
def test_loss_and_gradient_are_finite_in_single_precision(temperature: float) -> None:
    z = vectors(12).float()
    z[3] = 0  # a vector that dropout zeroed
    z[5] = z[4]  # two equal sentences
    z = z.requires_grad_()
    for loss in (
        supcon(z, torch.tensor([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 7]), temperature),
        nt_xent(z, temperature),
    ):
        (gradient,) = torch.autograd.grad(loss, z)
        assert torch.isfinite(loss) and torch.isfinite(gradient).all()


def test_gradient_is_that_of_finite_differences() -> None:
    labels = torch.tensor([0, 0, 1, 1, 2])
    z = vectors(5, width=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda z: supcon(z, labels, 0.5), (z,))
    assert torch.autograd.gradcheck(
        lambda z: nt_xent(z, 0.5), (vectors(6, width=3).requires_grad_(),)
    )


def test_temperature_changes_the_loss() -> None:
    z, labels = vectors(8), torch.arange(4).repeat(2)
    assert len(
        {round(supcon(z, labels, temperature).item(), 9) for temperature in TEMPERATURES}
    ) == len(TEMPERATURES)


def test_lengths_of_vectors_do_not_matter() -> None:
    z, labels = vectors(8), torch.arange(4).repeat(2)
    scale = torch.linspace(0.1, 50, 8, dtype=torch.double)[:, None]
    assert supcon(z * scale, labels, 0.1).item() == pytest.approx(
        supcon(z, labels, 0.1).item(), rel=1e-12
    )


def test_order_of_the_vectors_does_not_matter() -> None:
    z, labels = vectors(9), torch.tensor([0, 1, 2] * 3)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(1))
    assert supcon(z[order], labels[order], 0.1).item() == pytest.approx(
        supcon(z, labels, 0.1).item(), rel=1e-12
    )


def test_pulling_positives_together_lowers_the_loss() -> None:
    z, labels = vectors(12), torch.arange(3).repeat(4)
    centres = torch.stack([z[labels == label].mean(dim=0) for label in range(3)])
    assert supcon(0.2 * z + 0.8 * centres[labels], labels, 0.1) < supcon(z, labels, 0.1)


def slow_rdrop(logits: Tensor, labels: list[int], kl_weight: float) -> float:
    """https://arxiv.org/abs/2106.14448, section 2.1, with half of both terms as in the authors'
    code."""
    total = 0.0
    for passes, label in zip(logits.softmax(dim=2).tolist(), labels):
        p, q = passes
        there = sum(a * math.log(a / b) for a, b in zip(p, q))
        back = sum(b * math.log(b / a) for a, b in zip(p, q))
        total -= (math.log(p[label]) + math.log(q[label])) / 2
        total += kl_weight * (there + back) / 2
    return total / len(labels)


@pytest.mark.parametrize("kl_weight", [0.0, 0.5, 4.0])
def test_rdrop_is_its_definition(kl_weight: float) -> None:
    logits, labels = 3 * vectors(10, width=5).view(5, 2, 5), [0, 4, 2, 2, 1]
    assert rdrop(logits, torch.tensor(labels), kl_weight).item() == pytest.approx(
        slow_rdrop(logits, labels, kl_weight), rel=1e-9
    )


def test_rdrop_of_equal_passes_is_the_cross_entropy() -> None:
    once, labels = vectors(6, width=4), torch.tensor([0, 1, 2, 3, 0, 1])
    loss = rdrop(torch.stack([once, once], dim=1), labels, 5.0)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(once, labels))
