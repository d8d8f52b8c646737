# Adapters, killed and resumed: to the bits of a run that was never broken, with dropout and losses fed back, and with
# exact values beside half ones; moments are of adapters alone; other options of theirs are refused.
. tests/pipe/tiny
tiny 60
data="--sft $TMP/sft.rec --pref $TMP/pref.rec --rows-sft 4 --rows-pref 4 --steps 12 --seed 5"
mkfifo "$TMP/fb"

# go RUN N: the run, killed once metrics.rec has about N records; N 0: to its end
go() {
    fb= run=$TMP/$1
    [ "$policy" = maxright ] && fb="--feedback $TMP/fb"
    {
        mix -q --policy "$policy" $extra $data $fb --resume "$run" 2>"$TMP/mix.err" |
            sh -c 'echo $$ >"$0"; exec "$@"' "$TMP/pid" step -q --threads 1 --model "$base" --lr 1e-2 \
                --save-every 3 --resume $train $fb --out "$run" 2>"$TMP/err"
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

for policy in sequential maxright; do
    extra= runs=0 train="--lora-rank 4 --lora-targets q_proj,v_proj,down_proj --save-dtype bf16"
    [ $policy = maxright ] && extra="--opt-sft 1 --opt-pref 0.1 --refresh 4" train="--lora-rank 4 --lora-dropout .2"
    go "whole-$policy" 0
    [ $status = 0 ] || echo "$policy: $status $(cat "$TMP/err")"
    for k in 4 9 13; do
        rm -rf "$TMP/run"
        go run $k
        [ $status = 137 ] && runs=$((runs + 1))
        while [ $status = 137 ]; do go run 0; done
        [ $status = 0 ] || { echo "$policy $k: $status $(cat "$TMP/err")"; continue; }
        for file in latest/adapter_model.safetensors latest/state/optim.safetensors metrics.rec; do
            cmp "$TMP/run/$file" "$TMP/whole-$policy/$file" >"$TMP/differ" && continue
            # commands in the header name the folder; the records must be the same
            mix --policy cat --to json "$TMP/run/$file" >"$TMP/a" 2>"$TMP/null" &&
                mix --policy cat --to json "$TMP/whole-$policy/$file" >"$TMP/b" && [ -s "$TMP/a" ] &&
                cmp -s "$TMP/a" "$TMP/b" || echo "$policy $k: $(cat "$TMP/differ")"
        done
    done
    [ $runs -gt 0 ] || echo "$policy: never caught alive"
done

# two moments and no more, each of the adapters' own size
a=$(wc -c <"$TMP/whole-maxright/latest/adapter_model.safetensors") o=$(wc -c <"$TMP/whole-maxright/latest/state/optim.safetensors")
[ "$o" -gt "$a" ] && [ "$o" -lt $((3 * a)) ] || echo "adapters $a, moments $o"

policy=maxright data="$data --steps 14"
for train in "--lora-rank 4" "--lora-rank 8 --lora-dropout .2" "--lora-rank 4 --lora-dropout .2 --seed 2" \
    "--lora-rank 4 --lora-dropout .2 --lora-rslora" ""; do
    go whole-maxright 0
    echo "$status $(sed "s/began with.*;/began with ...;/" "$TMP/err")"
done
train="--lora-rank 4 --lora-dropout .2 --steps 14" base=$TMP/other
cp -r "$TMP/from/latest/" "$base" && printf '\001' | dd of="$base/model.safetensors" bs=1 seek=2000 conv=notrunc 2>"$TMP/null"
go whole-maxright 0
echo "$status $(sed 's/weights [0-9a-f]*/weights X/; s/are [0-9a-f]*/are X/' "$TMP/err")"
