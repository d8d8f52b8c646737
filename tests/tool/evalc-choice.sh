# Neither --micro-tokens nor --threads nor a row's company changes a bit of what choice says, five examples shared or not
g=tests/golden/task-choice
for family in llama neox; do
    tokenize -q --tokenizer $g/$family --template none --shots $g/mmlu-shots.jsonl $g/mmlu.jsonl -o "$TMP/mmlu.rec"
    tokenize -q --tokenizer $g/$family --template none $g/hellaswag.jsonl -o "$TMP/hella.rec"
    for how in '4096 --threads 1' '32 --threads 2' 1 '1000 --threads 3'; do
        evalc --task choice --model $g/$family --items "$TMP/items.rec" --to json --micro-tokens $how \
            "$TMP/mmlu.rec" "$TMP/hella.rec" >"$TMP/now"
        mix --policy cat --to json "$TMP/items.rec" >>"$TMP/now"
        [ -e "$TMP/$family" ] || cp "$TMP/now" "$TMP/$family"
        cmp "$TMP/$family" "$TMP/now" || echo "$family: differs with --micro-tokens $how"
    done
    [ "$(wc -l <"$TMP/$family")" = 15 ] || echo 'not every question has its item'
    evalc --task choice --model $g/$family --items "$TMP/items.rec" --to json "$TMP/hella.rec" >"$TMP/alone"
    grep -o '"source/hella/[^,]*' "$TMP/$family" | sed 's|source/hella/||' | while read -r f; do
        grep -qF "$f" "$TMP/alone" || echo "$family: alone not $f"
    done
done
# Two models on the same questions
for family in llama neox; do
    tokenize -q --tokenizer bytes --template none $g/arc.jsonl -o "$TMP/arc.rec"
    cp -r $g/$family "$TMP/m-$family"
    rm "$TMP/m-$family/tokenizer.json"
    evalc --task choice --model "$TMP/m-$family" --items "$TMP/$family.items" "$TMP/arc.rec" >/dev/null
done
evalc --task compare --to table "$TMP/llama.items" "$TMP/neox.items" | awk 'NR > 2 { print $1, $4 }'

# What cannot be
evalc --task choice --model "$TMP/m-llama" tests/golden/task-loss/rows.rec >"$TMP/none"
echo "exit $?"
evalc --task choice "$TMP/arc.rec"
echo "exit $?"
