"""The contrastive losses, as pure functions of tensors."""

import torch
from torch import Tensor
from torch.nn.functional import normalize


def supcon(z: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Supervised contrastive loss, L_out of https://arxiv.org/abs/2004.11362 eq.

    (2), which is the paper's eq. (1).

    `z` is (M, D), one vector a view, of any length (cosine similarity is taken); `labels` is (M,).
    The mean is over anchors that have a positive: an anchor alone in its class has no term, and
    does not dilute the mean. With no such anchor the loss is 0.
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
    """SimCLR's loss, https://arxiv.org/abs/2002.05709 eq. (1), the paper's eqs. (2) to (4).

    `z` is (2B, D): the first views of B sentences, then the second views in the same order. It is
    `supcon` in which each sentence is a class of its own.
    """
    sentences = len(z) // 2
    return supcon(z, torch.arange(sentences, device=z.device).repeat(2), temperature)
