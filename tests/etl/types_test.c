/* Types are decided by all values: a late text, a late number, what is missing, one bad value in a thousand; the same
 * for any order of the files, any number of threads, and after a kill in the middle of a second pass. */
#include "etl/job/types.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>

#include "core/base/digest.h"
#include "core/base/file.h"
#include "etl/dataset/dataset.h"
#include "etl/job/etl.h"
#include "tests/support.h"

enum { FILES_MOST = 4 };

static char *folder;

/* A job over a few files, and what it said. */
typedef struct job {
    char *paths[FILES_MOST], *out;
    peal_etl_options options;
    peal_reporter reporter;
    json_t *types;
    peal_etl_result result;
    char notes[8192];
} job;

static void note(void *user, const peal_event *event) {
    job *self = user;
    if (event->kind != PEAL_EVENT_NOTE && event->kind != PEAL_EVENT_WARNING) return;
    const size_t used = strlen(self->notes);
    snprintf(self->notes + used, sizeof self->notes - used, "%s\n", event->text);
}

/* `types` is JSON or NULL. */
static void job_init(job *self, const char *types) {
    *self = (job){.out = test_path(folder, "types.ds"), .options = peal_etl_default()};
    self->reporter = (peal_reporter){.handle = note, .user = self};
    self->types = types ? json_loads(types, 0, NULL) : NULL;
    assert_int_equal(types != NULL, self->types != NULL);
    self->options.sources = (const char *const *)self->paths;
    self->options.out = self->out;
    self->options.plan.types = self->types;
    self->options.block_size = 3000;
    self->options.threads = 2;
    self->options.reporter = &self->reporter;
}

static void job_clear(job *self) {
    peal_remove_tree(self->out, NULL);
    for (size_t i = 0; i < self->options.source_count; i++) free(self->paths[i]);
    json_decref(self->types);
    free(self->out);
}

static void job_add(job *self, const char *name, const char *text) {
    peal_error err;
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text, strlen(text), &err));
    self->paths[self->options.source_count++] = path;
}

/* A text that is put together line by line. */
typedef struct lines {
    peal_buffer text;
} lines;

static void add_lines(lines *to, size_t count, const char *line) {
    peal_error err;
    for (size_t i = 0; i < count; i++) assert_ok(peal_buffer_append(&to->text, line, strlen(line), &err));
}

static void add_numbers(lines *to, size_t first, size_t count, const char *behind) {
    for (size_t i = 0; i < count; i++) {
        char line[80];
        snprintf(line, sizeof line, "%zu.5%s", (first + i) % 50, behind);
        add_lines(to, 1, line);
    }
}

static void job_add_lines(job *self, const char *name, lines *made) {
    peal_error err;
    assert_ok(peal_buffer_append(&made->text, "", 1, &err));
    job_add(self, name, (const char *)made->text.data);
    peal_buffer_clear(&made->text);
}

static void must_run(job *self) {
    peal_error err;
    *self->notes = '\0';
    assert_ok(peal_etl(&self->options, &self->result, &err));
}

/* The name of the column's type in the dataset, and its role. */
static void assert_type(const job *self, const char *column, const char *type, const char *role) {
    peal_error err;
    peal_dataset *dataset;
    size_t index;
    json_t *one;
    bool found = false;
    assert_ok(peal_dataset_open(self->out, &dataset, &err));
    const json_t *pipeline = json_object_get(peal_dataset_manifest(dataset), "pipeline");
    json_array_foreach(json_object_get(pipeline, "columns"), index, one) {
        if (strcmp(json_string_value(json_object_get(one, "name")), column) != 0) continue;
        found = true;
        assert_string_equal(json_string_value(json_object_get(one, "type")), type);
        assert_string_equal(json_string_value(json_object_get(one, "role")), role);
    }
    assert_true(found);
    peal_dataset_close(dataset);
}

static uint64_t rows_hash(const job *self) {
    peal_error err;
    uint64_t hash;
    char *shard = peal_path_join(self->out, "train-00000.arrow");
    assert_ok(peal_hash_file(shard, &hash, &err));
    free(shard);
    return hash;
}

static void assert_says(const job *self, const char *what) {
    assert_has(self->notes, what);
}

static void assert_does_not_say(const job *self, const char *what) {
    if (strstr(self->notes, what)) fail_msg("'%s' is in: %s", what, self->notes);
}

/* ---- late values ---- */

