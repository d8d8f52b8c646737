#!/usr/bin/env python3
"""task.py - five records for every task of evalc and their scores by transformers and numpy: tests/golden/task-NAME/.

    task.py TESTS/GOLDEN        (torch, transformers, msgpack, xxhash, numpy, scipy)

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
from scipy import optimize, stats
from transformers import AutoConfig, AutoModelForCausalLM

BETA = 0.1
VOCAB = 32
SHAPE = dict(vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
             max_position_embeddings=64, bos_token_id=0, eos_token_id=1)
rng = np.random.default_rng(7)


def stream(path, records, tokenizer=b"none", vocab=VOCAB):
    total, chain, out = 0, 0, b""
    header = {"t": "header", "version": 1, "width": 2, "tokenizer": hashlib.sha256(tokenizer).digest(), "vocab": vocab,
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
ODD = 'a<b>&"c", d_%$#'                                   # a method of somebody else's


def study_runs():
    """Three seeds of three methods at three lambdas, one run missing, and the optima; losses are made up."""
    made = np.random.default_rng(11)
    runs = []
    for seed in (1, 2, 3):
        runs += [("opt-sft", 0, seed, 1.10 + .01 * seed, 0.90, {"opt_sft": 1.05 + .01 * seed}),   # its curve had its minimum there
                 ("opt-pref", 1, seed, 2.10, 0.40 + .01 * seed, {})]
        for method, worst in (("sft-pref", 1.0), ("mix", 0.4), (ODD, 0.2)):
            for lam in (0.25, 0.5, 0.75):
                if (method, lam, seed) == (ODD, 0.75, 2):
                    continue
                runs.append((method, lam, seed, round(1.05 + worst * lam * made.uniform(.8, 1.2), 4),
                             round(0.38 + worst * (1 - lam) * made.uniform(.2, .5), 4), {}))
    rows = []
    for i, (method, lam, seed, sft, pref, more) in enumerate(runs):
        row = {"t": "metric", "task": "loss,preference", "model": f"run{i}", "method": method, "seed": seed, "lambda": lam,
               "updates": 8, "rows": 64, "tokens": 4000 + i, "measured": 0, "seconds": 10 + .5 * i, **more}
        row.update({"eval/sft/loss": sft, "eval/sft/loss_se": 0.03, "eval/pref/loss": pref, "eval/pref/loss_se": 0.02,
                    "eval/policy_accuracy": 0.5 + .01 * i, "eval/policy_accuracy_se": 0.01})
        rows.append(row)
    return rows


def spread(v, level=.95):
    """Mean, standard error, Student's interval."""
    v = np.asarray(v)
    if len(v) < 2:
        return v.mean(), None, None, None
    se = v.std(ddof=1) / math.sqrt(len(v))
    half = stats.t.ppf((1 + level) / 2, len(v) - 1) * se
    return v.mean(), se, v.mean() - half, v.mean() + half


def spread_lines(name, v):
    return [(name + end, x) for end, x in zip(("", "_se", "_low", "_high"), spread(v)) if x is not None]


def placed(rows):
    """Of every run its place in the plane, worked out anew."""
    out = []
    for r in rows:
        opt = {m: next(x for x in rows if x["method"] == m and x["seed"] == r["seed"]) for m in ("opt-sft", "opt-pref")}
        best = (opt["opt-sft"]["opt_sft"], opt["opt-pref"]["eval/pref/loss"])
        nadir = (opt["opt-pref"]["eval/sft/loss"], opt["opt-sft"]["eval/pref/loss"])
        loss = (r["eval/sft/loss"], r["eval/pref/loss"])
        gap = [x - b for x, b in zip(loss, best)]
        side = [n - b for n, b in zip(nadir, best)]
        scaled = [g / s for g, s in zip(gap, side)]
        clip = [max(g, 0) for g in gap]
        others = [x for x in rows if x["seed"] == r["seed"] and not x["method"].startswith("opt")]
        dominated = any(x["eval/sft/loss"] <= loss[0] and x["eval/pref/loss"] <= loss[1] and
                        (x["eval/sft/loss"], x["eval/pref/loss"]) != loss for x in others)
        d = math.hypot(*clip)
        out.append({"eval/sft/loss": loss[0], "eval/pref/loss": loss[1], "gap_sft": gap[0], "gap_pref": gap[1],
                    "gap_sft_clipped": clip[0], "gap_pref_clipped": clip[1], "scaled_sft": scaled[0], "scaled_pref": scaled[1],
                    "distance": d, "scaled_distance": math.hypot(*[max(x, 0) for x in scaled]),
                    "distance_se": math.hypot(clip[0] * .03, clip[1] * .02) / d, "dominated": int(dominated)})
    return out


