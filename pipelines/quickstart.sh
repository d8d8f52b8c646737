#!/bin/sh
# quickstart.sh - from a bare machine to the picture, in minutes: installs what is missing, builds, makes rows
# (rows.sh), and runs a study of three seeds with a small model from nothing, on the CPU.
#
# The rows have a known answer: 15 % of the pairs are swapped by a hash, so no model can push the held-out preference
# loss below the entropy of the swaps, and a right trainer comes within 0.03 of it.  The script checks that at the end.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/quickstart}

sh pipelines/setup.sh
jobs=$(nproc 2>/dev/null || echo 1)
make -j"$jobs" >&2
sh pipelines/rows.sh "$out/rows"

sh pipelines/joint.sh --out "$out/study" --title "helpful against careful, a small world" \
    --sft "$out/rows/sft.jsonl" --pref "$out/rows/pref.jsonl" --text "$out/rows/pretrain.jsonl" \
    --tokenizer bytes --template none --config pipelines/models/tiny.json --max-tokens 256 --held 0.16 --evals 3 \
    --pre-steps 300 --pre-rows 48 --pre-lr 3e-3 --steps 200 --rows-sft 40 --rows-pref 20 --lr 3e-4 --warmup 10 \
    --step-args "--beta2 0.95" --lambda 0.5 --seeds 1,2,3 --jobs "$jobs"

# The free check: entropy of the swapped held-out rows against the preference-only optimum; the SFT-only run's own gap
# shellcheck source=pipelines/lib.sh
. pipelines/lib.sh
PATH=$PWD/bin:$PATH
entropy=$(lines "$out/study/data/pref.held.rec" | awk '
    /"t": *"pref"/ { n++; if ($0 !~ /"chosen": *\[32, *110, *111, *44,/) k++ }
    END { p = k / n; printf "%.4f", -p * log(p) - (1 - p) * log(1 - p) }')
for s in 1 2 3; do
    lines "$out/study/seed-$s/opt-pref/scores.rec" "$out/study/seed-$s/opt-sft/scores.rec"
done | awk -v h="$entropy" "$json"'
    str("method") == "opt-pref" { d = num("opt_pref") - h; if (!(d < 0.03 && d > -0.03)) bad++
        printf "check: preference-only optimum %.3f, entropy of the swaps %.3f, difference %+.3f\n", num("opt_pref"), h, d }
    str("method") == "opt-sft"  { g = num("gap_sft"); if (!(g < 0.1)) bad++
        printf "check: SFT-only run ends %.3f above its best\n", g }
    END { if (NR < 6 || bad) { print "quickstart.sh: the check failed"; exit 1 } }'
