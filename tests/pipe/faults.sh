# Whatever call fails in making a shard, and whenever: it is there whole, or the old one is, and one line tells
[ "${MODE:-release}" = asan ] && { echo 'skipped: a sanitizer brings its own malloc' >"$TMP/skip"; exit 0; }
lib=$PWD/build/${MODE:-release}/fault.so
awk 'BEGIN { for (i = 1; i <= 300; i++)
    printf "{\"instruction\": \"What is %d plus %d?\", \"output\": \"It is %d.\"}\n", i, i, 2 * i }' >"$TMP/rows.jsonl"
make_shard() { tokenize --tokenizer bytes --schema alpaca --template plain "$TMP/rows.jsonl" -o "$1"; }
make_shard "$TMP/good.rec" || exit 1
# the header holds the command line with its file names: compare from there on, as records
records() { mix --policy cat --to json "$1" | tail -n +2; }
for kind in read write fsync rename alloc; do
    n=0 struck=yes step=1
    while [ "$struck" ]; do
        n=$((n + step)) struck=
        # of many allocations all of the first, then further and further apart
        [ $n -gt 40 ] && step=$((n / 4))
        rm -f "$TMP/fired"
        echo old >"$TMP/out.rec"
        FAULT=$kind:$n FAULT_FIRED=$TMP/fired LD_PRELOAD=$lib make_shard "$TMP/out.rec" 2>"$TMP/err"
        status=$?
        [ -e "$TMP/fired" ] && struck=yes
        case $status in
        0)  cmp -s "$TMP/good.rec" "$TMP/out.rec" || { records "$TMP/good.rec" >"$TMP/a"; records "$TMP/out.rec" >"$TMP/b"
            cmp -s "$TMP/a" "$TMP/b" || echo "$kind $n: exit 0 and another shard"; } ;;
        4)  [ "$(cat "$TMP/out.rec")" = old ] || [ $kind = fsync ] || echo "$kind $n: the old shard is gone"
            [ "$(wc -l <"$TMP/err")" = 1 ] || { echo "$kind $n: not one line"; cat "$TMP/err"; } ;;
        *)  echo "$kind $n: exit $status"; cat "$TMP/err" ;;
        esac
        [ $n -lt 5000 ] || { echo "$kind: no end"; break; }
    done
    [ $n -gt 1 ] || echo "$kind: never struck"
    rm -f "$TMP"/out.rec.tmp
done