def volume(points):
    """The share of the unit box that is dominated, cell by cell between the points' coordinates."""
    points = [[max(x, 0) for x in p] for p in points]
    xs, ys = (sorted({min(p[k], 1.0) for p in points} | {1.0}) for k in (0, 1))
    return sum((x1 - x0) * (y1 - y0) for x0, x1 in zip(xs, xs[1:]) for y0, y1 in zip(ys, ys[1:])
               if any(p[0] <= x0 and p[1] <= y0 for p in points))


MEANS = ("eval/sft/loss", "eval/pref/loss", "gap_sft", "gap_pref", "distance", "scaled_distance")


def grouped(rows):
    groups = {}
    for i, r in enumerate(rows):
        groups.setdefault((r["method"], r["lambda"]), {})[r["seed"]] = i
    return groups


def pareto(folder):
    rows = study_runs()
    at, groups, lines = placed(rows), grouped(rows), []
    for i, r in enumerate(rows):
        names = [n for n in at[i] if n not in ("eval/sft/loss", "eval/pref/loss") and
                 not (n == "dominated" and r["method"].startswith("opt"))]
        lines += [(f"runs/{i}/{n}", at[i][n]) for n in names]
    for g, ((method, lam), of) in enumerate(groups.items()):
        for name in MEANS:
            lines += spread_lines(f"means/{g}/{name}", [at[i][name] for i in of.values()])
        if not method.startswith("opt"):
            lines.append((f"means/{g}/front", sum(1 - at[i]["dominated"] for i in of.values())))
    joint = [(k, of) for k, of in groups.items() if not k[0].startswith("opt")]
    n = 0
    for (a, la), x in joint:
        for (b, lb), y in joint:
            if a == b or la != lb:
                continue
            d = [at[x[s]]["scaled_distance"] - at[y[s]]["scaled_distance"] for s in sorted(x) if s in y]
            mean, se, low, high = spread(d)
            lines += [(f"pairs/{n}/better", sum(v < 0 for v in d)), (f"pairs/{n}/seeds", len(d)), (f"pairs/{n}/difference", mean),
                      (f"pairs/{n}/difference_se", se), (f"pairs/{n}/low", low), (f"pairs/{n}/high", high)]
            n += 1
    shares = {}
    for method in ("sft-pref", "mix", ODD):
        for seed in (1, 2, 3):
            of = [i for i, r in enumerate(rows) if r["method"] == method and r["seed"] == seed]
            if len(of) == 3:
                shares.setdefault(method, {})[seed] = volume([[at[i]["scaled_sft"], at[i]["scaled_pref"]] for i in of])
    every = [v for of in shares.values() for v in of.values()]
    lines += [(f"hypervolume/{k}/hypervolume", v) for k, v in enumerate(every)]
    for k, of in enumerate(shares.values()):
        lines += spread_lines(f"fronts/{k}/hypervolume", list(of.values()))
    n = 0
    for a, x in shares.items():
        for b, y in shares.items():
            if a != b:
                d = [x[s] - y[s] for s in sorted(x) if s in y]
                mean, se, low, high = spread(d)
                lines += [(f"front_pairs/{n}/difference", mean), (f"front_pairs/{n}/low", low), (f"front_pairs/{n}/high", high),
                          (f"front_pairs/{n}/better", sum(v > 0 for v in d))]
                n += 1
    stream(os.path.join(folder, "rows.rec"), rows)
    want(folder, lines)


def items(r, hard):
    """Rows as --items writes them that make the run's losses; hard: how each row is, for every run."""
    made = np.random.default_rng(abs(hash_of(r["model"])))
    out = []
    for obj, loss in (("sft", r["eval/sft/loss"]), ("pref", r["eval/pref/loss"])):
        tokens = np.array([5 + i % 7 for i in range(20)], float) if obj == "sft" else np.ones(20)
        a = hard[obj] * tokens * made.uniform(.9, 1.1, 20)
        a *= loss * tokens.sum() / a.sum()
        for i in range(20):
            row = {"t": "metric", "src": obj, "id": key(1000 + i), "row": i, "obj": obj}
            row.update({"logps": -float(a[i]), "tokens": int(tokens[i])} if obj == "sft" else {"loss": float(a[i])})
            out.append((row, float(a[i]), float(tokens[i])))
    return out


