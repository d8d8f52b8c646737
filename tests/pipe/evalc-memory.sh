# A stream of any length passes through logprob in bounded memory, in order, and comes out while it still goes in.
g=tests/golden
m=$g/task-model/policy
many() {
    n=0
    while [ $n -lt 400 ]; do
        cat $g/task-preference/rows.rec $g/task-preference/rows.rec $g/task-preference/rows.rec $g/task-preference/rows.rec
        n=$((n + 1))
    done
}
mkfifo "$TMP/in" "$TMP/out"
many >"$TMP/in" &
evalc --task logprob --model $m --micro-tokens 64 --threads 1 -o "$TMP/out" "$TMP/in" &
pid=$!
evalc --task preference --model $m --items "$TMP/items" --micro-tokens 64 --threads 1 --to json "$TMP/out" |
    sed 's/.*"eval\/rewards\/margins":\([^,]*\),.*"eval\/pref\/rows":\([^,]*\),.*/margins \1 of \2 rows/' &
peak=0
while kill -0 $pid 2>/dev/null && [ -r /proc/$pid/status ]; do
    now=$(sed -n 's/^VmHWM: *\([0-9]*\) kB/\1/p' /proc/$pid/status 2>/dev/null)
    [ "${now:-0}" -gt $peak ] && peak=$now
    sleep 0.05
done
wait
# 8,000 rows; what a window and a tiny model take, with room for a sanitiser's shadow
[ $peak -lt 200000 ] || echo "peak $peak kB"
