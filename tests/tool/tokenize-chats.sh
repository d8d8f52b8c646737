# G04 over real conversations and the templates of real models: record for record what tests/golden/chat.py check found equal to
# transformers' apply_chat_template, told as a hash.  The tokenizer is Llama 3.1's, whose <|eot_id|> some of them end turns with.
D=../shared/data
[ -r "$D/templates/llama3_1.jinja" ] || { echo "skipped: no $D/templates" >"$TMP/skip"; exit 0; }
for name in llama3 llama3_1 llama3_2 llama3_training; do
    for mask in last all; do
        tokenize -q --tokenizer "$D/tokenizers/llama-3.1" --template "$D/templates/$name.jinja" --mask $mask -n 1M --lenient \
            --to raw "$D/sft/alpaca-en-999.json" "$D/sft/sharegpt-toolcall-en.json" "$D/pref/sharegpt-pairs-en-300.json" \
            "$D/pref/kto-en-300.json" -o "$TMP/out.rec"
        # from the first record on: headers differ by command lines
        mix --policy cat --to json "$TMP/out.rec" >"$TMP/json"
        echo "$name $mask $(wc -l <"$TMP/json") $(sha256sum <"$TMP/json" | cut -c 1-16)"
    done
done
