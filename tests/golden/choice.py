#!/usr/bin/env python3
"""choice.py - multiple-choice questions and their scores by lm-evaluation-harness: tests/golden/task-choice/.

    choice.py TESTS/GOLDEN        (lm-eval 0.4.13, transformers, tokenizers, torch)

Makes two tiny random models of two families, each with a tokenizer trained on the questions (Llama with a begin token before
every text, GPT-NeoX without), and made questions of four shapes, and runs lm-eval's own task files for MMLU, ARC, HellaSwag and
TruthfulQA on them with HFLM in float32, without examples and with five.  want has a line for every log-likelihood
(MODEL/TASK/SHOTS/ITEM/logps/CHOICE) and every figure.
"""
import glob
import json
import os
import random
import sys

import lm_eval
import torch
import yaml
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks.hellaswag.utils import process_docs
from lm_eval.tasks.truthfulqa.utils import process_results_mc2
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

WORDS = """river stone light winter garden letter window copper silence bridge market summer engine paper shadow island
forest signal copper number table captain weather bottle answer village pocket mirror ladder harvest thunder school naïve
schläft 猫 straße""".split()
rnd = random.Random(11)


def words(lo, hi):
    return " ".join(rnd.choice(WORDS) for _ in range(rnd.randint(lo, hi)))


def mmlu(n):
    return [{"question": [" ", ""][i % 2] + f"What is the {words(3, 9)}?", "choices": [words(1, 3) for _ in range(4)],
             "answer": rnd.randrange(4), "subject": subject}
            for subject in ("abstract_algebra", "world_religions") for i in range(n)]


def arc(n):
    rows = []
    for i in range(n):
        k = 3 + i % 3
        labels = [["A", "B", "C", "D", "E"], ["1", "2", "3", "4", "5"]][i % 2][:k]
        rows.append({"id": str(i), "question": f"Which {words(4, 10)}?",
                     "choices": {"text": [words(1, 5) for _ in range(k)], "label": labels}, "answerKey": rnd.choice(labels)})
    return rows


def hellaswag(n):
    return [{"activity_label": words(1, 2).capitalize(), "ctx_a": f"A {words(4, 12)}.", "ctx_b": ["", "the " + words(1, 3)][i % 2],
             "ctx": "", "endings": [words(3, 12) + e for e in (".", " [title] Then. ", ". [step] It  ends.", "!")],
             "label": str(rnd.randrange(4))} for i in range(n)]


def truthful(n):
    rows = []
    for i in range(n):
        one = [words(2, 7) + "." for _ in range(3)]
        rows.append({"question": f"Why {words(3, 9)}?", "mc1_targets": {"choices": one, "labels": [1, 0, 0]},
                     "mc2_targets": {"choices": [words(2, 6) for _ in range(2)] + one, "labels": [1, 1, 1, 0, 0]}})
    return rows


def tokenizer(path, texts, bos):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>"]
    t.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=380, special_tokens=special, show_progress=False,
                                                     initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    if bos:
        t.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=t, bos_token="<s>", eos_token="</s>")
    t.save(os.path.join(path, "tokenizer.json"))
    with open(os.path.join(path, "tokenizer_config.json"), "w") as f:
        json.dump({"bos_token": "<s>", "eos_token": "</s>"}, f)
    return fast


def model(path, seed, **config):
    torch.manual_seed(seed)
    m = AutoModelForCausalLM.from_config(AutoConfig.for_model(
        vocab_size=384, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4,
        max_position_embeddings=2048, bos_token_id=0, eos_token_id=1, **config))
    with torch.no_grad():
        for p in m.parameters():
            p.add_(torch.randn_like(p), alpha=0.25)
    m.half().save_pretrained(path)             # half the bytes
    for name in os.listdir(path):
        if name not in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
            os.remove(os.path.join(path, name))
        else:
            os.chmod(os.path.join(path, name), 0o644)
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()


def task_file(name):
    yaml.SafeLoader.add_constructor("!function", lambda loader, node: node.value)
    return yaml.safe_load(open(glob.glob(os.path.join(os.path.dirname(lm_eval.__file__), "tasks", name))[0]))


