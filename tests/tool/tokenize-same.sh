# A file that is read is never written, whatever its names.
cd "$TMP" || exit 1
echo '{"prompt": "a", "completion": "b"}' >x.jsonl
ln x.jsonl hard.jsonl
ln -s x.jsonl soft.jsonl
cp x.jsonl held.jsonl
cp x.jsonl want
cp x.jsonl t.jinja
cp x.jsonl t.json
cp x.jsonl vars.json
t() { tokenize -q --tokenizer bytes "$@"; echo "$?"; }
{
    t x.jsonl -o x.jsonl
    t held.jsonl x.jsonl -o hard.jsonl
    t soft.jsonl -o x.jsonl
    t x.jsonl --out ./x.jsonl
    t <x.jsonl -o x.jsonl
    tokenize -q --tokenizer bytes x.jsonl >>x.jsonl
    echo $?
    t x.jsonl -o y.rec --report soft.jsonl
    t x.jsonl -o held.jsonl --exclude held.jsonl
    t x.jsonl -o y.rec --report held.jsonl --exclude held.jsonl
    t x.jsonl -o y.rec --report y.rec
    t x.jsonl -o t.jinja --template t.jinja
    t x.jsonl -o y.rec --report vars.json --template t.jinja --template-vars n=1 --template-vars vars.json
    tokenize -q --tokenizer t.json -o t.json x.jsonl
    echo $?
    t x.jsonl -o y.rec
    t x.jsonl -o y.rec --report y.rec
} 2>&1
cmp x.jsonl want
for f in held.jsonl t.jinja t.json vars.json; do
    cmp $f want
done
ls
