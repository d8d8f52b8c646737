# A split goes by the first user turn alone: parts are disjoint and whole, and the same prompts are held out of every
# schema, template and tokenizer, however they are spaced or composed.
cd "$TMP" || exit 1
T=$OLDPWD/tests/golden/tokenizer/gpt2.json
awk 'BEGIN { for (i = 0; i < 400; i++) printf "{\"instruction\": \"Say %d\", \"input\": \"caf\303\251\", \"output\": \"%d\"}\n", i, i }' >a.jsonl
awk 'BEGIN { for (i = 0; i < 400; i++) printf "{\"prompt\": \" Say  %d\\n\\ncafe\314\201\", \"chosen\": \"%d\", \"rejected\": \"no\"}\n", i, i }' >p.jsonl
awk 'BEGIN { for (i = 0; i < 400; i++) printf "{\"chosen\": \"\\n\\nHuman: Say %d caf\303\251\\n\\nAssistant: %d\", \"rejected\": \"\\n\\nHuman: Say %d caf\303\251\\n\\nAssistant: no\"}\n", i, i, i }' >h.jsonl
awk 'BEGIN { for (i = 0; i < 400; i++) printf "{\"text\": \"Say %d caf\303\251\"}\n", i }' >t.jsonl
rows() { tokenize -q --tokenizer "$1" --template "$2" --split "$3" --held .25 --show 999 "$4" | sed -n 's/^== .*:\([0-9]*\)$/\1/p'; }
rows bytes plain held a.jsonl >held
rows bytes plain train a.jsonl >train
sort -n held train | uniq -c | awk '$1 != 1' | head
cat held train | wc -l
awk 'END { if (NR < 70 || NR > 130) print NR " of 400 rows are a quarter?" }' held
for f in p h t; do
    rows bytes plain held $f.jsonl | cmp - held
done
rows "$T" chatml held a.jsonl | cmp - held
rows "$T" none held p.jsonl | cmp - held
tokenize --tokenizer bytes --schema alpaca --template plain --split train --held .25 a.jsonl -o "$TMP/x.rec"
