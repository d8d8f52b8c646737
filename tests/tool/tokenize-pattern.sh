# A pattern that gives up on a text is a fault of that row, with its place, and --lenient goes on.
cd "$TMP" || exit 1
cat >t.json <<'END'
{"model": {"type": "BPE", "vocab": {"a": 0, "b": 1}, "merges": []},
 "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": false},
 "added_tokens": [{"id": 2, "content": "</s>", "special": true, "normalized": false,
                   "single_word": false, "lstrip": false, "rstrip": false}]}
END
long=$(printf '%060d' 0 | tr 0 a)b
printf '{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": "%s"}\n' "$long" >rows.jsonl
printf '{"text": "ab"}\n{"text": "%s"}\n' "$long" >text.jsonl
for f in rows text; do
    tokenize -q --tokenizer t.json --template none --to json $f.jsonl 2>&1
    echo "$?"
    tokenize -q --tokenizer t.json --template none --to json --lenient --report $f.json $f.jsonl 2>&1
    echo "$?"
    grep '"encode"' $f.json
done
