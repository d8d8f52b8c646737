# A resume with another rate or another loss's strength is refused before anything is trained; more steps are no other run.
cd "$TMP" || exit 1
echo '{"prompt": "a", "completion": "bc"}' | tokenize -q --tokenizer bytes --template none --schema completion -o a.rec
cp "$OLDPWD/tests/golden/models/nano.json" config.json
go() { mix -q --sft a.rec --rows-sft 1 --steps 4 --resume run | step -q --threads 1 --init config.json --resume --out run "$@" 2>err >/dev/null; echo $?; sed 's/began with.*;/began with ...;/' err; }
go --steps 2
go --steps 3 --lr 1
go --steps 3 --beta .2
go --steps 3 --micro-tokens 100
readlink run/latest
