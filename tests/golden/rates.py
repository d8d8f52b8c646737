#!/usr/bin/env python3
"""rates.py - what transformers' schedules multiply the rate by: tests/golden/rates.txt.

A line: schedule, warm-up, length, decay and its type (wsd) or timescale (inverse-sqrt), least share, update, factor.
transformers counts the warm-up from 0, so that its first update stands still; ours counts from 1 (step/rate.h): of an
update in the warm-up the line holds transformers' factor of the next.
"""
import torch
from transformers import (get_cosine_schedule_with_warmup, get_inverse_sqrt_schedule, get_linear_schedule_with_warmup,
                          get_wsd_schedule)


def factors(make, n):
    opt = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    f = make(opt).lr_lambdas[0]
    return [f(i) for i in range(n + 1)]


def put(name, warmup, total, decay, kind, least, f):
    for i in range(0, total, 1 if total < 30 else 17):
        print(name, warmup, total, decay, kind, least, i, repr(float(f[i + 1] if i < warmup else f[i])))


for warmup, total in ((0, 20), (4, 12), (30, 200)):
    put("linear", warmup, total, 0, "-", 0, factors(lambda o: get_linear_schedule_with_warmup(o, warmup, total), total))
    put("cosine", warmup, total, 0, "-", 0, factors(lambda o: get_cosine_schedule_with_warmup(o, warmup, total), total))
    put("inverse-sqrt", warmup, total, 0, "-", 0, factors(lambda o: get_inverse_sqrt_schedule(o, warmup), total))
    put("inverse-sqrt", warmup, total, 50, "-", 0, factors(lambda o: get_inverse_sqrt_schedule(o, warmup, 50), total))
    for kind in ("linear", "cosine", "1-sqrt"):
        for decay in (1, total // 4, total - warmup):
            for least in (0, 0.1) if warmup == 0 else (0,):
                put("wsd", warmup, total, decay, kind, least, factors(
                    lambda o: get_wsd_schedule(o, warmup, decay, total, decay_type=kind, min_lr_ratio=least), total))
