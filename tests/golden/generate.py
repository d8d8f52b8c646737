#!/usr/bin/env python3
"""generate.py - what transformers writes: tests/golden/generate/.

    generate.py OUT        writes OUT/generate/ (torch, transformers); reads the folders model-NAME beside itself

NAME.txt: greedy answers of the models of model.py in float64, one prompt after the other without padding, end
token 1, positions stretched to 512 where they are not learned.  A pair of lines each, `prompt IDS` and
`answer IDS`.  A prompt where two logits come within 1e-4 of each other is left out.

sample.txt: what the logits processors leave of drawn logits, in the order of generate():
    rules temperature top_k top_p min_p repetition / row IDS / logits NUMBERS / left PROBABILITIES

OUT/task-generate/: a tiny model over the 256 bytes and markers of the tokenizer `bytes`, five prompts, and its greedy
answers token by token (tests/tool/evalc-golden.sh).
"""
import json
import os
import sys

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.generation.logits_process import (LogitsProcessorList, MinPLogitsWarper,
                                                    RepetitionPenaltyLogitsProcessor, TemperatureLogitsWarper,
                                                    TopKLogitsWarper, TopPLogitsWarper)

from model import CASES, named, weights_of

HERE = os.path.dirname(os.path.abspath(__file__))
LENGTHS, NEW = (1, 5, 20, 63, 64, 70, 130, 200), 80


def model_of(name):
    config, shard, _ = CASES[name]
    c = json.loads(json.dumps(config))
    if c["model_type"] != "gpt2":
        c["max_position_embeddings"] = 512
    if "rope_parameters" in c:                           # as transformers 4 calls them
        c["rope_scaling"] = c.pop("rope_parameters")
        c["rope_theta"] = c["rope_scaling"].pop("rope_theta")
    conf = AutoConfig.for_model(c.pop("model_type"), **c)
    conf._attn_implementation = "eager"
    m = AutoModelForCausalLM.from_config(conf)
    with torch.no_grad():
        for n, p in named(m):
            p.copy_(weights_of(n, tuple(p.shape), 0))
    return m.double().eval()


def greedy(name, out):
    m = model_of(name)
    gpt2 = m.config.model_type == "gpt2"
    gen = torch.Generator().manual_seed(len(name))
    kept = 0
    for n in (1, 2, 5, 9, 14) if gpt2 else LENGTHS:
        prompt = torch.randint(2, m.config.vocab_size, (1, n), generator=gen)
        got = m.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, eos_token_id=1,
                         pad_token_id=0, max_new_tokens=min(NEW, (16 if gpt2 else 512) - n), output_logits=True,
                         return_dict_in_generate=True)
        near = min(float((t := x[0].topk(2).values)[0] - t[1]) for x in got.logits)
        if near < 1e-4:
            continue
        kept += 1
        out.write("prompt " + " ".join(map(str, prompt[0].tolist())) + "\n")
        out.write("answer " + " ".join(map(str, got.sequences[0, n:].tolist())) + "\n")
    print(name, kept)


def sample(out):
    gen = torch.Generator().manual_seed(7)
    for t, k, p, mp, r in ((1, 0, 1, 0, 1), (.5, 0, 1, 0, 1), (1, 5, 1, 0, 1), (1, 0, .7, 0, 1), (1, 0, 1, .1, 1),
                           (1, 0, 1, 0, 1.3), (.8, 7, .9, .05, 1.2), (1.7, 20, .5, .2, 1), (1, 1, 1, 0, 1),
                           (1, 0, 0, 0, 1), (1, 50, .999, .001, .8), (2, 3, .6, .9, 1.1)):
        logits = torch.randn(1, 40, generator=gen) * 2
        if k == 5:
            logits[0, 3:9] = 1.25                        # equals across the edge of top-k
            logits[0, 9:12] = 3.5
        row = torch.randint(0, 40, (1, 12), generator=gen)
        rules = LogitsProcessorList()
        if r != 1:
            rules.append(RepetitionPenaltyLogitsProcessor(float(r)))
        if t != 1:
            rules.append(TemperatureLogitsWarper(float(t)))
        if k:
            rules.append(TopKLogitsWarper(k))
        if p < 1:
            rules.append(TopPLogitsWarper(float(p)))
        if mp:
            rules.append(MinPLogitsWarper(mp))
        left = torch.softmax(rules(row, logits.clone()), -1)[0]
        line = lambda v: " ".join(f"{x:.9g}" for x in v)
        out.write(f"rules {t} {k} {p} {mp} {r}\nrow {' '.join(map(str, row[0].tolist()))}\n")
        out.write(f"logits {line(logits[0].tolist())}\nleft {line(left.tolist())}\n")


def task(folder):
    os.makedirs(os.path.join(folder, "model"), exist_ok=True)
    torch.manual_seed(4)
    conf = AutoConfig.for_model("llama", vocab_size=264, hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                                num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
                                bos_token_id=256, eos_token_id=257, initializer_range=.6)
    m = AutoModelForCausalLM.from_config(conf)
    m.save_pretrained(os.path.join(folder, "model"))
    m = m.double().eval()
    texts = ["a", "What is two and two?", "Say nothing at all.", "x" * 100, "One, two, three, "]
    with open(os.path.join(folder, "rows.jsonl"), "w") as f:
        f.writelines(json.dumps({"prompt": t}) + "\n" for t in texts)
    with open(os.path.join(folder, "want"), "w") as f:
        for r, t in enumerate(texts):
            ids = torch.tensor([[256] + list(t.encode())])
            got = m.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24,
                             pad_token_id=0)[0, ids.shape[1]:].tolist()
            print(r, got)
            f.writelines(f"answer.{r}.{i} {x}\n" for i, x in enumerate(got))


if __name__ == "__main__":
    task(os.path.join(sys.argv[1], "task-generate"))
    folder = os.path.join(sys.argv[1], "generate")
    os.makedirs(folder, exist_ok=True)
    for n in CASES:
        with open(os.path.join(folder, n + ".txt"), "w") as f:
            greedy(n, f)
    with open(os.path.join(folder, "sample.txt"), "w") as f:
        sample(f)
