#!/usr/bin/env python3
"""task.py - five records for every task of evalc and their scores by transformers and numpy: tests/golden/task-NAME/.

    task.py TESTS/GOLDEN        (torch, transformers, msgpack, xxhash, numpy)

Makes two tiny models, task-model/policy (Llama) and task-model/reference (GPT-NeoX).  Every sequence is run by itself,
in float64.
rows.rec is a raw stream of records(5); want has a line `name value` per figure, which test cmd prints too.
"""
import hashlib
import math
import os
import sys

import msgpack
import numpy as np
import torch
import xxhash
from transformers import AutoConfig, AutoModelForCausalLM

BETA = 0.1
VOCAB = 32
SHAPE = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=64, bos_token_id=0, eos_token_id=1)
rng = np.random.default_rng(7)


def stream(path, records):
    total, chain, out = 0, 0, b""
    header = {"t": "header", "version": 1, "width": 2, "tokenizer": hashlib.sha256(b"none").digest(), "vocab": VOCAB,
              "special": [0, 1], "bos": 0, "eos": 1, "pad": -1, "sources": [], "commands": ["task.py"], "steps": 0,
              "start": 0, "mixed": False}
    out += msgpack.packb(header)
    for r in records:
        raw = msgpack.packb(r)
        h = xxhash.xxh3_64_intdigest(raw)
        total = (total + h) % 2**64
        chain = xxhash.xxh3_64_intdigest(chain.to_bytes(8, "big") + h.to_bytes(8, "big"))
        out += raw
    out += msgpack.packb({"t": "end", "n": len(records), "sum": total.to_bytes(8, "big"), "chain": chain.to_bytes(8, "big"),
                          "status": 0, "state": b""})
    with open(path, "wb") as f:
        f.write(out)


def ids(n):
    return rng.integers(2, VOCAB, n)


def packed(v):
    return np.asarray(v, dtype="<u2").tobytes()


def key(i):
    return (0x0123456789abcdef + i).to_bytes(8, "big")


def logps(model, prefix, side, spans):
    """log p of each trained token of the side, and whether it is the model's first choice."""
    whole = torch.tensor([list(prefix) + list(side)])
    with torch.no_grad():
        logits = model(whole).logits[0].double()
    lp = torch.log_softmax(logits, -1)
    at = [len(prefix) + j for b, e in spans for j in range(b, e) if len(prefix) + j > 0]
    return [lp[j - 1, whole[0, j]].item() for j in at], [int(lp[j - 1].argmax() == whole[0, j]) for j in at]


def divergence(policy, reference, prefix, side, spans):
    """KL(policy || reference) at every trained token of the side, over the whole vocabulary."""
    whole = torch.tensor([list(prefix) + list(side)])
    with torch.no_grad():
        p, q = (torch.log_softmax(m(whole).logits[0].double(), -1) for m in (policy, reference))
    kl = (p.exp() * (p - q)).sum(-1)
    return [kl[len(prefix) + j - 1].item() for b, e in spans for j in range(b, e) if len(prefix) + j > 0]


def ratio(a, b):
    a, b = np.array(a, float), np.array(b, float)
    r, n = a.sum() / b.sum(), len(a)
    return r, math.sqrt(n / (n - 1) * ((a - r * b) ** 2).sum()) / b.sum()


def want(folder, figures):
    with open(os.path.join(folder, "want"), "w") as f:
        for name, value in figures:
            small = name.startswith("items/") and "difference" in name       # of large sums: an error of its own
            f.write(f"{name} {value:.9g}{' 1e-5' if small else ''}\n")


def both(name, pair):
    return [(name, pair[0]), (name + "_se", pair[1])]


def likely(model, v):
    """Every third token becomes the model's first choice."""
    for j in range(2, len(v), 3):
        with torch.no_grad():
            v[j] = model(torch.tensor([list(v[:j])])).logits[0, -1].argmax().item()
    return v


