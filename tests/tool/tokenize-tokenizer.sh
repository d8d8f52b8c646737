# A folder brings its tokenizer_config.json; --bos and --eos have the last word; a file alone goes by the usual names.
cd "$TMP" || exit 1
ln -s "$OLDPWD/tests/golden/tokenizer" G
G=G
mkdir m
cp "$G/gpt2.json" m/tokenizer.json
echo '{"eos_token": {"content": "<|im_end|>"}, "bos_token": "<|im_start|>", "add_bos_token": true}' >m/tokenizer_config.json
echo '{"prompt": "the", "completion": " house"}' >r.jsonl
t() { echo "== $*"; tokenize -q --template none --show 1 "$@" r.jsonl 2>&1 | sed 1,2d; }
t --tokenizer m
t --tokenizer m/tokenizer.json
t --tokenizer "$G/gpt2.json"
t --tokenizer m --bos none --eos '<|endoftext|>'
t --tokenizer bytes --bos none
t --tokenizer "$G/llama3.json" --template llama3
tokenize --tokenizer "$G/llama3.json" r.jsonl 2>&1 >/dev/null
tokenize --tokenizer "$G/gpt2.json" r.jsonl 2>&1 >/dev/null
tokenize --tokenizer bytes r.jsonl 2>&1 >/dev/null
