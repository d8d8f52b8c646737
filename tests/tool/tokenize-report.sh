# --report and --stats: every row is kept, cut or left out for a cause, and the sum is the rows read.
cd "$TMP" || exit 1
cat >sft.jsonl <<'END'
{"prompt": "short", "completion": "yes"}
{"prompt": "a prompt of many words", "completion": "no"}
{"prompt": "hm", "completion": "an answer that is too long"}
{"prompt": "short", "completion": "yes"}
{"prompt": "a", "completion": ""}
not JSON
END
awk 'BEGIN { for (i = 1; i <= 40; i++) { s = s " word"; printf "{\"text\": \"%s\"}\n", s } }' >doc.jsonl
echo '{"prompt": "short", "answer": "x", "completion": "y"}' >held.jsonl
t() { tokenize -q --tokenizer bytes --template none --lenient "$@"; }
sum() { tr -d '\n' <"$1" | sed 's/.*"rows": \([0-9]*\),.*"kept": \([0-9]*\),.*"cut": \([0-9]*\),.*"dropped": \([0-9]*\),.*"records".*/\1 = \2 + \3 + \4/'; }
for how in drop keep-start keep-end prompt-left; do
    t --truncate $how -n 20 --dedup --exclude held.jsonl --report r.json sft.jsonl doc.jsonl -o x.rec 2>/dev/null
    line=$(sed -n 's/^  "\(rows\|kept\|cut\|dropped\)": \([0-9]*\),$/\1=\2/p' r.json | tr '\n' ' ')
    eval "$line"
    # shellcheck disable=SC2154
    echo "$how: $line$((kept + cut + dropped == rows))"
    cp r.json "$how.json"
done
cat keep-start.json
t --truncate drop -n 100 --split train --held .3 --stats sft.jsonl doc.jsonl -o x.rec 2>&1
echo "== nothing written where the run fails"
tokenize -q --tokenizer bytes --report bad.json sft.jsonl -o bad.rec 2>&1
ls bad.* 2>&1
t --report nowhere/r.json doc.jsonl -o x.rec 2>&1
echo "$?"
