# Adapters: what cannot be meant is refused with 2, folders that are broken or another base's with 3, in one line that
# names the place; merged weights say what the adapters say; evalc finds the base, or is told it.
exec 2>&1
g=$PWD/tests/golden
cd "$TMP" || exit 1
echo '{"prompt": "a", "completion": "bc"}' | tokenize -q --tokenizer bytes --template none --schema completion -o a.rec
echo '{"prompt": "hello", "chosen": "there", "rejected": "you"}' | tokenize -q --tokenizer bytes --template none -o p.rec
mix -q --sft a.rec --steps 4 >4.rec
for c in nano nano-neox; do
    mix -q --sft a.rec --steps 2 | step -q --threads 1 --init "$g/models/$c.json" --lr 1e-2 --out base-$c >/dev/null
done
base=base-nano/latest

echo usage
try() { step -q --threads 1 --out x "$@" </dev/null; echo "$?"; }
try --model $base --lora-alpha 3
try --model $base --lora-rslora
try --model $base --lora-rank 0
try --model $base --lora-rank -1
try --model $base --lora-rank 2 --lora-dropout 1
try --init "$g/models/nano.json" --lora-rank 2
try --init "$g/models/nano.json" --adapter x
try --model $base --adapter x --lora-rank 2
try --model $base --adapter x --lora-targets q_proj
try --model $base --merge
try --model $base --merge --lr 1
try --model $base --merge --beta 1
try --model $base --merge 4.rec
[ -e x ] && echo 'something was started'
try --model $base --lora-rank 2 --lora-targets q_proj,,v_proj
try --model $base --lora-rank 2 --lora-targets q_proj,query
try --model base-nano-neox --lora-rank 2 --lora-targets q_proj
rm -rf x

echo training
go() { step -q --threads 1 --lr 1e-2 --to json "$@" 4.rec >told; echo "$?"; }
go --model $base --lora-rank 4 --lora-rslora --out run
mix --policy cat --to json run/timing.rec | sed -n 's/.*"trained_parameters":\([0-9]*\),"frozen_parameters":\([0-9]*\).*/\1 train, \2 stand still/p' | uniq
ls run/latest run/latest/state
go --model run --lora-rank 2 --out x
rm -rf x
loss() { evalc -q --threads 1 --task loss --to json "$@" a.rec | sed -n 's|.*"eval/sft/loss":\([^,]*\),.*|\1|p'; }
near() { awk -v a="$1" -v b="$2" 'BEGIN { d = a - b; print (a != "" && d < 1e-4 && d > -1e-4 ? "the same" : a " " b) }'; }
a=$(loss --model run)
[ "$a" = "$(loss --model base-nano --adapter run)" ] || echo 'named, the base is another'
[ "$a" = "$(loss --model base-nano)" ] && echo 'the adapter changed nothing'
step -q --threads 1 --model run --merge --out merged; echo "$?"
near "$a" "$(loss --model merged)"
step -q --threads 1 --model base-nano --adapter run/latest --merge --save-dtype bf16 --out half; echo "$?"
try --model run --merge --out merged
# a measurement of step's has the bits of evalc's
mix -q --sft a.rec --held-sft a.rec --allow-overlap --steps 1 | step -q --threads 1 --model run --out again --to json |
    sed -n '1s|.*"eval/sft/loss":\([^,}]*\).*|\1|p' >measured
[ "$a" = "$(cat measured)" ] || echo "step $(cat measured), evalc $a"
# pairs scored by the adapted model are refused for the base, and the other way round
evalc -q --threads 1 --task logprob --model run p.rec -o p.run.rec
evalc -q --threads 1 --task logprob --model base-nano p.rec -o p.base.rec
pref() { mix -q --pref "$1" --steps 1 >1.rec; shift; step -q --threads 1 --out p "$@" 1.rec >told; echo "$?"; rm -rf p; }
pref p.run.rec --model run
pref p.base.rec --model run --ref base-nano
pref p.base.rec --model base-nano --lora-rank 2
pref p.run.rec --model base-nano --lora-rank 2 2>&1 | sed 's/evalc.*//'
pref p.base.rec --model run 2>&1 | sed 's/evalc.*//'

echo broken
broken() { evalc -q --threads 1 --task loss "$@" a.rec; echo "$?"; }
fresh() { rm -rf bad; cp -r run/latest/ bad; }
fresh; head -c 1000 run/latest/adapter_model.safetensors >bad/adapter_model.safetensors; broken --model bad
fresh; head -c -8 run/latest/adapter_model.safetensors >bad/adapter_model.safetensors; broken --model bad
fresh; rm bad/adapter_model.safetensors; broken --model bad
fresh; echo '{' >bad/adapter_config.json; broken --model bad
fresh; sed -i 's/"r": 4/"r": 3/' bad/adapter_config.json; broken --model bad
fresh; sed -i 's/"use_dora": false/"use_dora": true/' bad/adapter_config.json; broken --model bad
fresh; sed -i 's/"v_proj",//' bad/adapter_config.json; broken --model bad
fresh; sed -i 's|"base_model[^,]*|"base_model_name_or_path": "somebody/base"|' bad/adapter_config.json; broken --model bad
broken --model base-nano-neox --adapter run 2>&1 | sed 's/weights [0-9a-f]*/weights X/; s/are [0-9a-f]*/are X/'
broken --model merged --adapter run 2>&1 | sed 's/weights [0-9a-f]*/weights X/; s/are [0-9a-f]*/are X/'
broken --model base-nano --adapter merged
broken --model run --adapter run
evalc --task pareto --adapter run </dev/null; echo "$?"
