# The commands of README.md run as they stand there.
here=$PWD
cd "$TMP" || exit 1
ln -s "$here/pipelines" pipelines
awk '/run by tests\/tool\/readme.sh/ { on = 1; next } on && /^    / { print substr($0, 5); seen = 1; next } on && seen && NF { exit }' \
    "$here/README.md" >commands
[ "$(wc -l <commands)" -gt 8 ] || echo "README.md: no commands found"
sh -eu commands >out 2>err || { echo "README.md: a command failed"; cat err; }
grep -c '"eval/sft/loss"' out
grep -c '"i":19,' out
