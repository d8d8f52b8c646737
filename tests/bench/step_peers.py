#!/usr/bin/env python3
"""step_peers.py - training by mix and step beside PyTorch and TRL, on the same rows and weights.

    python3 tests/bench/step_peers.py [PART...]        from the top folder, after make; data in ../shared/data

    14M, 70M       plain texts of 256 tokens, 8 to an update: PyTorch in each of its settings; or in one, as 70M/bf16:
                   f32, compiled, bf16, bf16-compiled
    rows           instructions of alpaca, 24 to an update: a loop that pads 4, or 12, to the longest
    dpo            pairs of hh-rlhf, 8 to an update: a loop in the way of XRIGHT: 4 pairs at a time, both sides
                   padded to the longest, logits of every place, the reference's forward every time
    trl            the same by TRL's DPOTrainer, the reference computed before
    device=NAME    step on that device (cpu,bf16) in the parts behind it

Losses of the first updates are compared first: a run that does not train the same is refused.  Then the two take
turns; medians of a whole update, AdamW and all.  Needs torch, transformers, msgpack; trl and datasets for trl."""
import gzip, io, json, os, statistics, subprocess, sys, tempfile, time
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, "pipelines")
import built
import records
import torch
import torch.nn.functional as F
from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

DATA = "../shared/data/"
NEOX = DATA + "tokenizers/gpt-neox-20b.json"
THREADS = 2
DEVICE = "cpu"
LR = 1e-4
OPTIM = dict(lr=LR, betas=(0.9, 0.999), eps=1e-8, weight_decay=0)
SIZES = {"14M": (128, 4), "70M": (512, 8)}
TMP = tempfile.mkdtemp(prefix="plait-peers-")


def run(*words, **how):
    subprocess.run([f"bin/{words[0]}", *map(str, words[1:])], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, **how)


def lines(path):
    """The records of a file that mix can show."""
    text = subprocess.run(["bin/mix", "--policy", "cat", "--to", "json", path], check=True, capture_output=True).stdout
    return [r for r in map(json.loads, text.splitlines()) if r.get("t") == "metric"]


def model(size, seed=1):
    """Weights in a folder, and the network with them."""
    D, H = SIZES[size]
    torch.manual_seed(seed)
    net = GPTNeoXForCausalLM(GPTNeoXConfig(
        vocab_size=50304, hidden_size=D, num_hidden_layers=6, num_attention_heads=H, intermediate_size=4 * D,
        max_position_embeddings=2048, rotary_pct=0.25, use_parallel_residual=True, attn_implementation="sdpa"))
    folder = f"{TMP}/{size}"
    net.save_pretrained(folder)
    return folder, net


class Ours:
    """mix's stream of `steps` updates in a file, and step over it."""

    def __init__(self, folder, kind, rec, rows, steps):
        self.folder, self.stream = folder, f"{TMP}/{kind}-{os.path.basename(folder)}.steps"
        policy = ["--policy", "weighted"] if kind == "sft" else ["--policy", "sequential", "--lambda", 1]
        run("mix", *policy, f"--{kind}", rec, f"--rows-{kind}", rows, "--steps", steps, "-q", "-o", self.stream)
        self.updates = []
        raw = open(self.stream, "rb").read()
        if raw[:4] == b"\x28\xb5\x2f\xfd":
            raw = subprocess.run(["zstd", "-dc"], input=raw, check=True, capture_output=True).stdout
        stream = io.BufferedReader(io.BytesIO(raw))
        for header, r in records.records(stream):
            if r["t"] == "step":
                self.updates.append([])
            else:
                for k in ("ids", "prompt", "chosen", "rejected"):
                    if k in r:
                        r[k] = records.ids(header, r[k])
                self.updates[-1].append(r)

    def train(self, n):
        """n updates; -> their losses, the median seconds of one after the first."""
        out = tempfile.mkdtemp(dir=TMP)
        run("step", "--model", self.folder, "--steps", n, "--lr", LR, "--threads", THREADS, "--device", DEVICE, "-q",
            "--save-every", 1000000, "--out", out, self.stream)
        clock = [r["seconds"] for r in lines(f"{out}/timing.rec")]
        losses = [r["loss"] for r in lines(f"{out}/metrics.rec")]
        subprocess.run(["rm", "-rf", out])
        return losses, statistics.median(b - a for a, b in zip(clock, clock[1:]))


class Loop:
    """A PyTorch loop: grad(net, rows) adds the gradient of an update's rows and gives the loss."""

    def __init__(self, net, grad, bf16=False, compiled=False):
        self.net, self.grad, self.bf16 = net, grad, bf16
        self.call = torch.compile(net) if compiled else net
        self.opt = torch.optim.AdamW(net.parameters(), fused=True, **OPTIM)

    def update(self, rows):
        begin = time.perf_counter()
        self.opt.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss = self.grad(self.call, rows)
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.opt.step()
        return loss, time.perf_counter() - begin


