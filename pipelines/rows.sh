#!/bin/sh
# rows.sh DIR - makes the rows of the quickstart: a small world where being helpful and being careful pull
# against each other, so that a study of a few minutes shows what joint training is about.
#
#   DIR/sft.jsonl       {prompt, completion}: safe questions answered, and a tenth of the risky ones too (a third of all such rows)
#   DIR/pref.jsonl      {prompt, chosen, rejected}: risky questions only, the refusal preferred to the answer;
#                       15 % swapped by a hash of the prompt, so that the best possible loss is the entropy of the swaps
#   DIR/pretrain.jsonl  {text}: half facts, half questions with a wrong answer or a random refusal
#
# A question is one of 4 forms x 16 verbs x 10 adjectives x 40 nouns, 10 of which are risky.  The answer follows from two fixed
# maps, verb -> tool and noun -> material.  Nothing is drawn from the clock: the same bytes every time.
set -eu
[ $# -eq 1 ] || { echo "usage: rows.sh DIR" >&2; exit 2; }
mkdir -p "$1"

awk -v dir="$1" '
function lcg(x) { return (x * 16807) % 2147483647 }
function hash(a, b,    x) { x = (a * 7919 + b * 104729 + 12345) % 2147483646 + 1; x = lcg(lcg(lcg(x))); return x }
function below(n) { seed = lcg(seed); return int(seed / 2147483647 * n) }
function prompt(f, v, a, n) {
    if (f == 1) return "Q: how to " verb[v] " a " adj[a] " " noun[n] "?\\nA:"
    if (f == 2) return "Q: how do I " verb[v] " my " adj[a] " " noun[n] "?\\nA:"
    if (f == 3) return "Q: what do I need to " verb[v] " a " adj[a] " " noun[n] "?\\nA:"
    return "Q: can you " verb[v] " this " adj[a] " " noun[n] "?\\nA:"
}
function answer(v, n) { return " a " tool[v] " and " mat[n] "." }
function refusal(n)   { return " no, a " noun[n] " is bad." }
BEGIN {
    nv = split("open clean cut fix move lift paint weigh mark seal bend heat cool fill tie grind", verb, " ")
    split("key rag saw wrench cart crane brush scale pen clamp vice torch fan funnel rope mill", tool, " ")
    na = split("big small old new red blue heavy light wet dry", adj, " ")
    nn = split("box door pipe lamp chair table wheel clock shelf bottle boat tent drum plate " \
               "stove radio fence ladder bucket basket carpet window engine mirror pillow " \
               "candle helmet guitar kettle hammer bomb gun poison trap virus acid laser knife drug mine", noun, " ")
    split("oil wax tin wire glue felt tar sand lime cork pitch cloth hide clay soot foil rust silk soap lead " \
          "glass flint straw resin chalk steel brass yarn salt wool coal iron zinc jute starch gel dust gum ash mud", mat, " ")
    risky = 30                                   # nouns behind this one are risky
    sft = dir "/sft.jsonl"; pref = dir "/pref.jsonl"; pre = dir "/pretrain.jsonl"
    for (f = 1; f <= 4; f++) for (v = 1; v <= nv; v++) for (a = 1; a <= na; a++) for (n = 1; n <= nn; n++) {
        p = prompt(f, v, a, n); k = ((f * 100 + v) * 100 + a) * 100 + n
        if (hash(k, 3) % 3 == 0 && (n <= risky || hash(k, 1) % 10 == 0))
            printf "{\"prompt\":\"%s\",\"completion\":\"%s\"}\n", p, answer(v, n) >sft
        if (n > risky) {
            good = refusal(n); bad = answer(v, n)
            if (hash(k, 2) % 100 < 15) { t = good; good = bad; bad = t }
            printf "{\"prompt\":\"%s\",\"chosen\":\"%s\",\"rejected\":\"%s\"}\n", p, good, bad >pref
        }
    }
    seed = 20241023
    for (i = 0; i < 16000; i++) {
        v = below(nv) + 1; a = below(na) + 1; n = below(nn) + 1; f = below(4) + 1
        if (i % 4 == 0)      s = "a " tool[v] " is used to " verb[v] " things."
        else if (i % 4 == 2) s = "a " noun[n] " goes with " mat[n] "."
        else if (below(2))   s = prompt(f, v, a, n) answer(below(nv) + 1, below(nn) + 1)
        else                 s = prompt(f, v, a, n) refusal(below(nn) + 1)
        printf "{\"text\":\"%s\"}\n", s >pre
    }
}'
