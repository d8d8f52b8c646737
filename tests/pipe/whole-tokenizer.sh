# Rows of another tokenizer than the model's, or than the other source's, are refused before the first step.
. tests/pipe/tiny
tiny 20
tokenize -q --tokenizer tests/golden/tokenizer/gpt2.json --template plain "$TMP/rows.jsonl" -o "$TMP/other.rec" || echo "tokenize: $?"
exec 2>"$TMP/err"
mix -q --policy weighted --sft "$TMP/other.rec" --steps 2 | step -q --threads 1 --model "$base" --out "$TMP/run" --to json
echo "one source: $?"
mix -q --policy mix --sft "$TMP/other.rec" --pref "$TMP/pref.rec" --steps 2 | step -q --threads 1 --model "$base" --out "$TMP/run" --to json
echo "two sources: $?"
evalc -q --threads 1 --task loss --model "$base" "$TMP/other.rec"
echo "evalc: $?"
evalc -q --threads 1 --task logprob --model "$base" "$TMP/pref.raw.rec" "$TMP/other.rec" -o "$TMP/out"
echo "evalc of two: $?"
ls "$TMP/run/latest" "$TMP/out" 2>/dev/null
sed "s/:.*//" "$TMP/err"                                   # who spoke, a line each
