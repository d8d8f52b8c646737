# A signal ends the run after its update, everything saved, with 5; the same command goes on to the same bytes.
. tests/pipe/tiny
tiny 60
mix="mix -q --policy alright --sft $TMP/sft.rec --pref $TMP/pref.rec --rows-sft 4 --rows-pref 4 --steps 12"
step="step -q --threads 1 --model $base --lr 3e-3 --save-every 0"
$mix | $step --out "$TMP/whole" >"$TMP/null"
mkfifo "$TMP/slow"
for signal in TERM INT USR1; do
    run=$TMP/$signal
    (
        trap - INT
        $mix --resume "$run" | head -c 3000 >"$TMP/slow.start"
        exec 3>"$TMP/slow"
        cat "$TMP/slow.start" >&3                          # some steps and a piece of one, then nothing for a while
        sleep 20
    ) &
    writer=$!
    sh -c 'trap - INT; exec "$@"' - $step --out "$run" --resume "$TMP/slow" >"$TMP/null" 2>"$TMP/err" &
    pid=$!
    tries=0
    until [ -s "$run/metrics.rec" ] && [ "$(wc -c <"$run/metrics.rec")" -gt 1200 ]; do
        sleep 0.02; tries=$((tries + 1)); [ $tries -lt 500 ] || break
    done
    kill -$signal $pid
    wait $pid
    echo "$signal $? $(cat "$TMP/err")"
    kill $writer 2>"$TMP/null"
    wait $writer 2>"$TMP/null"
    [ -e "$run/latest" ] || echo 'nothing saved'
    $mix --resume "$run" | $step --out "$run" --resume >"$TMP/null" || echo "resumed: $?"
    cmp "$run/latest/model.safetensors" "$TMP/whole/latest/model.safetensors"
done
