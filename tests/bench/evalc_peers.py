#!/usr/bin/env python3
"""evalc_peers.py - multiple choice by evalc and by lm-evaluation-harness on the same weights and questions.

    evalc_peers.py [CONFIG [QUESTIONS]]       (lm-eval, transformers, torch; bin/ is built)

A random model of tests/bench/70m.json, the tokenizer of GPT-NeoX from ../shared/data, made questions: of MMLU's shape without
examples and with five (about 700 ids before 100 of each question's own), and of HellaSwag's without.  Both get as many threads
as there are cores, float32.  Log-likelihoods are compared first.  Theirs is the time of HFLM.loglikelihood alone, which takes the
choices of a question together where they are single ids; ours is that of the whole program, the model's loading included,
tokenize's told beside it.  Best of two turns.
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import built
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
TOKENIZER = os.path.join(TOP, "..", "shared", "data", "tokenizers", "gpt-neox-20b.json")
WORDS = """the a of river stone winter garden letter window copper silence bridge market summer engine paper shadow island
forest signal number table captain weather bottle answer village pocket mirror ladder harvest thunder school because which when
is was makes finds carries under before against large small seldom often""".split()
GOALS = {"MMLU, none": 3, "MMLU, five": 8, "HellaSwag, none": 3}
rnd = random.Random(5)


def words(n):
    return " ".join(rnd.choice(WORDS) for _ in range(n))


def mmlu(n):
    return [{"question": f"What {words(rnd.randint(36, 60))}?", "choices": [words(rnd.randint(6, 12)) for _ in range(4)], "answer": i % 4}
            for i in range(n)]


def mmlu_text(r):
    return r["question"] + "".join(f"\n{l}. {c}" for l, c in zip("ABCD", r["choices"])) + "\nAnswer:"


def hellaswag(n):
    return [{"ctx_a": f"A {words(rnd.randint(45, 70))}.", "ctx_b": "", "ctx": "", "activity_label": words(2),
             "endings": [words(rnd.randint(15, 30)) + "." for _ in range(4)], "label": str(i % 4)} for i in range(n)]


def write(path, rows):
    with open(path, "w") as f:
        f.writelines(json.dumps(r) + "\n" for r in rows)


def ours(tmp, model, rows, shots):
    write(os.path.join(tmp, "rows.jsonl"), rows)
    tool = lambda name: os.path.join(TOP, "bin", name)
    options = []
    if shots:
        write(os.path.join(tmp, "shots.jsonl"), shots)
        options = ["--shots", os.path.join(tmp, "shots.jsonl")]
    rec, items = os.path.join(tmp, "rows.rec"), os.path.join(tmp, "items.rec")
    start = time.perf_counter()
    subprocess.run([tool("tokenize"), "-q", "--tokenizer", model, "--schema", "choice", "--template", "none", *options,
                    os.path.join(tmp, "rows.jsonl"), "-o", rec], check=True)
    tokenized, best = time.perf_counter() - start, 1e9
    for _ in range(2):
        start = time.perf_counter()
        subprocess.run([tool("evalc"), "-q", "--task", "choice", "--model", model, "--items", items, rec], check=True,
                       stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - start)
    lines = subprocess.run([tool("mix"), "--policy", "cat", "--to", "json", items], check=True, capture_output=True, text=True).stdout
    return best, tokenized, [[json.loads(l)[f"logps/{k}"] for k in range(4)] for l in lines.splitlines()]


def theirs(lm, pairs):
    best, got = 1e9, None
    for _ in range(2):
        requests = [Instance("loglikelihood", {}, (context, " " + c), i) for i, (context, c) in enumerate(pairs)]
        start = time.perf_counter()
        got = [v for v, _ in lm.loglikelihood(requests, disable_tqdm=True)]
        best = min(best, time.perf_counter() - start)
    return best, [got[i:i + 4] for i in range(0, len(got), 4)]


def main():
    config = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HERE, "70m.json")
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 32
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(1)
    with open(config) as f:
        c = json.load(f)
    conf = AutoConfig.for_model(c.pop("model_type"), **c)
    model = AutoModelForCausalLM.from_config(conf, attn_implementation="sdpa").float().eval()
    examples = mmlu(5)
    before = "".join(mmlu_text(r) + " " + "ABCD"[r["answer"]] + "\n\n" for r in examples)
    with tempfile.TemporaryDirectory() as tmp:
        folder = os.path.join(tmp, "model")
        model.save_pretrained(folder)
        shutil.copy(TOKENIZER, os.path.join(folder, "tokenizer.json"))
        fast = PreTrainedTokenizerFast(tokenizer_file=TOKENIZER, eos_token="<|endoftext|>")
        lm = HFLM(pretrained=model, tokenizer=fast, batch_size=16, max_length=2048, device="cpu")
        for name, rows, shots in (("MMLU, none", mmlu(n), None), ("MMLU, five", mmlu(n), examples),
                                  ("HellaSwag, none", hellaswag(n), None)):
            if name.startswith("MMLU"):
                pairs = [((before if shots else "") + mmlu_text(r), letter) for r in rows for letter in "ABCD"]
            else:
                pairs = [(f"{r['activity_label']}: {r['ctx_a']}", e) for r in rows for e in r["endings"]]
                pairs = [(" ".join(a.split()), e) for a, e in pairs]
            mine, tokenized, a = ours(tmp, folder, rows, shots)
            other, b = theirs(lm, pairs)
            off = max(abs(x - y) for p, q in zip(a, b) for x, y in zip(p, q))
            if len(a) != len(b) or not off < 1e-3:
                sys.exit(f"{name}: log-likelihoods differ by {off}")
            print(f"{name:16} {n} questions, log-likelihoods within {off:.1e}: evalc {n / mine:7.1f}/s (tokenize {tokenized * 1e3:.0f} ms), "
                  f"lm-eval {n / other:6.1f}/s: {other / mine:.1f} times, goal {GOALS[name]}", flush=True)


built.release()
main()
