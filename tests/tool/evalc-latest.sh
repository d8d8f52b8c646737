# --model and --ref take the OUT folder of step: its latest checkpoint is meant, and named.
g=tests/golden
mkdir -p "$TMP/run/step-00000010"
cp $g/task-model/policy/* "$TMP/run/step-00000010"
ln -s step-00000010 "$TMP/run/latest"
evalc --threads 1 --task logprob --model "$TMP/run" $g/task-preference/rows.rec -o "$TMP/ref.rec"
evalc --threads 1 --task preference --model "$TMP/run" --ref "$TMP/run" --to table "$TMP/ref.rec" | sed -n 's/^model *//p'
