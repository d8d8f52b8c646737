# N updates are k updates, a kill -9, and a resume: to the same weights, moments and metrics, for any k, under policies
# with and without losses fed back.  The killed run saves after every third update, so it is cut in its midst.
. tests/pipe/tiny
tiny 60
data="--sft $TMP/sft.rec --pref $TMP/pref.rec --rows-sft 4 --rows-pref 4 --steps 18 --seed 5"
held="--held-sft $TMP/sft.rec --held-pref $TMP/pref.rec --allow-overlap --held-rows 6 --eval-every 6"
train="step -q --threads 1 --model $base --lr 3e-3 --warmup 4 --save-every 3 --resume"
mkfifo "$TMP/fb"

# go RUN N: the run, killed once metrics.rec has about N records; N 0: to its end
go() {
    fb= run=$TMP/$1
    [ "$policy" = maxright ] && fb="--feedback $TMP/fb"
    {
        mix -q --policy "$policy" $extra $data $held $fb --resume "$run" 2>"$TMP/mix.err" |
            sh -c 'echo $$ >"$0"; exec "$@"' "$TMP/pid" $train $fb --out "$run" 2>"$TMP/err"
    } >"$TMP/null" 2>"$TMP/null" &
    job=$!
    while [ "$2" -gt 0 ] && kill -0 $job; do
        [ -s "$run/metrics.rec" ] && [ "$(wc -c <"$run/metrics.rec")" -gt $((700 + $2 * 330)) ] &&
            kill -9 "$(cat "$TMP/pid")" && break
        sleep 0.01
    done 2>"$TMP/null"
    wait $job
    status=$?
}

for policy in alright sequential maxright; do
    extra= runs=0
    [ $policy = maxright ] && extra="--opt-sft 1 --opt-pref 0.1 --refresh 4"
    go "whole-$policy" 0
    [ $status = 0 ] || echo "$policy: $status $(cat "$TMP/err")"
    for k in 3 9 15 21 25; do
        rm -rf "$TMP/run"
        go run $k
        [ $status = 137 ] && runs=$((runs + 1))
        while [ $status = 137 ]; do go run 0; done
        [ $status = 0 ] || { echo "$policy $k: $status $(cat "$TMP/err")"; continue; }
        for file in latest/model.safetensors latest/state/optim.safetensors metrics.rec; do
            cmp "$TMP/run/$file" "$TMP/whole-$policy/$file" >"$TMP/differ" && continue
            # commands in the header name the folder; the records must be the same
            mix --policy cat --to json "$TMP/run/$file" >"$TMP/a" 2>"$TMP/null" &&
                mix --policy cat --to json "$TMP/whole-$policy/$file" >"$TMP/b" && [ -s "$TMP/a" ] &&
                cmp -s "$TMP/a" "$TMP/b" || echo "$policy $k: $(cat "$TMP/differ")"
        done
    done
    [ $runs -gt 0 ] || echo "$policy: never caught alive"
done