static void add_late_text(job *self, bool reversed) {
    lines numbers = {0}, texts = {0};
    add_lines(&numbers, 1, "x,z\n");
    add_numbers(&numbers, 0, 500, ",1\n");
    add_lines(&texts, 1, "x,z\n");
    add_numbers(&texts, 0, 30, ",2\n");
    static const char *const words[] = {"red,3\n", "blue,3\n", "green,3\n", "grey,3\n"};
    for (size_t i = 0; i < 40; i++) add_lines(&texts, 1, words[i % 4]);
    if (reversed) job_add_lines(self, "texts.csv", &texts);
    job_add_lines(self, "numbers.csv", &numbers);
    if (!reversed) job_add_lines(self, "texts.csv", &texts);
}

/* Texts that come late make a column what it is if somebody says so at first. */
static void late_text_makes_a_column_text(void **state) {
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        job found, given;
        job_init(&found, NULL);
        add_late_text(&found, reversed);
        must_run(&found);
        assert_type(&found, "x", "dictionary", "index");
        assert_type(&found, "z", "float64", "feature");
        assert_int_equal(found.result.rows_used, 570);
        const uint64_t hash = rows_hash(&found);
        if (!reversed) {
            assert_says(&found, "column x: read as text:");
            assert_says(&found, "40 of its values are no numbers, the first is 'red'");
            assert_says(&found, "texts.csv: line 32");
        }
        job_init(&given, "{\"x\": \"text\"}");
        add_late_text(&given, reversed);
        must_run(&given);
        assert_int_equal(rows_hash(&given), hash);
        job_clear(&found);
        job_clear(&given);
    }
}

static void add_late_numbers(job *self, size_t texts, size_t numbers, bool reversed) {
    lines first = {0}, second = {0};
    add_lines(&first, 1, "x,z\n");
    add_lines(&first, texts, "red,1\n");
    add_lines(&second, 1, "x,z\n");
    add_numbers(&second, 0, numbers, ",2\n");
    if (reversed) job_add_lines(self, "numbers.csv", &second);
    job_add_lines(self, "texts.csv", &first);
    if (!reversed) job_add_lines(self, "numbers.csv", &second);
}

/* What begins with texts and is numbers but for them is what it is if somebody says so at first. */
static void late_numbers_make_a_column_numbers(void **state) {
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        job found, given;
        job_init(&found, NULL);
        add_late_numbers(&found, 2, 3000, reversed);
        found.options.on_bad_row = PEAL_BAD_ROWS_DROP;
        must_run(&found);
        assert_type(&found, "x", "float64", "feature");
        assert_int_equal(found.result.rows_used, 3000);
        assert_int_equal(found.result.rows_dropped, 2);
        const uint64_t hash = rows_hash(&found);
        job_init(&given, "{\"x\": \"number\"}");
        add_late_numbers(&given, 2, 3000, reversed);
        given.options.on_bad_row = PEAL_BAD_ROWS_DROP;
        must_run(&given);
        assert_int_equal(rows_hash(&given), hash);
        job_clear(&found);
        job_clear(&given);
    }
}

/* A row that is bad for its type's sake only is named with the way to keep it, whichever file comes first. */
static void bad_value_is_named_with_the_way_to_keep_it(void **state) {
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        peal_error err;
        job self;
        job_init(&self, NULL);
        add_late_numbers(&self, 1, 3000, reversed);
        assert_int_equal(peal_etl(&self.options, &self.result, &err), PEAL_E_DATA);
        assert_has(err.message, "texts.csv: line 2: column 'x': 'red' is not a number");
        assert_has(err.message, "(type x=text keeps such values, on-bad-row drop leaves such rows out)");
        assert_false(peal_path_exists(self.out));
        job_clear(&self);
    }
}

/* A file that says nothing of a column leaves it to the next one. */
static void first_file_may_say_nothing(void **state) {
    (void)state;
    static const char *const firsts[] = {"x,t,z\n", "x,t,z\n,,1\n,,2\n", "x,t,z\nNA,NA,1\n"};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        job self;
        job_init(&self, NULL);
        job_add(&self, "first.csv", firsts[i]);
        job_add(&self, "second.csv", "x,t,z\n1.5,red,1\n2.5,blue,2\n,red,3\n");
        must_run(&self);
        assert_type(&self, "x", "float64", "feature");
        assert_type(&self, "t", "dictionary", "index");
        job_clear(&self);
    }
}

/* ---- what is missing ---- */

static void usual_spellings_are_missing_in_numbers_only(void **state) {
    (void)state;
    static const char text[] = "x,t\n1,a\nNA,NA\n2,a\n-,-\n3,NA\n4,b\n5,b\n6,a\n";
    job self;
    job_init(&self, NULL);
    job_add(&self, "missing.csv", text);
    must_run(&self);
    assert_int_equal(self.result.rows_used, 8);
    assert_type(&self, "x", "float64", "feature");
    assert_type(&self, "t", "dictionary", "index");
    assert_says(&self, "column x: 2 values (NA) are taken for missing (type x=text keeps them)");
    assert_does_not_say(&self, "column t: 2 values");
    job_clear(&self);
    job_init(&self, "{\"x\": \"text\"}");
    job_add(&self, "missing.csv", text);
    must_run(&self);
    assert_type(&self, "x", "dictionary", "index");
    assert_does_not_say(&self, "missing (type");
    job_clear(&self);
}

