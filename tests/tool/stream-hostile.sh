# Six hostile bytes, by which a count could ask for gigabytes, cost an error and no memory
[ "${MODE:-release}" = asan ] || ulimit -v 200000
try() {
    printf "$1" >"$TMP/x.rec"
    mix --policy weighted --sft "$TMP/x.rec" -o "$TMP/out.rec"
    echo "file $?"
    cat "$TMP/x.rec" | mix --policy weighted --sft - -o "$TMP/out.rec"
    echo "pipe $?"
}
try '\337\377\377\377\377\240'
try '\335\377\377\377\377\300'
try '\201\241t\335\377\377\377\377'
try '\201\241t\306\377\377\377\377'
try '\201\241t\333\377\377\377\377'
[ ! -e "$TMP/out.rec" ]
