# A reference column of other weights than the reference is refused by step and evalc alike; --ref names the right one.
. tests/pipe/tiny
tiny 40
mix -q --policy weighted --sft "$TMP/sft.rec" --rows-sft 8 --steps 2 |
    step -q --threads 1 --model "$base" --lr 1e-2 --out "$TMP/moved" >"$TMP/null"
exec 2>"$TMP/err"
pairs() { mix -q --policy weighted --pref "$1" --rows-pref 8 --steps 2; }
pairs "$TMP/pref.rec" | step -q --threads 1 --model "$TMP/moved/latest" --out "$TMP/run" >"$TMP/null"
echo "other weights: $?"
pairs "$TMP/pref.raw.rec" | step -q --threads 1 --model "$base" --out "$TMP/run" >"$TMP/null"
echo "no column: $?"
evalc -q --threads 1 --task preference --model "$TMP/moved" --ref "$TMP/moved" "$TMP/pref.rec" >"$TMP/null"
echo "evalc, other weights: $?"
[ ! -e "$TMP/run/latest" ] || echo 'a checkpoint of a refused run'
pairs "$TMP/pref.rec" | step -q --threads 1 --model "$TMP/moved/latest" --ref "$base" --out "$TMP/run" >"$TMP/null"
echo "named: $?"
evalc -q --threads 1 --task preference --model "$TMP/moved" --ref "$base" "$TMP/pref.rec" >"$TMP/null"
echo "evalc, named: $?"
sed "s/:.*//" "$TMP/err"                                   # who spoke, a line each