def hash_of(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def slopes(p, side):
    """Of the scaled distance, in the two losses."""
    v = [max(p["scaled_sft"], 0), max(p["scaled_pref"], 0)]
    return [x / math.hypot(*v) / s for x, s in zip(v, side)]


def rows_error(x, y, gx, gy):
    """The standard error of a difference of distances that the rows make, which are the same for both."""
    var = 0
    for o in range(2):
        (ax, b), (ay, _) = (np.array([(a, b) for _, a, b in run[20 * o:20 * o + 20]]).T for run in (x, y))
        u = gx[o] * (ax - ax.sum() / b.sum() * b) / b.sum() - gy[o] * (ay - ay.sum() / b.sum() * b) / b.sum()
        var += 20 / 19 * (u ** 2).sum()
    return math.sqrt(var)


def report(folder):
    """The same runs as joint.sh leaves them, in folders, with curves; what the page's CSV must say of them."""
    rows = study_runs()
    at, lines = placed(rows), []
    made = np.random.default_rng(3)
    hard = {obj: made.uniform(.5, 1.5, 20) for obj in ("sft", "pref")}
    pair = {}
    for i, r in enumerate(rows):
        name = "other" if r["method"] == ODD else r["method"]
        run = os.path.join(folder, "study", f"seed-{r['seed']}", f"{name}-{r['lambda']}")
        os.makedirs(run, exist_ok=True)
        stream(os.path.join(run, "scores.rec"), [r])
        metrics, batches = [], 0
        both = r["method"] == "mix"
        for u in range(0, 5 if both else 9):
            for obj, end in (("sft", r["eval/sft/loss"]), ("pref", r["eval/pref/loss"])):
                if batches % 4 == 0:
                    start = 1.6 if obj == "sft" else 0.693147
                    metrics.append({"t": "metric", "i": u, "obj": obj, "why": "eval", f"eval/{obj}/loss":
                                    start + (end - start) * batches / 8})
            if batches == 8:
                break
            obj = "both" if both else "pref" if (u >= 8 * (1 - r["lambda"])) else "sft"
            metrics.append({"t": "metric", "i": u, "obj": obj, "why": "update", "loss": 1.0,
                            **({"sft/loss": 1.5} if obj != "pref" else {}), **({"pref/loss": .6} if obj != "sft" else {})})
            batches += 2 if both else 1
        stream(os.path.join(run, "metrics.rec"), metrics)
        if r["lambda"] == 0.5 and r["seed"] == 1 and r["method"] in ("mix", ODD):
            pair[r["method"]] = i, items(r, hard)
            stream(os.path.join(run, "items.rec"), [x for x, _, _ in pair[r["method"]][1]])
            said = [{"t": "gen", "src": "one", "id": key(50 + k), "prompt": packed(list(f"Q: {k} & <b>?".encode())), "ids": packed([65]),
                     "text": f"<i>{name} & {k}</i>\nsays", "n": n, "finish": "stop"} for k in range(2) for n in range(2)]
            stream(os.path.join(run, "samples.rec"), said, b"bytes", 264)
        stream(os.path.join(run, "timing.rec"), [{"t": "metric", "i": 7, "seconds": 1.0, "peak_memory": 10**8 + i}])
    for k, v in (("title", "a <small> study & its \"title\"\n"), ("settings", "--sft a&b.jsonl\n--tokenizer bytes\n--steps 8\n")):
        with open(os.path.join(folder, "study", k), "w") as f:
            f.write(v)
    for (method, lam), of in grouped(rows).items():
        name = "other" if method == ODD else method
        for what in MEANS:
            lines += spread_lines(f"{name}/{lam:g}/{what}", [at[i][what] for i in of.values()])
        lines.append((f"{name}/{lam:g}/tokens", np.mean([rows[i]["tokens"] for i in of.values()])))
    side = (2.10 - 1.06, 0.90 - 0.41)                      # of seed 1: nadir - ideal
    (i, x), (k, y) = pair[ODD], pair["mix"]
    error = rows_error(x, y, slopes(at[i], side), slopes(at[k], side))
    lines += [("noise/0.5/difference", round(at[k]["scaled_distance"] - at[i]["scaled_distance"], 3)), ("noise/0.5/se", round(error, 3))]
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


def answers(policy, reference):
    """Pairs of answers with rewards and characters: prompts of one and of two samples, one of equal answers."""
    for i, n_samples in enumerate([1, 2, 1, 2, 1, 1, 2, 1, 1, 1]):
        prompt = ids(3 + i)
        for sample in range(n_samples):
            sides = [ids(n) for n in rng.integers(2, 9, 2)]
            if i == 4:
                sides[1] = sides[0]
            rows, rewards = [], []
            for v in sides:
                lp, ref = (sum(logps(m, prompt, v, [[0, len(v)]])[0]) for m in (policy, reference))
                rewards.append(BETA * (lp - ref))
                rows.append({"t": "gen", "src": "one", "id": key(300 + i), "prompt": packed(prompt),
                             "ids": packed(v), "n": sample, "finish": "stop", "text": "é" * len(v)})
            yield i, rows, rewards


def win(folder, policy, reference):
    made = list(answers(policy, reference))
    extra = {**made[0][1][0], "id": key(400)}
    stream(os.path.join(folder, "first.rec"), [r[0] for _, r, _ in made] + [extra])
    stream(os.path.join(folder, "second.rec"), [r[1] for _, r, _ in reversed(made)])
    unit = np.array([u for u, _, _ in made])
    w = np.ones(len(made))
    reward = np.array([v for _, _, v in made])
    chars = np.array([[len(r["text"]) for r in rows] for _, rows, _ in made], float)
    margin = reward[:, 0] - reward[:, 1]
    y = (np.sign(margin) + 1) / 2
    length = chars[:, 0] - chars[:, 1]
    x = np.stack([np.ones(len(y)), np.tanh(length / length.std(ddof=1))], 1)

    def together(v):
        return np.array([v[unit == u].sum() for u in np.unique(unit)])

    fit = optimize.minimize(lambda b: (w * (np.logaddexp(0, x @ b) - y * (x @ b))).sum(), [0, 0], method="BFGS",
                            jac=lambda b: x.T @ (w * (1 / (1 + np.exp(-x @ b)) - y)), options={"gtol": 1e-12}).x
    p = 1 / (1 + np.exp(-x @ fit))
    inverse = np.linalg.inv(x.T @ (x * (w * p * (1 - p))[:, None]))
    score = np.stack([together(w * (y - p) * x[:, k]) for k in range(2)], 1)
    n = len(score)
    variance = n / (n - 1) * inverse @ score.T @ score @ inverse
    share = 1 / (1 + math.exp(-fit[0]))
    lines = both("eval/win/rate", ratio(together(w * y), together(w)))
    lines += both("eval/win/rate_lc", (share, share * (1 - share) * math.sqrt(variance[0, 0])))
    lines += [("eval/win/length_slope", fit[1])]
    for name, v in (("ties", y == 0.5), ("margin", margin), ("rewards/first", reward[:, 0]), ("rewards/second", reward[:, 1]),
                    ("chars/first", chars[:, 0]), ("chars/second", chars[:, 1])):
        lines += both("eval/win/" + name, ratio(together(w * v), together(w)))
    lines += [("eval/win/pairs", len(y)), ("eval/win/prompts", n), ("eval/win/only_first", 1), ("eval/win/only_second", 0)]
    want(folder, lines)
    drawn = np.random.default_rng(1).integers(0, n, (100000, n))
    rates = together(w * y)[drawn].sum(1) / together(w)[drawn].sum(1)
    with open(os.path.join(folder, "want"), "a") as f:                       # of other draws than ours
        for name, q in (("low", 0.025), ("high", 0.975)):
            f.write(f"eval/win/{name} {np.quantile(rates, q):.9g} 0.03\n")


def main():
    top = sys.argv[1]
    policy = tiny(os.path.join(top, "task-model", "policy"), 1, model_type="llama", num_key_value_heads=2,
                  tie_word_embeddings=True)
    reference = tiny(os.path.join(top, "task-model", "reference"), 2, model_type="gpt_neox", rotary_pct=0.5,
                     tie_word_embeddings=False)
    for name, make in (("loss", lambda d: loss(d, policy)), ("preference", lambda d: preference(d, policy, reference)),
                       ("logprob", lambda d: logprob(d, reference)), ("pareto", pareto), ("report", report), ("compare", compare),
                       ("label", lambda d: label(d, policy, reference)), ("win", lambda d: win(d, policy, reference))):
        folder = os.path.join(top, "task-" + name)
        os.makedirs(folder, exist_ok=True)
        make(folder)


main()
