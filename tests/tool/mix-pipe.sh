# Rows from pipes: shuffled in a window, one epoch, the last batch short; what needs files says so.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 40 0 a.raw
$rig rows pref 30 100 b.raw
$rig rows sft 3 500 ha.rec
mkfifo p fb
rows() { $rig look - | sed -n 's/^  [a-z]* //p'; }
mix --sft - --shuffle-window 1 <a.raw | rows | tr '\n' ' '; echo
mix --sft - --shuffle-window 8 <a.raw | rows >window
sort -n window | uniq | wc -l
head -n 8 window | tr '\n' ' '; echo
# two pipes at once, held-out rows at the end of the shorter
cat b.raw >p &
mix --policy mix --sft - --pref p --held-sft ha.rec <a.raw | $rig look - | grep -v '^ '
wait
# the rows end before the steps do
mix --sft - --steps 5 <a.raw 2>&1 >steps; $rig look steps | grep -c update
try() { mix "$@" <a.raw >out 2>err; st=$?; cat err; [ -s out ] && echo "something was written"; echo "$st $*"; }
try --sft - --epochs 2
try --sft - --pref b.raw --policy alright
try --sft - --pref b.raw --policy maxright --feedback fb --steps 5
try --sft - --resume run
try --sft - --plan
try --sft - --pref b.raw --policy sequential
