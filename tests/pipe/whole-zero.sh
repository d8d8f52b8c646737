# The reference column and the first step see the same numbers: rewards are 0 exactly, however either packs.
. tests/pipe/tiny
tiny 40
for micro in 64 4096; do
    mix -q --policy weighted --pref "$TMP/pref.rec" --rows-pref 16 --steps 1 |
        step -q --threads 1 --model "$base" --micro-tokens $micro --out "$TMP/run-$micro" --to json |
        tr , '\n' | grep 'rewards/\|pref/loss'
    evalc -q --threads 1 --task preference --model "$base" --ref "$base" --micro-tokens $micro --to json "$TMP/pref.rec" |
        tr , '\n' | grep 'rewards/[a-z]*"'
done
