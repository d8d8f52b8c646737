# --lenient leaves bad rows out and prints one table by cause; with nothing left it fails.
cd "$TMP" || exit 1
cat >rows.jsonl <<'END'
{"prompt": "a", "completion": "one"}
{"prompt": "a"}
{"prompt": "a", "completion": ""}
not JSON
{"prompt": "b", "completion": "two"}
{"prompt": "a", "completion": "<|eos|>"}
["no object"]
{"prompt": "a", "completion": " "}
END
tokenize -q --tokenizer bytes --lenient --to json rows.jsonl | wc -l
echo '{"prompt": "a", "completion": ""}' | tokenize -q --tokenizer bytes --schema completion --lenient -o none.rec
echo "$?"
ls
