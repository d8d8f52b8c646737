# G07. Masks of a conversation of three answers: the last, all, or those whose flag does not say no.
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
# The same of ShareGPT's turns, and under Jinja templates, by the turn and by generation blocks.
sed 's/"messages"/"conversations"/; s/"role"/"from"/g; s/"content"/"value"/g; s/"user"/"human"/g; s/"assistant"/"gpt"/g' \
    rows.jsonl >sharegpt.jsonl
G=$OLDPWD/tests/golden
for mask in last all flag; do
    for template in plain "$G/chat/turns.jinja" "$G/chat/marked.jinja"; do
        tokenizer=$G/tokenizer/gpt2.json
        tokenize -q --tokenizer "$tokenizer" --template "$template" --mask $mask --source s --to json rows.jsonl >m
        tokenize -q --tokenizer "$tokenizer" --template "$template" --mask $mask --source s --to json sharegpt.jsonl | cmp m -
    done
    echo "== turns $mask"
    tokenize -q --tokenizer "$tokenizer" --template "$G/chat/turns.jinja" --mask $mask --show 9 rows.jsonl
    echo "== marked $mask"
    tokenize -q --tokenizer "$tokenizer" --template "$G/chat/marked.jinja" --mask $mask --show 9 rows.jsonl
done
# The sides of a pair are trained whole, whatever the mask says.
cat >pairs.jsonl <<'END'
{"prompt": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "2"}], "chosen": [{"role": "assistant", "content": "two", "train": false}, {"role": "user", "content": "3"}, {"role": "assistant", "content": "three"}], "rejected": "none"}
END
for template in plain "$G/chat/turns.jinja" "$G/chat/marked.jinja"; do
    for mask in last all flag; do
        tokenize -q --tokenizer "$tokenizer" --template "$template" --mask $mask --show 9 pairs.jsonl >pairs.$mask
    done
    cat pairs.last
    cmp pairs.last pairs.all
    cmp pairs.last pairs.flag
done
