/* Counts what all values say of each column, and decides. Between the first pass and the fit; see types.h. */
#include "etl/job/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "etl/format/measure.h"

enum {
    OTHERS_SHARE = 1000, /* one in so many values of a column of numbers may be none */
    LABELS_SHARE = 20,   /* one in so many labels that are numbers may be a word, and is then missing */
    TASKS = 64,          /* columns that are looked at at once */
    NOTES_MOST = 8,      /* of one kind; the rest is counted */
};

/* What there is to know of one column. */
typedef struct column_votes {
    peal_votes numbers;    /* of values that were read as numbers, or stand in bad rows */
    peal_text_votes texts; /* of values that were read as text */
} column_votes;

typedef struct decision {
    const peal_types_job *job;
    column_votes *votes; /* [fields] */
    uint64_t rows, good_rows;
    size_t stride;
    peal_schema *out;
    bool *again;
    size_t notes, more_notes;
} decision;

/* ---- counting ---- */

static uint64_t others_allowed(uint64_t values) {
    return values < OTHERS_SHARE ? 1 : values / OTHERS_SHARE;
}

/* Remembers where the first value is that is no number: by texts that are read later nobody can tell. */
static void add_spills(const decision *self, size_t field, column_votes *out) {
    const peal_types_job *job = self->job;
    const bool are_numbers = job->read->fields[field].type == PEAL_TYPE_FLOAT64;
    peal_odd_values *odd = &job->odd[field];
    for (size_t i = 0; i < job->ingested->spill_count; i++) {
        const peal_votes *votes = &job->ingested->spills[i].votes[field];
        if (are_numbers && !out->numbers.others && votes->others) {
            *odd = (peal_odd_values){.object = job->objects->objects[i].name, .line = votes->other_line};
            memcpy(odd->text, votes->other, sizeof votes->other);
        }
        peal_votes_add(&out->numbers, votes);
    }
    if (are_numbers) odd->others = out->numbers.others;
}

/* The same of a column that was read as texts from the beginning: the survey may have seen one. */
static void recall_guess(const peal_types_job *job, size_t field) {
    peal_odd_values *odd = &job->odd[field];
    const peal_guess *guess = &job->guesses[field];
    if (odd->object || guess->other_line == 0) return;
    odd->object = job->objects->objects[job->guess_objects[field]].name;
    odd->line = guess->other_line;
    snprintf(odd->text, sizeof odd->text, "%s", guess->other);
}

static peal_status count_columns(void *user, size_t index, peal_error *err) {
    const decision *self = user;
    const peal_types_job *job = self->job;
    for (size_t field = index; field < job->read->count; field += self->stride) {
        const peal_field *one = &job->read->fields[field];
        if (one->skip) continue;
        add_spills(self, field, &self->votes[field]);
        if ((one->settled && !one->may_be_date) || !peal_types[one->type].has_vocabulary) continue;
        recall_guess(job, field);
        PEAL_TRY(peal_text_counts_vote(job->ingested->texts, field, self->rows, others_allowed(self->rows),
                                       &self->votes[field].texts, err));
    }
    return PEAL_OK;
}

/* ---- saying ---- */

static bool may_say(decision *self) {
    self->more_notes += self->notes >= NOTES_MOST;
    return self->notes++ < NOTES_MOST;
}

static void say_missing(decision *self, const peal_field *field, uint64_t count, const char *spelling) {
    if (count == 0 || !may_say(self)) return;
    peal_report(self->job->reporter, PEAL_EVENT_NOTE, "column %s: %llu value%s (%s) %s missing (type %s=text keeps %s)",
                field->name, (unsigned long long)count, count == 1 ? "" : "s", spelling,
                count == 1 ? "is taken for" : "are taken for", field->name, count == 1 ? "it" : "them");
}

/* Of a column that was read as numbers first. */
static void say_text(decision *self, const peal_field *field, const peal_odd_values *odd) {
    if (!may_say(self)) return;
    peal_report(self->job->reporter, PEAL_EVENT_NOTE,
                "column %s: read as text: %llu of its values are no numbers, the first is '%s', %s: line %llu (null "
                "takes a spelling for missing, type %s=number such rows for bad)",
                field->name, (unsigned long long)odd->others, odd->text, odd->object, (unsigned long long)odd->line,
                field->name);
}

/* Of texts that are taken for numbers. Words and marks that stand among them are told when they are counted. */
static void say_written(decision *self, const peal_field *field, const peal_spelling_votes *written) {
    const char *base = field->spelling.clock       ? "hours"
                       : field->spelling.fractions ? "percent, those without % as parts of 1"
                                                   : measure__base(field->spelling.measure);
    static const peal_spelling usual = {0}, marked = {.marked = true};
    if (memcmp(&field->spelling, &usual, sizeof usual) == 0) return;
    if (memcmp(&field->spelling, &marked, sizeof marked) == 0 || !may_say(self)) return;
    peal_report(self->job->reporter, PEAL_EVENT_NOTE,
                "column %s: its texts, as '%s', are numbers%s%s (type %s=text keeps texts)", field->name,
                written->example, *base ? " of " : "", base, field->name);
}

