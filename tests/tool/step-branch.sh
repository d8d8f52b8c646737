# A branch of a run with another schedule has the weights of a run that had that schedule from the start; the same
# command again finds it finished.  A checkpoint without what the branch trains is refused by the option that asks for it,
# a mixer's state of another form by its number.
cd "$TMP" || exit 1
for i in 1 2 3 4 5 6 7; do echo "{\"prompt\": \"a$i\", \"completion\": \"bc$i\"}"; done >rows.jsonl
tokenize -q --tokenizer bytes --template none --schema completion rows.jsonl -o a.rec
cp "$OLDPWD/tests/golden/models/nano.json" config.json
rows() { mix -q --sft a.rec --rows-sft 2 --steps 8 "$@"; }
train() { step -q --threads 1 --lr 1e-2 "$@" >/dev/null; }
wsd="--schedule wsd --decay-steps 4"
rows | train --init config.json --out main --save-every 3 --keep 0
rows | train --init config.json --out wsd $wsd
short() { rows --resume short --branch main/step-00000003 | train --branch main/step-00000003 --resume --out short $wsd; }
short
readlink short/latest
short
cmp wsd/latest/model.safetensors short/latest/model.safetensors
cmp -s main/latest/model.safetensors short/latest/model.safetensors && echo 'the schedule did nothing'
rows --branch main | train --branch main --out none && echo 'nothing is left of it, and it is saved'
rows --plan --branch main
go() { rows --branch main/step-00000003 | train --branch main/step-00000003 --out "$@" 2>&1; echo $?; }
go each --moments each
go low --model main --lora-rank 2
rows --branch main/step-00000003 | train --branch main/step-00000003 --out e --moments each 2>/dev/null
[ -e e/metrics.rec ] && echo 'something was started'
rows | train --init config.json --out own --moments each --steps 3
rows --branch own | train --branch own --out back 2>&1
cp -r main/step-00000003 earlier
printf '\1' | dd of=earlier/state/mixer bs=1 conv=notrunc 2>/dev/null
rows --branch earlier 2>&1 >/dev/null | sed 's/earlier.*: a/earlier: a/'
exit 0
