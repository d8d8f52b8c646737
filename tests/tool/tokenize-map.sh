# --map names columns as they stand in the file, and the schema is found through it.
cd "$TMP" || exit 1
echo '{"q": "why?", "a": "so", "prompt": 7}' | tokenize -q --tokenizer bytes --map prompt=q,completion=a --show 1
echo '{"question": "why?", "good": "so", "bad": "no"}' | tokenize --tokenizer bytes --map chosen=good --map rejected=bad --show 1 2>&1
echo '{"prompt": "why?", "completion": "so"}' | tokenize -q --tokenizer bytes --schema completion --map prompt=p --show 1 2>&1
echo '{"prompt": "why?", "completion": "so"}' >r.jsonl
tokenize -q --tokenizer bytes --map prompts=p r.jsonl --show 1 2>&1
echo "$?"
tokenize -q --tokenizer bytes --map output=completion r.jsonl -o x.rec 2>&1
for s in 'hh chosen' 'hh rejected' 'pairs question' 'pairs conversations' 'pairs messages' 'pairs prompt' 'pairs system' \
    'messages messages' 'messages conversations' 'messages system' 'alpaca input' 'alpaca history' 'alpaca system' \
    'completion answer' 'completion question' 'text text'; do
    tokenize -q --tokenizer bytes --schema "${s% *}" --map "${s#* }=prompt" r.jsonl --show 1 2>&1 | grep asks
done
true
