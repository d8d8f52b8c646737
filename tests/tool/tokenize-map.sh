# --map names columns as they stand in the file, and the schema is found through it.
cd "$TMP" || exit 1
echo '{"q": "why?", "a": "so", "prompt": 7}' | tokenize -q --tokenizer bytes --map prompt=q,completion=a --show 1
echo '{"question": "why?", "good": "so", "bad": "no"}' | tokenize --tokenizer bytes --map chosen=good --map rejected=bad --show 1 2>&1
echo '{"prompt": "why?", "completion": "so"}' | tokenize -q --tokenizer bytes --schema completion --map prompt=p --show 1 2>&1
