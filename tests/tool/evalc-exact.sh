# Samples in any order, and what exact is asked that cannot be
g=tests/golden/task-exact/rows.rec
evalc --task exact --pass-at 3 --maj-at 5 --to json $g >"$TMP/a"
zstd -qc $g >"$TMP/g.zst"
evalc --task exact --pass-at 3 --maj-at 5 --to json "$TMP/g.zst" | cmp - "$TMP/a"
evalc --task exact --match strict --items "$TMP/i" $g >/dev/null
mix --policy cat --to json "$TMP/i" | head -n 3
for how in '--pass-at 7' '--maj-at 7' '--pass-at 0' '--pass-at 1,' '--pass-at x' '--match (' '--match-last' '--match strict --match-last' '--match \p{nope}'; do
    evalc --task exact --to json $how $g >"$TMP/out"
    echo "$? $how"
done
evalc --task exact --match '(a+)+$' --to json $g >"$TMP/out"
echo "$?"
evalc --task exact tests/golden/task-loss/rows.rec >"$TMP/out"
echo "$?"
printf '{"prompt": "1 + 1 ="}\n' | tokenize -q --tokenizer bytes --schema prompt --template none >"$TMP/p.rec"
evalc --task exact "$TMP/p.rec" >"$TMP/out"
echo "$?"