def loss(folder, policy):
    rows, figures = [], {"all": [], "one": [], "two": []}
    for i, (src, n, spans, w) in enumerate([("one", 20, [[5, 12], [15, 20]], 1.0), ("one", 9, [[0, 9]], 0.5),
                                            ("two", 30, None, 1.0), ("two", 12, [[3, 12]], 2.0), ("one", 2, None, 1.0)]):
        v = likely(policy, ids(n))
        row = {"t": "text" if spans is None else "sft", "src": src, "id": key(i), "ids": packed(v)}
        if spans is not None:
            row.update(span=spans, w=w)
        lp, hit = logps(policy, [], v, spans or [[0, n]])
        for group in ("all", src):
            figures[group].append((-w * sum(lp), w * sum(hit), w * len(lp), len(lp)))
        rows.append(row)
    stream(os.path.join(folder, "rows.rec"), rows)
    lines = []
    for group, prefix in (("all", ""), ("one", "source/one/"), ("two", "source/two/")):
        nll, hits, weight, tokens = zip(*figures[group])
        lines += both(prefix + "eval/sft/loss", ratio(nll, weight))
        lines += both(prefix + "eval/mean_token_accuracy", ratio(hits, weight))
        lines += [(prefix + "eval/sft/rows", len(nll)), (prefix + "eval/sft/tokens", sum(tokens))]
        if group == "all":
            lines.append(("gap_sft", ratio(nll, weight)[0] - 3))
    want(folder, lines)


def pairs(n):
    for i in range(n):
        row = {"t": "pref", "src": "one", "id": key(100 + i), "prompt": ids(4 + 3 * i), "chosen": ids(3 + 2 * i),
               "rejected": ids(8 - i)}
        spans = {s: [[0, len(row[s])]] for s in ("chosen", "rejected")}
        if i % 2:
            spans["rejected"] = [[1, len(row["rejected"])]]
            row["rejected_span"] = spans["rejected"]
        yield row, spans


def record(row):
    return {k: packed(v) if isinstance(v, np.ndarray) else v for k, v in row.items()}


def preference(folder, policy, reference):
    rows, f = [], []
    for i, (row, spans) in enumerate(pairs(5)):
        w = [1.0, 0.5, 1.0, 2.0, 1.0][i]
        lp, ref, n, kl = {}, {}, {}, {}
        for side in ("chosen", "rejected"):
            kl[side] = sum(divergence(policy, reference, row["prompt"], row[side], spans[side]))
            lp[side] = sum(logps(policy, row["prompt"], row[side], spans[side])[0])
            one = logps(reference, row["prompt"], row[side], spans[side])[0]
            ref[side], n[side] = sum(one), len(one)
        row = record(row)
        row.update(w=w, ref={"key": bytes(8), **{s: [ref[s], n[s]] for s in ref}})
        rows.append(row)
        c, r = lp["chosen"] - ref["chosen"], lp["rejected"] - ref["rejected"]
        f.append(dict(w=w, loss=math.log1p(math.exp(-BETA * (c - r))), chosen=BETA * c, rejected=BETA * r, margins=BETA * (c - r),
                      accuracies=c > r, accuracies_token=c / n["chosen"] > r / n["rejected"], ratio_c=c, ratio_r=r, each=n, kl=kl, policy=lp["chosen"] > lp["rejected"],
                      token=lp["chosen"] / n["chosen"] > lp["rejected"] / n["rejected"], lp_c=lp["chosen"],
                      lp_r=lp["rejected"], n=n["chosen"] + n["rejected"]))
    stream(os.path.join(folder, "rows.rec"), rows)
    stream(os.path.join(folder, "bare.rec"), [{k: v for k, v in row.items() if k != "ref"} for row in rows])
    w = [x["w"] for x in f]
    names = [("eval/pref/loss", "loss"), ("eval/rewards/chosen", "chosen"), ("eval/rewards/rejected", "rejected"),
             ("eval/rewards/margins", "margins"), ("eval/rewards/accuracies", "accuracies"),
             ("eval/rewards/accuracies_per_token", "accuracies_token"),
             ("eval/logratio/chosen", "ratio_c"), ("eval/logratio/rejected", "ratio_r"), ("eval/policy_accuracy", "policy"),
             ("eval/policy_accuracy_per_token", "token"), ("eval/logps/chosen", "lp_c"), ("eval/logps/rejected", "lp_r")]
    lines = []
    for name, k in names:
        lines += both(name, ratio([x["w"] * x[k] for x in f], w))
    for side, k in (("chosen", "ratio_c"), ("rejected", "ratio_r")):
        lines += both(f"eval/logratio/{side}_per_token", ratio([x["w"] * x[k] for x in f], [x["w"] * x["each"][side] for x in f]))
    lines += [("eval/pref/rows", 5), ("eval/pref/tokens", sum(x["n"] for x in f))]
    lines += [("both/" + name, value) for name, value in lines]             # both models loaded, no column
    for side in ("chosen", "rejected"):
        lines += both(f"both/eval/kl/{side}", ratio([x["w"] * x["kl"][side] for x in f], [x["w"] * x["each"][side] for x in f]))
    lines += both("both/eval/kl", ratio([x["w"] * sum(x["kl"].values()) for x in f], [x["w"] * x["n"] for x in f]))
    lines.append(("gap_pref", ratio([x["w"] * x["loss"] for x in f], w)[0] - 0.5))
    want(folder, lines)


