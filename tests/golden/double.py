#!/usr/bin/env python3
"""double.py - the cases of model.py and lora.py once more, in float64 from end to end: double.txt in each of their folders.

    double.py OUT          writes OUT/model-NAME/double.txt and OUT/lora-NAME/double.txt (torch, transformers, peft)

transformers takes its norms and rotary angles in float32 whatever the model's type, and a float64 of it is good to 1e-7.
So float32 is another name of float64 here before a model is built, and its own code runs wholly in float64.

double.txt has lines of a key and numbers, whole or as hexadecimal floats:

    seg pos token at target sft seq          the pack, as model.py has it
    lora                                     rank, alpha, rslora, targets
    logp loss.sft ref loss.dpo step.loss     every number
    decay                                    AdamW's, where there are steps
    logits grad.sft.* grad.dpo.* step.*      six that stand for a tensor x of n: its norm; its sums weighted by the draws
                                             of its key with salts 3 and 4; x[0], x[n/2], x[n-1]

step.* of a parameter is what ten AdamW steps on loss.sft moved it by.  A bias on the part of a key that rope leaves
alone has an exact gradient of 0, and Adam divides what rounding left by its own size: what moved less than NOISE counts
as 0.
"""
import copy
import os
import sys

import torch
from peft import LoraConfig, get_peft_model

import lora
import model as tiny

NOISE = 1e-9

torch.float32 = torch.float = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)


def told(key, x):
    x = x.detach().flatten()
    assert x.dtype == torch.float64, key
    u = [tiny.weights_of(key, (len(x), 1), salt).flatten().double() for salt in (3, 4)]
    return [x.norm(), x @ u[0], x @ u[1], x[0], x[len(x) // 2], x[-1]]


def line(f, key, values):
    values = values.tolist() if torch.is_tensor(values) else values
    f.write(" ".join([key, *(v if isinstance(v, str) else str(v) if isinstance(v, int) else float(v).hex() for v in values)]) + "\n")


def build(config, salt):
    config = copy.deepcopy(config)
    if "rope_parameters" in config:                      # as transformers 4 names them
        rope = config.pop("rope_parameters")
        config.update(rope_theta=rope.pop("rope_theta"), rope_scaling=rope)
    return tiny.build(config, salt)


def case(f, config, name, model, trained, ref, decay, conf=None):
    pack = tiny.Pack(config["vocab_size"], name)
    for key, v in (*model.named_parameters(), *model.named_buffers()):
        assert v.dtype in (torch.float64, torch.int64, torch.bool), key
    for key in ("seg", "pos", "token", "at", "target", "seq"):
        v = getattr(pack, key)
        line(f, key, [n for row in v for n in row] if isinstance(v[0], list) else v)
    line(f, "sft", [pack.sft])
    if conf:
        targets = conf["target_modules"]
        line(f, "lora", [conf["r"], conf["lora_alpha"], int(conf.get("use_rslora", False)),
                         targets if isinstance(targets, str) else ",".join(targets)])
    logits, logp = tiny.run(model, pack)
    line(f, "logits", told("logits", logits))
    line(f, "logp", logp.detach())
    loss = -logp[:pack.sft].mean()
    line(f, "loss.sft", [loss.item()])
    loss.backward()
    grads(f, model, trained, "sft")
    ref = ref(pack).detach()
    line(f, "ref", ref)
    s = tiny.sums(tiny.run(model, pack)[1], pack) - ref
    loss = -torch.nn.functional.logsigmoid(tiny.BETA * (s[0::2] - s[1::2])).mean()
    line(f, "loss.dpo", [loss.item()])
    loss.backward()
    grads(f, model, trained, "dpo")
    if decay is not None:
        line(f, "decay", [decay])
        start = {name: p.detach().clone() for name, p in trained(model)}
        out = {}
        (lora if conf else tiny).steps(model, pack, decay, out)
        line(f, "step.loss", out["step.loss"])
        line(f, "step.logits", told("step.logits", out["step.logits"]))
        for name, p in trained(model):
            x = (p - start[name]).detach()
            line(f, "step." + name, told("step." + name, x * (x.abs() > NOISE)))


def grads(f, model, trained, of):
    for name, p in trained(model):
        line(f, f"grad.{of}.{name}", told(f"grad.{of}.{name}", p.grad))
    model.zero_grad()


def of_model(f, name):
    config, _, decay = tiny.CASES[name]
    other = build(config, 1)
    case(f, config, name, build(config, 0), tiny.named, lambda pack: tiny.sums(tiny.run(other, pack)[1], pack), decay)


def of_lora(f, name):
    base, conf, decay = lora.CASES[name]
    config = tiny.CASES[base][0]
    model = get_peft_model(build(config, 0), LoraConfig(task_type="CAUSAL_LM", **conf))
    with torch.no_grad():
        for key, p in lora.trained(model):
            p.copy_(tiny.weights_of(key, tuple(p.shape), 2))

    def ref(pack):
        with torch.no_grad(), model.disable_adapter():
            return tiny.sums(tiny.run(model, pack)[1], pack)

    case(f, config, base, model, lora.trained, ref, decay, conf)


if __name__ == "__main__":
    for kind, cases, write in (("model", tiny.CASES, of_model), ("lora", lora.CASES, of_lora)):
        for n in cases:
            os.makedirs(os.path.join(sys.argv[1], f"{kind}-{n}"), exist_ok=True)
            with open(os.path.join(sys.argv[1], f"{kind}-{n}", "double.txt"), "w") as f:
                write(f, n)
