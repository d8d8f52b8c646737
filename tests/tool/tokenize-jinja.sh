# G04. Records under Jinja templates are those of transformers' apply_chat_template (tests/golden/chat.py make), for both
# masks; what is left out, and why, follows.
for template in tests/golden/chat/*.jinja; do
    name=$(basename "$template" .jinja)
    for mask in last all; do
        echo "== $name $mask" >>"$TMP/err"
        tokenize -q --tokenizer tests/golden/tokenizer/gpt2.json --template "$template" --mask $mask --lenient --to json \
            --map weight=none tests/golden/chat/rows.jsonl 2>>"$TMP/err"
    done | sed 's/"t":"sft","src":"rows","id":"[0-9a-f]*",//' | diff "tests/golden/chat/$name.jsonl" - ||
        echo "$name: other records"
done
sed 's/^tokenize: *//' "$TMP/err"
