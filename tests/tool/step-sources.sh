# Sources of one name in both objectives: every figure has a name of its own, and metrics.rec can be read.
printf '{"prompt":"Q: a","completion":" yes"}\n{"prompt":"Q: b","completion":" no"}\n' >"$TMP/sft.jsonl"
printf '{"prompt":"Q: a","chosen":" yes","rejected":" no"}\n' >"$TMP/pref.jsonl"
cd "$TMP" || exit 1
tiny=$OLDPWD/pipelines/models/tiny.json
for src in a b; do
    for kind in sft pref; do
        tokenize -q --tokenizer bytes --template none --source $src $kind.jsonl -o $kind-$src.rec
    done
done
mix -q --sft sft-a.rec --steps 1 | step -q --threads 1 --init "$tiny" --out base >start.rec
for src in a b; do evalc -q --threads 1 --task logprob --model base pref-$src.rec -o ref-$src.rec; done
mix -q --policy mix --sft sft-a.rec --sft sft-b.rec --pref ref-a.rec --pref ref-b.rec --steps 1 |
    step -q --threads 1 --model base --out run >run.rec
mix --policy cat --to json run/metrics.rec | tail -n 1 | tr ',' '\n' | sed -n 's/^"\(source[^"]*\)".*/\1/p'
