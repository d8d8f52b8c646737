# TERM, INT and USR1 end a run that waits for rows: status 5, no result, and at once.
g=tests/golden
mkfifo "$TMP/in"
for signal in TERM INT USR1; do
    { head -c 700 $g/task-logprob/rows.rec; exec sleep 20; } >"$TMP/in" &     # stays open behind the first rows
    writer=$!
    evalc --threads 1 --task logprob --model $g/task-model/policy -o "$TMP/ref.rec" "$TMP/in" &
    pid=$!
    sleep 0.2
    kill -$signal $pid
    wait $pid
    echo "$signal $?"
    kill $writer
    [ ! -e "$TMP/ref.rec" ] || echo 'a result of a stopped run'
done