/* Texts that an option would read as numbers. */
static void say_hint(decision *self, const peal_field *field, const char *text) {
    const char *hint = peal_spelling_hint(text, strlen(text));
    if (!hint || !may_say(self)) return;
    peal_report(self->job->reporter, PEAL_EVENT_WARNING, "column %s: its texts look like numbers: '%s' (%s reads them)",
                field->name, text, hint);
}

/* Of a column that the sample took for text, though more of its values are numbers. */
static void say_mixed(decision *self, size_t index, const peal_field *field) {
    const peal_types_job *job = self->job;
    const peal_guess *guess = &job->guesses[index];
    const uint64_t numbers = guess->numbers + self->votes[index].texts.numbers;
    if (job->odd[index].others) {
        say_text(self, field, &job->odd[index]);
        return;
    }
    if (numbers == 0 || guess->other_line == 0 || guess->others > numbers || !may_say(self)) return;
    peal_report(job->reporter, PEAL_EVENT_NOTE,
                "column %s: taken for text: the first value that is no number is '%s', %s: line %llu (null takes a "
                "spelling for missing, type %s=number such rows for bad)",
                field->name, guess->other, job->objects->objects[job->guess_objects[index]].name,
                (unsigned long long)guess->other_line, field->name);
}

/* ---- deciding ---- */

/* Of numbers that may be times, and are not called so. Whether they are is for who knows them to say: identifiers look
 * alike. */
static void say_times(decision *self, size_t index, const peal_field *field) {
    enum { NUMBERS_LEAST = 20 };
    const peal_guess *guess = &self->job->guesses[index];
    if (guess->numbers < NUMBERS_LEAST || guess->few_whole || index == self->job->label) return;
    for (size_t i = 0; i < PEAL_TIME_FORMS; i++) {
        const bool is_vague = strcmp(peal_time_forms[i], "%E") == 0; /* any numbers of five digits */
        if (is_vague || guess->not_times >> i & 1) continue;
        if (!may_say(self)) return;
        peal_report(self->job->reporter, PEAL_EVENT_NOTE,
                    "column %s: its numbers may be times, %s, and are numbers alone (type %s=text), (transform "
                    "date:columns=%s,format=%s): together these make dates of them",
                    field->name, peal_time_names[i], field->name, field->name, peal_time_forms[i]);
        return;
    }
}

/* Of a column that was read as numbers. If it is none it is read again, and decided by its texts. */
static void decide_numbers(decision *self, size_t index, peal_field *field) {
    const column_votes *votes = &self->votes[index];
    const peal_votes *numbers = &votes->numbers;
    const uint64_t values = numbers->numbers + numbers->others;
    if (numbers->others > others_allowed(values) || (numbers->others > 0 && numbers->numbers < 2 * numbers->others)) {
        field->type = PEAL_TYPE_DICTIONARY;
        *self->again = true;
        return;
    }
    say_missing(self, field, numbers->missing, numbers->spelling);
    say_times(self, index, field);
}

/* True if the values of a label are to be its classes: numbers that are whole and few, and do not rank rows. */
static bool are_classes(const decision *self, size_t index, const peal_text_votes *texts) {
    return index == self->job->label && texts->few_whole && !self->job->prefers_number &&
           self->job->pipeline->query == SIZE_MAX;
}

/* True if the pipeline makes other texts of the column's. */
static bool has_text_steps(const peal_pipeline_column *column) {
    for (size_t i = 0; i < column->step_count; i++) {
        if (column->steps[i].transform->role == PEAL_TRANSFORM_TEXT) return true;
    }
    return false;
}

/* True of a column of texts by its source's word, about which nothing else was said. */
static bool may_be_date(const decision *self, size_t index) {
    const peal_field *field = &self->job->read->fields[index];
    return field->may_be_date && peal_types[field->type].has_vocabulary && index != self->job->label &&
           !has_text_steps(&self->job->pipeline->columns[index]);
}

static bool are_dates(const decision *self, const peal_text_votes *texts) {
    return peal_text_votes_are_dates(texts, others_allowed(self->rows));
}

/* Lists of members, of which a label is none: it would be of several classes. */
static void take_list(const decision *self, size_t index, peal_field *field) {
    const peal_text_votes *texts = &self->votes[index].texts;
    field->as_list = texts->is_text && index != self->job->label ? texts->list_separator : '\0';
}

