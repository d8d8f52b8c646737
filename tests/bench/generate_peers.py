#!/usr/bin/env python3
"""generate_peers.py - rows written by plait and by transformers' generate() on the same weights, greedy.

    generate_peers.py [CONFIG [NEW]]       (torch, transformers; build/release/tests/bench/generate is built)

Both get two threads (or as many as there are), one prompt, 32 of 8 to 127 tokens, and where the data is there the first
32 prompts of hh-harmless, which transformers pads to the longest; weights of float32, then the
same rounded to bfloat16 in the folder, where both are timed with bfloat16 products as well (--device cpu,bf16, where the
processor has them).  Answers are compared first: transformers alone of each prompt, in float32; where two logits are nearer than rounding the rest of a
row may differ, which is counted and told.  Each speed is the best of seven turns in one process.
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = os.path.join(HERE, "../../build/release/tests/bench/generate")


def ours(folder, prompts, new, device="cpu"):
    lines = "".join(" ".join(map(str, p)) + "\n" for p in prompts)
    out = subprocess.run([OURS, folder, str(new), device], input=lines, capture_output=True, text=True,
                         check=True).stdout.strip().split("\n")
    return float(out[-1].split()[1]), [list(map(int, l.split())) for l in out[:-1]]


def theirs(model, prompts, new, turns=7):
    longest = max(map(len, prompts))
    ids = torch.tensor([[0] * (longest - len(p)) + p for p in prompts])
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts])
    best, out = 1e9, None
    for _ in range(turns):
        start = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=new, min_new_tokens=new,
                                 pad_token_id=0, eos_token_id=None)
        best = min(best, time.perf_counter() - start)
    return best, out[:, longest:].tolist()


def hh(n):
    """Real prompts of mixed length: what stands before the last answer."""
    data = os.path.join(HERE, "../../../shared/data")
    try:
        from tokenizers import Tokenizer
        t = Tokenizer.from_file(f"{data}/tokenizers/gpt-neox-20b.json")
        with gzip.open(f"{data}/pref/hh-harmless-2312.jsonl.gz", "rt") as f:
            rows = [json.loads(next(f))["chosen"] for _ in range(n)]
    except (ImportError, OSError, ValueError):
        return None
    return [t.encode(r[:r.rindex("\n\nAssistant:") + 13]).ids for r in rows]


def main():
    config = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "70m.json")
    new = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    with open(config) as f:
        c = json.load(f)
    c["eos_token_id"] = None
    conf = AutoConfig.for_model(c.pop("model_type"), **c)
    model = AutoModelForCausalLM.from_config(conf, attn_implementation="sdpa").eval()
    for p in model.parameters():
        if p.ndim == 2:
            p.data.mul_(3)                               # larger logits: fewer near ties
    gen = torch.Generator().manual_seed(2)
    draw = lambda n: torch.randint(2, conf.vocab_size, (n,), generator=gen).tolist()
    kinds = [("one row", [draw(16)]), ("32 rows", [draw(8 + i * 37 % 120) for i in range(32)])]
    real = hh(32)
    if real:
        kinds.append((f"32 of hh, {min(map(len, real))} to {max(map(len, real))} tokens", real))
    for weights in ("float32", "bfloat16"):
        half = model.to(getattr(torch, weights))
        with tempfile.TemporaryDirectory() as folder:
            half.save_pretrained(folder)
            for name, prompts in kinds:
                n = len(prompts) * new
                t, got = ours(folder, prompts, new)
                bf16 = theirs(half, prompts, new)[0] if weights == "bfloat16" else None
                model = half.float()
                same = sum(theirs(model, [p], new, 1)[1][0] == g for p, g in zip(prompts, got))
                u, _ = theirs(model, prompts, new)
                print(f"{weights} weights, {name}: {same} of {len(prompts)} answers equal; plait {n / t:.1f} tok/s, "
                      f"transformers {n / u:.1f} tok/s, {u / t:.2f} times", flush=True)
                if bf16:
                    t, _ = ours(folder, prompts, new, "cpu,bf16")
                    print(f"    products in bfloat16 too: plait {n / t:.1f} tok/s, transformers {n / bf16:.1f} tok/s, "
                          f"{bf16 / t:.2f} times", flush=True)
                half = model.to(getattr(torch, weights))


if __name__ == "__main__":
    main()
