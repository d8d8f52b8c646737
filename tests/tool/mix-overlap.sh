# Held-out rows are refused among the training rows, before anything is written; kinds do not mix.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 40 0 a.rec
$rig rows sft 5 38 ha.rec
$rig rows pref 5 0 hb.rec
mix --sft a.rec --held-sft ha.rec -o out.rec; echo $?
mix --sft a.rec --held-sft ha.rec 2>err | mix --policy cat >none; echo "$? is passed on"
[ -e out.rec ] && echo "something was written"
mix --sft a.rec --held-sft ha.rec --allow-overlap --steps 1 --held-rows 3 | $rig look - | grep -v 'sft [0-9]$'
mix --sft a.rec --held-pref hb.rec --steps 1 | $rig look - | grep -v '^ '
# In a pipe it is found when it comes
zstd -dcf a.rec | mix --sft - --held-sft ha.rec --shuffle-window 1 | $rig look - | tail -n 1
