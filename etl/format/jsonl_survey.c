/* What the beginning of JSON Lines tells: which keys there are, and of what types. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/text.h"
#include "etl/format/jsonl.h"

/* What was met under one path. */
typedef struct sighting {
    peal_guesser guesser;
    uint64_t scalars, nulls, objects, arrays;
} sighting;

typedef struct surveyor {
    const peal_nulls *nulls;
    const char *name;
    jsonl__reader *reader;
    jsonl__walker walker;
    peal_schema paths;     /* all of them, with points between keys, in the order in which they come first */
    peal_dictionary exact; /* the same with NUL between keys, which are told apart so */
    sighting *sightings;   /* [paths.count] */
    size_t capacity;
    uint64_t good, line, bad_line; /* records; of the record; of the first bad one, 0: none */
    char fault[ROW_WHY_SIZE + 40];
} surveyor;

static size_t fail(surveyor *self, peal_status status) {
    self->walker.status = status;
    return SIZE_MAX;
}

static peal_status grow_sightings(surveyor *self, peal_error *err) {
    if (self->paths.count < self->capacity) return PEAL_OK;
    const size_t capacity = self->capacity * 2 + 64;
    sighting *longer = realloc(self->sightings, capacity * sizeof *longer);
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for columns");
    memset(longer + self->capacity, 0, (capacity - self->capacity) * sizeof *longer);
    self->sightings = longer;
    self->capacity = capacity;
    return PEAL_OK;
}

/* The index of a new key's path. One that only differs from another in that a point is a key's own is an error. */
static size_t place_path(void *user, const char *path, size_t size) {
    surveyor *self = user;
    peal_error *err = &self->walker.error;
    char name[JSONL_PATH_MOST + 1] = {0};
    uint32_t code;
    for (size_t i = 0; i < size; i++) name[i] = path[i] ? path[i] : '.';
    const size_t known = peal_schema_find(&self->paths, name, size);
    peal_status status = peal_dictionary_put(&self->exact, path, size, &code, err);
    if (status != PEAL_OK) return fail(self, status);
    if (known == code) return known;
    if (known != SIZE_MAX) {
        return fail(self, peal_fail(err, PEAL_E_DATA,
                                    "%s: line %llu: a key that holds a point and keys within one another would both "
                                    "be the column '%.200s': rename one",
                                    self->name, (unsigned long long)self->line, name));
    }
    status = grow_sightings(self, err);
    if (status == PEAL_OK) status = peal_schema_add(&self->paths, name, size, PEAL_TYPE_DICTIONARY, err);
    return status == PEAL_OK ? code : fail(self, status);
}

static bool take_sighting(void *user, uint32_t key, jsonl__kind kind, const char *text, size_t length, const char *at) {
    static const peal_spelling usual = {0};
    surveyor *self = user;
    sighting *one = &self->sightings[self->walker.keys[key].place];
    (void)at;
    if (kind == JSONL_OBJECT) {
        one->objects++;
    } else if (kind == JSONL_ARRAY) {
        one->arrays++;
    } else if (kind == JSONL_NULL) {
        one->nulls++;
    } else {
        one->scalars++;
        peal_guess_value(&one->guesser, self->nulls, &usual, text, length);
    }
    return true;
}

/* Looks at the record at *at, which moves behind it. One that is bad tells nothing, so all of it is checked first. */
static void look_at_record(surveyor *self, const char *begin, const char **at) {
    jsonl__walker *walker = &self->walker;
    const bool lines = self->reader->layout == JSONL_LINES;
    const char *record = *at, *end = record;
    jsonl__begin(walker);
    const char *checked = *record == '{' ? jsonl__skip_value(walker, record, 0) : record;
    bool good = checked && jsonl__walk(walker, &end, take_sighting);
    if (good) {
        end = jsonl__behind_blanks(end, !lines);
        good = *end == (lines ? '\n' : ',') || jsonl__expected(walker, end, lines ? "the line's end" : "',' or ']'");
    }
    self->good += good;
    if (!good && !self->bad_line && walker->fault_at) {
        self->bad_line = self->line;
        snprintf(self->fault, sizeof self->fault, "byte %zu%s: %s", (size_t)(walker->fault_at - begin),
                 lines ? "" : " of its object", walker->fault);
    }
    if (!good) end = jsonl__record_end(self->reader->layout, record, walker->end);
    *at = end < walker->end ? end + 1 : end;
}

