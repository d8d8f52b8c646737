# a tokenizer of characters, with what stands beside it: what is trained, and the ids
mkdir "$TMP/t"
cp tests/golden/tokenizer/llama2.json "$TMP/t/tokenizer.json"
echo '{"bos_token": {"content": "<s>"}, "eos_token": "<s>"}' >"$TMP/t/special_tokens_map.json"
echo '{"eos_token": "</s>", "add_bos_token": true, "add_eos_token": false}' >"$TMP/t/tokenizer_config.json"
echo '{"prompt": "the table", "completion": " opens Жq"}' >"$TMP/rows.jsonl"
tokenize -q --tokenizer "$TMP/t" --template none --show 1 "$TMP/rows.jsonl"
tokenize -q --tokenizer "$TMP/t" --template none --to json "$TMP/rows.jsonl" | sed 's/"id":"[0-9a-f]*"/"id":""/'
echo '{"eos_token": "<none>"}' >"$TMP/t/tokenizer_config.json"
tokenize -q --tokenizer "$TMP/t" --template none "$TMP/rows.jsonl"
echo $?
