# The format is open: thirty lines of Python read a raw stream, a shard by `zstd -dc`, and several put together
if ! python3 -c 'import msgpack' 2>/dev/null; then
    echo 'skipped: no python3 with msgpack' >"$TMP/skip"
    exit 0
fi
g=tests/golden/stream
read_it() { python3 pipelines/records.py >"$TMP/$1"; }

read_it raw <$g/raw.rec
cmp "$TMP/raw" $g/lines.json
cat $g/raw.rec $g/raw.rec | read_it twice
cat $g/lines.json $g/lines.json | cmp - "$TMP/twice"
if command -v zstd >"$TMP/null"; then
    zstd -dcq $g/shard.rec | read_it shard
    cmp "$TMP/shard" $g/lines.json
fi
# Cut, and with a record changed where sums can be checked: an error, and no traceback is our concern
head -c 3000 $g/raw.rec | read_it cut 2>"$TMP/words" && echo 'a cut stream was accepted'
grep -q 'without an end record' "$TMP/words" || cat "$TMP/words"
if python3 -c 'import xxhash' 2>"$TMP/null"; then
    sed 's/stop/STOP/' $g/raw.rec | read_it changed 2>"$TMP/words" && echo 'a changed record was accepted'
    grep -q 'lost, doubled or changed' "$TMP/words" || cat "$TMP/words"
fi
exit 0
