# Input that is broken in other ways than its rows: cut, damaged, empty, huge, forbidden.
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 1; i <= 20000; i++) printf "{\"text\": \"row %d %d %d\"}\n", i, i * i % 997, i * i * i % 991 }' >a.jsonl
gzip -k a.jsonl
zstd -q a.jsonl
t() { tokenize -q --tokenizer bytes --schema text --lenient "$@" -o x.rec; echo "$?: $(ls x.rec* 2>/dev/null)"; }
{
    head -c 30000 a.jsonl.gz >cut.gz;   t cut.gz
    head -c 30000 a.jsonl.zst >cut.zst; t cut.zst
    head -c 3 a.jsonl.gz >short.gz;     t short.gz
    (head -c 20000 a.jsonl.gz; printf 'yyyyyyyy'; tail -c +20009 a.jsonl.gz) >bad.gz; t bad.gz
    (cat a.jsonl.gz; echo more) >more.gz; t more.gz
    mkdir folder; t folder
    t nowhere
    (printf '{"text": "fine"}\n{"text": "'; head -c 70000000 /dev/zero | tr '\0' x; printf '"}\n') >huge.jsonl; t huge.jsonl
    rm huge.jsonl
    : >empty.jsonl; tokenize -q --tokenizer bytes empty.jsonl -o x.rec; echo "$?"
    tokenize -q --tokenizer bytes --schema text empty.jsonl --to json; echo "empty: $?"
    printf '\n \n' | tokenize -q --tokenizer bytes --schema text --to json; echo "blank: $?"
} 2>&1
yes '{"text": "and so on"}' | tokenize -q --tokenizer bytes --schema text --to raw 2>&1 | head -c 1000 | wc -c
