# Answers are the same bytes whatever the batch, the packs, the cache, the threads and the form; all kinds with a prompt get
# one; stop strings, samples and AlpacaEval's shape.
g=tests/golden
m="--task generate --model $g/task-generate/model"
awk 'BEGIN { for (i = 1; i < 24; i++) { s = s " word" i; printf "{\"prompt\": \"%d:%s\", \"answer\": \"%d\"}\n", i, i % 3 ? "" : s, i } }' >"$TMP/p.jsonl"
printf '%s\n' '{"prompt": "Is it?", "chosen": " Yes.", "rejected": " No."}' >"$TMP/pairs.jsonl"
cd "$TMP" || exit 1
tokenize -q --tokenizer bytes --template none --schema prompt p.jsonl -o p.rec
tokenize -q --tokenizer bytes --template none pairs.jsonl -o pairs.rec
cd "$OLDPWD" || exit 1
draw="--temperature 1 --top-k 50 --top-p .95 --min-p .001 --repetition-penalty 1.1 --samples 3 --seed 4 --stop ab --max-new-tokens 40"
for how in "--batch 1" "--batch 5 --micro-tokens 7 --threads 1" "--batch 64 --cache-tokens 64 --threads 3" "--cache-tokens 1000"; do
    evalc $m $draw $how "$TMP/p.rec" --to json | cksum
done | sort -u | wc -l
evalc $m $draw "$TMP/p.rec" -o "$TMP/g.rec"
mix --policy cat --to json "$TMP/g.rec" >"$TMP/g"
evalc $m $draw "$TMP/p.rec" --to json | cmp - "$TMP/g"
wc -l <"$TMP/g"
grep -c '"answer":"7"' "$TMP/g"
sed 's/.*"n":\([0-9]*\),"finish":"\([a-z]*\)".*/\1 \2/' "$TMP/g" | sort -u
grep -c '"text":"[^"]*ab' "$TMP/g"
evalc $m $draw --seed 5 "$TMP/p.rec" --to json | cmp -s - "$TMP/g"; echo "another seed: $?"
evalc $m --max-new-tokens 5 "$TMP/pairs.rec" --to json
evalc $m --max-new-tokens 3 --generator us --alpaca "$TMP/a.json" "$TMP/pairs.rec" --to json >"$TMP/one"
cat "$TMP/a.json"
