# What cannot be meant is refused before anything is written, each with its mend.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 20 0 a.rec
$rig rows pref 20 0 b.rec
$rig rows sft 0 0 none.rec
$rig rows pref 20 0 other.rec --other
mkfifo fb fb2
cat b.rec >fb2 &
try() { mix "$@" >out 2>err </dev/null; st=$?; cat err; [ -s out ] && echo "something was written"; echo "$st $*"; }
try
try a.rec
try --sft a.rec --pref b.rec
try --sft a.rec --policy best
try --sft a.rec extra
try --sft nofile
try --sft none.rec
try --sft b.rec -o x.rec
try --sft a.rec --pref other.rec --policy mix
try --sft a.rec:0
try --sft a.rec:x
try --sft a.rec --steps 5 --epochs 2
try --sft a.rec --rows-sft 4 --tokens-sft 100
try --sft a.rec --pref b.rec --policy sequential --steps 0
try --sft a.rec --pref b.rec --policy sequential --order sft
try --sft a.rec --pref b.rec --policy maxright
try --sft a.rec --pref b.rec --policy maxright --feedback fb -q
piped() { mix "$@" 2>err | mix --policy cat >out; echo "$? is passed on"; cat err; }
piped --sft a.rec --pref b.rec --policy maxright --feedback nofb
piped --sft a.rec --pref b.rec --policy maxright --feedback a.rec -q
try --sft a.rec --plan --steps 0
try --sft a.rec --plan --resume run
try --sft a.rec --to xml
try --sft a.rec --lambda 2
try --policy cat --sft a.rec
try --policy replay
try --policy replay a.rec
try --sft a.rec --pref b.rec --policy alright --opt-sft 1
try --policy cat --order pref,sft a.rec
try --sft a.rec --held-sft fb2
try --sft a.rec --rows-pref 4
try --sft a.rec --eval-every 4
try --sft a.rec --delay 1
