# A stdin of any length in bounded memory; a stop ends the stream with 5; a full disk and a dead reader are told.
cd "$TMP" || exit 1
row='{"prompt": "How long is a piece of string?", "completion": "Twice as long as from its middle to its end."}'
mkfifo f
if [ "${MODE:-release}" != asan ]; then      # the sanitizer's own shadow is larger than any limit
    yes "$row" | head -n 100000 |
        (ulimit -v 150000; tokenize -q --tokenizer bytes --schema completion --to raw) >long.rec || echo "not in 150 MB"
    [ "$(wc -c <long.rec)" -gt 10000000 ] || echo "too little came out"
fi
(yes "$row" | head -n 50; exec sleep 5) >f &
writer=$!
tokenize -q --tokenizer bytes --schema completion f -o - --to raw >part.rec &
pid=$!
sleep .3
kill -TERM $pid
wait $pid
echo "stopped: $?"
mix --policy cat part.rec >/dev/null 2>&1
echo "its reader: $?"
kill $writer
yes "$row" | head -n 5000 | tokenize -q --tokenizer bytes --to raw >/dev/full
echo "full: $?"
