#!/usr/bin/env python3
"""joint.py - what training on both objectives costs beside one after the other, by the programs themselves.

    python3 tests/bench/joint.py [PART...]      from the top folder, after make; data in ../shared/data

    mix       one update of both beside an update of each: the same rows (goal +2 %); and mix's own processor time
              beside step's (goal 0.5 %)
    maxright  at --refresh 10 (goal +3.5 %), and with --refresh-rows halved (+2 %)
    lora      maxright with adapters of rank 16 alone trained (+5 %, halved +2 %)

Rows of alpaca and pairs of hh-rlhf, 8 to an update; the model of pipelines/models/small.json.  MAXRIGHT trains other rows
than the sequential run does: its time is set against what its tokens cost there, each objective's at its own rate.
Runs take turns; the median of three."""
import gzip, json, os, statistics, subprocess, sys, tempfile

import built

DATA = "../shared/data/"
NEOX = DATA + "tokenizers/gpt-neox-20b.json"
STEPS, TURNS = 30, 3
TMP = tempfile.mkdtemp(prefix="plait-joint-")


def run(*words, **how):
    subprocess.run([f"bin/{words[0]}", *map(str, words[1:])], check=True, stdout=subprocess.DEVNULL, **how)


def lines(path):
    text = subprocess.run(["bin/mix", "--policy", "cat", "--to", "json", path], check=True, capture_output=True).stdout
    return [r for r in map(json.loads, text.splitlines()) if r.get("t") == "metric"]


def prepare():
    run("tokenize", "--tokenizer", NEOX, "--schema", "alpaca", "--template", "plain", "-q", "-o", f"{TMP}/sft.rec",
        DATA + "sft/alpaca-en-999.json")
    some = b"".join(gzip.open(DATA + "pref/hh-harmless-2312.jsonl.gz").readlines()[:400])
    run("tokenize", "--tokenizer", NEOX, "--schema", "hh", "--template", "plain", "--lenient", "-q", "-o", f"{TMP}/hh.rec",
        input=some, stderr=subprocess.DEVNULL)
    run("mix", "-q", "--sft", f"{TMP}/sft.rec", "--steps", 1, "-o", f"{TMP}/one.rec")
    run("step", "-q", "--init", "pipelines/models/small.json", "--lr", 0, "--out", f"{TMP}/base", f"{TMP}/one.rec")
    run("evalc", "-q", "--task", "logprob", "--model", f"{TMP}/base", "-o", f"{TMP}/pref.rec", f"{TMP}/hh.rec")


def cpu(usage):
    return usage.ru_utime + usage.ru_stime


def joint(policy, step=(), feedback=False):
    """mix | step.  -> seconds from the first record on; tokens by objective and their seconds; processor time of both."""
    out, fifo = tempfile.mkdtemp(dir=TMP), f"{TMP}/losses"
    back = ["--feedback", fifo] if feedback else []
    if feedback and not os.path.exists(fifo):
        os.mkfifo(fifo)
    mix = subprocess.Popen(["bin/mix", "-q", "--sft", f"{TMP}/sft.rec", "--pref", f"{TMP}/pref.rec", "--rows-sft", "8",
                            "--rows-pref", "8", *map(str, policy), *back], stdout=subprocess.PIPE)
    train = subprocess.Popen(["bin/step", "-q", "--model", f"{TMP}/base", "--lr", "1e-5", "--save-every", "1000000",
                              "--out", f"{out}/run", *map(str, step), *back], stdin=mix.stdout, stdout=subprocess.DEVNULL)
    mix.stdout.close()
    used = [os.wait4(p.pid, 0) for p in (mix, train)]
    if any(status for _, status, _ in used):
        sys.exit("joint.py: a run failed")
    clock = [r["seconds"] for r in lines(f"{out}/run/timing.rec")]
    told = lines(f"{out}/run/metrics.rec")
    each = [b - a for a, b in zip([0] + clock, clock)]
    updates = [r for r in told if r["why"] == "update"]
    tokens = {o: sum(r["tokens"] for r in updates if r["obj"] == o) for o in ("sft", "pref")}
    seconds = {o: sum(s for s, r in zip(each, told) if r["obj"] == o) for o in tokens}     # where all are updates
    subprocess.run(["rm", "-rf", out])
    return clock[-1], tokens, seconds, [cpu(u) for _, _, u in used]


def told(what, over, goal):
    v = statistics.median(over)
    print(f"{what}: {100 * v:+.2f} % ({' '.join(f'{100 * x:+.2f}' for x in over)}); goal {goal:+g} %: "
          f"{'reached' if 100 * v <= goal else 'missed'}", flush=True)


SEQUENTIAL = ["--policy", "sequential", "--lambda", 0.5, "--steps", STEPS]
MIX = ["--policy", "mix", "--lambda", 0.5, "--steps", STEPS // 2]


def mix():
    over, own = [], []
    for _ in range(TURNS):
        seq = joint(SEQUENTIAL, ["--phase", "keep"])
        both = joint(MIX)
        over.append(both[0] / seq[0] - 1)
        own.append(both[3][0] / both[3][1])
    told("mix, one update of both beside one of each", over, 2)
    told("mix itself, of step's processor time", own, 0.5)


def maxright(step=(), goal=3.5, name="full"):
    maxright = ["--policy", "maxright", "--lambda", 0.5, "--steps", STEPS, "--refresh", 10]
    over = {8: [], 4: []}
    for _ in range(TURNS):
        _, tokens, seconds, _ = joint(SEQUENTIAL, ["--phase", "keep", *step])
        rate = {o: seconds[o] / tokens[o] for o in tokens}
        for rows in over:
            t = joint(maxright + ["--refresh-rows", rows], step, feedback=True)
            over[rows].append(t[0] / sum(rate[o] * n for o, n in t[1].items()) - 1)
    told(f"maxright, {name}, refresh 10", over[8], goal)
    told(f"maxright, {name}, refresh 10, half the rows", over[4], 2)


PARTS = {"mix": mix, "maxright": maxright, "lora": lambda: maxright(["--lora-rank", 16], 5, "adapters of rank 16")}

if __name__ == "__main__":
    built.release()
    try:
        prepare()
        for part in sys.argv[1:] or PARTS:
            PARTS[part]()
    finally:
        subprocess.run(["rm", "-rf", TMP])
