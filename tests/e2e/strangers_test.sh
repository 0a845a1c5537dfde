#!/usr/bin/env bash
# Tables as strangers have them, with nothing said but the label: how numbers, dates and what is missing are written, what
# only counts the rows, and classes of which one is rare.
source tests/lib.sh

learn() { # learn FILE OPTION...: a training; what it says in err.txt, and r2 or auc of the file itself in $got
    rm -rf m.safetensors m.run
    "$peal" train "$1" --label y --out m.safetensors "${@:2}" >out.txt 2>err.txt || { cat err.txt >&2; fail "train $*"; }
    "$peal" eval m.safetensors "$1" --json --quiet >m.json
    got=$(json m.json "metrics.$(grep -q '"r2"' m.json && echo r2 || echo auc)")
}
says() { grep -qE -- "$1" err.txt || { cat err.txt >&2; fail "not said: $1"; }; }
silent_of() { ! grep -qE -- "$1" err.txt || { cat err.txt >&2; fail "said: $1"; }; }

# A label of numbers in another spelling is a number: with commas, money, words where there is none.
awk 'BEGIN { for (i = 0; i < 600; i++) { x = i * 37 % 600 / 10; y = 1200 + 50 * x + i % 7
    plain = sprintf("%.2f", y); comma = plain; sub(/\./, ",", comma)
    money = sprintf("\"$%d,%06.2f\"", y / 1000, y % 1000)
    if (i == 0) { print "x;y" >"comma.csv"; print "x,y" >"money.csv"; print "x,y" >"words.csv"; print "x,y" >"plain.csv" }
    decimal = sprintf("%.1f", x); sub(/\./, ",", decimal)
    printf "%s;%s\n", decimal, comma >"comma.csv"; printf "%.1f,%s\n", x, money >"money.csv"
    printf "%.1f,%s\n", x, (i % 50 ? plain : "on request") >"words.csv"; printf "%.1f,%s\n", x, plain >"plain.csv" } }'
for table in plain comma money words; do
    learn $table.csv --model linear
    at_least "$got" 0.999
    [ $table = plain ] || says "label y: taken for a number"
done
learn money.csv --model linear --task regress
at_least "$got" 0.999
expect 0 "12 rows have no label" "$peal" train words.csv --label y --model linear --out m.safetensors

# A column of dates with a few words, in ways that people write.
awk 'BEGIN { split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", names, " "); srand(5)
    for (i = 0; i < 900; i++) { m = int(rand() * 12) + 1; d = int(rand() * 28) + 1; y = (m == 3 || m == 9) ? 5 : 0; y += d / 100
    word = i % 60 == 7 ? "0000-00-00" : i % 70 == 9 ? "unknown" : ""
    if (i == 0) for (k = 1; k <= 4; k++) print "when,y" >("d" k ".csv")
    printf "%s,%s\n", word ? word : sprintf("2021-%02d-%02d", m, d), y >"d1.csv"
    printf "%s,%s\n", word ? word : d "-" names[m] "-21", y >"d2.csv"
    printf "\"%s\",%s\n", word ? word : names[m] " " d ", 2021", y >"d3.csv"
    printf "%s,%s\n", word ? word : sprintf("%02d/%02d/2021 %02d:05 %s", m, d, i % 12 + 1, i % 2 ? "PM" : "AM"), y >"d4.csv" } }'
for k in 1 2 3 4; do
    learn d$k.csv --model trees
    says "column when: its texts are dates"
    says "column when: [0-9]+ values are no dates, as '"
    at_least "$got" 0.9
done

# Dates at prediction in another order: read where they can mean one day only, and told. One that is missing is seen by a
# linear model.
awk 'BEGIN { srand(8); split("iso day month", k, " "); for (i in k) print "when,y" >(k[i] ".csv"); print "when,y" >"gone.csv"
    for (i = 0; i < 900; i++) { m = int(rand() * 12) + 1; d = int(rand() * 28) + 1; y = m == 3 || m == 9 ? 5 : d / 100
    printf "2021-%02d-%02d,%.3f\n", m, d, y >"iso.csv"; printf "%02d/%02d/2021,%.3f\n", d, m, y >"day.csv"
    printf "%02d/%02d/2021,%.3f\n", m, d, y >"month.csv"
    printf "%s,%.3f\n", i % 5 ? sprintf("2021-%02d-%02d", m, d) : "", (i % 5 ? 0 : 3) + y / 50 >"gone.csv" } }'