def logprob(folder, reference):
    rows, lines = [], []
    for i, (row, spans) in enumerate(pairs(3)):
        for side in ("chosen", "rejected"):
            lp = logps(reference, row["prompt"], row[side], spans[side])[0]
            lines += [(f"{i}/{side}", sum(lp)), (f"{i}/{side}/n", len(lp))]
        rows.append(record(row))
    row = {"t": "label", "src": "two", "id": key(200), "prompt": ids(5), "completion": ids(7), "good": True}
    lp = logps(reference, row["prompt"], row["completion"], [[0, 7]])[0]
    lines += [("3/chosen", sum(lp)), ("3/chosen/n", 7), ("3/rejected", 0), ("3/rejected/n", 0)]
    rows += [record(row), {"t": "sft", "src": "two", "id": key(201), "ids": packed(ids(6)), "span": [[2, 6]]}]
    stream(os.path.join(folder, "rows.rec"), rows)
    rng_of_all, prefixes = globals()["rng"], []
    globals()["rng"] = np.random.default_rng(18)           # what follows leaves the other goldens as they are
    for name in ("good", "bad"):
        prefixes.append([0, *ids(6 if name == "good" else 9)])
        stream(os.path.join(folder, name + ".rec"), [{"t": "prompt", "src": "p", "id": key(300), "prompt": packed(prefixes[-1][:4])},
                                                     {"t": "text", "src": "p", "id": key(301), "ids": packed(np.array(prefixes[-1][4:]))}])
    rows = []
    for i, (row, spans) in enumerate(pairs(3)):
        row["prompt"] = np.array([0, *row["prompt"]])
        for side in ("chosen", "rejected"):
            lines += score(reference, f"{i}", "/" + side, row["prompt"], row[side], spans[side], prefixes)
        rows.append(record(row))
    gen = {"t": "gen", "src": "two", "id": key(400), "prompt": ids(5), "ids": ids(8)}
    lines += score(reference, "3", "", gen["prompt"], gen["ids"], [[0, 8]], prefixes)
    sft = {"t": "sft", "src": "two", "id": key(401), "ids": np.array([0, *ids(11)]), "span": [[2, 6], [9, 12]]}
    lines += score(reference, "4", "", [], sft["ids"], sft["span"], prefixes)
    text = {"t": "text", "src": "two", "id": key(402), "ids": ids(9)}
    lines += score(reference, "5", "", [], text["ids"], [[1, 9]], prefixes)
    rows += [record(r) for r in (gen, sft, text)]
    stream(os.path.join(folder, "items.rec"), rows)
    globals()["rng"] = rng_of_all
    want(folder, lines)


def label(folder, policy, reference):
    rows, f = [], []
    for i in range(6):
        spans = [[1, 3 + i]] if i % 2 else [[0, 4 + i]]
        row = {"t": "label", "src": "one", "id": key(300 + i), "prompt": ids(3 + 2 * i), "completion": ids(4 + i),
               "good": i in (0, 1, 3, 4), "other": ids(9 - i)}
        n = len(row["other"])
        two = {"chosen": ("completion", spans), "rejected": ("other", [[0, n]] if i < 3 else [[2, n]])}
        lp, ref = ({s: logps(m, row["prompt"], row[name], v)[0] for s, (name, v) in two.items()} for m in (policy, reference))
        drift = 6 * (i % 2)                    # the reference of some is made worse, so that the baseline is above 0
        ref = {s: [sum(v) - drift, len(v)] for s, v in ref.items()}
        w = [1.0, 0.5, 1.0, 2.0, 1.0, 1.0][i]
        row = record(row)
        row.update(w=w, ref={"key": bytes(8), **ref})
        if i % 2:
            row["completion_span"] = spans
        if i >= 3:
            row["other_span"] = [[2, n]]
        rows.append(row)
        f.append(dict(w=w, good=row["good"], ratio=sum(lp["chosen"]) - ref["chosen"][0], lp=sum(lp["chosen"]), n=ref["chosen"][1],
                      other=sum(lp["rejected"]) - ref["rejected"][0]))
    stream(os.path.join(folder, "rows.rec"), rows)
    kl = sum(x["w"] * x["other"] for x in f) / sum(x["w"] for x in f)
    assert kl > 0
    x = [BETA * (x["ratio"] - kl) * (1 if x["good"] else -1) for x in f]
    lines = both("eval/label/loss", ratio([y["w"] / (1 + math.exp(v)) for y, v in zip(f, x)], [y["w"] for y in f]))
    lines.append(("eval/label/kl", kl))
    mean = {}
    for name, scale, k in (("rewards", BETA, "ratio"), ("logratio", 1, "ratio"), ("logps", 1, "lp")):
        for side in ("chosen", "rejected"):
            part = [x for x in f if x["good"] == (side == "chosen")]
            mean[name, side] = ratio([scale * x["w"] * x[k] for x in part], [x["w"] for x in part])
            lines += both(f"eval/label/{name}/{side}", mean[name, side])
    lines.append(("eval/label/rewards/margins", mean["rewards", "chosen"][0] - mean["rewards", "rejected"][0]))
    lines += [("eval/label/rows", 6), ("eval/label/good", 4), ("eval/label/tokens", sum(x["n"] for x in f))]
    want(folder, lines)


