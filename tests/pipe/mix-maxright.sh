# MAXRIGHT as worked out by hand: losses 2 (1/2)^n and (1/2)^n, optima 0, lambda 1/2, refresh 4.
#
# 0: measured 2 and 1: sft, its rows are held.  1: 2 > 1: sft.  2: 1 = 1, a tie: sft.  3: 1/2 < 1: pref, stale by
# three steps, and its rows are still held.  4: measured 1/4 and 1/2: pref.  5: 1/4 < 1/2: pref.  6: 1/4 = 1/4: sft, the
# rows measured at 4.  7: still a tie.  8: measured 1/16 and 1/8: pref.  9: pref, for its own loss of step 8 was 1/8.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 400 0 a.rec
$rig rows pref 200 1000 b.rec
mkfifo fb
loop() { mix --policy maxright --sft a.rec --pref b.rec --feedback fb "$@" | $rig step --feedback fb --rate-sft 0.5 --rate-pref 0.5; }
loop --opt-sft 0 --opt-pref 0 --refresh 4 --steps 10
# one step later: decision 4 knows what was measured before update 3, and the loss of update 2
echo delay
loop --opt-sft 0 --opt-pref 0 --refresh 4 --steps 6 --delay 1
# a negative gap counts 0: sft is never trained once it is past its optimum
echo negative
loop --opt-sft 1.5 --opt-pref 0 --refresh 3 --steps 5
# the figures go along: gaps as they were compared, and how stale they are
echo figures
mix --policy maxright --sft a.rec --pref b.rec --feedback fb --steps 6 --refresh 4 -q | tee steps |
    $rig step --feedback fb --rate-sft 0.5 --rate-pref 0.5 -q
mix --policy cat --to json steps | sed -n 's/.*"mix":{\(.*stale_pref":[0-9]*\).*/\1/p'
