# --exclude: a row whose prompt stands in a held-out file is a fault that names both places, or left out and counted.
cd "$TMP" || exit 1
cat >held.jsonl <<'END'
{"question": "What is 2 + 2?", "answer": "4"}
{"question": "Who wrote  it?", "answer": "nobody"}
{"question": "", "answer": "nothing asked"}
END
printf '[{"instruction": "Name a colour.", "input": "", "output": "Red."}]' >more.json
cat >rows.jsonl <<'END'
{"prompt": "Fine.", "completion": "Yes."}
{"prompt": " Who wrote\nit?", "completion": "me"}
{"prompt": "Name a colour.", "completion": "Blue."}
{"prompt": "", "completion": "no prompt is no prompt"}
END
t() { tokenize -q --tokenizer bytes --template none "$@"; }
t --exclude held.jsonl rows.jsonl -o x.rec 2>&1
echo "$?"
t --exclude held.jsonl --exclude more.json --lenient --to json rows.jsonl 2>err | wc -l
cat err
echo '{"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "5"}' | t --exclude held.jsonl --to json 2>&1
echo "== columns by --map, in either file"
printf '{"q": "Fine.", "completion": "x"}\n' | gzip >q.jsonl.gz
t --exclude q.jsonl.gz --map prompt=q rows.jsonl --schema completion --to json 2>&1
t --exclude q.jsonl.gz --schema completion rows.jsonl --to json 2>&1
echo "== what cannot be read cannot be kept out"
printf '{"question": "a", "answer": "b"}\n{"question": "cut' >cut.jsonl
t --exclude cut.jsonl --lenient rows.jsonl --to json 2>&1
t --exclude nowhere.jsonl rows.jsonl --to json 2>&1
: >empty.jsonl
t --exclude empty.jsonl rows.jsonl --to json 2>&1
t --exclude empty.jsonl --schema completion rows.jsonl --to json | wc -l