def score(model, row, side, prompt, ids, spans, prefixes):
    """What logprob --items says of a side: sums, the median loss among the top 5, and after the prefixes."""
    whole = [*prompt, *ids]
    lp, hit = logps(model, prompt, ids, spans)
    after = []
    for p in prefixes:                                     # the row's own begin token goes
        begin = int(len(whole) > 0 and whole[0] == 0)
        cut = [[b - (begin and not len(prompt)), e - (begin and not len(prompt))] for b, e in spans]
        after.append(sum(logps(model, [*p, *prompt[begin:]], ids if len(prompt) else ids[begin:], cut)[0]))
    with torch.no_grad():
        top = model(torch.tensor([whole])).logits[0].topk(5).indices
    at = [len(prompt) + j for b, e in spans for j in range(b, e)]
    at = [j for j in at if j > 0]
    some = [-v for j, v in zip(at, lp) if whole[j] in top[j - 1]]
    lines = [("logps", sum(lp)), ("tokens", len(lp)), ("hits", sum(hit)), ("in_top_k", len(some)), ("logps_first", after[0]),
             ("logps_second", after[1]), ("difference", after[0] - after[1]),
             ("difference_per_token", (after[0] - after[1]) / len(lp)), ("one/difference", after[0] - sum(lp))]
    if some:
        lines.append(("median_loss", float(np.median(some))))
    lines += [(f"token/{k}", v) for k, v in enumerate(lp)]
    return [(f"items/{row}/{name}{side}" if "token/" not in name else f"items/{row}{side}/{name}", v) for name, v in lines]


def pareto(folder):
    runs = [("opt-sft", None, 1.10, 0.90), ("opt-pref", None, 2.10, 0.40), ("mix", 0.25, 1.20, 0.70), ("mix", 0.5, 1.30, 0.75),
            ("mix", 0.75, 1.60, 0.35)]
    best, nadir = (1.05, 0.40), (2.10, 0.90)               # the SFT-only run's curve had its minimum at 1.05
    rows, lines, points = [], [], []
    for i, (method, lam, sft, pref) in enumerate(runs):
        row = {"t": "metric", "task": "loss,preference", "model": f"run{i}", "method": method, "seed": 1}
        if lam is not None:
            row["lambda"] = lam
        if method == "opt-sft":
            row["opt_sft"] = best[0]
        row.update({"eval/sft/loss": sft, "eval/sft/loss_se": 0.03, "eval/pref/loss": pref, "eval/pref/loss_se": 0.02})
        rows.append(row)
        gap = (sft - best[0], pref - best[1])
        clip = [max(g, 0) for g in gap]
        side = [n - b for n, b in zip(nadir, best)]
        scaled = [g / s for g, s in zip(gap, side)]
        d, s = math.hypot(*clip), math.hypot(*[c / x for c, x in zip(clip, side)])
        lines += [(f"{i}/gap_sft", gap[0]), (f"{i}/gap_pref", gap[1]), (f"{i}/gap_sft_clipped", clip[0]),
                  (f"{i}/gap_pref_clipped", clip[1]), (f"{i}/scaled_sft", scaled[0]), (f"{i}/scaled_pref", scaled[1]),
                  (f"{i}/distance", d), (f"{i}/scaled_distance", s),
                  (f"{i}/distance_se", math.hypot(clip[0] * .03, clip[1] * .02) / d)]
        if method == "mix":
            points.append([max(x, 0) for x in scaled])
            lines.append((f"{i}/dominated", {0.25: 0, 0.5: 1, 0.75: 0}[lam]))
    # the share of the box that is dominated, cell by cell between the points' coordinates
    xs, ys = (sorted({p[k] for p in points} | {1.0}) for k in (0, 1))
    area = sum((x1 - x0) * (y1 - y0) for x0, x1 in zip(xs, xs[1:]) for y0, y1 in zip(ys, ys[1:])
               if any(p[0] <= x0 and p[1] <= y0 for p in points))
    lines.append(("hypervolume", area))
    stream(os.path.join(folder, "rows.rec"), rows)
    want(folder, lines)