def tasks(top, shots):
    """lm-eval's task files, their data ours."""
    files = {"mmlu": "mmlu/default/_default_template_yaml", "arc": "arc/arc_easy.yaml", "hellaswag": "hellaswag/hellaswag.yaml",
             "truthful": "truthfulqa/truthfulqa_mc1.yaml", "truthful2": "truthfulqa/truthfulqa_mc1.yaml"}
    for name, file in files.items():
        subjects = ("abstract_algebra", "world_religions") if name == "mmlu" else (None,)
        for subject in subjects:
            c = task_file(file)
            for k in ("dataset_name", "tag", "training_split", "validation_split", "test_split", "fewshot_split", "process_docs",
                      "should_decontaminate", "doc_to_decontamination_query"):
                c.pop(k, None)
            data = {"test": os.path.join(top, name.rstrip("2") + ".jsonl"), "train": os.path.join(top, name + "-shots.jsonl")}
            if name.startswith("truthful"):    # its six fixed examples are in the prompt
                if shots:
                    continue
                del data["train"]
            c.update(task=name + (f"_{subject}" if subject else ""), dataset_path="json", dataset_kwargs={"data_files": data},
                     test_split="test")
            if name == "arc":                  # its examples are of its own file, so a question is never its own
                c.update(fewshot_split="test", fewshot_config={"sampler": "first_n"})
                del data["train"]
            elif "train" in data:
                c.update(training_split="train", fewshot_split="train", fewshot_config={"sampler": "first_n"})
            if subject:
                c.update(process_docs=lambda d, s=subject: d.filter(lambda r: r["subject"] == s), description="The following are "
                         f"multiple choice questions (with answers) about {subject.replace('_', ' ')}.\n\n")
            if name == "hellaswag":
                c["process_docs"] = process_docs
            if name == "truthful2":
                c.update(doc_to_choice="{{mc2_targets.choices}}", process_results=process_results_mc2)
            else:
                c["metric_list"] = [{"metric": m, "aggregation": a, "higher_is_better": True} for m, a in
                                    (("acc", "mean"), ("acc_norm", "mean"), ("brier_score", "brier_score"))]
                if name == "arc":              # its questions have not all as many choices
                    del c["metric_list"][2]
            yield name, c


def main():
    top = os.path.join(os.path.abspath(sys.argv[1]), "task-choice")
    rows = {"mmlu": mmlu(4), "mmlu-shots": mmlu(7), "arc": arc(7), "hellaswag": hellaswag(6),
            "hellaswag-shots": hellaswag(6), "truthful": truthful(6)}

    for name, v in rows.items():
        with open(os.path.join(top, name + ".jsonl"), "w") as f:
            f.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in v)
    with open(os.path.join(top, "truthful-describe.txt"), "w") as f:
        f.write(task_file("truthfulqa/truthfulqa_mc1.yaml")["doc_to_text"].split("'")[1].replace("\\n", "\n").strip())
    texts = [json.dumps(v, ensure_ascii=False) for v in rows.values()]
    out = open(os.path.join(top, "want"), "w")
    for family, bos, config in (("llama", True, dict(model_type="llama", num_key_value_heads=2, tie_word_embeddings=True)),
                                ("neox", False, dict(model_type="gpt_neox", rotary_pct=0.5, tie_word_embeddings=False))):
        path = os.path.join(top, family)
        os.makedirs(path, exist_ok=True)
        fast = tokenizer(path, texts, bos)
        lm = HFLM(pretrained=model(path, len(family), **config), tokenizer=fast, batch_size=4, max_length=2048, device="cpu")
        for shots in (0, 5):
            at, sums = {}, {}
            for name, c in tasks(top, shots):
                r = lm_eval.simple_evaluate(model=lm, tasks=[c], num_fewshot=shots, log_samples=True, bootstrap_iters=0)
                for s in sorted(r["samples"][c["task"]], key=lambda s: s["doc_id"]):
                    i = at.get(name, 0)
                    at[name] = i + 1
                    for k, ((ll, _),) in enumerate(s["resps"]):
                        out.write(f"{family}/{name}/{shots}/{i}/logps/{k} {float(ll):.9g}\n")
                    for m in ("acc", "acc_norm"):
                        if m in s:
                            out.write(f"{family}/{name}/{shots}/{i}/{'mc2' if name == 'truthful2' else m} {float(s[m]):.9g}\n")
                for m, v in r["results"][c["task"]].items():
                    m = m.removesuffix(",none").replace(",none", "").replace("brier_score", "brier")
                    if m in ("acc", "acc_norm", "brier", "acc_stderr", "acc_norm_stderr") and v != "N/A":
                        m = m.replace("_stderr", "_se").replace("acc", "mc2") if name == "truthful2" else m.replace("_stderr", "_se")
                        group = f"group/{c['task'][5:]}/" if name == "mmlu" else ""
                        out.write(f"{family}/{name}/{shots}/{group}eval/choice/{m} {float(v):.9g}\n")


main()
