# --average: one model is itself, adapters are averaged as the weights they make, and what cannot be meant is refused.
exec 2>&1
golden=$PWD/tests/golden
cd "$TMP" || exit 1
echo '{"prompt": "a", "completion": "bc"}' | tokenize -q --tokenizer bytes --template none --schema completion -o a.rec
mix -q --sft a.rec --steps 4 >4.rec
step -q --threads 1 --init "$golden/models/nano.json" --lr 1e-2 --save-every 1 --out run 4.rec >told
step -q --threads 1 --init "$golden/models/nano-neox.json" --out other 4.rec >told
mean() { step -q --threads 1 "$@"; echo "$?"; }

mean --model run --average last=1 --out one
cmp run/latest/model.safetensors one/model.safetensors
mean --average run,run/latest,run/step-00000004 --out thrice
cmp one/model.safetensors thrice/model.safetensors
mean --model run --average last=2 --save-dtype bf16 --out half

echo adapters
for k in 1 2; do
    step -q --threads 1 --model run --lora-rank 2 --lr 1e-1 --seed $k --out adapted$k 4.rec >told
    step -q --threads 1 --model adapted$k --merge --out merged$k
done
mean --average adapted1,adapted2 --out both
mean --average merged1,merged2 --out plain
cmp both/model.safetensors plain/model.safetensors && echo 'the same'
cmp -s both/model.safetensors merged1/model.safetensors && echo 'only the first'

echo refused
mean --model run --average last=3 --out x
mean --model run --average last=0 --out x
mean --model run --average last=2.5 --out x
mean --model run --average last=two --out x
mean --average last=2 --out x
mean --model one --average last=1 --out x
mean --model run --average one,half --out x
mean --average one,,half --out x
mean --average one,nowhere --out x
mean --average one,other --out x
mean --average one,thrice
mean --average one,thrice --out both
mean --average one,thrice --out x --lr 1
mean --average one,thrice --out x 4.rec
mean --model adapted1 --average last=1 --merge --out x
printf 'x' | dd of=run/step-00000003/model.safetensors bs=1 seek=300 conv=notrunc 2>/dev/null
mean --model run --average last=2 --out x
[ -e x ] && echo 'something is left'
exit 0