/* Of a column of texts by its source's word. */
static void decide_settled(const decision *self, size_t index, peal_field *field) {
    field->as_date = are_dates(self, &self->votes[index].texts);
    if (!field->as_date) take_list(self, index, field);
}

/* Of a column whose texts the pipeline changes. It is read as text however it is decided, for its numbers are found
 * behind the text steps only. */
static void decide_changed(const decision *self, size_t index, peal_field *field) {
    const peal_text_votes *texts = &self->votes[index].texts;
    const uint64_t numbers = texts->numbers;
    if (texts->is_text || numbers == 0 || texts->others > others_allowed(numbers + texts->others)) return;
    if (numbers < 2 * texts->others || are_classes(self, index, texts)) return;
    field->as_number = true;
}

/* Of a column of texts: whether they are numbers in a way that is theirs. A label may lack none, and has as many
 * classes as there are, if these are few. */
static bool are_written_numbers(const decision *self, size_t index, peal_field *field) {
    const peal_text_votes *texts = &self->votes[index].texts;
    const peal_spelling_votes *written = &texts->written;
    const bool is_label = index == self->job->label;
    if (!peal_spelling_decide(written, others_allowed(peal_spelling_values(written)), &field->spelling)) return false;
    if (!is_label) return true;
    const bool is_mostly = written->word_rows * LABELS_SHARE <= written->rows;
    const bool is_amount = peal_spelling_is_amount(&field->spelling) && written->distinct > PEAL_FEW_VALUES;
    return is_mostly && (is_amount || self->job->prefers_number);
}

/* The same, and what follows; false: they are none. */
static bool take_written(decision *self, size_t index, peal_field *field) {
    field->as_number = are_written_numbers(self, index, field);
    const peal_spelling_votes *written = &self->votes[index].texts.written;
    if (field->as_number) {
        peal_odd_values *odd = &self->job->odd[index];
        peal_spelling unmarked = field->spelling;
        double number;
        unmarked.marked = false;
        odd->marked = field->spelling.marked ? written->marked_rows : 0;
        /* In the way that was found the first one is none that anybody would look for. */
        if (peal_spelling_read(&unmarked, odd->text, strlen(odd->text), &number)) odd->object = NULL;
        memcpy(odd->marked_text, written->marked, sizeof odd->marked_text);
        say_written(self, field, written);
    } else {
        field->spelling = (peal_spelling){0};
    }
    return field->as_number;
}

/* Numbers of one length, of which some begin with 0, are codes where they recur; numbers in a row of their own each may
 * be amounts that a machine has filled up. */
static bool take_codes(decision *self, size_t index, const peal_field *field) {
    enum { ROWS_EACH = 10 };
    const peal_text_votes *texts = &self->votes[index].texts;
    if (!field->may_be_codes || !peal_digits_are_codes(&texts->digits)) return false;
    if (texts->distinct_numbers * ROWS_EACH > texts->numbers) return false;
    if (may_say(self)) {
        peal_report(self->job->reporter, PEAL_EVENT_NOTE,
                    "column %s: its numbers are all of %zu digits, some with 0 in front, and are taken for codes (type "
                    "%s=number takes them for numbers)",
                    field->name, texts->digits.most, field->name);
    }
    return true;
}

static void say_grouped(decision *self, const peal_field *field) {
    if (!may_say(self)) return;
    peal_report(self->job->reporter, PEAL_EVENT_NOTE,
                "column %s: the points in its numbers stand between thousands, for other columns have decimal commas "
                "(type %s=number takes them for those of decimals)",
                field->name, field->name);
}

/* Numbers with points between all groups of three digits, where another column has decimal commas. */
static bool take_grouped(decision *self, size_t index, peal_field *field) {
    if (!field->may_be_grouped || !peal_digits_may_be_grouped(&self->votes[index].texts.digits)) return false;
    field->as_number = true;
    field->spelling = (peal_spelling){.decimal = ',', .thousands = '.'};
    say_grouped(self, field);
    return true;
}

/* Whether all numbers of a column that is called so are times in the form that the sample had. */
static bool are_times(const decision *self, size_t index, peal_field *field, uint64_t numbers, uint64_t others) {
    const peal_text_votes *texts = &self->votes[index].texts;
    if (!field->as_time) return false;
    const bool fits = !(texts->not_times >> (field->as_time - 1) & 1);
    field->as_date = fits && numbers > 0 && others <= others_allowed(numbers + others) && numbers >= 2 * others;
    if (!field->as_date) field->as_time = 0;
    return field->as_date;
}

