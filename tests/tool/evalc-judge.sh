# A judge on the command line: either order of every pair, ids or lines, at once or at the end; and judges that are no good
g=tests/golden/task-generate/model
awk 'BEGIN { for (i = 1; i <= 6; i++) printf "{\"prompt\": \"%d: why?\", \"answer\": \"%d\"}\n", i, i }' >"$TMP/p.jsonl"
tokenize -q --tokenizer bytes --template none --schema prompt "$TMP/p.jsonl" -o "$TMP/p.rec"
evalc --threads 1 --task generate --model $g --max-new-tokens 8 "$TMP/p.rec" -o "$TMP/eight.rec"
evalc --threads 1 --task generate --model $g --max-new-tokens 3 "$TMP/p.rec" -o "$TMP/three.rec"
win() { evalc --task win --to json --judge "$@" "$TMP/eight.rec" "$TMP/three.rec"; }
show() { tr ',}' '\n' | sed -n 's/^"eval\/win\/\(rate\|ties\|consistent\|shown_first\|pairs\)":/\1 /p' | tr '\n' ' '; echo; }
cat >"$TMP/longer" <<'END'
sed 's/^{"id":\([0-9]*\),.*"a":"\(.*\)","b":"\(.*\)"}$/\1\t\2\t\3/' |
    awk -F '\t' '{ printf "{\"id\": %d, \"winner\": \"%s\", \"why\": \"length\"}\n", $1, (length($2) > length($3) ? "a" : "b") }'
END
echo 'what it is asked'
win "tee '$TMP/asked' | sh '$TMP/longer'" | show
sed -n '1p;$p' "$TMP/asked" | sed 's/"a":.*","b":.*/"a":"...","b":"..."}/'
sed -n 's/.*"a":\(".*"\),"b":\(".*"\)}/\1 \2/p' "$TMP/asked" | awk '{ if (NR % 2) { a = $1; b = $2 } else print (a == $2 && b == $1 ? "turned" : "not turned") }' | sort | uniq -c | sed 's/^ *//'
echo 'the other way round, in any order, all at the end'
evalc --task win --to json --judge "sh '$TMP/longer' | sort -r" "$TMP/three.rec" "$TMP/eight.rec" | show
echo 'always the first, ties, and a score that is sure of itself by halves'
win "sed 's/.*/{\"winner\":\"a\"}/'" | show
win "sed 's/.*/{\"winner\":\"tie\"}/'" | show
win "sh '$TMP/longer' | sed 's/\"winner\": \"a\"/\"score\": 0.75/; s/\"winner\": \"b\"/\"score\": 0.25/'" | show
echo 'its items'
win "sh '$TMP/longer' | sed 's/: 3, \"winner\": \"b\"/: 3, \"winner\": \"a\"/'" --items "$TMP/items" >"$TMP/scores"
mix --policy cat --to json "$TMP/items" | sed 's/"id":"[0-9a-f]*",//'
echo 'judges that are no good'
exec 2>&1
bad() { win "$@" | cat; win "$@" >/dev/null 2>&1; echo "$?"; }
bad 'exit 3'
bad 'kill -9 $$'
bad 'head -n 5 >/dev/null'
bad 'cat'
bad 'echo no'
bad 'echo "{\"winner\": \"me\"}"; cat >/dev/null'
bad 'sed "s/.*/{\"score\": 1.5}/"'
bad 'sed "s/.*/{\"winner\": \"a\", \"score\": 1}/"'
bad 'sed "s/.*/{\"id\": 4, \"winner\": \"a\"}/"'
bad 'sed "s/.*/{\"id\": 99, \"winner\": \"a\"}/"'
bad 'sed "s/.*/{\"winner\": \"a\"}/;p" | cat'
bad 'cat >/dev/null; head -c 2000000 /dev/zero | tr "\0" x'
bad './no-such-judge 2>/dev/null'
echo 'asked to stop while it waits'
evalc --task win --judge "touch '$TMP/up'; exec sleep 60" "$TMP/eight.rec" "$TMP/three.rec" &
until [ -e "$TMP/up" ]; do sleep .05; done
kill -TERM $!
wait $!; echo $?
echo 'what cannot be'
j='sh -c true'
win "$j" --model $g; echo $?
win "$j" --ref $g; echo $?
win "$j" --beta 2; echo $?
win "$j" --tokenizer $g/none; echo $?
evalc --task win --model $g --ref $g --tokenizer bytes "$TMP/eight.rec" "$TMP/three.rec"; echo $?
evalc --task win --judge "$j" tests/golden/task-win/first.rec tests/golden/task-win/second.rec; echo $?
evalc --task win --to json --judge "sed 's/.*/{\"winner\":\"a\"}/'" "$TMP/eight.rec" tests/golden/task-win/second.rec; echo $?
evalc --task loss --judge "$j" --model $g "$TMP/p.rec"; echo $?
