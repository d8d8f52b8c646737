# Whoever dies, and whenever: the whole pipe ends within a second, and the cause is told once.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 100 0 a.rec
$rig rows pref 50 1000 b.rec
mixer() { # a mix with its own FIFO, named for its case; its exit status is kept
    name=$1
    shift
    mix --policy maxright -q --sft a.rec --pref b.rec --steps 200 --refresh 3 --feedback "$name.fb" "$@"
    echo "mix $?" >"$name.mix"
}
now() { date +%s%N; }
# try NAME COMMAND: what was said, and who left how.  A second, and as much again for a busy machine
try() {
    mkfifo "$1.fb"
    from=$(now)
    (eval "$2") >/dev/null 2>"$1.err"
    echo "$1: step $?, $(cat "$1.mix")" >"$1.told"
    ms=$((($(now) - from) / 1000000))
    [ $ms -lt 2500 ] || echo "took $ms ms" >>"$1.told"
    # mix was waiting, and heard why step left, or writing, and left by SIGPIPE; only in the first case
    # can it say that step was cut off
    sed -i "/^\(early\|fails\|deaf\|never\|usage\|unended\|killed\|cut\|logged\):/s/mix [034]$/mix 141/" "$1.told"
    grep -v -e Killed -e Terminated -e 'd.fb: step was cut off' "$1.err" | sed 's/stdin:[0-9]*/stdin:N/' >>"$1.told"
}
step() {
    fb=$1.fb
    shift
    $rig step --feedback "$fb" -q "$@"
}
try never 'mixer never | false' &
try usage 'mixer usage | $rig step --nope' &
try early 'mixer early | step early --stop 5' &
try fails 'mixer fails | step fails --fail 5' &
try unended 'mixer unended | step unended --fail 5 --close' &
try killed 'mixer killed | step killed --die 5' &
try deaf 'mixer deaf | head -c 300' &
try filter 'mixer filter | mix --policy cat | step filter' &
try cut 'mixer cut | dd bs=1 count=9000 2>/dev/null | step cut' &
# mix itself, while step is at work
hit() { # NAME SIGNAL
    mkfifo "$1.in"
    {
        mix --policy maxright -q --sft a.rec --pref b.rec --steps 200 --feedback "$1.fb" >"$1.in" &
        mix=$!
        until [ -s "$1.run/metrics.rec" ]; do sleep 0.05; done
        sleep 0.1
        kill "-$2" $mix
        wait $mix
        echo "mix $?" >"$1.mix"
    } &
    step "$1" --wait 20 --out "$1.run" <"$1.in"
    st=$?
    wait
    return $st
}
try shot 'hit shot KILL' &
try asked 'hit asked TERM' &
# with a log mix ends it first
try logged 'mixer logged --log logged.rec | step logged --die 5' &
wait
for t in never usage early fails unended killed deaf filter cut shot asked logged; do cat $t.told; done
[ "$(mix --policy cat --to json logged.rec | grep -c update)" -ge 5 ] || echo 'the log is short'
