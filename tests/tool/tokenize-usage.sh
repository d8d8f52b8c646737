# Bad usage is told before anything is read or written.
cd "$TMP" || exit 1
echo '{"prompt": "a", "completion": "b"}' >r.jsonl
t() { tokenize -o x.rec "$@" r.jsonl; echo "$?"; }
t 2>&1
t --tokenizer nowhere 2>&1
t --tokenizer r.jsonl 2>&1
t --tokenizer bytes --schema odd 2>&1
t --tokenizer bytes --template odd 2>&1
t --tokenizer bytes --mask odd 2>&1
t --tokenizer bytes --truncate cut 2>&1
t --tokenizer bytes --map prompt 2>&1
t --tokenizer bytes --eos '</s>' 2>&1
t --tokenizer bytes --max-tokens 1 2>&1
t --tokenizer "$OLDPWD/tests/golden/tokenizer/gpt2.json" --template llama3 2>&1
t --tokenizer bytes --held .5 2>&1
t --tokenizer bytes --to xml 2>&1
t --tokenizer bytes nowhere.jsonl 2>&1
t --tokenizer bytes --schema text 2>&1
ls
