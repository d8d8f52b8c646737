# What cannot be meant is refused before anything is read, each with its mend.
g=tests/golden
model="--model $g/task-model/policy"
try() { evalc "$@"; echo "$? $*"; }
exec 2>&1
try
try --task nope
try --task loss,
try --task loss,loss $model
try --task loss
try --task pareto $model
try --task logprob,loss $model
try --task loss --beta 1 $model
try --task loss --to xml $model $g/task-loss/rows.rec
try --task logprob --to table $model $g/task-logprob/rows.rec
try --task loss --label seed $model $g/task-loss/rows.rec
try --task loss --label a/b=1 $model $g/task-loss/rows.rec
try --task loss --label loss=1 $model $g/task-loss/rows.rec
try --task loss --label a=1 --label a=2 $model $g/task-loss/rows.rec
try --task logprob --label a=1 $model $g/task-logprob/rows.rec
try --task loss --opt-sft 1x $model $g/task-loss/rows.rec
try --task pareto --threads 2 $g/task-pareto/rows.rec
try --task loss --device gpu9 $model $g/task-loss/rows.rec
