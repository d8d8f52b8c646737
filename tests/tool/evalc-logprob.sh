# What logprob tells of every row with --items: no bit of it depends on the packing, the stream stays as it was without
g=tests/golden
m=$g/task-model/reference
d=$g/task-logprob
ask() { evalc --task logprob --no-other --model $m --to json --items "$TMP/items" "$@"; }
cat $d/items.rec $d/rows.rec >"$TMP/rows.rec"
evalc --task logprob --no-other --model $m --to json "$TMP/rows.rec" >"$TMP/plain"
for how in '4096 --threads 1' '16 --threads 2' '1 --threads 3'; do
    ask --per-token --top-k 3 --prefix $d/good.rec,$d/bad.rec --micro-tokens $how "$TMP/rows.rec" | cmp - "$TMP/plain"
    mix --policy cat --to json "$TMP/items" >"$TMP/now"
    [ -e "$TMP/first" ] || cp "$TMP/now" "$TMP/first"
    cmp "$TMP/first" "$TMP/now" || echo "differs with $how"
done
wc -l <"$TMP/first"
# The same prefix twice is no difference; its own tokens, after nothing else than the prefix
ask --prefix $d/good.rec,$d/good.rec $d/items.rec >"$TMP/out"
mix --policy cat --to json "$TMP/items" | grep -o '"difference[^,}]*' | sort | uniq -c | sed 's/^ *//'

echo 'what cannot be'
exec 2>&1
for how in '--per-token' '--top-k 5' '--prefix x'; do
    evalc --task logprob --model $m --to json $how $d/rows.rec; echo $?
done
ask --top-k 0 $d/rows.rec; echo $?
ask --prefix "$TMP/none" $d/rows.rec; echo $?
ask --prefix $d/good.rec, $d/rows.rec; echo $?
ask --prefix $d/good.rec,$d/good.rec,$d/bad.rec $d/rows.rec; echo $?
ask --prefix $d/rows.rec $d/rows.rec >"$TMP/out"; echo $?
printf '{"text": "a b"}\n' | tokenize -q --tokenizer bytes --schema text >"$TMP/bytes.rec"
ask --prefix "$TMP/bytes.rec" $d/rows.rec >"$TMP/out"; echo $?
head -c 200 $d/good.rec >"$TMP/cut.rec"
ask --prefix "$TMP/cut.rec" $d/rows.rec >"$TMP/out"; echo $?
evalc --task preference --kl --model $m --to json $d/rows.rec; echo $?
evalc --task preference --kl --ref $g/task-choice/neox --model $m --to json $d/rows.rec; echo $?
evalc --task preference --kl --ref $g/model-llama --model $m --to json $d/rows.rec; echo $?
