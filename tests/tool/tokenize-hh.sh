# G02. Over real transcripts no role marker is ever trained, and every prompt ends before an answer.
D=../shared/data/pref/hh-harmless-2312.jsonl.gz
[ -r "$D" ] || { echo "skipped: no $D" >"$TMP/skip"; exit 0; }
tokenize -q --tokenizer bytes -n 100k --lenient --show 100000 "$D" >"$TMP/shown" 2>"$TMP/err"
cat "$TMP/err"
grep -c '^== ' "$TMP/shown"
tr '\n' '\001' <"$TMP/shown" | sed 's/{+/\n{+/g; s/+}/+}\n/g' | grep '^{+' >"$TMP/trained"
wc -l <"$TMP/trained"
grep -c "$(printf '\001\001')"'\(Human\|Assistant\):' "$TMP/trained"
tr '\n' '\001' <"$TMP/shown" | sed 's/-- chosen/\n-- chosen/g' | grep -c "Assistant:$(printf '\001')\$"
