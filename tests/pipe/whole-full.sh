# A full disk: every tool says so with 4 and leaves nothing half-written; a run keeps its last checkpoint and goes on
# later to the same bytes.  The disk is full at a limit of file size, in blocks of 512 bytes.
. tests/pipe/tiny
tiny 120
trap '' XFSZ                                               # a write past the limit fails, as on a full disk
limited() { blocks=$1; shift; (ulimit -f "$blocks"; exec "$@"); }
exec 2>"$TMP/err"

limited 1 tokenize -q --tokenizer bytes --schema pairs "$TMP/pairs.jsonl" -o "$TMP/full.rec"
echo "tokenize $?"
limited 1 mix -q --policy weighted --sft "$TMP/sft.rec" --steps 20 -o "$TMP/full.rec"
echo "mix $?"
limited 1 evalc -q --threads 1 --task logprob --model "$base" "$TMP/pref.rec" -o "$TMP/full.rec"
echo "evalc $?"
find "$TMP" -name '*full.rec*'

mix() { command mix -q --policy weighted --sft "$TMP/sft.rec" --rows-sft 8 --steps 6 "$@"; }
mix >"$TMP/steps.rec"
step -q --threads 1 --model "$base" --out "$TMP/whole" "$TMP/steps.rec" >"$TMP/null" || echo "whole $?"
head -c $(($(wc -c <"$TMP/steps.rec") / 2)) "$TMP/steps.rec" |
    step -q --threads 1 --model "$base" --out "$TMP/run" --save-every 2 >"$TMP/null"
echo "step of half a stream $?"
before=$(readlink "$TMP/run/latest")
mix --resume "$TMP/run" >"$TMP/rest.rec"
limited 200 step -q --threads 1 --model "$base" --out "$TMP/run" --save-every 2 --resume "$TMP/rest.rec" >"$TMP/null"
echo "step $?"
[ "$(readlink "$TMP/run/latest")" = "$before" ] || echo "latest is $(readlink "$TMP/run/latest"), not $before"
evalc -q --threads 1 --task loss --model "$TMP/run" "$TMP/sft.rec" >"$TMP/null" || echo 'the last checkpoint does not load'
step -q --threads 1 --model "$base" --out "$TMP/run" --save-every 2 --resume "$TMP/rest.rec" >"$TMP/null" || echo "again $?"
cmp "$TMP/run/latest/model.safetensors" "$TMP/whole/latest/model.safetensors"
for run in run whole; do command mix --policy cat --to json "$TMP/$run/metrics.rec" >"$TMP/$run.json"; done
cmp "$TMP/run.json" "$TMP/whole.json"
find "$TMP/run" -name '*tmp*'

# metrics nobody can take do not cost the run
step -q --threads 1 --model "$base" --out "$TMP/deaf" "$TMP/steps.rec" >/dev/full
echo "step to a full stdout $?"
cmp "$TMP/deaf/latest/model.safetensors" "$TMP/whole/latest/model.safetensors"
sed 's/:.*: /: ... /' "$TMP/err"