def compare(folder):
    """Items of two runs, some of them of one alone, as --items writes them; differences and errors by numpy."""
    rng = np.random.default_rng(5)
    runs, facts = ([], []), {}
    for i in range(40):
        both_have, tokens, w = i % 13 != 5, int(rng.integers(3, 30)), [1.0, 2.0][i % 3 == 0]
        base = -tokens * rng.uniform(1, 4)
        for k in range(2 if both_have else 1):
            lp = float(base - k * tokens * rng.uniform(-.3, .2))
            hits = int(rng.integers(0, tokens + 1))
            runs[k].append({"t": "metric", "src": "one", "id": key(i), "row": i, "obj": "sft", "w": w, "logps": lp, "tokens": tokens,
                            "hits": hits})
            if both_have:
                facts.setdefault("eval/sft/loss", ([], []))[k].append((-w * lp, w * tokens))
                facts.setdefault("eval/mean_token_accuracy", ([], []))[k].append((w * hits, w * tokens))
    for i in range(30):
        for k in range(2):
            right = bool(rng.random() < .5 + .2 * k)
            lp = [-20.0, -21.0] if right else [-21.0, -20.0]
            runs[k].append({"t": "metric", "src": "two", "id": key(100 + i // 2), "row": 100 + i, "obj": "pref", "logps/chosen": lp[0],
                            "logps/rejected": lp[1]})
            facts.setdefault("eval/policy_accuracy", ([], []))[k].append((float(right), 1.0))
    runs[1].reverse()                          # order does not matter, but for items that are the same row twice
    runs[1][:30] = runs[1][:30][::-1]
    lines = []
    for name, (base, run) in facts.items():
        n, v, u = len(base), [], []
        for rows in (base, run):
            a, b = np.array(rows).T
            v.append(a.sum() / b.sum())
            u.append((a - v[-1] * b) / b.sum())
        se = math.sqrt(n / (n - 1) * ((u[1] - u[0]) ** 2).sum())
        lines += [(f"{name}/items", n), (f"{name}/base_value", v[0]), (f"{name}/value", v[1]), (f"{name}/difference", v[1] - v[0]),
                  (f"{name}/difference_se", se), (f"{name}/only_base", 3 if "sft" in name or "token" in name else 0)]
        if name == "eval/policy_accuracy":
            right = [sum(x[0] > y[0] for x, y in zip(p, q)) for p, q in ((base, run), (run, base))]
            m = sum(right)
            p = min(1, 2 * sum(math.comb(m, i) for i in range(min(right) + 1)) / 2 ** m)
            lines += [(f"{name}/right_base", right[0]), (f"{name}/right_run", right[1]), (f"{name}/p_mcnemar", p)]
    stream(os.path.join(folder, "base.rec"), runs[0])
    stream(os.path.join(folder, "rows.rec"), runs[1])
    want(folder, lines)


def tiny(path, seed, **config):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config, **SHAPE))
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p), alpha=0.25)        # far from uniform
    model.float().save_pretrained(path)
    for name in os.listdir(path):
        if name not in ("config.json", "model.safetensors"):
            os.remove(os.path.join(path, name))
        else:
            os.chmod(os.path.join(path, name), 0o644)
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64).eval()


def main():
    top = sys.argv[1]
    policy = tiny(os.path.join(top, "task-model", "policy"), 1, model_type="llama", num_key_value_heads=2,
                  tie_word_embeddings=True)
    reference = tiny(os.path.join(top, "task-model", "reference"), 2, model_type="gpt_neox", rotary_pct=0.5,
                     tie_word_embeddings=False)
    for name, make in (("loss", lambda d: loss(d, policy)), ("preference", lambda d: preference(d, policy, reference)),
                       ("logprob", lambda d: logprob(d, reference)), ("pareto", pareto), ("compare", compare),
                       ("label", lambda d: label(d, policy, reference))):
        folder = os.path.join(top, "task-" + name)
        os.makedirs(folder, exist_ok=True)
        make(folder)


main()
