# G08. What becomes of long rows: each policy, with its account; rows in = records + left out.
cd "$TMP" || exit 1
cat >sft.jsonl <<'END'
{"prompt": "short", "completion": "yes"}
{"prompt": "a prompt of many words", "completion": "no"}
{"prompt": "hm", "completion": "an answer that is too long"}
END
cat >pref.jsonl <<'END'
{"prompt": "a prompt of many words", "chosen": "good", "rejected": "worse!"}
{"prompt": "hm", "chosen": "an answer that is too long", "rejected": "an answer that is long"}
{"prompt": "hm", "chosen": "this answer is the same", "rejected": "this answer is the other"}
END
for how in ask drop keep-start keep-end prompt-left; do
    for kind in sft pref; do
        echo "== $kind $how"
        tokenize -q --tokenizer bytes --template none -n 20 --truncate $how --lenient --show 9 $kind.jsonl 2>&1
    done
done
echo "== text"
echo 'a document longer than eight tokens' | tokenize -q --tokenizer bytes -n 16 --show 9
