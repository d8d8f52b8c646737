# Labels from rows to a trained model: tokenize, the reference with mismatched completions, mix with feedback and held-out
# rows, step by kto.  Where the policy is the reference rewards and baseline are 0; packs change what is told by rounding
# alone; a broken run is resumed to the same bits; good answers gain on bad ones.
. tests/pipe/tiny
tiny 60
sed 's/{"prompt": \("[^"]*"\), "chosen": \("[^"]*"\), "rejected": \("[^"]*"\)}/{"prompt": \1, "completion": \2, "label": true}\
{"prompt": \1, "completion": \3, "label": false}/' "$TMP/pairs.jsonl" >"$TMP/labels.jsonl"
tokenize -q --tokenizer bytes --schema kto "$TMP/labels.jsonl" -o "$TMP/raw.rec"
evalc -q --task logprob --model "$base" "$TMP/raw.rec" -o "$TMP/label.rec"
mkfifo "$TMP/fb"
data="--sft $TMP/sft.rec --pref $TMP/label.rec --rows-sft 4 --rows-pref 8 --seed 5"

# go RUN STEPS OPTION...
go() {
    run=$TMP/$1 n=$2
    shift 2
    mix -q --policy maxright --opt-sft 2 --opt-pref 0.1 --refresh 3 --steps 12 $data --held-pref "$TMP/label.rec" --eval-every 6 --allow-overlap \
        --feedback "$TMP/fb" --resume "$run" 2>"$TMP/mix.err" |
        step -q --model "$base" --pref-loss kto --sft-loss dft --undesirable-weight 1.2 --beta 0.5 --lr 1e-2 --neftune-alpha 5 --feedback "$TMP/fb" \
            --steps "$n" --save-every 2 --resume --out "$run" --to json "$@" 2>"$TMP/err" || cat "$TMP/err"
}

go whole 12 >"$TMP/whole.json"
grep '"obj":"pref","why":"refresh"' "$TMP/whole.json" | sed 1q | tr ',' '\n' | grep '"rewards\|"kl\|"pref/loss'
grep '"why":"eval"' "$TMP/whole.json" | tr ',' '\n' | sed -n 's/"\(eval[^"]*\)":.*/\1/p' | sort | uniq -c | awk '{ print $1, $2 }'
number eval/rewards/margins <"$TMP/whole.json" | awk '{ v = $1 } NR == 1 { print (v == 0 ? "nothing yet" : v) } END { print (v > 0.2 ? "learned" : v) }'
number eval/kl <"$TMP/whole.json" | awk '{ print ($1 > 0 ? "a baseline" : $1) }'

go broken 5 >"$TMP/null"
go broken 12 >>"$TMP/null"
for file in latest/model.safetensors latest/state/optim.safetensors; do cmp "$TMP/whole/$file" "$TMP/broken/$file"; done
for r in whole broken; do mix --policy cat --to json "$TMP/$r/metrics.rec" >"$TMP/$r.metrics"; done
cmp "$TMP/whole.metrics" "$TMP/broken.metrics"

go small 12 --micro-tokens 64 --threads 1 >"$TMP/small.json"
for f in pref/loss sft/loss sft/nll rewards/chosen rewards/rejected kl entropy pref/entropy; do
    number "$f" <"$TMP/whole.json" >"$TMP/a" && number "$f" <"$TMP/small.json" | paste -d ' ' "$TMP/a" - |
        awk -v f="$f" '{ d = $1 - $2; if (d < 0) d = -d; if (!(NF == 2 && d <= 1e-4 * (1 + ($1 < 0 ? -$1 : $1)))) bad = bad " " $0 }
            END { print f, (NR < 4 || bad ? NR bad : "near") }'
done
# the same held-out rows, scored by evalc: good answers up, bad ones down
evalc -q --task label --model "$TMP/whole" --ref "$base" --beta 0.5 "$TMP/label.rec" --to json >"$TMP/score"
for pair in eval/label/rewards/chosen:eval/rewards/chosen eval/label/rewards/margins:eval/rewards/margins eval/label/kl:eval/kl; do
    number "${pair#*:}" <"$TMP/whole.json" | tail -n 1 >"$TMP/a"
    number "${pair%:*}" <"$TMP/score" | paste -d ' ' "$TMP/a" - |
        awk -v p="$pair" '{ d = $1 - $2; if (d < 0) d = -d; print p, (NF == 2 && d <= 1e-9 ? "the same" : $0) }'
done
