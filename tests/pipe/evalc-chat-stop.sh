# A signal while the model speaks ends that answer alone, and the talk goes on; between answers it ends the talk with 5.
sed 's/"max_position_embeddings": [0-9]*/"max_position_embeddings": 1000000/' \
    tests/golden/task-generate/model/config.json >"$TMP/config.json"
cp tests/golden/task-generate/model/model.safetensors "$TMP"
mkfifo "$TMP/in"
: >"$TMP/out"
evalc --task chat --threads 1 --model "$TMP" --tokenizer bytes --template plain --max-new-tokens 900000 --repetition-penalty .5 <"$TMP/in" >"$TMP/out" &
pid=$!
exec 3>"$TMP/in"
wait_for() { i=0; until "$@" || [ $i -gt 200 ]; do sleep .05; i=$((i + 1)); done; }
grown() { [ "$(wc -c <"$TMP/out")" -gt "$1" ]; }
echo One >&3
wait_for grown 20
kill -INT $pid
sleep .3
first=$(wc -c <"$TMP/out")
printf '/new\nTwo\n' >&3
wait_for grown $((first + 20))
kill -INT $pid
sleep .3
kill -0 $pid && echo "still there"
kill -INT $pid
wait $pid
echo $?
