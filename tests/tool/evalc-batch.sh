# Neither --micro-tokens nor --threads nor a row's company changes a bit of any figure.
g=tests/golden
policy=$g/task-model/policy
cat $g/task-loss/rows.rec $g/task-preference/rows.rec $g/task-loss/rows.rec >"$TMP/one.rec"
cat $g/task-preference/rows.rec $g/task-loss/rows.rec $g/task-loss/rows.rec $g/task-preference/rows.rec >"$TMP/two.rec"

# stdout: the run's record; the rows' figures without their number, each once, in an order of their own
score() {
    evalc --task loss,preference --model $policy --to json --items "$TMP/items" "$@"
    evalc --task preference,loss --model $policy --to json --items /dev/stdout -o /dev/null "$@" >"$TMP/lines"
}
first=
for how in '--micro-tokens 8192 --threads 1' '--micro-tokens 64 --threads 2' '--micro-tokens 1 --threads 3' \
           '--micro-tokens 37'; do
    score $how "$TMP/one.rec" >"$TMP/now"
    evalc --task logprob --model $policy $how --to json "$TMP/one.rec" >>"$TMP/now"
    [ -n "$first" ] || cp "$TMP/now" "$TMP/first"
    first=no
    cmp -s "$TMP/first" "$TMP/now" || { echo "differs with $how"; diff "$TMP/first" "$TMP/now"; }
done
[ "$(wc -l <"$TMP/first")" = 16 ] || echo 'not all rows came back'

# the same rows in other company: the column ref of each is the same
for f in one two; do
    evalc --task logprob --model $policy --to json --micro-tokens 50 "$TMP/$f.rec" | sort -u >"$TMP/$f.ref"
done
cmp "$TMP/one.ref" "$TMP/two.ref"
