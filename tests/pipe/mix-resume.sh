# A run broken at any step and gone on with is the unbroken one: metrics, decisions and rows, under
# every policy.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 100 0 a.rec
$rig rows text 30 200 t.raw
$rig rows pref 50 1000 b.rec
$rig rows sft 8 500 ha.rec
$rig rows pref 8 2000 hb.rec
records() { mix --policy cat --to json "$1"; }
decisions() { records "$1" | sed 's/"use":[a-z]*,//; s/,"step":.*//'; }
# The rows trained on, in order
rows() { grep update "$@" | sed 's/^[^:]*://; s/ use//; s/ n [0-9]*//'; }
# run FOLDER MIX-OPTIONS STEP-OPTIONS under $policy
run() {
    case $policy in maxright*) fb="--feedback $1.fb"; [ -p $1.fb ] || mkfifo $1.fb ;; *) fb= ;; esac
    mix --policy $policy $fb --sft a.rec:2 --sft t.raw --pref b.rec --steps 16 --rows-sft 5 --rows-pref 3 \
        --held-sft ha.rec --held-pref hb.rec --eval-every 7 --log $1.log $2 2>$1.mix |
        $rig step $fb --out $1 --rows $3 2>$1.step
}
broken() { # N K: policy N, broken after update K
    run $1.$2 "" "--save $2 --die $2" >$1.$2.one
    run $1.$2 "--resume $1.$2" --resume >$1.$2.two ||
        echo "$policy, $2: the resume ends with $?: $(cat $1.$2.mix $1.$2.step)"
    records $1.$2/metrics.rec | cmp $1.metrics - || echo "$policy, $2: metrics differ"
    decisions $1.$2.log | cmp $1.decisions - || echo "$policy, $2: decisions differ"
    rows $1.$2.one $1.$2.two | cmp $1.rows - || echo "$policy, $2: rows differ"
}
n=0
while read -r policy; do
    {
        run $n >$n.txt
        records $n/metrics.rec >$n.metrics
        decisions $n.log >$n.decisions
        rows $n.txt /dev/null >$n.rows
        for k in 1 4 7 11 15; do broken $n $k & done
        wait
    } 2>/dev/null &
    n=$((n + 1))
done <<END
maxright -q --refresh 3 --opt-sft .5 --opt-pref .1
maxright -q --refresh 3 --delay 1 --refresh-rows 2 --opt-sft .5 --opt-pref .1
maxright -q --refresh 1 --delay 3 --epsilon .3 --lambda .3
alright --lambda .4
sequential --order pref,sft
weighted
mix
END
wait
wc -l <0.metrics
# A first start finds nothing to resume; another command is refused by name
policy=alright
run fresh "--resume fresh" --resume | wc -l
run early "" "--save 3 --die 3" >early.txt 2>/dev/null
for other in "--seed 4" "--lambda 0.9" "--rows-sft 6" "--policy weighted" "--sft t.raw" "--held-rows 2"; do
    mix --policy $policy --sft a.rec:2 --sft t.raw --pref b.rec --steps 16 --rows-sft 5 --rows-pref 3 \
        --held-sft ha.rec --held-pref hb.rec --eval-every 7 --resume early $other 2>&1
done
# what shapes nothing may change: more steps
run early "--resume early --steps 18" --resume | tail -n 1
