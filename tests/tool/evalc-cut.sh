# A cut stream, a broken row or a full disk costs a message and leaves no result.
g=tests/golden
m=$g/task-model/policy
exec 2>&1
head -c 400 $g/task-loss/rows.rec >"$TMP/cut.rec"
evalc --threads 1 --task loss --model $m -o "$TMP/out" "$TMP/cut.rec"; echo $?
head -c 400 $g/task-loss/rows.rec | evalc --threads 1 --task loss --model $m -o "$TMP/out"; echo $?
head -c 400 $g/task-logprob/rows.rec | evalc --threads 1 --task logprob --model $m | evalc --task preference --model $m -o "$TMP/out"; echo $?
evalc --threads 1 --task preference --model $m -o "$TMP/out" $g/task-loss/rows.rec; echo $?
evalc --task pareto -o "$TMP/out" $g/task-loss/rows.rec; echo $?
evalc --threads 1 --task loss --model $m -o /dev/full $g/task-loss/rows.rec; echo $?
evalc --threads 1 --task loss --model $m --to table -o /dev/full $g/task-loss/rows.rec; echo $?
evalc --threads 1 --task loss --model $m --to json $g/task-loss/rows.rec >/dev/full; echo $?
evalc --threads 1 --task loss --model $m --items /dev/full --to json $g/task-loss/rows.rec >"$TMP/out"; echo $?
rm "$TMP/out"
evalc --threads 1 --task loss --model $m -o "$TMP/no/such/folder" $g/task-loss/rows.rec; echo $?
ls "$TMP"
