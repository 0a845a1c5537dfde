1 |f a:2 b 3
-1 2.5 0.5 'tag|a x y:0.5 |b z:-1e-2
0 1 0.25 t2|a x
|f a b
1 | a b 12 0012
1 |f:3 a:2 b :5 :6 x:0
1 | :5 :6 a
1 |12 3 a 99999999999
'only |ns x
1 |f naïve ünï Grüße:0.1
1 |f a|g b
1 0.5 |a x|a x:0.25 |  y
2 'q |text it was the best of times it was the worst of times it was the age of wisdom it was the age of foolishness
1 |f -5 +5 3.5 abcd abcde abcdef abcdefg abcdefgh
