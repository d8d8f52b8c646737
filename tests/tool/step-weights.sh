# Rows with weights: what step says of held-out pairs is what evalc says.
g=tests/golden
evalc -q --threads 1 --task logprob --model $g/task-model/policy $g/task-preference/rows.rec -o "$TMP/rows.rec"
figures() { tr ',' '\n' | grep -o '"eval/\(pref/loss\|policy_accuracy\|rewards/margins\|logps/[a-z]*\)":.*'; }
mix -q --pref "$TMP/rows.rec" --held-pref "$TMP/rows.rec" --allow-overlap --steps 1 |
    step -q --threads 1 --model $g/task-model/policy --out "$TMP/run" --to json | sed -n 1p | figures | sort >"$TMP/ours"
evalc -q --threads 1 --task preference --model $g/task-model/policy --to json "$TMP/rows.rec" | figures | sort >"$TMP/theirs"
diff "$TMP/ours" "$TMP/theirs"
wc -l <"$TMP/ours" | tr -d ' '
