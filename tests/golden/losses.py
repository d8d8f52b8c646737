#!/usr/bin/env python3
"""losses.py - what TRL's own loss functions say about made pairs: tests/golden/losses.txt.

    losses.py >tests/golden/losses.txt        (torch, trl 0.24)

A line is a loss, then lw ll rw rl nw nl: log p of chosen and rejected, the same under the reference, trained tokens;
then the loss of that pair and its derivatives by lw and ll, in float64 with default options.  The losses that TRL
0.24 has as functions are called as they are; `ipo` and `sigmoid_norm` get log-ratios per token, `cpo`, `rpo` and
`orpo` add TRL's NLL term per token of chosen; `dpop`, which TRL has not, is eq. 3 of arXiv:2402.13228 in torch.
"""
import random
import types

import torch
import torch.nn.functional as F
from trl import CPOTrainer, DPOTrainer, ORPOTrainer

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


def main():
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
