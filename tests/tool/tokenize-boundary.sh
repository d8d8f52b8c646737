# G05. A token across the boundary of prompt and answer is an error, or with --boundary shift untrained: in a pair it goes to the
# sides, outside their spans, and prompt followed by a side stays the encoding of the whole.
cd "$TMP" || exit 1
T=$OLDPWD/tests/golden/tokenizer/gpt2.json
echo '{"prompt": "the kett", "completion": "le, the house"}' >sft.jsonl
echo '{"prompt": "the kett", "chosen": "le, the house", "rejected": "y"}' >pref.jsonl
for kind in sft pref; do
    for how in error shift; do
        echo "== $kind $how"
        tokenize -q --tokenizer "$T" --template none --boundary $how --to json $kind.jsonl 2>&1
        tokenize -q --tokenizer "$T" --template none --boundary $how --show 1 $kind.jsonl 2>/dev/null
    done
done
echo '{"prompt": "the kett", "chosen": "le, the house", "rejected": "le, a dog"}' |
    tokenize -q --tokenizer "$T" --template none --boundary shift --show 1
# an end token that swallows the white space behind it is still trained
echo '{"messages": [{"role": "user", "content": "1"}, {"role": "assistant", "content": "one"},
{"role": "user", "content": "  2"}, {"role": "assistant", "content": "two"}]}' | tr -d '\n' |
    tokenize -q --tokenizer "${T%gpt2.json}mixed.json" --template none --eos '<right>' --mask all --show 1
echo '{"text": "the kettle, the house<|endoftext|>"}' | tokenize -q --tokenizer "$T" --specials allow --to json
# in plain no answer can merge with the colon before it
printf '{"prompt": "the", "completion": "%s"}\n' kettle '.)' "'s" '\\nlines' 12 '   ' '\u00a0x' '\u0301' ': ' >plain.jsonl
tokenize -q --tokenizer "$T" --template plain --lenient --to json plain.jsonl | wc -l
