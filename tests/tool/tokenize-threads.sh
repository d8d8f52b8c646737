# The same bytes, messages and reports with any number of threads: records, shards, faults, --lenient, --dedup, --show.
cd "$TMP" || exit 1
awk 'BEGIN { for (i = 1; i <= 12000; i++)
    printf "{\"prompt\": \"What is %d times %d?\", \"completion\": \"It is %d, and that is all there is to say of it.\"}\n",
        i % 4000, i % 7, (i % 4000) * (i % 7) }' >good.jsonl
awk 'NR == 9000 { print "not JSON" } NR % 5000 == 7 { print "{\"prompt\": \"no more\"}" } NR % 7001 == 0 {
    print "{\"prompt\": \"a\", \"completion\": \"<|eos|>\"}" } { print }' good.jsonl >bad.jsonl
sed '1s/^/[/; $!s/$/,/; $s/$/]/' bad.jsonl | sed 's/^not JSON,/nothing,/' >bad.json
t() { n=$1; shift; tokenize -q --tokenizer bytes --template none --threads "$n" "$@"; }
# the header tells the command line, and the seek table the header's sum: the second frame on, but for three sums
body() { tail -c +"$(LC_ALL=C grep -abo "$(printf '\050\265\057\375')" "$1" | sed -n '2s/:.*/ + 1/p' | xargs expr)" "$1" >"$2"; }
for n in 1 2 7; do
    t $n good.jsonl good.jsonl -o x.rec --report good.$n.json
    body x.rec good.$n
    t $n good.jsonl bad.jsonl -o bad.rec --report none.json 2>bad.$n
    echo "$n threads, a fault: $?"
    [ ! -e bad.rec ] && [ ! -e none.json ] || echo "a file is left"
    t $n --lenient --dedup --to json --report account.$n.json bad.jsonl bad.json >lenient.$n 2>err.$n
    t $n --lenient --split train --to json bad.json >split.$n 2>&1
    t $n --lenient --show 5000 bad.jsonl >show.$n 2>&1
    (head -n 3000 good.jsonl; sleep .2; printf '{"prompt": "half a '; sleep .2; printf 'row", "completion": "b"}\n'
        head -n 10 good.jsonl) | t $n --to json >slow.$n
done
for n in 2 7; do
    [ "$(cmp -l good.1 good.$n | wc -l)" -le 24 ] || echo "another shard with $n threads"
    for f in bad lenient err split show slow; do cmp $f.1 $f.$n; done
    cmp good.1.json good.$n.json
    cmp account.1.json account.$n.json
done
[ "$(wc -c <good.1)" -gt 50000 ] && cat bad.1 account.1.json
cat err.1
wc -l <slow.1
