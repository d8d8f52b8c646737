# Examples before questions: the same whatever the threads, never the question itself, and what cannot be is told
g=tests/golden/task-choice
t() { tokenize -q --tokenizer bytes --schema choice "$@"; }
for n in 1 2 3; do
    t --template none --shots $g/mmlu-shots.jsonl --shots-seed 7 --threads $n --to json $g/mmlu.jsonl >"$TMP/$n"
    cmp "$TMP/1" "$TMP/$n"
done
t --template none --shots $g/mmlu-shots.jsonl --shots-seed 8 --to json $g/mmlu.jsonl | cmp -s - "$TMP/1" && echo 'the seed does nothing'

# Six of seven rows as examples of each of the seven: its own question stands once in its prompt
t --template none --shots $g/arc.jsonl --n-shots 6 --show 99 $g/arc.jsonl | awk '
    /^== / { if (n) check(); n = 0; split("", seen) }
    /^(<\|bos\|>)?Question: / { sub(/<\|bos\|>/, ""); n++; if (seen[$0]++) print "twice: " $0 }
    function check() { if (n != 7) print n " questions" }
    END { check() }'

# An id is that of the question alone
t --template none --to json $g/mmlu.jsonl | grep -o '"id":"[^"]*"' >"$TMP/bare"
grep -o '"id":"[^"]*"' "$TMP/1" | cmp - "$TMP/bare"

t --template plain --shots $g/mmlu-shots.jsonl --n-shots 1 --describe 'About {subject}.' --show 1 $g/mmlu.jsonl

ask() {
    t --to json "$@" >"$TMP/got"
    echo "$? $*"
}
ask --template none --n-shots 3 $g/arc.jsonl
ask --template none --shots $g/mmlu-shots.jsonl --n-shots 8 $g/mmlu.jsonl
ask --template none --shots $g/arc.jsonl --n-shots 9 $g/arc.jsonl
ask --template none --shots $g/none.jsonl $g/arc.jsonl
ask --template none --shots $g/mmlu-shots.jsonl --describe '{subject}' $g/arc.jsonl
ask --template none --shots tests/golden/schema-pairs/rows.jsonl $g/arc.jsonl
ask --template none --schema auto --shots $g/arc.jsonl tests/golden/schema-pairs/rows.jsonl
ask --template none --shots $g/arc.jsonl --n-shots 0 $g/arc.jsonl
