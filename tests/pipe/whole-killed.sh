# The loop with feedback: whoever is killed, and whenever, all end within seconds, the cause is told once, and both go on
# from the last checkpoint to the bytes of a run that nobody broke.
. tests/pipe/tiny
tiny 80
mkfifo "$TMP/fb"
mix="mix -q --policy maxright --lambda 0.5 --opt-sft 1 --opt-pref 0.1 --refresh 3 --rows-sft 4 --rows-pref 4 --steps 60"
mix="$mix --sft $TMP/sft.rec --pref $TMP/pref.rec"
step="step -q --threads 1 --model $base --lr 3e-3 --save-every 15"
json() { mix --policy cat --to json "$1"; }

$mix --feedback "$TMP/fb" | $step --feedback "$TMP/fb" --out "$TMP/whole" >"$TMP/null" || echo "whole: $?"

# loop RUN: the loop in a shell of its own, mix | cat | step, their ids in files; its status into RUN.status
loop() {
    run=$TMP/$1
    (
        sh -c 'echo $$ >'"$run.mix; exec $mix --feedback $TMP/fb --resume $run" 2>"$run.mix.err" |
            sh -c 'echo $$ >'"$run.cat; exec cat" |
            sh -c 'echo $$ >'"$run.step; exec $step --feedback $TMP/fb --resume --out $run" >"$TMP/null" 2>"$run.step.err"
        echo $? >"$run.status"
    ) 2>"$TMP/null" &
    loop=$!
}

# within SECONDS COMMAND...: true as soon as the command is
within() {
    tries=$(($1 * 50)); shift
    until "$@"; do
        tries=$((tries - 1))
        [ $tries -gt 0 ] || return 1
        sleep 0.02
    done
}
grown() { [ -s "$TMP/$1/metrics.rec" ] && [ "$(wc -c <"$TMP/$1/metrics.rec")" -gt 3000 ]; }
over() { [ -s "$TMP/$1.status" ]; }

for victim in mix cat step; do
    loop $victim
    within 10 grown $victim || echo "$victim: nothing trained"
    kill -9 "$(cat "$TMP/$victim.$victim")"
    within 5 over $victim || echo "$victim killed: the others still run"
    wait $loop
    echo "$victim killed: step ends with $(cat "$TMP/$victim.status")," \
        "$(cat "$TMP/$victim.mix.err" "$TMP/$victim.step.err" | grep -c .) lines said"
    rm -f "$TMP/$victim.status"
    loop $victim
    within 20 over $victim || echo "$victim: not resumed"
    wait $loop
    echo "resumed: $(cat "$TMP/$victim.status")"
    cat "$TMP/$victim.mix.err" "$TMP/$victim.step.err"
    cmp "$TMP/$victim/latest/model.safetensors" "$TMP/whole/latest/model.safetensors"
    json "$TMP/whole/metrics.rec" >"$TMP/a"
    json "$TMP/$victim/metrics.rec" >"$TMP/b"
    cmp "$TMP/a" "$TMP/b"
done