only=$(awk -F '[/,]' 'NR > 1 && $1 > 12' day.csv | wc -l) both=$(awk -F '[/,]' 'NR > 1 && $1 < 13 && $1 != $2' day.csv | wc -l)
learn day.csv --model trees
"$peal" eval m.safetensors month.csv --json >m.json 2>err.txt
says "warning: $only values \(the first of column 'when': '.*'\) are not in the order of day and month that was learnt: .* day first"
"$peal" predict m.safetensors month.csv --json --out p.csv >m.json 2>err.txt
[ "$(json m.json doubtful_values)" = "$only" ] || fail "$(cat m.json)"
"$peal" eval m.safetensors iso.csv --json >m.json 2>err.txt
at_least "$(json m.json metrics.r2)" 0.9
silent_of warning
learn iso.csv --model trees
"$peal" eval m.safetensors month.csv --json >m.json 2>err.txt
at_least "$(json m.json metrics.r2)" 0.9
says "warning: $both values \(the first of column 'when': '.*'\) are dates that fit both orders of day and month"
learn gone.csv --model linear
at_least "$got" 0.99

# Every row twice: what learns by heart is no choice. Rows that are equal because their columns have few values are none.
awk 'BEGIN { srand(12); print "a,b,c,d,e,y"; for (i = 0; i < 500; i++) { row = ""; for (k = 0; k < 5; k++) { v = rand() + rand() + rand() - 1.5
    if (k == 0) z = v; row = row sprintf("%.3f,", v) } line[i] = row (rand() < 1 / (1 + exp(-2 * z)) ? "yes" : "no") }
    for (i = 0; i < 1000; i++) print line[i * 37 % 500] }' >twice.csv
learn twice.csv
[ "$(grep -c "500 rows are copies of others: these are held out together" err.txt)" = 1 ] || fail "$(cat err.txt)"
says "model: logistic.* is chosen"
awk 'BEGIN { srand(12); print "a,b,y"; for (i = 0; i < 1000; i++) { a = int(rand() * 9); print a "," int(rand() * 9) "," (rand() < a / 9) } }' >few.csv
learn few.csv
silent_of "copies"

# Times that are numbers are dates, if they are called so; else it is said what makes dates of them. Identifiers look
# otherwise.
awk 'BEGIN { srand(4); split("%s %Q %Y%m%d", f, " "); for (i = 0; i < 900; i++) { h = int(rand() * 24); t = 1600041600 + int(rand() * 200) * 86400 + h * 3600
    if (i == 0) for (k = 1; k <= 3; k++) print "ts,y" >("times" k ".csv"); y = h < 6 ? 1 : h < 12 ? 5 : h < 18 ? 2 : 9
    print t "," y + rand() / 2 >"times1.csv"; print t "000," y + rand() / 2 >"times2.csv"
    d = int(rand() * 28) + 1; printf "2021%02d%02d,%.3f\n", h % 12 + 1, d, d % 7 + rand() / 2 >"times3.csv" } }'
for k in 1 2 3; do
    form=$(echo "%s %Q %Y%m%d" | cut -d ' ' -f $k)
    learn times$k.csv --model trees --task regress
    says "column ts: its numbers are times, .* \\(--type ts=number keeps numbers\\)"
    [ $k = 3 ] || at_least "$got" 0.95
    [ $k = 3 ] && continue
    sed 's/^ts/code/' times$k.csv >code.csv
    learn code.csv --model linear --task regress
    says "column code: its numbers may be times, .* \\(--transform date:columns=code,format=$form\\)"
    learn code.csv --model trees --task regress --type code=text --transform "date:columns=code,format=$form"
    at_least "$got" 0.95
done
sed 's/^ts/id/; s/^16/98/' times1.csv >others.csv
learn others.csv --model linear --task regress
silent_of "may be times"

# How long things last: minutes and seconds, with hours where it takes them. Errors of spreadsheets; scales in words.
awk 'BEGIN { srand(2); for (i = 0; i < 900; i++) { v = int(exp(5.5 + 3.5 * rand())); q = rand() * 50; m = exp(11 + 5 * rand())
    if (i == 0) { print "t,y" >"lasts.csv"; print "k,y" >"errors.csv"; print "k,y" >"scales.csv" }
    if (v > 3599) t = sprintf("%d:%02d:%02d", v / 3600, v % 3600 / 60, v % 60); else t = sprintf("%d:%02d", v / 60, v % 60)
    printf "%s,%.3f\n", t, v / 1000 >"lasts.csv"
    if (i % 20 == 3) { k = i % 40 == 3 ? "#DIV/0!" : "#VALUE!"; w = 25 } else { k = sprintf("%.1f", q); w = q }
    printf "%s,%.3f\n", k, w >"errors.csv"
    if (m > 1e6) t = sprintf("%.4f million", m / 1e6); else t = sprintf("%.0f", m)
    printf "%s,%.3f\n", t, m / 1e5 >"scales.csv" } }'
for table in lasts errors scales; do
    learn $table.csv --model linear --task regress
    at_least "$got" 0.999
