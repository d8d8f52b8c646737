# Mismatched completions: the k-th of a prompt's labels takes the k-th of those before, round and round, and at the start
# the first behind; kept where there is one, cut to the model's positions; the same bytes whatever the windows; none with
# --no-other.
exec 2>&1
row() { printf '{"prompt": "%s", "completion": "%s", "label": %s}\n' "$1" "$2" "$3"; }
tok() { tokenize -q --tokenizer bytes --template none "$@"; }
{ row a 1 true; row a 22 false; row b 333 true; row a 4444 true; row a 55555 false; row a 77 true; row c 6 true; row c 8 false; } >"$TMP/rows"
tok --schema kto "$TMP/rows" -o "$TMP/rows.rec"
echo '{"prompt": "a", "completion": "b"}' | tok --schema completion -o "$TMP/sft.rec" -
mix --sft "$TMP/sft.rec" --rows-sft 1 --steps 1 | step -q --init pipelines/models/tiny.json --lr 0 --out "$TMP/m" --to json >"$TMP/log"
show() { mix --policy cat --to json "$1" | sed 's/.*"prompt":\([^]]*\]\).*"completion":\([^]]*\]\),"good":[a-z]*/\1 \2 /; s/"ref":{"key":"[^"]*",/ /'; }
for n in 1 4096; do evalc -q --task logprob --model "$TMP/m" --micro-tokens $n "$TMP/rows.rec" -o "$TMP/$n.rec"; done
mix --policy cat --to json "$TMP/1.rec" >"$TMP/1" && mix --policy cat --to json "$TMP/4096.rec" | cmp - "$TMP/1"
show "$TMP/1.rec" | sed 's/\.[0-9]*//g'
echo 'again: who has one keeps it'
evalc -q --task logprob --model "$TMP/m" "$TMP/1.rec" -o "$TMP/again.rec" && mix --policy cat --to json "$TMP/again.rec" | cmp - "$TMP/1"
echo 'without'
evalc -q --task logprob --no-other --model "$TMP/m" "$TMP/rows.rec" --to json | grep -c other
echo 'one prompt alone'
head -n 2 "$TMP/rows" >"$TMP/same" && tok --schema kto "$TMP/same" -o "$TMP/same.rec"
evalc -q --task logprob --model "$TMP/m" "$TMP/same.rec" --to json | grep -c other
echo 'cut to the positions'
long=$(printf '%0100d' 7)
sed 's/"max_position_embeddings": *[0-9]*/"max_position_embeddings": 110/' "$TMP/m/latest/config.json" >"$TMP/config.json"
cp "$TMP/config.json" "$TMP/m/latest/config.json"
{ row a "$long" true; row "bb$long" 1 true; } | tok --schema kto -o "$TMP/long.rec" -
evalc -q --task logprob --model "$TMP/m" "$TMP/long.rec" --to json | sed 's/.*"other":\[\([^]]*\)\].*"rejected":\[[^,]*,\([0-9]*\).*/\1 \2/' |
    awk '{ print split($1, v, ","), $2 }'
