# --recompute: the same bits in less memory, told by the peak of the process itself; --micro-tokens that would not fit
# otherwise.
golden=$PWD/tests/golden
cd "$TMP" || exit 1
sed 's/"num_hidden_layers": [0-9]*/"num_hidden_layers": 16/; s/"hidden_size": [0-9]*/"hidden_size": 64/
    s/"intermediate_size": [0-9]*/"intermediate_size": 256/' "$golden/models/nano.json" >config.json
for n in $(seq 40); do
    echo "{\"prompt\": \"what is $n and $n, if it is not less\", \"completion\": \"it is $((n + n)), as everybody knows\"}"
done | tokenize -q --tokenizer bytes --template none --schema completion -o a.rec
mix -q --sft a.rec --rows-sft 40 --steps 3 >s.rec
for how in none layers auto; do
    step -q --init config.json --recompute $how --out $how s.rec >/dev/null || echo "$how: $?"
    mix --policy cat --to json $how/timing.rec | sed -n 's/.*"peak_memory":\([0-9]*\),"recompute":"\([a-z]*\)".*/\1 \2/p' | tail -n 1 >$how.told
    cut -d ' ' -f 2 $how.told
    cmp none/latest/model.safetensors $how/latest/model.safetensors
    cmp none/latest/state/optim.safetensors $how/latest/state/optim.safetensors
done
# 16 layers of 2618 tokens, about 1000 numbers each: 170 MB, of which 11 are inputs
awk 'FNR == 1 { peak[FILENAME] = $1 } END { print (peak["layers.told"] > 0 && peak["layers.told"] + 120e6 < peak["none.told"] ? "less" : "no less") }' none.told layers.told
