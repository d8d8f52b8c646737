# --init beside a tokenizer that is not the rows': checkpoints go without it, and evalc takes them.
cd "$TMP" || exit 1
mkdir init
cp "$OLDPWD/pipelines/models/tiny.json" init/config.json
echo '{}' >init/tokenizer.json
printf '{"prompt":"Q: a","completion":" yes"}\n' >sft.jsonl
tokenize -q --tokenizer bytes --template none sft.jsonl -o sft.rec
mix -q --sft sft.rec --steps 1 | step -q --threads 1 --init init/config.json --out run >metrics.rec
ls run/latest
evalc -q --threads 1 --task loss --model run sft.rec >scores.rec
