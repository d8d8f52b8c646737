# The reference column: made by logprob, checked by --ref, refused where it is of other weights, partial or stale.
g=tests/golden
m=$g/task-model
exec 2>&1
evalc --threads 1 --task logprob --no-other --model $m/reference $g/task-logprob/rows.rec -o "$TMP/ref.rec"
evalc --threads 1 --task preference --model $m/policy --ref $m/reference --to json "$TMP/ref.rec" | grep -c '"eval/pref/loss":'
evalc --threads 1 --task preference --to json --model $m/policy --ref $m/policy "$TMP/ref.rec"; echo $?
evalc --threads 1 --task preference --to json --model $m/policy --ref $m/reference $g/task-logprob/rows.rec; echo $?
evalc --threads 1 --task preference --to json --model $m/policy $g/task-logprob/rows.rec "$TMP/ref.rec"; echo $?
evalc --threads 1 --task preference --to json --model $m/policy --opt-pref 1 $g/task-logprob/rows.rec; echo $?
# without the column there is still what needs no reference
evalc --threads 1 --task preference --model $m/policy --to table $g/task-logprob/rows.rec | sed 's/ .*//'
# done again, with the other model, the column is replaced
evalc --threads 1 --task logprob --no-other --model $m/policy "$TMP/ref.rec" | evalc --task preference --model $m/policy --ref $m/policy --to json |
    sed 's/.*"eval\/pref\/loss":\([^,]*\),.*"eval\/rewards\/margins":\([^,]*\),.*/\1 \2/'
