# Masks of a conversation of three answers: the last, all, or those whose flag does not say no.
cd "$TMP" || exit 1
cat >rows.jsonl <<'END'
{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "one", "weight": 1}, {"role": "user", "content": "2"}, {"role": "assistant", "content": "two", "train": false}, {"role": "user", "content": "3"}, {"role": "assistant", "content": "three"}]}
{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "2"}, {"role": "assistant", "content": "two", "weight": 0}]}
END
for template in plain chatml llama3; do
    for mask in last all flag; do
        echo "== $template $mask"
        tokenize -q --tokenizer bytes --template $template --mask $mask --show 9 rows.jsonl
    done
done
