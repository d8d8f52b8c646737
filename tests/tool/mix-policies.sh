# Each policy's order, weights and phases; held-out rows at the start, every N steps and at the end.
rig=build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
rig=$OLDPWD/$rig
$rig rows sft 100 0 a.rec
$rig rows pref 50 1000 b.rec
$rig rows sft 4 500 held.rec
steps() { echo "$*"; mix --sft a.rec --pref b.rec --rows-sft 3 --rows-pref 2 "$@" | $rig look - | grep -v '^ '; }
steps --policy weighted --steps 8 --lambda 0.25
steps --policy sequential --steps 4 --lambda 0.25 --held-sft held.rec --eval-every 3
steps --policy sequential --steps 4 --lambda 0.25 --order pref,sft
steps --policy mix --steps 3 --lambda 0.25
steps --policy alright --steps 12
steps --policy alright --steps 12 --seed 1
# One objective leaves nothing to choose; shares follow the weights where no lambda is given
echo single
mix --policy maxright --pref b.rec --epochs 0.3 | $rig look - | grep -v '^ '
mix --sft a.rec --epochs 0.2 --tokens-sft 100 --to json | grep '"step"' | sed 's/.*"i":\([0-9]*\).*"mix":\(.*\)/\1 \2/'
mix --policy weighted --sft a.rec:3 --pref b.rec --steps 8 | $rig look - | grep -c sft.update
mix --sft a.rec --lambda 0.5 --steps 8 | $rig look - | grep -c sft.update