/* Of a column that was read as text. */
static void decide_texts(decision *self, size_t index, peal_field *field) {
    const column_votes *votes = &self->votes[index];
    const peal_text_votes *texts = &votes->texts;
    const uint64_t numbers = texts->numbers + votes->numbers.numbers, bools = texts->bools + votes->numbers.bools,
                   not_numbers = texts->others + votes->numbers.others,
                   missing = texts->missing + votes->numbers.missing;
    const bool is_label = index == self->job->label;
    const peal_pipeline_column *planned = &self->job->pipeline->columns[index];
    if (is_label && field->may_be_grouped && field->as_number) say_grouped(self, field);
    if (peal_pipeline_reader(planned)) return;
    if (has_text_steps(planned)) {
        decide_changed(self, index, field);
        return;
    }
    if (are_dates(self, texts)) {
        field->as_date = !is_label;
        return;
    }
    const bool has_few_others = numbers > 0 && not_numbers <= others_allowed(numbers + not_numbers);
    if (has_few_others && (take_codes(self, index, field) || take_grouped(self, index, field))) return;
    if (are_times(self, index, field, numbers, not_numbers)) return;
    if (texts->is_text && take_written(self, index, field)) return;
    take_list(self, index, field);
    if (field->as_list) return;
    if (texts->is_text) {
        say_mixed(self, index, field);
        say_hint(self, field, texts->other);
        return;
    }
    if (bools > 0 && numbers == 0 && not_numbers == bools && missing == 0 && !is_label) {
        field->type = PEAL_TYPE_BOOL;
        field->has_gaps = bools < self->good_rows;
        return;
    }
    if (numbers == 0 || not_numbers > others_allowed(numbers + not_numbers) || numbers < 2 * not_numbers) {
        (void)take_written(self, index, field);
        return;
    }
    /* Rows that are bad, or a label that is missing, are found by reading again. */
    if (not_numbers > 0 || (is_label && missing > 0)) *self->again = true;
    if (are_classes(self, index, texts)) {
        field->numeric = not_numbers > 0 || missing > 0;
        return;
    }
    field->type = PEAL_TYPE_FLOAT64;
    if (!*self->again) say_missing(self, field, missing, texts->missing ? texts->spelling : votes->numbers.spelling);
}

static peal_status decide(decision *self, peal_error *err) {
    const peal_types_job *job = self->job;
    const peal_map_work count = {.work = count_columns, .user = self};
    for (size_t i = 0; i < job->ingested->spill_count; i++) {
        self->good_rows += job->ingested->spills[i].rows_used;
        self->rows += job->ingested->spills[i].rows_used + job->ingested->spills[i].rows_bad;
    }
    PEAL_TRY(peal_executor_map(job->executor, self->stride, 0, &count, err));
    PEAL_TRY(peal_schema_copy(job->read, self->out, err));
    for (size_t i = 0; i < self->out->count; i++) {
        peal_field *field = &self->out->fields[i];
        bool is_open = false;
        if (!field->settled && !field->skip) {
            if (field->type == PEAL_TYPE_FLOAT64) {
                decide_numbers(self, i, field);
                is_open = field->type != PEAL_TYPE_FLOAT64;
            } else if (peal_types[field->type].has_vocabulary) {
                decide_texts(self, i, field);
            }
        }
        if (field->settled && !field->skip && may_be_date(self, i)) decide_settled(self, i, field);
        field->found = field->found || !field->settled;
        field->settled = field->decided = !is_open;
    }
    if (self->more_notes) {
        peal_report(job->reporter, PEAL_EVENT_NOTE, "and so in %zu more columns", self->more_notes);
    }
    return PEAL_OK;
}

peal_status peal_types_decide(const peal_types_job *job, peal_schema *out, bool *again, peal_error *err) {
    decision self = {.job = job, .out = out, .again = again};
    *out = (peal_schema){0};
    *again = false;
    self.stride = job->read->count < TASKS ? job->read->count : TASKS;
    PEAL_TRY(peal_alloc_checked(&self.votes, job->read->count, sizeof *self.votes, "columns", err));
    const peal_status status = decide(&self, err);
    free(self.votes);
    return status;
}

peal_status peal_types_check_faults(const peal_types_job *job, const peal_schema *decided, peal_error *err) {
    for (size_t i = 0; i < job->ingested->spill_count; i++) {
        const peal_type_fault *first = NULL;
        size_t column = 0;
        for (size_t f = 0; f < decided->count; f++) {
            const peal_type_fault *fault = &job->ingested->spills[i].faults[f];
            if (fault->line == 0 || (first && fault->line >= first->line)) continue;
            first = fault;
            column = f;
        }
        if (!first) continue;
        return peal_fail(err, PEAL_E_DATA,
                         "%s: line %llu: %s (type %s=text keeps such values, on-bad-row drop leaves such rows out)",
                         job->objects->objects[i].name, (unsigned long long)first->line, first->reason,
                         decided->fields[column].name);
    }
    return PEAL_OK;
}
