# A branch of a run with another schedule has the weights of a run that had that schedule from the start; the same
# command again finds it finished.
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
exit 0
