# The loop with a neighbour that does not play: every end comes by itself, the status is the last program's, and no
# cause is told twice.
. tests/pipe/tiny
tiny 40
mkfifo "$TMP/fb"
data="--sft $TMP/sft.rec --pref $TMP/pref.rec --rows-sft 4 --rows-pref 4"
run() {                                                # run NAME MIX-ARGUMENTS -- STEP-ARGUMENTS
    name=$1 mix= ; shift
    while [ "$1" != -- ]; do mix="$mix $1"; shift; done
    shift
    timeout 20 sh -c "mix -q --policy maxright --opt-sft 1 --opt-pref 0.1 $mix 2>$TMP/mix.err | \"\$@\" >$TMP/null 2>$TMP/step.err" - "$@"
    echo "$name: $?"
    sed 's/:.*//' "$TMP/mix.err" "$TMP/step.err"
}
step="step -q --threads 1 --model $base"
run 'all is well'           $data --steps 4 --feedback "$TMP/fb" -- $step --feedback "$TMP/fb" --out "$TMP/a"
run 'step has enough'       $data --feedback "$TMP/fb" --steps 400 -- $step --feedback "$TMP/fb" --out "$TMP/b" --steps 3
run 'mix is misused'        $data --no-such-option -- $step --feedback "$TMP/fb" --out "$TMP/c"
run 'step is misused'       $data --steps 4 --feedback "$TMP/fb" -- $step --no-such-option --out "$TMP/d"
run 'mix does not listen'   $data --steps 4 -- $step --feedback "$TMP/fb" --out "$TMP/f"
run 'no rows'               --sft "$TMP/none.rec" --pref "$TMP/pref.rec" --feedback "$TMP/fb" -- $step --feedback "$TMP/fb" --out "$TMP/g"
run 'step cannot write'     $data --steps 4 --feedback "$TMP/fb" -- $step --feedback "$TMP/fb" --out /dev/null/h
