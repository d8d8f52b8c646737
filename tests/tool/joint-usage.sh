# What cannot be meant is refused before anything starts, each with its own line and 2.
: >"$TMP/sft.jsonl"
: >"$TMP/pref.jsonl"
: >"$TMP/text.txt"
echo '{}' >"$TMP/config.json"
try() {
    echo "$*"
    sh pipelines/joint.sh --sft "$TMP/sft.jsonl" --pref "$TMP/pref.jsonl" --text "$TMP/text.txt" --config "$TMP/config.json" \
        --tokenizer bytes --out "$TMP/out" "$@" 2>&1
    echo "$?"
}
try --lamda .5
try stray
try --steps
try --steps 1e3
try --steps 7
try --steps 007
try --tokens 0
try --lambda 0
try --lambda 1
try --lambda .5,x
try --lambda .5,0.50
try --lambda .5,
try --methods mix,dpo
try --methods mix,mix
try --seeds 1,1
try --seeds 1.5
try --seeds -1
try --held 1.5
try --lr 0
try --beta ten
try --jobs 0
try --sft "$TMP/none.jsonl"
try --tokenizer "$TMP/none"
try --reference "$TMP"/none
try --model "$TMP/none"
try --model "$TMP"
try --config ''
[ ! -e "$TMP/out" ] || echo 'something was started'
