#!/usr/bin/env bash
# What the README shows of a stranger's way is what is printed, but for numbers and the names of places and machines.
source tests/lib.sh

readme=$root/README.md
plain() { # what does not depend on speed, machine and place, without numbers; a slow build also prints how far it is
    grep -vE '^(dataset: |(trial, )?epoch |[a-z, ]+: +[0-9]+%, |1 partition|rows: 600 trained|model: model)' | sed -E 's/-?[0-9]+(\.[0-9]+)?/N/g'
}
sed -n '/^\$ peal train flats.csv/,/^```/p' "$readme" | grep -v '^```' >shown.txt
cp "$data"/flats/*.csv .
grep '^\$ peal ' shown.txt | while read -r _ _ arguments; do
    echo "\$ peal $arguments"
    # shellcheck disable=SC2086
    $peal $arguments 2>&1 </dev/null
done >printed.txt
[ "$(grep -c '^\$ peal ' printed.txt)" = 3 ] || fail "not three commands"
diff <(plain <shown.txt) <(plain <printed.txt) || fail "the README shows something else"
echo ok
