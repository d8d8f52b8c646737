#!/usr/bin/env python3
"""losses.py - what TRL's own loss functions say about made pairs and rows: tests/golden/losses.txt, losses-rows.txt.

    losses.py >tests/golden/losses.txt        (torch, trl 0.24)
    losses.py rows >tests/golden/losses-rows.txt

A line is a loss, then lw ll rw rl nw nl: log p of chosen and rejected, the same under the reference, trained tokens;
then the loss of that pair and its derivatives by lw and ll, in float64 with default options.  The losses that TRL
0.24 has as functions are called as they are; `ipo` and `sigmoid_norm` get log-ratios per token, `cpo`, `rpo` and
`orpo` add TRL's NLL term per token of chosen; `dpop`, which TRL has not, is eq. 3 of arXiv:2402.13228 in torch.

With `rows`: a block is `dft`, `kto` or `apo_zero_unpaired`, how many lines follow, the baseline and the loss of them all;
then for dft a line for each token, log p and derivative; for the others one for each row, log p, that under the reference,
the two of its mismatched completion, 1 for good or 0, derivative by the first.  Weights of good and bad: 1 and 1.
"""
import random
import sys
import types

import torch
import torch.nn.functional as F
from trl import CPOTrainer, DPOTrainer, KTOTrainer, ORPOTrainer
from trl.trainer.sft_trainer import dft_loss

torch.set_default_dtype(torch.float64)


def dpo(kind, beta=0.1, smoothing=0.0):
    from trl.trainer.dpo_config import FDivergenceType
    me = types.SimpleNamespace(accelerator=types.SimpleNamespace(device='cpu'), reference_free=False, beta=beta,
                               label_smoothing=smoothing, f_divergence_type=FDivergenceType.REVERSE_KL, f_divergence_params=None)
    return lambda lw, ll, rw, rl, nw, nl: DPOTrainer.dpo_loss(me, lw, ll, rw, rl, kind)[0]


def cpo(kind, beta, gamma=0.0):
    me = types.SimpleNamespace(accelerator=types.SimpleNamespace(device='cpu'), alpha=0.0, beta=beta, label_smoothing=0.0,
                               loss_type=kind, simpo_gamma=gamma)
    return lambda lw, ll: CPOTrainer.cpo_loss(me, lw, ll)[0]


def per_token(f):
    return lambda lw, ll, rw, rl, nw, nl: f(lw / nw, ll / nl, rw / nw, rl / nl, nw, nl)


def orpo(lw, ll, rw, rl, nw, nl):
    me = types.SimpleNamespace(accelerator=types.SimpleNamespace(device='cpu'), beta=0.1)
    return -lw / nw - ORPOTrainer.odds_ratio_loss(me, lw / nw, ll / nl)[0]


def dpop(lw, ll, rw, rl, nw, nl, beta=0.3, lam=50.0):
    return -F.logsigmoid(beta * ((lw - rw) - (ll - rl) - lam * torch.relu(rw - lw)))


def with_nll(f):
    return lambda lw, ll, rw, rl, nw, nl: f(lw, ll, rw, rl, nw, nl) - lw / nw


LOSSES = {
    'dpo': dpo('sigmoid'), 'cdpo': dpo('sigmoid', smoothing=0.1), 'robust': dpo('robust', smoothing=0.1), 'hinge': dpo('hinge'),
    'ipo': per_token(dpo('ipo')), 'sigmoid_norm': per_token(dpo('sigmoid', beta=5.0)), 'exo': dpo('exo_pair'),
    'nca': dpo('nca_pair'), 'apo_zero': dpo('apo_zero'), 'apo_down': dpo('apo_down'), 'rpo': with_nll(dpo('sigmoid')),
    'simpo': lambda lw, ll, rw, rl, nw, nl: cpo('simpo', 2.0, 0.5)(lw / nw, ll / nl),
    'cpo': with_nll(lambda lw, ll, *_: cpo('sigmoid', 0.1)(lw, ll)), 'orpo': orpo, 'dpop': dpop,
}


def put(*values):
    print(*('%.17g' % float(v) for v in values))


def dft(r, n):
    p = torch.tensor([-r.uniform(0.001, 6) for _ in range(n)], requires_grad=True)
    # a vocabulary of two words: the logits are log-probabilities already, and stay so
    logits = torch.stack([p, torch.log1p(-p.exp())], -1)
    out = types.SimpleNamespace(logits=torch.cat([logits, torch.zeros(1, 2)])[None])
    loss = dft_loss(out, torch.tensor([[-100] + n * [0]]))
    grad, = torch.autograd.grad(loss, p)
    print('dft', n, 0, '%.17g' % loss.item())
    for x, g in zip(p, grad):
        put(x.detach(), g)


def labels(r, kind, n, drift):
    me = types.SimpleNamespace(accelerator=types.SimpleNamespace(device='cpu', gather_for_metrics=lambda x: x), beta=0.1,
                               desirable_weight=1.0, undesirable_weight=1.0, loss_type=kind, calculate_KL=kind == 'kto')
    ref = torch.tensor([-r.uniform(1, 150) for _ in range(n)])
    p = torch.tensor([min(x.item() + r.gauss(0, 6), -0.01) for x in ref], requires_grad=True)
    other_ref = torch.tensor([-r.uniform(1, 150) for _ in range(n)])
    other = torch.tensor([min(x.item() + r.gauss(drift, 4), -0.01) for x in other_ref])
    good = torch.tensor([r.random() < 0.6 for _ in range(n)])
    losses, _, _, kl = KTOTrainer.kto_loss(me, p[good], p[~good], other, ref[good], ref[~good], other_ref)
    loss = losses.nanmean()
    grad, = torch.autograd.grad(loss, p)
    print(kind, n, '%.17g' % kl.item(), '%.17g' % loss.item())
    for v in zip(p, ref, other, other_ref, good.double(), grad):
        put(*(x.detach() for x in v))


def rows():
    r = random.Random(2)
    for n in (1, 7, 40):
        dft(r, n)
    for kind in ('kto', 'apo_zero_unpaired'):
        for n, drift in ((1, 3), (8, 5), (8, -5), (31, 1)):     # the baseline is clamped at -5
            labels(r, kind, n, drift)


def main():
    if sys.argv[1:] == ['rows']:
        return rows()
    r = random.Random(1)
    for name, f in LOSSES.items():
        for i in range(12):
            nw, nl = float(r.randrange(1, 80)), float(r.randrange(1, 80))
            rw, rl = -nw * r.uniform(0.1, 3), -nl * r.uniform(0.1, 3)
            # near the reference, as in training; then far from it
            far = 1 if i < 8 else 20
            v = [min(rw + r.gauss(0, 3 * far), -0.01 * nw), min(rl + r.gauss(0, 3 * far), -0.01 * nl), rw, rl, nw, nl]
            t = [torch.tensor([x]) for x in v]
            for x in t[:2]:
                x.requires_grad_()
            loss = f(*t).sum()
            grad = torch.autograd.grad(loss, t[:2], allow_unused=True)
            print(name, *('%.17g' % x for x in v), '%.17g' % loss.item(), *('%.17g' % (g.item() if g is not None else 0) for g in grad))


if __name__ == '__main__':
    main()
