# The runner counts what passes, fails and skips, shows why, and its exit status tells
mkdir -p "$TMP/t/tests/tool" "$TMP/t/tests/unit" "$TMP/t/build/release/tests/unit"
cp tests/check "$TMP/t/tests"
cd "$TMP/t/tests/tool" || exit 1
echo 'echo one; echo two >&2; exit 3' >good.sh
echo one >good.out; echo two >good.err; echo 3 >good.exit
echo 'echo one' >wrong-out.sh; echo 'two' >wrong-out.out
echo 'exit 2' >wrong-exit.sh
echo 'echo oops >&2' >wrong-err.sh
echo 'echo "skipped: no such thing here" >"$TMP/skip"; echo noise' >skips.sh
echo 'echo "$TMP/x"; cat' >place.sh; echo '$TMP/x' >place.out
: >../unit/two.c; : >../unit/crash.c
printf '#!/bin/sh\necho "[       OK ] a"; echo "[       OK ] b"\n' >../../build/release/tests/unit/two
printf '#!/bin/sh\necho "[       OK ] a"; kill -9 $$\n' >../../build/release/tests/unit/crash
chmod +x ../../build/release/tests/unit/*
cd ../..
MODE=release sh tests/check >all; echo "exit $?"
tail -n 1 all
grep -E '^(fail|skip)' all | sort
sed -n '/wrong-out/,/^[^-+@e ]/p' all | grep '^[-+]'
for name in tool/good tool/place unit/two nothing; do
    MODE=release sh tests/check $name; echo "exit $?"
done
MODE=release sh tests/check -u tool/wrong; echo "exit $?"
MODE=release sh tests/check tool/wrong; echo "exit $?"
cat tests/tool/wrong-out.out tests/tool/wrong-exit.exit tests/tool/wrong-err.err
[ ! -e tests/tool/wrong-err.out ]