/* Looks at the records of an input's first block. */
static peal_status look_at_block(surveyor *self, const peal_block *block, peal_error *err) {
    const bool lines = self->reader->layout == JSONL_LINES;
    PEAL_TRY(jsonl__walker_init(&self->walker, block->text, block->size, !lines, err));
    self->walker.place = place_path;
    self->walker.user = self;
    const char *at = block->text, *end = at + block->size;
    self->line = block->first_line;
    for (uint64_t i = 0; i < block->records && at < end && self->walker.status == PEAL_OK; i++) {
        const char *before = at;
        at = jsonl__behind_blanks(at, !lines);
        if (lines && *at == '\n') {
            at++;
        } else {
            self->line += peal_count_newlines(before, (size_t)(at - before));
            const char *record = at;
            look_at_record(self, lines ? before : record, &at);
            before = record;
        }
        self->line += peal_count_newlines(before, (size_t)(at - before));
    }
    if (self->walker.status != PEAL_OK && err) *err = self->walker.error;
    return self->walker.status;
}

/* Looks at the first block of `stream`, which it takes over. */
static peal_status look(surveyor *self, peal_stream *stream, size_t block_size, peal_error *err) {
    const peal_wanted wanted = {.block_size = block_size};
    peal_block block = {0};
    PEAL_TRY(jsonl__reader_new(&wanted, self->name, stream, &self->reader, err));
    peal_status status = self->reader->base.next(&self->reader->base, &block, err);
    if (status == PEAL_OK && block.size > 0) status = look_at_block(self, &block, err);
    peal_reader_close(&self->reader->base);
    jsonl__walker_clear(&self->walker);
    free(block.text);
    return status;
}

static void surveyor_clear(surveyor *self) {
    peal_schema_clear(&self->paths);
    peal_dictionary_clear(&self->exact);
    free(self->sightings);
}

/* ---- columns ---- */

/* A key that was null only is a column; but not if it was an object or an array elsewhere. */
static bool is_column(const sighting *one) {
    return one->scalars > 0 || (one->nulls > 0 && one->objects == 0 && one->arrays == 0);
}

static peal_status add_columns(surveyor *self, peal_found *out, peal_schema *arrays, peal_error *err) {
    PEAL_TRY(peal_alloc_checked(&out->guesses, self->paths.count, sizeof *out->guesses, "columns", err));
    for (size_t i = 0; i < self->paths.count; i++) {
        sighting *one = &self->sightings[i];
        const char *name = self->paths.fields[i].name;
        if (is_column(one)) {
            const size_t column = out->schema.count;
            PEAL_TRY(peal_schema_add(&out->schema, name, strlen(name), PEAL_TYPE_DICTIONARY, err));
            peal_guess_type(&one->guesser, &out->schema.fields[column]);
            out->guesses[column] = one->guesser.guess;
        } else if (one->arrays > 0) {
            PEAL_TRY(peal_schema_add(arrays, name, strlen(name), PEAL_TYPE_DICTIONARY, err));
        }
    }
    return PEAL_OK;
}

static peal_status tell_of_arrays(const surveyor *self, const peal_survey *what, const peal_found *out,
                                  const peal_schema *arrays, peal_error *err) {
    char names[PEAL_NAMES_TEXT];
    if (arrays->count == 0) return PEAL_OK;
    peal_schema_names(arrays, names);
    if (out->schema.count == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: its objects hold arrays only, which are not read: %s", self->name,
                         names);
    }
    peal_report(what->reporter, PEAL_EVENT_NOTE, "%s: arrays are left out: %s", self->name, names);
    return PEAL_OK;
}

