"""The losses beside cross-entropy, as pure functions of tensors."""

import torch
from torch import Tensor
from torch.nn import functional
from torch.nn.functional import normalize

from trainables.parts.training.cross_entropy import Loss


def supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss: the paper's eq. (1).

    It is L_out of https://arxiv.org/abs/2004.11362, eq. (2). `z` is (M, D), one vector per view, of
    any length, since similarity is the cosine; `labels` is (M,). The mean is taken over the anchors
    that have a positive. Without any, the loss is 0.
    """
    z = normalize(z, dim=1)
    similarity = z @ z.T / temperature  # (M, M)
    itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
    similarity = similarity.masked_fill(itself, -torch.inf)
    log_probability = similarity - similarity.logsumexp(dim=1, keepdim=True)
    positive = (labels[:, None] == labels[None, :]) & ~itself
    count = positive.sum(dim=1)
    per_anchor = -log_probability.masked_fill(~positive, 0.0).sum(dim=1) / count.clamp(min=1)
    return per_anchor.sum() / (count > 0).sum().clamp(min=1)


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """SimCLR's loss (NT-Xent): the paper's eqs. (2) to (4).

    It is eq. (1) of https://arxiv.org/abs/2002.05709. `z` is (2B, D): the first views of B
    sentences, then their second views in the same order. It equals `supcon` with every sentence as
    a class of its own.
    """
    sentences = len(z) // 2
    return supcon(z, torch.arange(sentences, device=z.device).repeat(2), temperature)


def rdrop(
    logits: Tensor, labels: Tensor, kl_weight: float, loss: Loss = functional.cross_entropy
) -> Tensor:
    """R-Drop: the cross-entropy of two passes, which are pulled together.

    It is section 2.1 of https://arxiv.org/abs/2106.14448. `logits` is (B, 2, K), two passes of each
    sentence with other dropout; `labels` is (B,). The term beside the cross-entropy is the mean of
    the two Kullback-Leibler divergences between the passes. Of the two cross-entropies, too, we
    take the mean, as the authors' code does, so that learning rates mean what they do elsewhere.
    """
    one, other = logits.unbind(dim=1)  # (B, K) each
    log_p, log_q = one.log_softmax(dim=1), other.log_softmax(dim=1)
    cross_entropy = (loss(one, labels) + loss(other, labels)) / 2
    divergence = ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(dim=1).mean() / 2
    return cross_entropy + kl_weight * divergence
