# compare wants the items of two runs; what cannot be compared is told, and what is not in both is counted.
g=tests/golden
items() { evalc -q --task loss,preference --model $g/task-model/$1 --items "$2" $g/task-loss/rows.rec $g/task-preference/rows.rec >/dev/null; }
exec 2>&1
try() { "$@" --to json >"$TMP/said"; echo "$?"; }
items policy "$TMP/a.rec"
items reference "$TMP/b.rec"
mix --policy cat --to json "$TMP/a.rec" | head -n 3 | sed 's/,"id".*//'
try evalc --task compare "$TMP/a.rec"
try evalc --task compare --level 2 "$TMP/a.rec" "$TMP/b.rec"
try evalc --task compare --items x "$TMP/a.rec" "$TMP/b.rec"
try evalc --task compare "$TMP/a.rec" $g/task-loss/rows.rec
head -c 500 "$TMP/b.rec" >"$TMP/cut.rec"
try evalc --task compare "$TMP/a.rec" "$TMP/cut.rec" 2>&1 | sed "s/byte [0-9]*/byte N/"
evalc --task compare --to table "$TMP/a.rec" "$TMP/a.rec" "$TMP/b.rec" | awk '
    $1 != "eval/rewards/accuracies" { print $1, $3, $4, $5, $7 }' | sed "s|$TMP/||"
# what label and logprob say of single answers; label's own record says the same
for m in policy reference; do
    evalc -q --task label --model $g/task-model/$m --items "$TMP/$m.rec" --to json $g/task-label/rows.rec |
        grep -o '"eval/label/\(rewards\|logps\)/[cr][a-z]*":[-0-9.]\{6\}'
    evalc -q --task logprob --model $g/task-model/$m --items "$TMP/$m.sum.rec" $g/task-label/rows.rec -o "$TMP/null.rec"
done
for x in '' .sum; do
    evalc --task compare --to table "$TMP/policy$x.rec" "$TMP/reference$x.rec" | awk 'NR > 2 { print $1, $4, $5, $6 }'
done
evalc --task label --model $g/task-model/policy --items "$TMP/x" -o "$TMP/x" $g/task-label/rows.rec 2>&1 | sed "s|$TMP|TMP|"
# the same seed, the same bytes
evalc --task compare --seed 3 --to json "$TMP/a.rec" "$TMP/b.rec" >"$TMP/one"
evalc --task compare --seed 3 --to json "$TMP/a.rec" "$TMP/b.rec" | cmp - "$TMP/one"