def same(name, ours, theirs, tolerance):
    print(f"  {name}: losses ours {' '.join(f'{x:.6f}' for x in ours)}, theirs {' '.join(f'{x:.6f}' for x in theirs)}")
    if not all(abs(a - b) <= tolerance * abs(b) for a, b in zip(ours, theirs)):
        sys.exit(f"step_peers.py: {name}: the losses differ")


def told(name, n, unit, ours, theirs, goal):
    a, b = statistics.median(ours), statistics.median(theirs)
    spread = lambda v: f"{n / max(v):.3g}-{n / min(v):.3g}"
    print(f"{name}: ours {n / a:.4g} {unit} ({spread(ours)}), theirs {n / b:.4g} ({spread(theirs)}): {b / a:.2f}x"
          f"; goal {goal}x", flush=True)


def against(name, unit, n, ours, loop, goal, turns, checked=3, tolerance=2e-4):
    same(name, ours.train(checked)[0], [loop.update(u)[0] for u in ours.updates[:checked]], tolerance)
    mine, other = [], []
    for k in range(turns):
        mine.append(ours.train(4)[1])
        other.append(loop.update(ours.updates[k % len(ours.updates)])[1])
    told(name, n, unit, mine, other, goal)


# ---- plain texts ----

def sft_plain(net, rows):
    ids = torch.tensor([r["ids"] for r in rows])
    loss = net(input_ids=ids, labels=ids).loss
    loss.backward()
    return loss.item()


SETTINGS = {"f32": (False, False), "compiled": (False, True), "bf16": (True, False), "bf16-compiled": (True, True)}


def plain(size, goal, setting):
    rec = f"{TMP}/wiki.rec"
    run("tokenize", "--tokenizer", NEOX, "--schema", "text", "--template", "none", "-n", 256, "-q", "-o", rec,
        DATA + "text/wiki-en.txt")
    folder, net = model(size)
    ours = Ours(folder, "sft", rec, 8, 4)
    if {len(r["ids"]) for u in ours.updates for r in u} != {256}:
        sys.exit("step_peers.py: texts of several lengths; other rows are needed")
    try:
        against(f"SFT, {size}, 8 x 256, PyTorch {setting}", "tokens/s", 8 * 256, ours,
                Loop(net, sft_plain, *SETTINGS[setting]), goal, 3, tolerance=2e-2 if "bf16" in setting else 2e-4)
    except RuntimeError as e:                           # no compiler for it here
        print(f"SFT, {size}, PyTorch {setting}: {str(e).splitlines()[0]}")


# ---- instructions, padded ----

def padded(rows, side=None):
    """Rows to the longest: ids, mask, labels with -100 where nothing is trained."""
    whole = [r["ids"] if side is None else r["prompt"] + r[side] for r in rows]
    longest = max(map(len, whole))
    ids, mask, labels = (torch.full((len(rows), longest), v) for v in (0, 0, -100))
    for i, (r, w) in enumerate(zip(rows, whole)):
        spans = r["span"] if side is None else [(len(r["prompt"]), len(w))]
        ids[i, :len(w)] = torch.tensor(w)
        mask[i, :len(w)] = 1
        for b, e in spans:
            labels[i, b:e] = torch.tensor(w[b:e])
    return ids, mask, labels


def sft_padded(micro):
    def grad(net, rows):
        trained = sum(e - b for r in rows for b, e in r["span"])
        all = 0
        for i in range(0, len(rows), micro):
            ids, mask, labels = padded(rows[i:i + micro])
            logits = net(input_ids=ids, attention_mask=mask).logits
            loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100,
                                   reduction="sum") / trained
            loss.backward()
            all += loss.item()
        return all
    return grad


def instructions():
    rec = f"{TMP}/alpaca.rec"
    run("tokenize", "--tokenizer", NEOX, "--schema", "alpaca", "--template", "plain", "-q", "-o", rec,
        DATA + "sft/alpaca-en-999.json")
    for micro in (4, 12):
        folder, net = model("70M")
        ours = Ours(folder, "sft", rec, 24, 4)
        against(f"SFT, 70M, alpaca, padded loop of {micro}", "rows/s", 24, ours, Loop(net, sft_padded(micro)), 3, 3,
                checked=2)


# ---- pairs ----

