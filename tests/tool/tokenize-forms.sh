# One row is one record however it comes: lines, an array, compressed, by stdin, with a byte order mark or DOS line ends.
cd "$TMP" || exit 1
printf '{"text": "one"}\n{"text": "two, \\u00e9"}\n\n  {"text": "three"}' >a.jsonl
printf ' [ {"text": "one"},\n{"text":\n"two, \\u00e9"} , {"text": "three"}]\n' >a.json
printf 'one\ntwo, \303\251\n\nthree\n' >a.txt
t() { tokenize -q --tokenizer bytes --source s --to json "$@"; }
t a.jsonl >want
cat want
gzip -k a.jsonl
zstd -q a.json
sed 's/$/\r/' a.jsonl >dos.jsonl
(printf '\357\273\277'; cat a.jsonl) >bom.jsonl
for f in a.json a.txt a.jsonl.gz a.json.zst dos.jsonl bom.jsonl; do t $f | cmp - want; done
t <a.jsonl.gz | cmp - want
t - <a.json | cmp - want
(t a.json; t a.txt) | cmp - "$(t a.json a.txt >two; echo two)"
printf '%s' '[{"text": "a \"]}, {\\"}, {"text": "b"}]' | t
printf '[1, 2]\n' | t 2>&1
printf '[]' | t --schema text | cmp - /dev/null
printf '[{"text": "a"}' | t 2>&1
printf '[{"text": "a"},]' | t 2>&1
printf '[{"text": "a"}\n {"text": "b"}]' | t 2>&1
printf '[{"text": "a"}]\nx' | t 2>&1
printf '[{"text": "a"},\n {"text": "b\\q"}, {"text": "c"}]' | t --lenient 2>&1
printf '{"text":\n "a"}\n' | t 2>&1
printf '{"text": "a"}\n{"text": "cut' | t --lenient 2>&1
printf '' | t 2>&1
