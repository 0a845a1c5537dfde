/* What a query of a database is cut to: semicolons, blanks and comments at its end go, and nothing else does. */
#include "etl/source/sql_names.h"
#include "tests/support.h"

enum { SQLITE = 1, POSTGRESQL = 2, BOTH = 3 };

static void check(const char *query, const char *expected, bool is_postgresql) {
    char *copy = strdup(query);
    source__sql_trim_end(copy, is_postgresql);
    assert_string_equal(copy, expected);
    free(copy);
}

static void the_end_of_a_query_is_cut(void **state) {
    (void)state;
    static const struct {
        const char *query, *expected;
        int databases;
    } cases[] = {
        {"select 1", "select 1", BOTH},
        {"select 1 ; ;\n", "select 1", BOTH},
        {"select 1; -- all", "select 1", BOTH},
        {"select 1 -- all;", "select 1", BOTH},
        {"select 1; -- one\n /* two; */ ;-- three", "select 1", BOTH},
        {"select 1 /* open", "select 1", BOTH},
        {"select 1 - -1", "select 1 - -1", BOTH},
        {"select 1 -- one\n, 2; -- two", "select 1 -- one\n, 2", BOTH},
        {"/* first */ select 1;", "/* first */ select 1", BOTH},
        {"select 1; select 2; -- two", "select 1; select 2", BOTH},
        {"select ';--';", "select ';--'", BOTH},
        {"select 'it''s; -- none';", "select 'it''s; -- none'", BOTH},
        {"select 'a\\'; -- it's", "select 'a\\'", BOTH},
        {"select \"a;\"\"--\" ;", "select \"a;\"\"--\"", BOTH},
        {"select 'open; -- ", "select 'open; -- ", BOTH},
        {"select \xc3\xa9; -- \xc3\xa9", "select \xc3\xa9", BOTH},
        {" ; -- nothing", "", BOTH},
        {"", "", BOTH},
        {"select [a;--b]; -- c", "select [a;--b]", SQLITE},
        {"select `a;--b`; -- c", "select `a;--b`", SQLITE},
        {"select 1; /* one /* two */ -- */", "select 1", SQLITE},
        {"select 1; /* one /* two */ ; */", "select 1", POSTGRESQL},
        {"select e'a\\'; --'; -- it's", "select e'a\\'; --'", POSTGRESQL},
        {"select date'x\\'; -- it's", "select date'x\\'", POSTGRESQL},
        {"select $$a; --$$; -- b", "select $$a; --$$", POSTGRESQL},
        {"select $a$b; $$ --$a$; -- c", "select $a$b; $$ --$a$", POSTGRESQL},
        {"select $1; -- c$1$", "select $1", POSTGRESQL},
        {"select a$b$; -- $b$", "select a$b$", POSTGRESQL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (cases[i].databases & SQLITE) check(cases[i].query, cases[i].expected, false);
        if (cases[i].databases & POSTGRESQL) check(cases[i].query, cases[i].expected, true);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_of_a_query_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
