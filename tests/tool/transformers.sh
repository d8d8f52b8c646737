# What weights_save() writes loads in transformers and gives the logits that our forward gave.
python=${PYTHON:-python3}
if ! "$python" -c 'import torch, transformers, safetensors' 2>"$TMP/why"; then
    echo "skipped: $python has no torch, transformers and safetensors" >"$TMP/skip"
    exit 0
fi
"build/$MODE/tests/unit/weights" --write "$TMP/out" || exit 1
if ! "$python" tests/golden/model.py --check "$TMP"/out/*/ >"$TMP/said" 2>&1; then
    cat "$TMP/said"
    exit 1
fi
