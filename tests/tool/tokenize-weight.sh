# The column weight is the record's w, of every kind that is trained; what is no weight is a fault.
cd "$TMP" || exit 1
hh='\n\nHuman: a\n\nAssistant: '
for w in 1 0 0.25 3 1e-3; do
    printf '{"prompt": "a", "completion": "b", "weight": %s}\n' $w >sft.jsonl
    printf '{"prompt": "a", "chosen": "b", "rejected": "c", "weight": %s}\n' $w >pairs.jsonl
    printf '{"prompt": "a", "completion": "b", "label": true, "weight": %s}\n' $w >kto.jsonl
    printf '{"chosen": "%sb", "rejected": "%sc", "weight": %s}\n' "$hh" "$hh" $w >hh.jsonl
    for f in sft pairs kto hh; do
        tokenize -q --tokenizer bytes --template plain --to json $f.jsonl | sed -n "s/.*\"w\":\([^,}]*\).*/$f \1/p"
    done
    tokenize -q --tokenizer bytes --template plain --side chosen --to json pairs.jsonl | sed -n 's/.*"w":\([^,}]*\).*/chosen \1/p'
done
echo '{"prompt": "a", "completion": "b", "loss_weight": 0.5}' >m.jsonl
tokenize -q --tokenizer bytes --template plain --map weight=loss_weight --to json m.jsonl | sed -n 's/.*"w":/w /p'
for w in -1 '"1"' true 1e999; do
    printf '{"prompt": "a", "completion": "b", "weight": %s}\n' "$w" | tokenize -q --tokenizer bytes --template plain --to json
done 2>&1
