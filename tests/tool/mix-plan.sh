# The plan counts what the run then does, and writes nothing.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 100 0 a.rec
$rig rows text 30 200 t.rec
$rig rows pref 50 1000 b.rec
$rig rows sft 8 500 ha.rec
$rig rows pref 8 2000 hb.rec
mix --policy alright --lambda 0.25 --sft a.rec:2 --sft t.rec --pref b.rec --steps 20 --rows-sft 6 --rows-pref 4 \
    --held-sft ha.rec --held-pref hb.rec --eval-every 10 --plan
mix --policy maxright --sft a.rec --pref b.rec --epochs 2 --tokens-pref 60 -q --plan
mix --sft a.rec --epochs 1 --plan
mix --policy alright --lambda 0.25 --sft a.rec:2 --sft t.rec --pref b.rec --steps 20 --rows-sft 6 --rows-pref 4 |
    $rig look - | sed -n 's/^  //p' | sed 's/ 2[0-9][0-9]$/ t/; s/ [0-9]*$//' | sort | uniq -c
ls