done

# Dirt among numbers: a number within marks counts, a word is missing and marked; so is what is new at prediction.
awk 'BEGIN { srand(6); n = split("tbd|see note|pending|not yet|error", words, "|"); print "x,y" >"dirty.csv"; print "x,y" >"fresh.csv"
    for (i = 0; i < 1500; i++) { v = int(rand() * 5000) / 10; y = v; x = v
    if (i % 40 == 3) { x = words[i % n + 1]; y = 700 }
    if (i % 40 == 9) x = (i % 3 == 0 ? v "*" : i % 3 == 1 ? "~" v : v " (est.)")
    print x "," y + rand() >"dirty.csv"; print (i % 40 == 3 ? "on hold" : i % 40 == 9 ? ">=" v : x) "," y >"fresh.csv" } }'
learn dirty.csv --model linear
at_least "$got" 0.999
says "warning: column x: 38 values have marks, as '.*', and count without them; 38 values are no number, as '.*', and"
says "\(--type x=text keeps texts\); the first is 'not yet', dirty.csv: line 5$"
"$peal" eval m.safetensors fresh.csv --json >m.json 2>err.txt
at_least "$(json m.json metrics.r2)" 0.999
says "38 values \(the first of column 'x': 'on hold'\) are not known to the model and count as missing"

# Units of one kind, and magnitudes, are one scale.
awk 'BEGIN { srand(7); for (i = 0; i < 900; i++) { g = exp(3 + rand() * 6); m = int(rand() * 200) + 20; b = exp(8 + rand() * 12)
    if (i == 0) { print "x,y" >"grams.csv"; print "x,y" >"lasting.csv"; print "x,y" >"sizes.csv" }
    if (i % 3) printf "%d g,%.3f\n", g, int(g) / 100 >"grams.csv"; else printf "%.4f kg,%.3f\n", g / 1000, g / 100 >"grams.csv"
    printf "%s,%d\n", (i % 4 ? (m >= 60 ? int(m / 60) "h " : "") m % 60 "m" : m " min"), m >"lasting.csv"
    if (b > 1e6) printf "%.2fM,%.3f\n", b / 1e6, b / 1e6 >"sizes.csv"; else printf "%.1fk,%.3f\n", b / 1e3, b / 1e6 >"sizes.csv" } }'
for table in lasting sizes grams; do
    learn $table.csv --model linear --task regress
    at_least "$got" 0.999
done
says "column x: its texts, as '.*g', are numbers of kilograms \(--type x=text keeps texts\)"

# Lists in cells: what their members tell; what is new in them is told at prediction.
awk 'BEGIN { srand(9); n = split("Action Comedy Drama Horror Romance War Western Crime", g, " "); print "g,y" >"genres.csv"; print "g,y" >"later.csv"
    for (i = 0; i < 1200; i++) { text = ""; y = 0
    for (k = 1; k <= n; k++) if (rand() < 0.4) { text = text (text ? "|" : "") g[k]; y += k * k }
    print text "," y >"genres.csv"; if (text && i % 10 == 0) { text = text "|Musical" ; told++ } print text "," y >"later.csv" } print told >"told.txt" }'
learn genres.csv --model linear --task regress
at_least "$got" 0.999
says "column g: its texts are lists with '\|' between the members and become features \(--type g=text keeps texts\)"
says "column g: 8 of the 8 members of its lists, as '[A-Z][a-z]*', are features"
"$peal" eval m.safetensors later.csv --json >m.json 2>err.txt
at_least "$(json m.json metrics.r2)" 0.999
says "$(cat told.txt) values \(the first of column 'g': '.*'\) are lists with members that the model does not know"
learn genres.csv --model linear --task regress --type g=text
silent_of "are lists"
says "^column g +text +index$"

# What counts the rows, and is called so, is left out; what is called otherwise may be the time.
awk 'BEGIN { print "Id,x,y"; for (i = 1; i <= 300; i++) if (i % 5) print i "," (i * 17 % 30) "," (i > 150) }' >ids.csv
learn ids.csv --model logistic
says "warning: column Id: it only says which row it is, and is left out"
learn ids.csv --model logistic --type Id=number
silent_of "left out"
sed 's/^Id/day/' ids.csv >days.csv
learn days.csv --model logistic
silent_of "left out"
at_least "$got" 0.99

# A rare class that only curves tell: the linear model is no choice, whatever the split.
for seed in 1 2 3; do
    awk -v seed=$seed 'function uniform() { state = state * 16807 % 2147483647; return state / 2147483647 }
        function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307 * uniform()) }
        BEGIN { state = 1000 + seed; print "a,b,c,y"; for (i = 0; i < 2500; i++) { a = normal(); b = normal(); c = normal()
            p = 1 / (1 + exp(6 - 3.2 * (a * a > 2.25) - 3 * (b * b > 2.25)))
            printf "%.3f,%.3f,%.3f,%s\n", a, b, c, (uniform() < p ? "fraud" : "ok") } }' >rare.csv
    learn rare.csv --seed $seed
    says "model: (trees|mlp) is chosen"
    at_least "$got" 0.8