/* ---- one in a thousand ---- */

static void check_share(size_t numbers, size_t others, const char *type, const char *role, size_t dropped) {
    uint64_t hashes[2];
    for (int reversed = 0; reversed < 2; reversed++) {
        job self;
        job_init(&self, NULL);
        add_late_numbers(&self, others, numbers, reversed);
        self.options.on_bad_row = PEAL_BAD_ROWS_DROP;
        must_run(&self);
        assert_type(&self, "x", type, role);
        assert_int_equal(self.result.rows_dropped, dropped);
        hashes[reversed] = rows_hash(&self);
        job_clear(&self);
    }
    /* What is dropped does not matter to what is kept: then the order of the files makes no difference. */
    if (dropped == others) assert_int_equal(hashes[0], hashes[1]);
}

static void one_value_in_a_thousand_may_be_none(void **state) {
    (void)state;
    check_share(999, 1, "float64", "feature", 1);
    check_share(998, 2, "dictionary", "feature", 0); /* more are a word where there is no number */
    check_share(1998, 2, "float64", "feature", 2);
    check_share(1997, 3, "dictionary", "feature", 0);
    check_share(5, 1, "float64", "feature", 1); /* of a small table, one value */
    check_share(2, 1, "float64", "feature", 1);
    check_share(1, 1, "dictionary", "index", 0);
    check_share(50, 2, "dictionary", "feature", 0);
    check_share(15, 2, "dictionary", "index", 0); /* few numbers may be categories, like the word */
}

/* Words where there is no number are missing, wherever they come first, and told. */
static void words_among_numbers_are_missing(void **state) {
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        lines numbers = {0}, words = {0};
        job found, given;
        add_lines(&numbers, 1, "x,z\n");
        add_numbers(&numbers, 0, 500, ",1\n");
        add_lines(&words, 1, "x,z\n");
        add_lines(&words, 100, "unknown,2\n");
        add_lines(&words, 100, ",2\n");
        job_init(&found, NULL);
        if (reversed) job_add_lines(&found, "words.csv", &words);
        job_add_lines(&found, "numbers.csv", &numbers);
        if (!reversed) job_add_lines(&found, "words.csv", &words);
        must_run(&found);
        assert_type(&found, "x", "dictionary", "feature");
        assert_says(&found, "column x: 100 values are no number, as 'unknown', and count for missing (type x=text");
        assert_int_equal(found.result.rows_used, 700);
        const uint64_t hash = rows_hash(&found);
        /* What it is if the word is named as a spelling of what is missing. */
        static const char *const nulls[] = {"unknown"};
        job_init(&given, NULL);
        given.options.source_count = found.options.source_count;
        memcpy(given.paths, found.paths, sizeof given.paths);
        given.options.nulls = nulls;
        given.options.null_count = 1;
        must_run(&given);
        assert_type(&given, "x", "float64", "feature");
        assert_int_equal(rows_hash(&given), hash);
        found.options.source_count = 0; /* the paths are the other's now */
        job_clear(&found);
        job_clear(&given);
    }
}

/* What stands among the numbers of x in one row of 26. */
typedef struct dirt {
    const char *texts[4];
    bool are_numbers;
} dirt;

static void add_dirty(job *self, const char *name, const char *const texts[4]) {
    lines made = {0};
    add_lines(&made, 1, "x,z\n");
    for (size_t i = 0; i < 6; i++) {
        char line[80];
        add_numbers(&made, i * 100, 100, ",1\n");
        for (size_t k = 0; k < 4; k++) {
            snprintf(line, sizeof line, "%s,2\n", texts[k]);
            add_lines(&made, 1, line);
        }
    }
    job_add_lines(self, name, &made);
}

/* Any words and marks, in up to one row of twenty, leave a column of numbers what it is; what is told names the place.
 * Codes do not. */
