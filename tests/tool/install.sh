# make install leaves the four programs and their pages under DESTDIR and PREFIX, and the pages are fit to be read.
command -v mandoc >/dev/null || { echo "skipped: no mandoc" >"$TMP/skip"; exit 0; }
make -s MODE="${MODE:-release}" install DESTDIR="$TMP/root" PREFIX=/opt/plait >"$TMP/log" 2>&1 || cat "$TMP/log"
cd "$TMP/root" || exit 1
find . -type f | sort
for program in opt/plait/bin/*; do "$program" --version >"$TMP/null" || echo "$program: $?"; done
for page in opt/plait/share/man/man?/*; do
    mandoc -T lint -W error "$page"
    mandoc "$page" | sed "s/.$(printf '\b')//g" | grep -A 1 -x NAME | sed -n 's/^ *\([a-z]*\) - .*/\1/p'
done
