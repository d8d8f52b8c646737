# Neither --micro-tokens nor --threads nor a row's company changes a bit of any figure.
g=tests/golden
policy=$g/task-model/policy
cat $g/task-loss/rows.rec $g/task-preference/rows.rec $g/task-loss/rows.rec >"$TMP/one.rec"
cat $g/task-preference/rows.rec $g/task-loss/rows.rec $g/task-loss/rows.rec $g/task-preference/rows.rec >"$TMP/two.rec"

# The run's record, then each row's own, then each row with its column
all() {
    evalc --task loss,preference --model $policy --to json --items "$TMP/items.rec" "$@"
    mix --policy cat --to json "$TMP/items.rec"
    evalc --task logprob --model $policy --to json "$@"
}
all --micro-tokens 8192 --threads 1 "$TMP/one.rec" >"$TMP/first"
[ "$(wc -l <"$TMP/first")" = 31 ] || echo 'not all rows came back'
for how in '--micro-tokens 64 --threads 2' '--micro-tokens 1 --threads 3' '--micro-tokens 37'; do
    all $how "$TMP/one.rec" | cmp - "$TMP/first" || echo "differs with $how"
done

# The same rows in another order and number: what is said of each is the same, but for its place
all --threads 1 --micro-tokens 50 "$TMP/two.rec" >"$TMP/second"
for f in first second; do
    sed '1d; s/"row":[0-9]*,//' "$TMP/$f" | sort -u >"$TMP/$f.rows"
done
cmp "$TMP/first.rows" "$TMP/second.rows"