static void dirt_among_numbers_is_told(void **state) {
    (void)state;
    static const dirt cases[] = {
        {{"tbd", "see note", "pending", "error"}, true},
        {{"33.5*", "~5", "12 (est.)", "<0.1"}, true},
        {{"33.5*", "tbd", "see note", ">100"}, true},
        {{"V27", "E909", "V30", "E12"}, false},
        {{"12A", "14B", "7A", "9C"}, false},
        {{"10-12", "14/2", "7-9", "9/1"}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job found;
        job_init(&found, NULL);
        add_dirty(&found, "dirty.csv", cases[i].texts);
        must_run(&found);
        assert_type(&found, "x", "dictionary", cases[i].are_numbers ? "feature" : "index");
        assert_int_equal(found.result.rows_used, 624);
        if (cases[i].are_numbers) {
            assert_says(&found, "(type x=text keeps texts); the first is '");
            assert_says(&found, "dirty.csv: line 102");
            assert_does_not_say(&found, "read as text");
        } else {
            assert_says(&found, "column x: read as text: 24 of its values are no numbers, the first is '");
        }
        job_clear(&found);
    }
}

/* Where most rows are empty, a few words are more than one in 1,000 of the values, but not of the rows. */
static void words_may_be_rarer_than_gaps(void **state) {
    (void)state;
    lines made = {0};
    job self;
    job_init(&self, NULL);
    add_lines(&made, 1, "x,z\n");
    add_numbers(&made, 0, 3000, ",1\n");
    add_lines(&made, 7000, ",2\n");
    add_lines(&made, 8, "unknown,3\n");
    job_add_lines(&self, "gaps.csv", &made);
    must_run(&self);
    assert_type(&self, "x", "dictionary", "feature");
    assert_says(&self, "8 values are no number, as 'unknown'");
    job_clear(&self);
}

/* Numbers in another way of writing, early or late, are the numbers that they are. */
static void numbers_are_read_as_they_are_written(void **state) {
    (void)state;
    for (int reversed = 0; reversed < 2; reversed++) {
        lines small = {0}, large = {0}, plain = {0};
        job found, given;
        add_lines(&small, 1, "x,w\n");
        add_lines(&large, 1, "x,w\n");
        add_lines(&plain, 1, "x,w\n");
        for (int i = 0; i < 400; i++) {
            char line[64];
            const int number = i < 200 ? 100 + i : 1000 + 7 * i;
            snprintf(line, sizeof line, number < 1000 ? "%d,%d kg\n" : "\"%d,%03d\",%d kg\n",
                     number < 1000 ? number : number / 1000, number < 1000 ? i : number % 1000, i);
            add_lines(i < 200 ? &small : &large, 1, line);
            snprintf(line, sizeof line, "%d,%d\n", number, i);
            add_lines(&plain, 1, line);
        }
        job_init(&found, NULL);
        if (reversed) job_add_lines(&found, "large.csv", &large);
        job_add_lines(&found, "small.csv", &small);
        if (!reversed) job_add_lines(&found, "large.csv", &large);
        must_run(&found);
        assert_type(&found, "x", "dictionary", "feature");
        assert_type(&found, "w", "dictionary", "feature");
        assert_says(&found, "kg', are numbers (type w=text keeps texts)");
        job_init(&given, NULL);
        job_add_lines(&given, "plain.csv", &plain);
        must_run(&given);
        if (!reversed) assert_int_equal(rows_hash(&given), rows_hash(&found));
        job_clear(&found);
        job_clear(&given);
    }
}

/* ---- labels and booleans ---- */

static void label_is_what_its_values_are(void **state) {
    (void)state;
    static const struct {
        const char *first, *second, *type;
        size_t dropped;
    } cases[] = {
        {"0\n1\n0\n", "1\n1\n0\n", "dictionary", 0},          /* few whole numbers: classes */
        {"0\n1\n0\n", "1.5\n2.25\n0\n", "float64", 0},        /* a fraction comes late */
        {"0.5\n1\n0\n", "1\n2\n0\n", "float64", 0},           /* or early */
        {"yes\nno\nyes\n", "no\nno\nyes\n", "dictionary", 0}, /* words */
        {"0\n1\n0\n", "1\nNA\n0\n", "dictionary", 1},         /* a label that is missing makes a bad row */
        {"0\n1\n0\n", "1\n\n0\n", "dictionary", 1},           {"0.5\n1.5\n0.25\n", "1\n\n0\n", "float64", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (int reversed = 0; reversed < 2; reversed++) {
            const char *const texts[] = {cases[i].first, cases[i].second};
            job self;
            job_init(&self, NULL);
            for (size_t file = 0; file < 2; file++) {
                lines made = {0};
                add_lines(&made, 1, "z,y\n");
                size_t row = 0;
                for (const char *at = texts[reversed ? 1 - file : file]; *at; at = strchr(at, '\n') + 1) {
                    char line[40];
                    snprintf(line, sizeof line, "%zu,%.*s\n", row++, (int)(strchr(at, '\n') - at), at);
                    add_lines(&made, 1, line);
                }
                job_add_lines(&self, file ? "b.csv" : "a.csv", &made);
            }
            self.options.plan.label = "y";
            self.options.on_bad_row = PEAL_BAD_ROWS_DROP;
            must_run(&self);
            assert_type(&self, "y", cases[i].type, "label");
            assert_int_equal(self.result.rows_dropped, cases[i].dropped);
            assert_says(&self, "label y: taken for a ");
            job_clear(&self);
        }
    }
}

static void true_and_false_are_booleans(void **state) {
    (void)state;
    job self;
    job_init(&self, NULL);
    job_add(&self, "a.csv", "b,t,w\ntrue,true,true\nFALSE,no,false\n,maybe,true\n");
    job_add(&self, "b.csv", "b,t,w\nFalse,true,true\nTrue,true,false\n");
    must_run(&self);
    assert_int_equal(self.result.rows_used, 5);
    assert_type(&self, "b", "bool", "index"); /* that it is missing is a third value */
    assert_type(&self, "w", "bool", "feature");
    assert_type(&self, "t", "dictionary", "index");
    job_clear(&self);
}

/* A bad row leaves nothing behind: the next one's boolean is not missing. */
static void bad_row_leaves_no_missing_value(void **state) {
    (void)state;
    uint64_t hashes[2];
    static const char *const texts[] = {"b,x\ntrue,1\n,bad\ntrue,2\nfalse,3\n", "b,x\ntrue,1\ntrue,2\nfalse,3\n"};
    for (size_t i = 0; i < 2; i++) {
        job self;
        job_init(&self, "{\"b\": \"bool\", \"x\": \"number\"}");
        job_add(&self, "bad.csv", texts[i]);
        self.options.on_bad_row = PEAL_BAD_ROWS_DROP;
        must_run(&self);
        assert_int_equal(self.result.rows_used, 3);
        hashes[i] = rows_hash(&self);
        job_clear(&self);
    }
    assert_int_equal(hashes[0], hashes[1]);
}

/* ---- identifiers ---- */

static void identifiers_are_left_out_after_the_pass(void **state) {
    (void)state;
    lines made = {0};
    job self;
    job_init(&self, NULL);
    add_lines(&made, 1, "id,colour,x\n");
    for (size_t i = 0; i < 400; i++) {
        char line[60];
        snprintf(line, sizeof line, "n-%zu,%s,%zu\n", i, i % 2 ? "red" : "blue", i % 7);
        add_lines(&made, 1, line);
    }
    job_add_lines(&self, "ids.csv", &made);
    must_run(&self);
    assert_type(&self, "id", "dictionary", "dropped");
    assert_type(&self, "colour", "dictionary", "index");
    assert_says(&self, "column id: nearly every row has a text of its own, so it is left out");
    job_clear(&self);
}

/* What counts the rows and is called so is left out, unless somebody says what it is; what is called otherwise, or does
 * not count, is kept. */
static void counters_are_left_out(void **state) {
    (void)state;
    static const struct {
        const char *name, *types;
        size_t first, step, different; /* different: values, of 300 rows */
        bool dropped;
    } cases[] = {
        {"id", NULL, 1, 1, 300, true},          {"PassengerId", NULL, 0, 1, 300, true},
        {"row_id", NULL, 5, 2, 300, true},      {"id", "{\"id\": \"number\"}", 1, 1, 300, false},
        {"day", NULL, 1, 1, 300, false},        {"id", NULL, 1, 1, 40, false},
        {"id", NULL, 1, 3, 150, false},         {"id", NULL, 1, 20, 300, false},
        {"valid", NULL, 1, 1, 300, false},      {"id", NULL, 900000000, 1, 300, true},
        {"id", NULL, 900000000, 2, 300, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lines made = {0};
        job self;
        job_init(&self, cases[i].types);
        char line[60];
        snprintf(line, sizeof line, "%s,x\n", cases[i].name);
        add_lines(&made, 1, line);
        for (size_t row = 0; row < 300; row++) {
            const size_t place = row * 7 % cases[i].different;
            snprintf(line, sizeof line, "%zu,%zu\n", cases[i].first + cases[i].step * place, row % 7);
            add_lines(&made, 1, line);
        }
        job_add_lines(&self, "counts.csv", &made);
        must_run(&self);
        assert_type(&self, cases[i].name, "float64", cases[i].dropped ? "dropped" : "feature");
        if (cases[i].dropped) assert_says(&self, "it only says which row it is, and is left out");
        job_clear(&self);
    }
}

/* Numbers that are times, by their range and what they are called, are dates; those that only might be are told. */
static void times_that_are_numbers_are_dates(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        job self;
        lines made = {0}, more = {0};
        job_init(&self, NULL);
        add_lines(&made, 1, "CreatedAt,updated_by,Ship date,day,candidate\n");
        add_lines(&more, 1, "CreatedAt,updated_by,Ship date,day,candidate\n");
        for (size_t i = 0; i < 200; i++) {
            char line[96];
            snprintf(line, sizeof line, "%zu,%zu,%zu.25,2021%02zu%02zu,%zu\n", 1600000000 + i * 7777, 1600000000 + i,
                     43831 + i, i % 12 + 1, i / 12 + 1, 20000 + i * 3 % 200);
            add_lines(&made, 1, line);
        }
        for (size_t i = 0; i < 40; i++)
            add_lines(&more, 1, late ? "12,12,12,12,12\n" : "1600000001,3,44001,20210301,5\n");
        job_add_lines(&self, "times.csv", &made);
        job_add_lines(&self, "more.csv", &more);
        must_run(&self);
        assert_type(&self, "CreatedAt", late ? "float64" : "dictionary", "feature");
        assert_type(&self, "Ship date", late ? "float64" : "dictionary", "feature");
        assert_type(&self, "day", late ? "float64" : "dictionary", "feature");
        assert_type(&self, "updated_by", "float64", "feature");
        assert_type(&self, "candidate", "float64", "feature");
        if (!late) assert_says(&self, "column Ship date: its numbers are times, days since 1899-12-30");
        if (late) assert_does_not_say(&self, "its numbers are times");
        job_clear(&self);
    }
}

/* Points between thousands are told by the decimal commas of another column, codes by the zeros in front. */
static void digits_are_read_by_what_stands_around(void **state) {
    (void)state;
    for (int commas = 0; commas < 2; commas++) {
        for (int late = 0; late < 2; late++) {
            job self;
            lines made = {0};
            job_init(&self, NULL);
            add_lines(&made, 1, "sales;part;zip;serial;month;y\n");
            for (int i = 0; i < 300; i++) {
                char line[96];
                snprintf(line, sizeof line, "%d.%03d;0%c%d;%05d;%06d;%02d;%d.%03d\n", i % 7 + 1, i, commas ? ',' : '.',
                         i % 90 + 10, 501 + i % 20 * 977, i, i % 12 + 1, i % 9 + 1, i);
                add_lines(&made, 1, line);
            }
            if (late) add_lines(&made, 1, commas ? "0.5;0,5;1;1;1;2.000\n" : "0.5;0.5;1;1;1;2.000\n");
            job_add_lines(&self, "digits.csv", &made);
            self.options.plan.label = "y";
            must_run(&self);
            const bool are_thousands = commas && !late;
            assert_type(&self, "sales", are_thousands ? "dictionary" : "float64", "feature");
            assert_type(&self, "y", commas ? "dictionary" : "float64", "label");
            if (are_thousands) assert_says(&self, "column sales: the points in its numbers stand between thousands");
            if (!are_thousands) assert_does_not_say(&self, "column sales: ");
            assert_type(&self, "zip", late ? "float64" : "dictionary", late ? "feature" : "index");
            if (!late) assert_says(&self, "column zip: its numbers are all of 5 digits, some with 0 in front");
            assert_type(&self, "serial", "float64", "feature"); /* a number of its own in each row */
            assert_type(&self, "month", "float64", "feature");
            job_clear(&self);
        }
    }
}

/* A job over two files of a column x, of numbers from `least` to `most`, of which `count` rows of each file are `low`
 * and as many `high`. */
static void run_with_sentinels(job *self, const char *types, const int of[5], bool reversed, size_t threads) {
    lines made[2] = {0};
    const int least = of[0], most = of[1], low = of[2], high = of[3], count = of[4];
    job_init(self, types);
    self->options.threads = threads;
    for (int file = 0; file < 2; file++) {
        add_lines(&made[file], 1, "x,z\n");
        for (int i = 0; i < 400; i++) {
            char line[40];
            const int usual = least + (i * 37 + file) % (most - least + 1);
            snprintf(line, sizeof line, "%d,%d\n", i % 60 || i / 60 >= count ? usual : i % 120 ? low : high, i % 3);
            add_lines(&made[file], 1, line);
        }
    }
    for (int file = 0; file < 2; file++) {
        job_add_lines(self, file ? "b.csv" : "a.csv", &made[reversed ? !file : file]);
    }
    must_run(self);
}

/* -999 and 9999 count for missing where nothing else is near and there are some of them. */
static void numbers_that_stand_for_missing_are_missing(void **state) {
    (void)state;
    static const struct {
        const char *types;
        int of[5]; /* least and most, low, high, rows of them a file */
        const char *says;
    } cases[] = {
        {NULL, {0, 50, -999, -999, 6}, "column x: 12 rows have -999, far from all others (0 to 50)"},
        {NULL, {-40, 50, -200, 9999, 6}, "column x: 12 rows have -200 or 9999, far from"},
        {NULL, {1, 5, 99, 99, 6}, "column x: 12 rows have 99, far from"},
        {NULL, {0, 50, -999, -999, 2}, NULL},     /* 4 rows */
        {NULL, {-600, 900, -999, -999, 6}, NULL}, /* others are near */
        {NULL, {10, 450, 999, 999, 6}, NULL},     /* a price */
        {NULL, {-600, 900, -999, 9999, 6}, "column x: 6 rows have 9999, far from all others (-999 to 898)"},
        {NULL, {0, 50, -998, -998, 6}, NULL}, /* nobody writes so */
        {"{\"x\": \"number\"}", {0, 50, -999, -999, 6}, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job self;
        uint64_t hash = 0;
        for (size_t run = 0; run < 3; run++) {
            run_with_sentinels(&self, cases[i].types, cases[i].of, false, run + 1);
            if (cases[i].says) assert_says(&self, cases[i].says);
            if (!cases[i].says) assert_does_not_say(&self, "count for missing");
            if (run > 0) assert_true(rows_hash(&self) == hash);
            hash = rows_hash(&self);
            job_clear(&self);
        }
        run_with_sentinels(&self, cases[i].types, cases[i].of, true, 2);
        if (cases[i].says) assert_says(&self, cases[i].says);
        job_clear(&self);
    }
}

static void a_label_that_may_be_missing_is_told(void **state) {
    (void)state;
    job self;
    lines made = {0};
    job_init(&self, NULL);
    add_lines(&made, 1, "y,z\n");
    for (size_t i = 0; i < 200; i++) {
        char line[40];
        snprintf(line, sizeof line, "%s.5,%zu\n", i % 20 ? "3" : "4", i % 3);
        add_lines(&made, 1, line);
        if (i % 20 == 0) add_lines(&made, 1, "-200,1\n");
    }
    job_add_lines(&self, "label.csv", &made);
    self.options.plan.label = "y";
    must_run(&self);
    assert_says(&self, "label y: 10 rows have -200, far from all others (3.5 to 4.5)");
    job_clear(&self);
}

/* Words and wrong dates among dates are missing; too many of either, and it is text. */
static void dates_may_lack_some(void **state) {
    (void)state;
    static const struct {
        size_t words, others, texts;
        bool is_date;
    } cases[] = {{0, 0, 0, true},   {200, 0, 0, true},  {0, 5, 0, true},
                 {0, 60, 0, false}, {700, 0, 0, false}, {0, 0, 100, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lines made = {0};
        job self;
        job_init(&self, NULL);
        char line[60];
        add_lines(&made, 1, "when,x\n");
        for (size_t row = 0; row < 600; row++) {
            snprintf(line, sizeof line, "2021-%02zu-%02zu,1\n", row % 12 + 1, row % 28 + 1);
            add_lines(&made, 1, line);
        }
        add_lines(&made, cases[i].words, "0000-00-00,2\n");
        for (size_t row = 0; row < cases[i].others; row++) {
            snprintf(line, sizeof line, "2021-02-%02zu,3\n", 30 + row);
            add_lines(&made, 1, line);
        }
        for (size_t row = 0; row < cases[i].texts; row++) {
            snprintf(line, sizeof line, "in spring %zu,3\n", row % 9);
            add_lines(&made, 1, line);
        }
        job_add_lines(&self, "dates.csv", &made);
        must_run(&self);
        assert_type(&self, "when", "dictionary", cases[i].is_date ? "feature" : "index");
        if (cases[i].words && cases[i].is_date) assert_says(&self, "200 values are no dates, as '0000-00-00'");
        job_clear(&self);
    }
}

/* ---- the same bits ---- */

/* Columns of all kinds, which change in the last file: x becomes text, w becomes numbers with a bad value in 4,000. */
static void add_all_kinds(job *self) {
    static const char *const names[] = {"k0.csv", "k1.csv", "k2.csv"};
    for (size_t file = 0; file < 3; file++) {
        lines made = {0};
        add_lines(&made, 1, "x,w,t,b,y\n");
        for (size_t i = 0; i < 4000; i++) {
            const size_t n = (i + 4000 * file) * 7919;
            char line[120], w[24];
            snprintf(w, sizeof w, "%zu.25", n % 1009);
            const bool bad = file == 0 && i < 3;
            const char *x = file == 2 && i % 50 == 7 ? "odd" : NULL;
            snprintf(line, sizeof line, "%s%zu,%s,text-%zu,%s,%zu\n", x ? x : "", n % 97, bad ? "none yet" : w, n % 301,
                     i % 3 ? "true" : "FALSE", n % 3);
            add_lines(&made, 1, line);
        }
        job_add_lines(self, names[file], &made);
    }
    self->options.plan.label = "y";
    self->options.on_bad_row = PEAL_BAD_ROWS_DROP;
}

static uint64_t run_all_kinds(job *self, size_t threads) {
    self->options.threads = threads;
    must_run(self);
    assert_type(self, "x", "dictionary", "index");
    assert_type(self, "w", "float64", "feature");
    assert_type(self, "b", "bool", "feature");
    assert_type(self, "y", "dictionary", "label");
    assert_int_equal(self->result.rows_used, 12000 - 3);
    assert_int_equal(self->result.rows_dropped, 3);
    return rows_hash(self);
}

static void threads_do_not_change_the_bits(void **state) {
    (void)state;
    static const size_t threads[] = {1, 2, 5};
    job self;
    job_init(&self, NULL);
    add_all_kinds(&self);
    const uint64_t usual = run_all_kinds(&self, 1);
    for (size_t i = 0; i < 3; i++) assert_int_equal(run_all_kinds(&self, threads[i]), usual);
    job_clear(&self);
}

/* True if a job under way has begun its second pass: it wrote down the types that it reads with. */
static bool reads_again(void) {
    bool found = false;
    DIR *entries = opendir(folder);
    assert_non_null(entries);
    for (struct dirent *entry; !found && (entry = readdir(entries));) {
        if (!strstr(entry->d_name, ".ds.peal-tmp-")) continue;
        char *left = test_path(folder, entry->d_name), *types = test_path(left, "spill/types.json");
        found = access(types, F_OK) == 0;
        free(left);
        free(types);
    }
    closedir(entries);
    return found;
}

/* Stops the job by a signal that nothing can handle, `delay_us` after its second pass began; false if it was over. */
static bool kill_in_second_pass(const job *self, useconds_t delay_us) {
    const pid_t pid = fork();
    int status;
    assert_true(pid >= 0);
    if (pid == 0) {
        peal_etl_result result;
        peal_etl_options options = self->options;
        options.reporter = NULL;
        _exit(peal_etl(&options, &result, NULL) == PEAL_OK ? 0 : 1);
    }
    while (!reads_again()) {
        if (waitpid(pid, &status, WNOHANG) == pid) return false;
    }
    usleep(delay_us);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status);
}

static void killed_second_pass_is_resumed_with_the_same_bits(void **state) {
    (void)state;
    static const size_t threads[] = {1, 2, 5};
    size_t killed = 0;
    job self;
    job_init(&self, NULL);
    add_all_kinds(&self);
    const uint64_t usual = run_all_kinds(&self, 2);
    /* On a busy machine most jobs are over before they are killed: then there are more of them. */
    for (size_t trial = 0; trial < 12 || (killed <= 3 && trial < 120); trial++) {
        peal_remove_tree(self.out, NULL);
        self.options.threads = threads[trial % 3];
        self.options.resume = false;
        killed += kill_in_second_pass(&self, (useconds_t)(trial % 12 * 700));
        self.options.resume = true;
        assert_int_equal(run_all_kinds(&self, threads[(trial + 1) % 3]), usual);
        assert_false(reads_again());
    }
    assert_true(killed > 3);
    job_clear(&self);
}

static int make_folder(void **state) {
    (void)state;
    folder = test_folder();
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    peal_remove_tree(folder, NULL);
    free(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_text_makes_a_column_text),
        cmocka_unit_test(late_numbers_make_a_column_numbers),
        cmocka_unit_test(bad_value_is_named_with_the_way_to_keep_it),
        cmocka_unit_test(first_file_may_say_nothing),
        cmocka_unit_test(usual_spellings_are_missing_in_numbers_only),
        cmocka_unit_test(one_value_in_a_thousand_may_be_none),
        cmocka_unit_test(words_among_numbers_are_missing),
        cmocka_unit_test(dirt_among_numbers_is_told),
        cmocka_unit_test(words_may_be_rarer_than_gaps),
        cmocka_unit_test(numbers_are_read_as_they_are_written),
        cmocka_unit_test(label_is_what_its_values_are),
        cmocka_unit_test(true_and_false_are_booleans),
        cmocka_unit_test(bad_row_leaves_no_missing_value),
        cmocka_unit_test(identifiers_are_left_out_after_the_pass),
        cmocka_unit_test(counters_are_left_out),
        cmocka_unit_test(times_that_are_numbers_are_dates),
        cmocka_unit_test(digits_are_read_by_what_stands_around),
        cmocka_unit_test(numbers_that_stand_for_missing_are_missing),
        cmocka_unit_test(a_label_that_may_be_missing_is_told),
        cmocka_unit_test(dates_may_lack_some),
        cmocka_unit_test(threads_do_not_change_the_bits),
        cmocka_unit_test(killed_second_pass_is_resumed_with_the_same_bits),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
