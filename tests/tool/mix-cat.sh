# cat passes any stream on, shows it as JSON, and refuses what does not belong together.
rig=$PWD/build/$MODE/tests/unit/rig
cd "$TMP" || exit 1
$rig rows sft 40 0 a.rec
$rig rows pref 30 0 b.raw
$rig rows pref 5 0 c.rec --other
mkfifo p
show() { mix --policy cat --to json "$@"; }
show a.rec b.raw >want
wc -l <want
# pipe, file, FIFO, shard and cat of two are the same records
cat b.raw | mix -p cat a.rec - >raw
head -c 1 raw | od -An -tx1
show raw | cmp - want
mix -p cat a.rec b.raw -o shard
zstd -qtf shard
show shard | cmp - want
zstd -dcf a.rec >a.raw
cat a.raw b.raw | show | cmp - want
cat a.rec b.raw >both
show both | cmp - want
{ mix -p cat raw -o p & } && show p | cmp - want
# steps too, with the state at the end
mix --sft a.rec --steps 3 --rows-sft 2 >steps
mix -p cat steps | mix -p cat - >again
show steps >one && show again | cmp - one
show again | grep -c '"t":"step"'
# what does not belong together, or was cut
mix -p cat a.rec c.rec -o no; echo $?
head -c 700 raw | mix -p cat >cut; echo $?
show cut >/dev/null; echo $?
[ -e no ] && echo "something was written"
true
# Onto what it reads, by another name, and by a link
cp a.rec kept
ln a.rec link.rec
mix --policy cat a.rec -o ./a.rec 2>&1; echo $?
mix --policy cat a.rec -o link.rec 2>&1; echo $?
mix --sft a.rec --steps 1 --log link.rec 2>&1 >out; echo $?
mix --sft a.rec --steps 1 --log new -o new 2>&1; echo $?
mix --sft a.rec --steps 1 --log ./new -o new 2>&1; echo $?
cmp a.rec kept
mix --policy cat a.rec -o /dev/null; echo $?
