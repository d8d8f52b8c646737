# A command that cannot be meant is refused with 2 before anything is started, in one line.
try() { step "$@" </dev/null; echo "$?"; }
exec 2>&1
try
try --out "$TMP/x"
try --model a --init b --out "$TMP/x"
try --model a --out "$TMP/x" --lr 1e-3x
try --model a --out "$TMP/x" --schedule slow
try --model a --out "$TMP/x" --phase again
try --model a --out "$TMP/x" --save-dtype f64
try --model a --out "$TMP/x" --sft-loss dpo
try --model a --out "$TMP/x" --pref-loss sft
try --model a --out "$TMP/x" --clip -1
try --model a --out "$TMP/x" --gamma 1
try --model a --out "$TMP/x" --pref-loss simpo --label-smoothing .1
try --model a --out "$TMP/x" --pref-loss kto --desirable-weight 0 --undesirable-weight 0
try --model a --out "$TMP/x" --pref-loss apo_zero_unpaired --undesirable-weight 0
try --model a --out "$TMP/x" one two
[ -e "$TMP/x" ] && echo 'something was started'
try --init tests/bench/70m.json --out "$TMP/x" --device tpu
try --model "$TMP/none" --out "$TMP/x"
step --help | grep -c -e "strength of the reference (default 0.1)"
try --model a --out "$TMP/x" --schedule linear --decay-steps 10
try --model a --out "$TMP/x" --schedule wsd --timescale 10
try --model a --out "$TMP/x" --min-lr .1
