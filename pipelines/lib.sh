# lib.sh - what joint.sh and quickstart.sh share: streams as lines of JSON, read in awk.  Sourced, never run.
# shellcheck shell=sh

# A stream as lines of JSON
lines() { mix --policy cat --to json "$@"; }

# awk functions: num("loss") and str("method") of the line at hand; "" where there is none
# shellcheck disable=SC2034,SC2016 # used by who sources this, in awk
json='
function num(k,    i, s) {
    i = index($0, "\"" k "\":"); if (!i) return ""
    s = substr($0, i + length(k) + 3); sub(/^ */, "", s)
    return match(s, /^-?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?/) ? substr(s, 1, RLENGTH) + 0 : ""
}
function str(k,    i, s) {
    i = index($0, "\"" k "\":"); if (!i) return ""
    s = substr($0, i + length(k) + 3); sub(/^ *"/, "", s)
    return substr(s, 1, index(s, "\"") - 1)
}
function flag(k) { return $0 ~ ("\"" k "\": *true") }
'