done

# Text in UTF-16 as spreadsheets write it; a column without a name beside one that is called like it.
printf '\xff\xfe' >wide.csv
{ echo "x	y"; awk 'BEGIN { for (i = 0; i < 60; i++) print i % 9 "	" i % 9 * 2.5 }'; } | iconv -t utf-16le >>wide.csv
learn wide.csv --model linear
at_least "$got" 0.999
awk 'BEGIN { print ",c1,y"; for (i = 0; i < 60; i++) print i % 9 "," i % 7 "," i % 9 * 2.5 }' >unnamed.csv
learn unnamed.csv --model linear
says "column c1_ "
at_least "$got" 0.999

cat wide.csv | "$peal" predict m.safetensors - >piped.txt 2>err.txt && fail "a pipe of another table was predicted"
learn wide.csv --model linear
cat wide.csv | "$peal" predict m.safetensors - --quiet >piped.txt
"$peal" predict m.safetensors wide.csv --quiet | cmp - piped.txt || fail "text in UTF-16 is another one in a pipe"

# A model of decimal commas knows numbers of other formats as the numbers that they are.
awk 'BEGIN { print "x;y" >"euro.csv"; for (i = 0; i < 300; i++) { x = i * 37 % 300 * 17 / 1000
    text = sprintf("%.3f", 1000 * x); sub(/\./, ",", text); if (x >= 1) text = sprintf("%d.%03d,%03d", x, 1000 * x % 1000, 0)
    print text ";" 2 * x + i % 2 / 100 >"euro.csv"; printf "{\"x\": %.3f, \"y\": %.4f}\n", 1000 * x, 2 * x + i % 2 / 100 >"euro.jsonl" } }'
learn euro.csv --model linear
says "column x: its texts, as '[0-9.,]+', are numbers"
at_least "$got" 0.999
"$peal" eval m.safetensors euro.jsonl --json --quiet >m.json
at_least "$(json m.json metrics.r2)" 0.999
for number in 1.234 1234 1.5; do echo "{\"x\": $number}" | "$peal" predict m.safetensors - --format jsonl --quiet | tail -n 1; done >numbers.txt
[ "$(sort -u numbers.txt | wc -l)" = 3 ] || fail "numbers of JSON are taken for each other: $(cat numbers.txt)"

# A flag of which there is one value, or none.
awk 'BEGIN { print "flag,x,y"; for (i = 0; i < 400; i++) print (i % 3 ? "" : 1) "," i * 7 % 11 "," (i % 3 == 0 ? 5 : 0) }' >flag.csv
learn flag.csv --model linear
at_least "$got" 0.999

# Words that contradict each other, or that would do nothing.
expect 2 "column 'x' is dropped" "$peal" train ids.csv --label y --drop x --weight x --out m.safetensors
expect 2 "column 'x' is dropped" "$peal" etl ids.csv --label y --drop x --transform keep:columns=x --out x.ds
[ ! -e x.ds ] || fail "a dataset was written"
expect 2 "alpha is of the objective quantile or huber, not of 'squared'" \
    "$peal" train plain.csv --label y --model trees:objective=squared,alpha=0.3 --out m.safetensors
expect 2 "takes no columns" "$peal" etl ids.csv --label y --transform label:columns=x --out x.ds
learn plain.csv --model trees:min_gain=1e9
says "warning: no split was made in any tree"
# Drawn rows give each tree another value, and held-out rows say no why.
for rows in 0.001 0.03; do
    for valid in "" "--valid 0.3"; do
        # shellcheck disable=SC2086
        learn plain.csv --model trees:rows=$rows $valid
        says "warning: no split was made in any tree"
        says 'more rows be drawn for a tree \(rows\)'
    done
done
learn plain.csv --model trees
silent_of "no split was made"
learn plain.csv --model trees:rate=9
says "warning: the loss rose"
learn plain.csv --model trees --transform bins:columns=x
learn plain.csv --model linear --optimizer adamw --sync epoch
says "adamw, lr 0.02"

# A table may have a column that is called like a group of them.
awk 'BEGIN { print "numbers,age,y"; for (i = 1; i < 90; i++) print i % 8 "," i % 5 "," i % 8 * 3 }' >names.csv
learn names.csv --model linear --transform log1p:columns=numbers
says "^column numbers +number +log1p impute$"
says "^column age +number +impute standardize$"
echo "strangers: all well"
