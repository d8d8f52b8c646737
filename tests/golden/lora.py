#!/usr/bin/env python3
"""lora.py - what PEFT says about adapters beside the tiny models of model.py: tests/golden/lora-NAME/.

    lora.py OUT           writes OUT/lora-NAME/ for every case below (torch, transformers, peft, safetensors)
    lora.py --check DIR   loads an adapter that plait wrote with PEFT, its base too, and compares with DIR/logits.safetensors

A case is a PEFT folder as save_pretrained writes it, with config.json of its base, whose weights are the formula of
model.py, and expect.safetensors, in float64 and stored as float32: the pack, logits, losses and AdamW steps as model.py
has them, gradients and stepped values of the adapters by their names in PEFT's file; the reference of DPO is the model
with its adapters off.
"""
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

import model as tiny

# name: base of model.py, LoraConfig, AdamW decay (None: no steps)
CASES = {
    "llama": ("llama", dict(r=4, lora_alpha=8, target_modules="all-linear"), 0.0),
    "llama-qv": ("llama-tied", dict(r=3, lora_alpha=5, use_rslora=True, target_modules=["q_proj", "v_proj"]), 0.01),
    "llama-top": ("llama", dict(r=2, lora_alpha=4, target_modules=["layers.1.mlp.gate_proj", "layers.1.mlp.down_proj"]), None),
    "qwen3": ("qwen3", dict(r=2, lora_alpha=3, target_modules=["k_proj", "v_proj", "o_proj"]), None),
    "neox": ("neox", dict(r=4, lora_alpha=8, target_modules="all-linear"), 0.0),
    "neox-top": ("neox", dict(r=2, lora_alpha=4, use_rslora=True, target_modules=["1.mlp.dense_h_to_4h", "1.attention.dense"]), None),
    "neox-serial": ("neox-serial", dict(r=17, lora_alpha=17, target_modules=["query_key_value", "dense_4h_to_h"]), None),
    "gpt2": ("gpt2", dict(r=2, lora_alpha=6, target_modules="all-linear"), None),
    "olmo2": ("olmo2", dict(r=3, lora_alpha=3, target_modules=["q_proj", "gate_proj", "down_proj"]), None),
    "olmo2-top": ("olmo2", dict(r=2, lora_alpha=3, target_modules=["1.mlp.up_proj"]), None),
}


def trained(model):
    """Adapters by their names on disk."""
    for name, p in model.named_parameters():
        if p.requires_grad:
            yield name.replace(".default", ""), p


def grads(model, out, prefix):
    for name, p in trained(model):
        out[f"grad.{prefix}.{name}"] = p.grad.clone()
    model.zero_grad()


def case(name, folder):
    base, conf, decay = CASES[name]
    config = tiny.CASES[base][0]
    os.makedirs(folder, exist_ok=True)
    model = get_peft_model(tiny.build(config, 0), LoraConfig(task_type="CAUSAL_LM", **conf))
    with torch.no_grad():
        for key, p in trained(model):
            p.copy_(tiny.weights_of(key, tuple(p.shape), 2))
    model.peft_config["default"].base_model_name_or_path = "base"
    model.save_pretrained(folder, save_embedding_layers=False)
    os.remove(os.path.join(folder, "README.md"))
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f, indent=1)
        f.write("\n")
    model = model.double()
    pack, out = tiny.Pack(config["vocab_size"], base), {}
    logits, logp = tiny.run(model, pack)
    out.update(logits=logits, logp=logp)
    out["loss.sft"] = -logp[:pack.sft].mean()
    out["loss.sft"].backward()
    grads(model, out, "sft")
    with torch.no_grad(), model.disable_adapter():
        out["ref"] = tiny.sums(tiny.run(model, pack)[1], pack)
    s = tiny.sums(tiny.run(model, pack)[1], pack) - out["ref"]
    out["loss.dpo"] = -torch.nn.functional.logsigmoid(tiny.BETA * (s[0::2] - s[1::2])).mean()
    out["loss.dpo"].backward()
    grads(model, out, "dpo")
    if decay is not None:
        steps(model, pack, decay, out)
    out = {k: v.detach().float().reshape(v.shape or (1,)).contiguous() for k, v in out.items()}
    for key, v in dict(seg=pack.seg, pos=pack.pos, token=pack.token, at=pack.at, target=pack.target, sft=[pack.sft],
                       seq=pack.seq).items():
        out[key] = torch.tensor(v, dtype=torch.int32)
    save_file(out, os.path.join(folder, "expect.safetensors"))


def steps(model, pack, decay, out):
    opt = torch.optim.AdamW([p for _, p in trained(model)], lr=tiny.LR, betas=(.9, .95), eps=1e-8, weight_decay=decay)
    losses = []
    for _ in range(10):
        loss = -tiny.run(model, pack, 2)[1].mean()
        losses.append(loss.detach())
        loss.backward()
        opt.step()
        model.zero_grad()
    out["step.loss"] = torch.stack(losses)
    out["step.logits"] = tiny.run(model, pack)[0]
    for name, p in trained(model):
        out["w." + name] = p.detach()


def check(folder):
    """An adapter that plait wrote beside DIR/base, and the logits it computed for `token`, one row."""
    model = AutoModelForCausalLM.from_pretrained(os.path.join(folder, "base"), dtype=torch.float32, attn_implementation="eager")
    model = PeftModel.from_pretrained(model, folder)
    ours = load_file(os.path.join(folder, "logits.safetensors"))
    with torch.no_grad():
        theirs = model(ours["token"].long()[None]).logits[0]
        off = float((theirs - ours["logits"]).abs().max() / theirs.abs().max())
        with model.disable_adapter():
            if torch.equal(model(ours["token"].long()[None]).logits[0], theirs):
                sys.exit(f"{folder}: the adapter changes nothing")
    if not off <= 1e-5:
        sys.exit(f"{folder}: logits are off by {off:.2e} of the largest")


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        for d in sys.argv[2:]:
            check(d)
    else:
        for n in CASES:
            case(n, os.path.join(sys.argv[1], "lora-" + n))
