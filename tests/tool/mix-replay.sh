# The log tells every decision, and replay makes the same records of it.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 100 0 a.rec
$rig rows text 30 200 t.raw
$rig rows pref 50 1000 b.rec
$rig rows sft 8 500 ha.rec
mkfifo fb
json() { mix --policy cat --to json "$@"; }
mix --policy alright --sft a.rec:3 --sft t.raw --pref b.rec --steps 30 --held-sft ha.rec --log l.rec >one
mix --policy replay l.rec >two
json one >one.j && json two | cmp one.j - && wc -l <one.j
# under feedback: rows that step holds are told, and are not sent again
mix --policy maxright --sft a.rec --pref b.rec --steps 30 --feedback fb -q --log m.rec | tee three | $rig step --feedback fb -q
mix --policy replay --replay-log m.rec >four
json three >three.j && json four | cmp three.j - && grep -c '"use":true' three.j
json m.rec | sed -n 5p | cut -c 1-120
# every row of a decision stands in the log
json m.rec | grep '"train":true' | sed 's/.*"rows":\[\[//; s/\]\].*//' | tr -s '],[' '\n' | grep -c .
# another file of that name
$rig rows sft 100 1 a.rec
mix --policy replay l.rec >no; echo $?
rm a.rec
mix --policy replay l.rec >no; echo $?
mix --policy replay one >no; echo $?
