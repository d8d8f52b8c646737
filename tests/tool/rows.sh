# The made rows are the same bytes every time and tokenize without a note; the usage is told.
sh pipelines/rows.sh "$TMP/a rows"
sh pipelines/rows.sh "$TMP/b"
for f in sft pref pretrain; do
    cmp "$TMP/a rows/$f.jsonl" "$TMP/b/$f.jsonl"
    tokenize -q --tokenizer bytes --template none "$TMP/b/$f.jsonl" -o "$TMP/$f.rec"
    echo "$f: $(wc -l <"$TMP/b/$f.jsonl") rows, $(mix --policy cat --to json "$TMP/$f.rec" | grep -c '"t":"\(sft\|pref\|text\)"') records"
done
grep -c '"chosen":" no, ' "$TMP/b/pref.jsonl"
sh pipelines/rows.sh 2>&1
echo $?
