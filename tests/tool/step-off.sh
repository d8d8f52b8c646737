# Pairs without a reference column, under adapters: their base says it with the adapters off, and the run is that of pairs
# with the column, byte for byte; another reference is not made up.
exec 2>&1
golden=$PWD/tests/golden
cd "$TMP" || exit 1
for w in ab cd ef gh ij kl; do echo "{\"prompt\": \"$w\", \"chosen\": \"${w}y\", \"rejected\": \"no\"}"; done |
    tokenize -q --tokenizer bytes --template none -o bare.rec
echo '{"prompt": "a", "completion": "bc"}' | tokenize -q --tokenizer bytes --template none --schema completion -o a.rec
mix -q --sft a.rec --steps 3 | step -q --threads 1 --init "$golden/models/nano.json" --lr 1e-2 --out base >/dev/null
evalc -q --threads 1 --task logprob --model base bare.rec -o with.rec
held='--held-pref bare.rec --allow-overlap --eval-every 4'
mix -q --pref bare.rec --rows-pref 3 --steps 8 --seed 1 $held >bare.steps
mix -q --pref with.rec --rows-pref 3 --steps 8 --seed 1 --held-pref with.rec --allow-overlap --eval-every 4 >with.steps
lora='--model base --lora-rank 2 --lora-dropout .1 --lr 1e-1 --micro-tokens 16'
go() {
    out=$1
    shift
    step -q --threads 1 --out "$out" "$@" >/dev/null
    echo "$?"
}
told() { mix --policy cat --to json "$1/metrics.rec" | sed '$d' | grep -v '"t":"header"'; }
same() {
    cmp "$1/latest/adapter_model.safetensors" "$2/latest/adapter_model.safetensors"
    told "$1" >one; told "$2" >two
    [ -s one ] && cmp one two
}
go bare $lora bare.steps
go with $lora with.steps
same bare with
told bare | sed -n 's/.*"i":0,.*"why":"\([a-z]*\)".*"rewards\/chosen":\([^,]*\),.*/\1 \2/p'
told bare | grep -c '"why":"update".*"rewards/chosen":[-0-9]*[.e]'

echo 'broken off'
mix -q --pref bare.rec --rows-pref 3 --steps 8 --seed 1 $held | step -q --threads 1 $lora --steps 5 --out broken >/dev/null
mix -q --pref bare.rec --rows-pref 3 --steps 8 --seed 1 $held --resume broken |
    step -q --threads 1 $lora --steps 8 --resume --out broken >/dev/null
same bare broken

echo 'some with'
for w in mn op; do echo "{\"prompt\": \"$w\", \"chosen\": \"${w}y\", \"rejected\": \"no\"}"; done |
    tokenize -q --tokenizer bytes --template none --source more -o bare2.rec
evalc -q --threads 1 --task logprob --model base bare2.rec -o with2.rec
mix -q --pref bare2.rec --pref with.rec --rows-pref 4 --steps 4 | go some $lora -
mix -q --pref with2.rec --pref with.rec --rows-pref 4 --steps 4 | go all $lora -
same some all

echo 'from an adapter'
go x --model bare bare.steps
rm -rf x
go on --model bare --ref base bare.steps
go on-with --model bare --ref base with.steps
same on on-with
go x --model base bare.steps
exit 0
