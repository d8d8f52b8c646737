# Win rates: a set of answers against itself, both ways round, per item, and what cannot be
g=tests/golden
d=$g/task-win
m="--task win --threads 1 --model $g/task-model/policy --to json"
ref="--ref $g/task-model/reference"
show() { tr ',}' '\n' | sed -n 's/^"eval\/win\/\(rate\|ties\|pairs\|prompts\|only_first\|only_second\|rate_lc\)":/\1 /p'; }
echo 'the same answers twice: all ties, and no slope to be had'
evalc $m $ref $d/first.rec $d/first.rec | show
echo 'turned round: the rates are one together'
for order in "$d/first.rec $d/second.rec" "$d/second.rec $d/first.rec"; do
    evalc $m $ref $order | show | sed -n 's/^\(rate\|rate_lc\) //p'
done | awk '{ v[NR] = $1 } END { printf "%.6f %.6f\n", v[1] + v[3], v[2] + v[4] }'
for packs in 1 4096; do evalc $m $ref --micro-tokens $packs --items "$TMP/items" $d/first.rec $d/second.rec | cksum; done | sort -u | wc -l
mix --policy cat --to json "$TMP/items" | grep -o '"win":[0-9.]*' | sort | uniq -c | sed 's/^ *//'
echo 'what cannot be'
exec 2>&1
evalc $m $d/first.rec $d/second.rec; echo $?
evalc $m $ref $d/first.rec; echo $?
evalc $m $ref $d/first.rec $d/second.rec $d/second.rec; echo $?
evalc $m --ref "$TMP/none" $d/first.rec $d/second.rec; echo $?
evalc $m $ref --level 1 $d/first.rec $d/second.rec; echo $?
evalc $m $ref $g/task-logprob/rows.rec $d/second.rec; echo $?
head -c 300 $d/second.rec >"$TMP/cut.rec"
evalc $m $ref $d/first.rec "$TMP/cut.rec"; echo $?
