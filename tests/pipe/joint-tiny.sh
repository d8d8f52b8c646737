# A whole study, very small: its table and page say what evalc says; started again it does nothing anew; killed in the
# middle and started again it ends with the same scores and weights; a plan makes no runs; another study is refused.
rows="$TMP/made rows"
sh pipelines/rows.sh "$rows"
for f in sft pref pretrain; do awk 'NR % 15 == 1' "$rows/$f.jsonl" >"$rows/$f.few.jsonl"; done
study() {                                              # study DIR ARG...: becomes joint.sh, so in a shell of its own
    dir=$1
    shift
    exec sh pipelines/joint.sh --out "$dir" --sft "$rows/sft.few.jsonl" --pref "$rows/pref.few.jsonl" --text "$rows/pretrain.few.jsonl" \
        --tokenizer bytes --template none --config tests/golden/models/nano.json --max-tokens 160 --held .1 --threads 1 \
        --pre-steps 8 --pre-rows 8 --pre-lr 3e-3 --steps 8 --evals 1 --rows-sft 6 --rows-pref 6 --lr 1e-3 --warmup 2 \
        --lambda .25,.50 "$@"
}
json() { mix --policy cat --to json "$1"; }

(study "$TMP/plan" --plan >"$TMP/out" 2>"$TMP/err") || cat "$TMP/err"
grep -o '12 runs of 8 batches' "$TMP/out"
grep -c 'warning: only .* held-out' "$TMP/err"
ls "$TMP/plan"

(study "$TMP/whole" --jobs 2 >"$TMP/out" 2>"$TMP/err") || cat "$TMP/err"
find "$TMP/whole" -name feedback -o -name .work
for m in 'SFT then DPO' 'DPO then SFT' mix ALRIGHT MAXRIGHT 'SFT only' 'DPO only' start reference; do
    echo "$m: $(grep -c "^$m " "$TMP/out") rows of the table, $(grep -c "<td>\(<span class=.m[0-9]*.>\)*$m<" "$TMP/whole/report/index.html") of the page"
done

run=$TMP/whole/seed-1/mix-0.5

# Every run answers the same few held-out prompts, as generate says, side by side on the page
evalc -q --threads 1 --task generate --model "$run" --tokenizer bytes --max-new-tokens 64 --to json "$TMP/whole/data/prompts.rec" |
    grep '"t":"gen"' >"$TMP/a"
json "$run/samples.rec" | grep '"t":"gen"' | cmp - "$TMP/a"
json "$TMP/whole/seed-1/start/samples.rec" | sed 's/.*"src":"\([a-z]*\).*/\1/' | sort | uniq -c | tr -s ' '
find "$TMP/whole" -name samples.rec | grep -c .
sed -n '/<h2>Samples/,/<.section>/p' "$TMP/whole/report/index.html" | grep -o '<td class="said">Q:\|<td class="said">' | sort | uniq -c | tr -s ' '

# What evalc says of a run is what the table says: both losses, and T/2 updates of mix
evalc -q --threads 1 --task loss,preference --model "$run" --to json "$TMP/whole/data/sft.held.rec" "$TMP/whole/seed-1/ref/pref.held.rec" >"$TMP/evalc"
said() { sed -n 's|.*"'"$1"'":\(-*[0-9.e+-]*\)[,}].*|\1|p' "$TMP/evalc"; }
awk -F , -v a="$(said eval/sft/loss)" -v b="$(said eval/pref/loss)" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
    $1 == "mix" && $2 == .5 {
        s = $at["eval/sft/loss"]; p = $at["eval/pref/loss"]
        if (s != sprintf("%.9g", a) || p != sprintf("%.9g", b)) print "the table says", s, p, "and evalc", a, b
        print $at["updates"], "updates of", $at["rows"], "rows" }' "$TMP/whole/report/means.csv"

# Nothing is done anew
find "$TMP/whole" -path "$TMP/whole/report" -prune -o -type f -name '*.rec' -exec cksum {} + | sort >"$TMP/before"
(study "$TMP/whole" >"$TMP/out" 2>"$TMP/err") || cat "$TMP/err"
grep '^\[' "$TMP/err"
find "$TMP/whole" -path "$TMP/whole/report" -prune -o -type f -name '*.rec' -exec cksum {} + | sort | cmp - "$TMP/before"

# Ended by a signal, then killed, and both times the same command goes on
until_seen() { tries=0; until [ -e "$1" ]; do sleep .05; tries=$((tries + 1)); [ $tries -lt 400 ] || break; done; }
study "$TMP/cut" >"$TMP/out" 2>"$TMP/err" &
until_seen "$TMP/cut/seed-1/sft-pref-0.25/metrics.rec"
kill -TERM $!
wait $!
echo "stopped: $?"
grep 'joint.sh' "$TMP/err"
study "$TMP/cut" >"$TMP/out" 2>"$TMP/err" &
until_seen "$TMP/cut/seed-1/maxright-0.25/metrics.rec"
kill -KILL $!
wait $! 2>"$TMP/null"
flock "$TMP/cut/.lock" true
(study "$TMP/cut" --jobs 2 >"$TMP/out" 2>"$TMP/err") || cat "$TMP/err"
for run in "$TMP"/whole/seed-1/*/; do
    name=$(basename "$run")
    [ ! -d "$run/latest" ] || cmp "$run/latest/model.safetensors" "$TMP/cut/seed-1/$name/latest/model.safetensors"
    for f in metrics scores samples; do
        [ -f "$run/$f.rec" ] || continue
        json "$run/$f.rec" | sed 's/"seconds":[0-9.]*//; s/"model":"[^"]*"//' >"$TMP/a"
        json "$TMP/cut/seed-1/$name/$f.rec" | sed 's/"seconds":[0-9.]*//; s/"model":"[^"]*"//' >"$TMP/b"
        cmp "$TMP/a" "$TMP/b"
    done
done

(study "$TMP/whole" --lr 2e-3) 2>&1
echo "other settings: $?"
