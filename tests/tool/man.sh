# A page whose example fails, whose sections are out of order or whose options are missing is found out
mkdir -p "$TMP/t/tests" "$TMP/t/build/man"
cp tests/man "$TMP/t/tests"
cd "$TMP/t" || exit 1
page() {
    printf '.Dd January 1, 2026\n.Dt GOOD 1\n.Os\n'
    for s in NAME SYNOPSIS DESCRIPTION OPTIONS RECORDS 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
        echo ".Sh $s"
        case $s in
        NAME)       printf '.Nm good\n.Nd a page\n' ;;
        EXAMPLES)   printf '%s\n' '.\" test: cp rows.jsonl chat.jsonl' '.Bd -literal -offset indent' \
                        '$ wc \-l chat.jsonl pairs.jsonl >x' '$ grep \(aq60 pairs\(aq x \e' '    >y' '.Ed' Then: \
                        '.Bd -literal -offset indent' 'cat config.json text.txt y >z' '.Ed' ;;
        *)          echo "Text of the section $s." ;;
        esac
    done
}
try() {
    rm -rf work
    mkdir work
    TMP=$PWD/work sh tests/man "$1"
    echo "$1: $?"
}
page >build/man/good.1; try good.1
page | sed 's/60 pairs/61 pairs/' >build/man/example.1; try example.1
page | sed 's/^.Sh RECORDS/.Sh RECORD/' >build/man/section.1; try section.1
page | sed 's/^Text of the section OPTIONS./@OPTIONS@/' >build/man/options.1; try options.1
page | sed '/^.Bd/,/^.Ed/d' >build/man/none.1; try none.1
