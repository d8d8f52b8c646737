# --side chosen: the record that the prompt with its chosen answer would have made, in the pair's own split.
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"prompt\": \"Say %d\", \"chosen\": \" %d\", \"rejected\": \" no\"}\n", i, i }' >p.jsonl
awk 'BEGIN { for (i = 0; i < 40; i++) printf "{\"prompt\": \"Say %d\", \"completion\": \" %d\"}\n", i, i }' >s.jsonl
t() { tokenize -q --tokenizer bytes --template plain --source x --to json "$@" | sed 's/"id":"[^"]*"//'; }
for part in train held; do
    t --split $part --held .25 --side chosen p.jsonl >chosen
    t --split $part --held .25 s.jsonl | cmp - chosen
    [ -s chosen ] || echo "no row is $part"
done
tokenize --tokenizer bytes --side left p.jsonl 2>&1
