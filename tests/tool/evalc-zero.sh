# With policy = reference every reward is 0 exactly, however either was packed, and the loss log 2.
g=tests/golden
for model in policy reference; do
    evalc --threads 1 --task logprob --model $g/task-model/$model --micro-tokens 64 $g/task-preference/rows.rec |
        evalc --threads 1 --task preference --model $g/task-model/$model --micro-tokens 8192 --to json |
        tr , '\n' | grep 'rewards\|logratio\|pref/loss'
done