static peal_status find_columns(surveyor *self, const peal_survey *what, peal_found *out, peal_error *err) {
    peal_schema arrays = {0};
    if (self->good == 0 && self->bad_line) {
        return peal_fail(err, PEAL_E_DATA, "%s: line %llu: %s (JSON Lines has an object a line)", self->name,
                         (unsigned long long)self->bad_line, self->fault);
    }
    peal_status status = add_columns(self, out, &arrays, err);
    if (status == PEAL_OK) status = tell_of_arrays(self, what, out, &arrays, err);
    peal_schema_clear(&arrays);
    return status;
}

peal_status jsonl__survey(const json_t *options, const peal_survey *what, const peal_input *input, peal_found *out,
                          peal_error *err) {
    (void)options;
    surveyor self = {.nulls = what->nulls, .name = input->name};
    *out = (peal_found){0};
    peal_status status = look(&self, input->stream, PEAL_SAMPLE_SIZE, err);
    if (status == PEAL_OK) status = find_columns(&self, what, out, err);
    surveyor_clear(&self);
    if (status != PEAL_OK) peal_found_clear(out);
    return status;
}

/* ---- what is wanted ---- */

static peal_status compare(const surveyor *self, const peal_wanted *wanted, peal_schema *absent, peal_error *err) {
    const peal_schema *schema = wanted->schema;
    char names[PEAL_NAMES_TEXT];
    size_t there = 0;
    for (size_t i = 0; i < schema->count; i++) {
        const peal_field *field = &schema->fields[i];
        const size_t size = strlen(field->name);
        const bool is_there = peal_schema_find(&self->paths, field->name, size) != SIZE_MAX;
        there += is_there;
        if (is_there || field->skip || (i == wanted->label && !wanted->label_required)) continue;
        PEAL_TRY(peal_schema_add(absent, field->name, size, PEAL_TYPE_DICTIONARY, err));
    }
    if (absent->count == 0) return PEAL_OK;
    const bool lacks_label = wanted->label_required && wanted->label != SIZE_MAX &&
                             peal_schema_find(absent, schema->fields[wanted->label].name,
                                              strlen(schema->fields[wanted->label].name)) != SIZE_MAX;
    if (there == 0 || lacks_label) {
        return peal_fail(err, PEAL_E_DATA, "%s: its objects have no key '%s'; they have %s", self->name,
                         lacks_label ? schema->fields[wanted->label].name : absent->fields[0].name,
                         self->paths.count ? peal_schema_names(&self->paths, names) : "none");
    }
    peal_report(wanted->reporter, PEAL_EVENT_WARNING,
                "%s: none of its first objects has the key%s %s: taken for missing there", self->name,
                absent->count == 1 ? "" : "s", peal_schema_names(absent, names));
    return PEAL_OK;
}

peal_status jsonl__check_columns(const peal_wanted *wanted, const char *name, const char *text, size_t size,
                                 peal_error *err) {
    surveyor self = {.nulls = wanted->nulls, .name = name};
    peal_schema absent = {0};
    peal_stream *stream;
    PEAL_TRY(peal_memory_stream_open(text, size, &stream, err));
    /* The text is cut somewhere: what fails here is told when the input is read. */
    peal_error problem;
    peal_status status = look(&self, stream, PEAL_SAMPLE_SIZE + 1, &problem);
    if (status == PEAL_E_MEMORY) {
        if (err) *err = problem;
    } else {
        status = status == PEAL_OK && self.good > 0 ? compare(&self, wanted, &absent, err) : PEAL_OK;
    }
    peal_schema_clear(&absent);
    surveyor_clear(&self);
    return status;
}
