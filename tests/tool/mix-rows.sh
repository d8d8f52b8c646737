# Rows used are rows read: each once an epoch, measured ones included, in the order of the seed alone.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 100 0 a.rec
$rig rows pref 60 1000 b.rec
mkfifo fb
rows() { $rig look - | sed -n "s/^  $1 //p"; }
mix --sft a.rec --epochs 1 --rows-sft 10 | rows sft | sort -n >epoch
seq 0 99 | cmp - epoch
# three epochs: each a permutation, no two alike
mix --sft a.rec --epochs 3 --rows-sft 7 | rows sft | head -n 300 | split -l 100 - e.
for e in e.*; do sort -n "$e" | cmp - epoch; done
cmp -s e.aa e.ab && echo "the second epoch is the first"
# maxright measures ahead and trains every row in its turn, whatever the refresh
mix --sft a.rec --steps 60 | rows sft >sft
mix --pref b.rec --steps 60 | rows pref >pref
for how in "--refresh 1" "--refresh 4" "--refresh 3 --refresh-rows 5" "--refresh 2 --delay 1" "--refresh 5 --delay 3 --epsilon 0.3"; do
    mix --policy maxright --sft a.rec --pref b.rec --steps 40 --feedback fb -q $how |
        $rig step --feedback fb --rows | grep update >log
    for o in sft pref; do
        sed -n "s/.* $o update.* n [0-9]* //p" log | tr ' ' '\n' >used
        head -n "$(wc -l <used)" $o | cmp - used || echo "$how: $o"
    done
    echo "$how: $(grep -c 'sft update' log) and $(grep -c 'pref update' log), $(grep -c use log) reused"
done
