#!/usr/bin/env python3
"""exact.py - made answers to made sums and their scores by lm-evaluation-harness: tests/golden/task-exact/.

    exact.py TESTS/GOLDEN        (lm-eval 0.4.13, msgpack, xxhash)

Texts are what a model might write after a sum: with and without `#### `, with commas, dollars, full stops, nothing at all.
Filters (regex, majority_vote) and exact_match are lm-eval's, with the settings of its gsm8k.yaml; pass@k is counted over all
subsets of k samples.  rows.rec is a raw stream of records(5) of kind gen.
"""
import hashlib
import itertools
import os
import random
import re
import statistics
import sys

import msgpack
import xxhash
from lm_eval.api.metrics import exact_match_hf_evaluate, mean_stderr
from lm_eval.filters.extraction import RegexFilter
from lm_eval.filters.selection import MajorityVoteFilter

IGNORE = dict(ignore_case=True, ignore_punctuation=False, regexes_to_ignore=[",", "\\$", "(?s).*#### ", "\\.$"])
RULES = {"strict": RegexFilter(r"#### (\-?[0-9\.\,]+)"),
         "flexible": RegexFilter(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", group_select=-1),
         "match": RegexFilter(r"answer is (\w+)|\bis (\w+)!")}
rnd = random.Random(3)


def text(right):
    n = right if rnd.random() < .5 else rnd.choice([right + 1, -right, 7])
    shown = rnd.choice([f"{n}", f"{n:,}", f"${n}", f"{n}.", f"{n:,}."])
    return rnd.choice([f"First 3 and then 4.\n#### {n}", f"So it makes {shown}", f"#### {shown}\nand #### 12", "I do not know.", "",
                       f"The answer is {n} I think, or answer is {right}", f"it is {n}! No, it is yes!", f"ää {shown} ü\n#### {n}.00"])


def stream(path, records):
    total, chain = 0, 0
    out = msgpack.packb({"t": "header", "version": 1, "width": 2, "tokenizer": hashlib.sha256(b"none").digest(), "vocab": 32,
                         "special": [0, 1], "bos": 0, "eos": 1, "pad": -1, "sources": [], "commands": ["exact.py"], "steps": 0,
                         "start": 0, "mixed": False})
    for r in records:
        raw = msgpack.packb(r)
        h = xxhash.xxh3_64_intdigest(raw)
        total = (total + h) % 2**64
        chain = xxhash.xxh3_64_intdigest(chain.to_bytes(8, "big") + h.to_bytes(8, "big"))
        out += raw
    out += msgpack.packb({"t": "end", "n": len(records), "sum": total.to_bytes(8, "big"), "chain": chain.to_bytes(8, "big"), "status": 0,
                          "state": b""})
    with open(path, "wb") as f:
        f.write(out)


def right(found, answer):
    return float(exact_match_hf_evaluate(predictions=[found], references=[answer], **IGNORE)["exact_match"])


def main():
    top = os.path.join(sys.argv[1], "task-exact")
    prompts = []
    for i in range(12):
        n = rnd.choice([12, 1234, -5, 70000])
        answer = f"some steps\n#### {n:,}" if i % 3 else str(n)
        prompts.append(("one" if i < 8 else "two", i // 2 * 2 if i in (2, 3) else i, answer, [text(n) for _ in range(6)]))
    rows = [{"t": "gen", "src": src, "id": (7000 + key).to_bytes(8, "big"), "prompt": b"\2\0", "ids": b"\3\0", "text": t, "n": n,
             "finish": "stop", "answer": answer}
            for src, key, answer, texts in prompts for n, t in enumerate(texts)]
    rnd.shuffle(rows)
    # a prompt that is there twice is told apart by the order of its samples of one number
    twice = {n: [r for r in rows if int.from_bytes(r["id"], "big") == 7002 and r["n"] == n] for n in range(6)}
    for k, at in enumerate((2, 3)):
        prompts[at] = (*prompts[at][:2], [twice[n][k]["answer"] for n in range(6)], [twice[n][k]["text"] for n in range(6)])
    stream(os.path.join(top, "rows.rec"), rows)
    with open(os.path.join(top, "want"), "w") as f:
        for group in ("", "one", "two"):
            some = [p for p in prompts if group in ("", p[0])]
            for rule, extract in RULES.items():
                col = {"": [], "/found": [], "/pass@1": [], "/pass@2": [], "/pass@5": [], "/maj@1": [], "/maj@3": [], "/maj@6": []}
                for _, _, answer, texts in some:
                    answers = answer if isinstance(answer, list) else [answer] * 6
                    found = extract.apply([texts], [{}])[0]
                    ok = [right(a, b) for a, b in zip(found, answers)]
                    col[""].append(statistics.fmean(ok))
                    col["/found"].append(statistics.fmean(a != "[invalid]" for a in found))
                    for k in (1, 2, 5):
                        col[f"/pass@{k}"].append(statistics.fmean(max(c) for c in itertools.combinations(ok, k)))
                    voters = found                             # 70,000 and 70000 are one answer
                    for s in IGNORE["regexes_to_ignore"]:
                        voters = [re.sub(s, "", v).lower() for v in voters]
                    for k in (1, 3, 6):
                        vote = list(MajorityVoteFilter().apply([voters[:k]], [{}]))[0][0]
                        col[f"/maj@{k}"].append(ok[voters.index(vote)])
                for name, v in col.items():
                    prefix = f"source/{group}/" if group else ""
                    f.write(f"{prefix}eval/exact/{rule}{name} {statistics.fmean(v):.9g}\n")
                    f.write(f"{prefix}eval/exact/{rule}{name}_se {mean_stderr(v):.9g}\n")


main()
