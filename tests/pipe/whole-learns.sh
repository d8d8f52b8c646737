# From rows to scores: both held-out losses fall, and step's own measurements are evalc's figures.
. tests/pipe/tiny
tiny 120
data="--sft $TMP/sft.rec --pref $TMP/pref.rec --rows-sft 8 --rows-pref 8"
mix -q --policy mix $data --held-sft "$TMP/sft.rec" --held-pref "$TMP/pref.rec" --allow-overlap --steps 30 |
    step -q --threads 1 --model "$base" --lr 1e-2 --beta 0.1 --out "$TMP/run" --to json >"$TMP/metrics" || echo "training ends with $?"

for model in "$base" "$TMP/run"; do
    evalc -q --threads 1 --task loss,preference --model "$model" --ref "$base" --to json "$TMP/sft.rec" "$TMP/pref.rec"
done >"$TMP/scores"

# the measurements before the first and after the last update, beside evalc's figures of the two models
for name in eval/sft/loss eval/mean_token_accuracy eval/pref/loss eval/rewards/accuracies eval/rewards/margins eval/policy_accuracy eval/logps/chosen; do
    number $name <"$TMP/scores" >"$TMP/theirs"
    number $name <"$TMP/metrics" | sed -n '1p;$p' >"$TMP/ours"
    paste "$TMP/ours" "$TMP/theirs" | awk -v name=$name '
        { off = $1 - $2; if (off < 0) off = -off; if (!(off <= 1e-12 * (1 + ($2 < 0 ? -$2 : $2)))) print name ": step says " $1 ", evalc " $2; n++ }
        END { if (n != 2) print name ": " n + 0 " measurements" }'
done

awk 'NR == 1 { s = $1; p = $2; a = $3 } NR == 2 {
    if (!(s - $1 > 1)) print "sft loss from " s " to " $1
    if (!(p - $2 > 0.3)) print "preference loss from " p " to " $2
    if (!($3 > 0.95)) print "policy accuracy from " a " to " $3
}' <<END
$(sed -n 1p "$TMP/scores" | number eval/sft/loss) $(sed -n 1p "$TMP/scores" | number eval/pref/loss) $(sed -n 1p "$TMP/scores" | number eval/policy_accuracy)
$(sed -n 2p "$TMP/scores" | number eval/sft/loss) $(sed -n 2p "$TMP/scores" | number eval/pref/loss) $(sed -n 2p "$TMP/scores" | number eval/policy_accuracy)
END
