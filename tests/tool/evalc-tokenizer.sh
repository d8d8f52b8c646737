# Rows of another tokenizer, or with a larger vocabulary than the model's, are refused before anything is scored.
g=tests/golden
mkdir "$TMP/m"
cp $g/task-model/policy/* "$TMP/m"
echo '{}' >"$TMP/m/tokenizer.json"
exec 2>&1
evalc --threads 1 --task loss --model "$TMP/m" $g/task-loss/rows.rec -o "$TMP/out"; echo $?
evalc --threads 1 --task logprob --model "$TMP/m" $g/task-logprob/rows.rec -o "$TMP/out"; echo $?
rm "$TMP/m/tokenizer.json"
sed 's/"vocab_size": 32/"vocab_size": 31/' $g/task-model/policy/config.json >"$TMP/m/config.json"
evalc --threads 1 --task loss --model "$TMP/m" $g/task-loss/rows.rec -o "$TMP/out"; echo $?
ls "$TMP"
