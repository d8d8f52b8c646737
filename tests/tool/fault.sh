# The fault library strikes the call it is told to, and says so
lib=build/${MODE:-release}/fault.so
try() {
    rm -f "$TMP/fired"
    printf 'abcde' | FAULT=$1 FAULT_FIRED=$TMP/fired LD_PRELOAD=$lib dd bs=1 2>/dev/null
    echo " exit $?$([ -e "$TMP/fired" ] && echo ', fired')"
}
try write:3
try write:3+:EIO
try read:2
try write:9
try rename:1
FAULT=fsync:1 LD_PRELOAD=$lib dd if=/dev/null of="$TMP/x" conv=fsync 2>&1 | sed -n 's/.*\(Input\)/\1/p'
FAULT=rename:1:ENOSPC LD_PRELOAD=$lib mv "$TMP/x" "$TMP/y" 2>&1 | sed 's/.*: //'
FAULT=nonsense:1 LD_PRELOAD=$lib env true; echo "exit $?"
