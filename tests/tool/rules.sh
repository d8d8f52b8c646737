# Each house rule finds its breach, and a clean tree none
mkdir -p "$TMP/t/lib/base" "$TMP/t/lib/text" "$TMP/t/mix" "$TMP/t/tests"
cd "$TMP/t" || exit 1
printf '/* good.c - nothing wrong: it may say malloc( and exit( in a comment. */\nint good;\n' >lib/base/good.c
printf '/* good.h - guarded. */\n#ifndef GOOD_H\n#define GOOD_H\n#endif\n' >lib/base/good.h
: >Makefile
rules() {
    sh "$OLDPWD/tests/rules" . >out
    status=$?
    sed 's/TO''DO/an open question/; s/-ffast-ma''th/such a flag/' out
    return $status
}
rules; echo "clean: $?"
breach() {
    printf '/* bad.c - one breach. */\n%b\n' "$2" >"$1"
    out=$(rules) && echo "not found: $2"
    printf '%s\n' "$out"
    rm "$1"
}
breach lib/base/bad.c 'void *p = malloc(3);'
breach mix/bad.c '    free (p);'
breach lib/base/bad.c 'exit(1);'
breach lib/base/bad.c 'getenv("HOME");'
breach mix/bad.c 'system(row);'
breach mix/bad.c 'strcpy(a, b);'
breach mix/bad.c 'assert(n);'
breach mix/bad.c 'typedef struct row row;'
breach mix/bad.c '#include "../lib/base/err.h"'
breach mix/bad.c '#include <cuda_runtime.h>'
breach mix/bad.c '#include <immintrin.h>'
breach mix/bad.c 'int n; // how many'
breach mix/bad.c '/* TO''DO */ int n;'
breach mix/bad.c '#pragma GCC optimize("-ffast-ma''th")'
breach mix/bad.c '\tint n;'
breach mix/bad.c 'int n; '
breach lib/base/bad.c '#include "stream/io.h"'
breach lib/text/bad.c '#include "math/ops.h"'
breach mix/bad.c "$(printf '%0101d' 0)"
breach mix/bad.c "{$(printf '%61s' | sed 's/ /\\n/g')\\n}"
breach mix/bad.c "$(printf '%400s' | sed 's/ /\\n/g')"
breach mix/bad.h '#define X'
printf '/* other.c - is the wrong name. */\n' >mix/bad.c
rules
echo "exit $?"
