# What cannot be meant, and rows that cannot be answered, are refused with their mend, and nothing is written.
g=tests/golden
model="--model $g/task-generate/model"
try() { evalc --threads 1 --task generate "$@"; echo "$? $*"; }
exec 2>&1
printf '{"prompt": "What?"}\n' >"$TMP/p.jsonl"
printf '{"prompt": "%0250d"}\n' 1 >"$TMP/long.jsonl"
printf 'some text\n' >"$TMP/text.txt"
for f in p long; do tokenize -q --tokenizer bytes --template none --schema prompt "$TMP/$f.jsonl" -o "$TMP/$f.rec"; done
tokenize -q --tokenizer bytes "$TMP/text.txt" -o "$TMP/text.rec"
try
try "$TMP/p.rec"
try $model --top-k 5 "$TMP/p.rec"
try $model --seed 5 "$TMP/p.rec"
try $model --samples 2 "$TMP/p.rec"
try $model --temperature -1 "$TMP/p.rec"
try $model --temperature 1 --top-p 2 "$TMP/p.rec"
try $model --max-new-tokens 0 "$TMP/p.rec"
try $model --stop '' "$TMP/p.rec"
try $model --generator x "$TMP/p.rec"
try $model --template none "$TMP/p.rec"
try $model --to table "$TMP/p.rec"
try $model --label a=1 "$TMP/p.rec"
try $model --tokenizer "$TMP/nowhere" "$TMP/p.rec"
try $model --tokenizer $g/tokenizer/no.json "$TMP/p.rec"
try $model "$TMP/text.rec" -o "$TMP/out.rec"
try $model "$TMP/long.rec" --max-new-tokens 900 --to json -o "$TMP/out.json" && wc -c <"$TMP/out.json"
printf '{"prompt": "%0300d"}\n' 1 >"$TMP/long.jsonl"
tokenize -q --tokenizer bytes --template none --schema prompt "$TMP/long.jsonl" -o "$TMP/long.rec"
try $model "$TMP/long.rec" -o "$TMP/out.rec"
try --model $g/task-model/policy $g/task-loss/rows.rec -o "$TMP/out.rec"
head -c 300 "$TMP/p.rec" >"$TMP/cut.rec"
try $model "$TMP/cut.rec" -o "$TMP/out.rec"
try $model /dev/null -o "$TMP/out.rec"
try $model --alpaca "$TMP/no/where.json" "$TMP/p.rec" -o "$TMP/out.rec"
mkdir "$TMP/nan"; cp $g/task-generate/model/config.json "$TMP/nan"
head -c 40000 $g/task-generate/model/model.safetensors >"$TMP/nan/model.safetensors"; head -c 11568 /dev/zero | tr '\0' '\377' >>"$TMP/nan/model.safetensors"
try --model "$TMP/nan" "$TMP/p.rec" -o "$TMP/out.rec"
ls "$TMP"
# Nothing is written that is read, and no two results go into one file
cp tests/golden/task-loss/rows.rec "$TMP/in.rec"
for to in "-o $TMP/in.rec" "--alpaca $TMP/in.rec" "--alpaca $TMP/a -o $TMP/a"; do
    evalc --task generate --model tests/golden/task-generate/model $to "$TMP/in.rec"; echo $?
done
evalc --task loss --model tests/golden/task-model/policy --items "$TMP/in.rec" "$TMP/in.rec"; echo $?
cmp tests/golden/task-loss/rows.rec "$TMP/in.rec"
