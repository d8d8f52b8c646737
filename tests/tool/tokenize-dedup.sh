# --dedup: the first of equal texts stays, in the order of the run; kind, roles and texts count, other columns do not.
cd "$TMP" || exit 1
cat >a.jsonl <<'END'
{"prompt": "one", "completion": "1", "n": 1}
{"prompt": "two", "completion": "2"}
{"completion": "1", "prompt": "\u006fne", "n": 2}
{"prompt": "on", "completion": "e1"}
END
cat >b.jsonl <<'END'
{"messages": [{"role": "user", "content": "two"}, {"role": "assistant", "content": "2"}]}
{"messages": [{"role": "system", "content": "two"}, {"role": "assistant", "content": "2"}]}
{"messages": [{"role": "user", "content": "three"}, {"role": "assistant", "content": ""}]}
{"messages": [{"role": "user", "content": "three"}, {"role": "assistant", "content": ""}]}
END
t() { tokenize -q --tokenizer bytes --template plain --dedup "$@"; }
t --show 9 a.jsonl b.jsonl --lenient 2>&1
echo "== without"
tokenize -q --tokenizer bytes --template plain --to json a.jsonl | wc -l
echo "== a split leaves out its other part first"
for part in train held; do t --split $part --held .5 --to json a.jsonl a.jsonl; done | wc -l
echo "== a chosen side is a text of its own"
printf '{"prompt": "p", "chosen": "c", "rejected": "%s"}\n' r s | t --side chosen --show 9 2>&1
