#!/usr/bin/env python3
"""model.py - what transformers says about tiny models: tests/golden/model-NAME/.

    model.py OUT           writes OUT/model-NAME/ for every case below (torch, transformers, safetensors)
    model.py --check DIR   loads DIR with transformers and compares with DIR/logits.safetensors

Every row is run by itself, without packing or padding, in float64; what is stored is float32.  A case holds
config.json, expect.safetensors and, where said, weights as transformers writes them; elsewhere weights are
the formula of weights_of(), which tests/unit/model.c knows too.  expect.safetensors:

    seg pos token at target   a packed forest with its targets: two sft rows, then two pairs as trees
    sft                       how many of the targets, from the first, belong to the sft rows
    seq                       [4 2] first target and number of the pairs' sides, chosen before rejected
    logits logp               at every target
    loss.sft grad.sft.*       mean of -log p over the sft targets
    ref loss.dpo grad.dpo.*   DPO, beta 0.1, against the formula's weights with another salt
    step.loss step.logits w.* ten AdamW steps on loss.sft
"""
import copy
import json
import os
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

BETA = 0.1
LR, DECAY = 1e-3, 0.01

LLAMA = dict(model_type="llama", vocab_size=24, hidden_size=16, intermediate_size=12, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64, rms_norm_eps=1e-5,
             bos_token_id=0, eos_token_id=1)
NEOX = dict(model_type="gpt_neox", vocab_size=24, hidden_size=16, intermediate_size=12, num_hidden_layers=2,
            num_attention_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=1)

GPT2 = dict(model_type="gpt2", vocab_size=24, n_embd=16, n_inner=24, n_layer=2, n_head=4, n_positions=16, bos_token_id=0,
            eos_token_id=1)

# torch gives the row of pad_token_id no gradient, and OLMo 2 names one by default: here none is.
OLMO2 = dict(LLAMA, model_type="olmo2", pad_token_id=None)

# name: config, shard size of stored weights (None: the formula), AdamW decay
CASES = {
    "llama": (dict(LLAMA, tie_word_embeddings=False, rope_theta=10000.0), "1GB", 0.0),
    "llama-tied": (dict(LLAMA, tie_word_embeddings=True, rope_theta=500000.0, initializer_range=.05), None, DECAY),
    "neox": (dict(NEOX, rotary_pct=.25, rotary_emb_base=10000, use_parallel_residual=True, hidden_act="gelu",
                  layer_norm_eps=1e-5, tie_word_embeddings=False), "10KB", 0.0),
    "neox-serial": (dict(NEOX, rotary_pct=.5, use_parallel_residual=False, hidden_act="gelu_new",
                         tie_word_embeddings=True), None, DECAY),
    "llama3": (dict(LLAMA, num_hidden_layers=1, tie_word_embeddings=False, attention_bias=True, mlp_bias=True,
                    rope_parameters=dict(rope_type="llama3", rope_theta=100.0, factor=4.0, low_freq_factor=1.0,
                                         high_freq_factor=4.0, original_max_position_embeddings=16)), None, 0.0),
    "linear": (dict(LLAMA, num_hidden_layers=1, rope_theta=10000.0, rope_scaling=dict(type="linear", factor=4.0)),
               None, 0.0),
    "mistral": (dict(LLAMA, model_type="mistral", num_hidden_layers=1, sliding_window=None, head_dim=8), None, 0.0),
    "mistral-window": (dict(LLAMA, model_type="mistral", sliding_window=4), "10KB", DECAY),
    "qwen2": (dict(LLAMA, model_type="qwen2", num_hidden_layers=1, tie_word_embeddings=True), None, 0.0),
    "qwen2-window": (dict(LLAMA, model_type="qwen2", use_sliding_window=True, sliding_window=3, max_window_layers=1),
                     None, 0.0),
    "qwen3": (dict(LLAMA, model_type="qwen3", num_hidden_layers=1, head_dim=8), None, 0.0),
    "olmo2": (dict(OLMO2, tie_word_embeddings=False), "10KB", DECAY),
    "olmo2-tied": (dict(OLMO2, num_hidden_layers=1, num_key_value_heads=4, tie_word_embeddings=True, attention_bias=True), None, 0.0),
    "gpt2": (dict(GPT2), "10KB", DECAY),
    "gpt2-untied": (dict(GPT2, n_layer=1, n_inner=None, activation_function="gelu", tie_word_embeddings=False), None, 0.0),
}


def weights_of(name, shape, salt):
    """Uniform in a range by kind, from a 32-bit counter hash of the name: exact in float32."""
    h = 2166136261 ^ salt
    for c in name.encode():
        h = (h ^ c) * 16777619 & 0xffffffff
    n = int(np.prod(shape))
    x = np.arange(n, dtype=np.uint64) * 2654435761 + h & 0xffffffff
    for _ in range(2):
        x = (x ^ x >> 16) * 0x45d9f3b & 0xffffffff
    u = ((x ^ x >> 16) >> 8).astype(np.float32) / np.float32(1 << 23) - np.float32(1)       # [-1, 1)
    if len(shape) == 2:
        u = u * np.float32(.5)
    elif name.endswith(".bias"):
        u = u * np.float32(.125)
    else:
        u = u * np.float32(.25) + np.float32(1)
    return torch.from_numpy(u.reshape(shape))


def named(model):
    """Parameters by their names on disk; newer transformers call GPT-NeoX's head lm_head in memory."""
    neox = model.config.model_type == "gpt_neox"
    for name, p in model.named_parameters():
        yield "embed_out.weight" if neox and name == "lm_head.weight" else name, p