def pairs(folder):
    rec, with_ref = f"{TMP}/hh.rec", f"{TMP}/hh-ref.rec"
    some = b"".join(gzip.open(DATA + "pref/hh-harmless-2312.jsonl.gz").readlines()[:64])
    run("tokenize", "--tokenizer", NEOX, "--schema", "hh", "--template", "plain", "--lenient", "-q", "-o", rec, input=some)
    start = time.perf_counter()
    run("evalc", "--task", "logprob", "--model", folder, "-q", "-o", with_ref, rec)
    print(f"  evalc --task logprob, once for 64 pairs: {time.perf_counter() - start:.1f} s")
    return with_ref


def sums(net, rows, grad):
    """Sums of log-probabilities of both sides, chosen first: one forward over all, logits of every place."""
    sides = [padded(rows, "chosen"), padded(rows, "rejected")]
    longest = max(s[0].shape[1] for s in sides)
    ids, mask, labels = (torch.cat([F.pad(s[i], (0, longest - s[i].shape[1]), value=v) for s in sides])
                         for i, v in ((0, 0), (1, 0), (2, -100)))
    with torch.set_grad_enabled(grad):
        logp = net(input_ids=ids, attention_mask=mask).logits[:, :-1].log_softmax(-1)
        labels = labels[:, 1:]
        each = logp.gather(2, labels.clamp(min=0).unsqueeze(2)).squeeze(2) * (labels != -100)
        return each.sum(1).chunk(2)


def xright(reference):
    def grad(net, rows):
        all = 0
        for i in range(0, len(rows), 4):
            some = rows[i:i + 4]
            good, bad = sums(net, some, True)
            ref_good, ref_bad = sums(reference, some, False)
            loss = -F.logsigmoid(0.1 * ((good - ref_good) - (bad - ref_bad))).sum() / len(rows)
            loss.backward()
            all += loss.item()
        return all
    return grad


def dpo():
    folder, net = model("70M")
    reference = model("70M")[1]
    ours = Ours(folder, "pref", pairs(folder), 8, 4)
    against("DPO, 70M, hh pairs, loop in the way of XRIGHT", "pairs/s", 8, ours, Loop(net, xright(reference)), 6, 3,
            checked=2, tolerance=1e-3)


def trl():
    from datasets import Dataset
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer
    folder, net = model("70M")
    steps = 4
    ours = Ours(folder, "pref", pairs(folder), 8, steps)
    rows = [r for u in ours.updates for r in u]
    mine, other = [], []

    class Clock(TrainerCallback):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step:                       # the first warms up
                mine.append(ours.train(4)[1])
            self.begin = time.perf_counter()

        def on_step_end(self, args, state, control, **_):
            if state.global_step > 1:
                other.append(time.perf_counter() - self.begin)

    class Trainer(DPOTrainer):
        def _prepare_dataset(self, dataset, *_):        # rows are tokens already
            return dataset

        def _get_train_sampler(self, *_):
            return torch.utils.data.SequentialSampler(self.train_dataset)

    data = Dataset.from_list([{f"{k}_input_ids": r[k] for k in ("prompt", "chosen", "rejected")} for r in rows])
    trainer = Trainer(
        model=net, train_dataset=data, callbacks=[Clock()],
        processing_class=PreTrainedTokenizerFast(tokenizer_file=NEOX, pad_token="<|padding|>", eos_token="<|endoftext|>"),
        args=DPOConfig(output_dir=f"{TMP}/trl", per_device_train_batch_size=4, gradient_accumulation_steps=2, beta=0.1,
                       precompute_ref_log_probs=True, learning_rate=LR, lr_scheduler_type="constant", max_grad_norm=1.0,
                       max_steps=steps, logging_steps=1, report_to=[], save_strategy="no", use_cpu=True, bf16=False,
                       gradient_checkpointing=False, max_length=None, max_prompt_length=None, disable_tqdm=True,
                       remove_unused_columns=False, optim="adamw_torch_fused"))
    trainer.train()
    same("DPO by TRL", ours.train(3)[0], [r["loss"] for r in trainer.state.log_history if "loss" in r][:3], 2e-3)
    told("DPO, 70M, hh pairs, TRL, reference computed before", 8, "pairs/s", mine, other, 3.5)


PARTS = {"rows": instructions, "dpo": dpo, "trl": trl}
for setting in SETTINGS:
    PARTS[f"14M/{setting}"] = lambda s=setting: plain("14M", 2.5, s)
    PARTS[f"70M/{setting}"] = lambda s=setting: plain("70M", 1.2, s)

if __name__ == "__main__":
    torch.set_num_threads(THREADS)
    print(f"torch {torch.__version__}, {THREADS} threads")
    built.release()
    try:
        for asked in sys.argv[1:] or PARTS:
            if asked.startswith("device="):
                DEVICE = asked[len("device="):]
                print(f"plait on {DEVICE}", flush=True)
            for part in PARTS:
                if part == asked or part.startswith(asked + "/"):
                    PARTS[part]()
    finally:
        subprocess.run(["rm", "-rf", TMP])
