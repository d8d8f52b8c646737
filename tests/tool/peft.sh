# What peft_save() writes loads in PEFT beside its base and gives the logits that our forward gave.
python=${PYTHON:-python3}
if ! "$python" -c 'import torch, transformers, safetensors, peft' 2>"$TMP/why"; then
    echo "skipped: $python has no torch, transformers, safetensors and peft" >"$TMP/skip"
    exit 0
fi
"build/$MODE/tests/unit/lora" --write "$TMP/out" || exit 1
if ! "$python" tests/golden/lora.py --check "$TMP"/out/*/ >"$TMP/said" 2>&1; then
    cat "$TMP/said"
    exit 1
fi