def build(config, salt):
    c = copy.deepcopy(config)                            # transformers adds to what it is given
    conf = AutoConfig.for_model(c.pop("model_type"), **c)
    conf._attn_implementation = "sdpa"
    m = AutoModelForCausalLM.from_config(conf)
    with torch.no_grad():
        for name, p in named(m):
            p.copy_(weights_of(name, tuple(p.shape), salt))
    return m.eval()                                      # no dropout


class Pack:
    """Two sft rows and two pairs, as a forest and as the rows they stand for."""

    def __init__(self, V, case):
        rng = np.random.default_rng([len(case), *case.encode()])
        draw = lambda n: [int(t) for t in rng.integers(0, V, n)]
        self.seg, self.pos, self.token, self.at, self.target = [], [], [], [], []
        self.rows, self.seq = [], []                     # rows: ids, indices of targets in them
        for n, first in ((11, 1), (7, 4)):
            ids = draw(n)
            at = self.put(ids, -1, 0)
            self.want(ids, list(range(first, n)), lambda t: at + t - 1)
        self.sft = len(self.at)
        for p, c, r in ((6, 4, 5), (5, 1, 6)):
            prompt, sides = draw(p), (draw(c), draw(r))
            parent = len(self.seg)
            end = self.put(prompt, -1, 0) + p - 1
            for s in sides:
                first = len(self.at)
                at = self.put(s, parent, p)
                self.want(prompt + s, list(range(p, p + len(s))), lambda t: at + t - p - 1 if t > p else end)
                self.seq.append([first, len(self.at) - first])

    def put(self, ids, parent, pos):
        at = len(self.token)
        self.seg.append([at, at + len(ids), parent])
        self.token += ids
        self.pos += range(pos, pos + len(ids))
        return at

    def want(self, ids, targets, where):
        self.rows.append((ids, targets))
        self.at += [where(t) for t in targets]
        self.target += [ids[t] for t in targets]


def run(model, pack, rows=None):
    """Logits and log-probabilities at the targets of all rows, in their order."""
    logits = []
    for ids, targets in pack.rows if rows is None else pack.rows[:rows]:
        logits.append(model(torch.tensor([ids])).logits[0][[t - 1 for t in targets]])
    logits = torch.cat(logits)
    target = torch.tensor(pack.target[:len(logits)])
    return logits, torch.log_softmax(logits, -1)[torch.arange(len(logits)), target]


def sums(logp, pack):
    return torch.stack([logp[a:a + n].sum() for a, n in pack.seq])


def grads(model, out, prefix):
    for name, p in named(model):
        out[f"grad.{prefix}.{name}"] = p.grad.clone()
    model.zero_grad()


def case(name, folder):
    config, shard, decay = CASES[name]
    os.makedirs(folder, exist_ok=True)
    model = build(config, 0)
    if shard:
        model.save_pretrained(folder, max_shard_size=shard)
        os.remove(os.path.join(folder, "generation_config.json"))
    else:
        with open(os.path.join(folder, "config.json"), "w") as f:
            json.dump(config, f, indent=1)
            f.write("\n")
    model = model.double()
    pack, out = Pack(config["vocab_size"], name), {}
    logits, logp = run(model, pack)
    out.update(logits=logits, logp=logp)
    loss = -logp[:pack.sft].mean()
    loss.backward()
    out["loss.sft"] = loss
    grads(model, out, "sft")
    with torch.no_grad():
        ref = sums(run(build(config, 1).double(), pack)[1], pack)
    s = sums(run(model, pack)[1], pack) - ref
    loss = -torch.nn.functional.logsigmoid(BETA * (s[0::2] - s[1::2])).mean()
    loss.backward()
    out.update({"ref": ref, "loss.dpo": loss})
    grads(model, out, "dpo")
    steps(model, pack, decay, out)
    out = {k: v.detach().float().reshape(v.shape or (1,)).contiguous() for k, v in out.items()}
    for key, v in dict(seg=pack.seg, pos=pack.pos, token=pack.token, at=pack.at, target=pack.target, sft=[pack.sft],
                       seq=pack.seq).items():
        out[key] = torch.tensor(v, dtype=torch.int32)
    save_file(out, os.path.join(folder, "expect.safetensors"))


def steps(model, pack, decay, out):
    groups = [{"params": [p for p in model.parameters() if (p.ndim == 2) == flag], "weight_decay": decay * flag}
              for flag in (True, False)]
    opt = torch.optim.AdamW(groups, lr=LR, betas=(.9, .95), eps=1e-8)
    losses = []
    for _ in range(10):
        loss = -run(model, pack, 2)[1].mean()
        losses.append(loss.detach())
        loss.backward()
        opt.step()
        model.zero_grad()
    out["step.loss"] = torch.stack(losses)
    out["step.logits"] = run(model, pack)[0]
    for name, p in named(model):
        out["w." + name] = p.detach()


def check(folder):
    """A folder that plait wrote, and the logits it computed for `token`, one row."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    ours = load_file(os.path.join(folder, "logits.safetensors"))
    with torch.no_grad():
        theirs = model(ours["token"].long()[None]).logits[0]
    off = float((theirs - ours["logits"]).abs().max() / theirs.abs().max())
    if not off <= 1e-5:
        sys.exit(f"{folder}: logits are off by {off:.2e} of the largest")


if __name__ == "__main__":
    if sys.argv[1] == "--check":
        for d in sys.argv[2:]:
            check(d)
    else:
        for n in CASES:
            case(n, os.path.join(sys.argv[1], "model-" + n))
