#!/usr/bin/env python3
"""dtype.py - training with float32 masters of bfloat16 matrices, by PyTorch: the losses of tests/golden/dtype.txt.

    dtype.py >tests/golden/dtype.txt      from the root of the repository; bin/ is built (torch, transformers, safetensors)

The run of tests/tool/step-dtype.sh: weights of --init written once, then 40 updates of three texts each.  The matrices of the
model are their masters rounded to bfloat16 anew for every update, all arithmetic is float32, and AdamW updates the masters.
"""
import json
import os
import subprocess
import tempfile

import torch
from transformers import AutoModelForCausalLM

TEXTS = ["The river bends twice before the mill.", "Nobody counted the stones but the boy.",
         "A lamp was left burning on the stair."]


def shell(line):
    return subprocess.run(line, shell=True, check=True, capture_output=True, text=True).stdout


def rows(tmp):
    with open(f"{tmp}/x.jsonl", "w") as f:
        f.writelines(json.dumps({"text": t}) + "\n" for t in TEXTS)
    shell(f"bin/tokenize -q --tokenizer bytes --template none --schema text {tmp}/x.jsonl -o {tmp}/x.rec")
    shell(f"bin/mix -q --sft {tmp}/x.rec --rows-sft 3 --steps 1 |"
          f"bin/step -q --init tests/golden/models/nano-neox.json --lr 0 --out {tmp}/base >{tmp}/told")
    updates = []
    for line in shell(f"bin/mix -q --sft {tmp}/x.rec --rows-sft 3 --steps 40 --to json").splitlines():
        record = json.loads(line)
        if record["t"] == "step":
            updates.append([])
        elif "ids" in record:
            updates[-1].append(torch.tensor([record["ids"]]))
    return updates


def main():
    with tempfile.TemporaryDirectory() as tmp:
        updates = rows(tmp)
        model = AutoModelForCausalLM.from_pretrained(os.path.realpath(f"{tmp}/base/latest"), dtype=torch.float32,
                                                     attn_implementation="eager")
    params = list(model.parameters())
    masters = [p.detach().clone().requires_grad_() for p in params]
    adamw = torch.optim.AdamW([{"params": [p for p in masters if p.dim() == 2], "weight_decay": .1},
                               {"params": [p for p in masters if p.dim() != 2], "weight_decay": 0}],
                              lr=3e-3, betas=(.9, .999), eps=1e-8)
    for update in updates:
        model.zero_grad()
        with torch.no_grad():
            for p, master in zip(params, masters):
                p.copy_(master.bfloat16() if p.dim() == 2 else master)
        logp = [torch.log_softmax(model(ids).logits[0, :-1], -1).gather(1, ids[0, 1:, None]) for ids in update]
        loss = -torch.cat(logp).mean()
        loss.backward()
        print(f"{loss.item():.8f}")
        for p, master in zip(params, masters):
            master.grad = p.grad.clone()
        torch.nn.utils.clip_grad_norm_(masters, 1.0)
        adamw.step()


main()
