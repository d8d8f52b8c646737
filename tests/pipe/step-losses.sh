# Every loss of preferences trains: from the same start its own loss falls, and those that need no reference take rows
# without one.
sh pipelines/rows.sh "$TMP/rows"
tokenize -q --tokenizer bytes --template none --max-tokens 200 --truncate drop "$TMP/rows/pref.jsonl" -o "$TMP/pairs.rec" 2>/dev/null
mix --pref "$TMP/pairs.rec" --steps 1 --rows-pref 8 |
    step -q --init pipelines/models/tiny.json --pref-loss simpo --lr 0 --out "$TMP/base" >"$TMP/m"
evalc -q --task logprob --model "$TMP/base" "$TMP/pairs.rec" -o "$TMP/ref.rec"
sed 's/{"prompt":\("[^"]*"\),"chosen":\("[^"]*"\),"rejected":\("[^"]*"\)}/{"prompt":\1,"completion":\2,"label":true}\
{"prompt":\1,"completion":\3,"label":false}/' "$TMP/rows/pref.jsonl" |
    tokenize -q --tokenizer bytes --template none --schema kto - | evalc -q --task logprob --model "$TMP/base" -o "$TMP/labels.rec"
step --help | sed -n 's/^Options of --pref-loss \(.*\):$/\1/p' | while read -r loss; do
    case $loss in simpo | orpo | cpo) rows=$TMP/pairs.rec ;; kto | *_unpaired) rows=$TMP/labels.rec ;; *) rows=$TMP/ref.rec ;; esac
    mix --pref "$rows" --steps 6 --rows-pref 8 |
        step -q --model "$TMP/base" --pref-loss "$loss" --lr 3e-3 --out "$TMP/$loss" --to json 2>"$TMP/err" |
        sed -n 's/.*"loss":\([^,}]*\).*/\1/p' |
        awk -v l="$loss" 'NR == 1 { a = $1 } { b = $1 } END { print l, (NR == 6 && b < a ? "falls" : "does not fall: " a " " b " " NR) }'
    cat "$TMP/err"
done
