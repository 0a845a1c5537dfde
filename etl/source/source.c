/* From what the user named to the list of sources, by the table of their kinds. */
#include "etl/source/source.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/memory.h"
#include "etl/source/kind.h"

/* The first that recognises a name has it; the last one takes all. */
const peal_source_kind *const peal_source_kinds[] = {
    &peal_source_standard_input, &peal_source_tcp,        &peal_source_unix,  &peal_source_http,  &peal_source_s3,
    &peal_source_sqlite,         &peal_source_postgresql, &peal_source_pages, &peal_source_files, NULL,
};
enum { KINDS = sizeof peal_source_kinds / sizeof *peal_source_kinds - 1 };

static size_t kind_of(const char *name) {
    size_t i = 0;
    while (!peal_source_kinds[i]->recognise(name)) i++;
    return i;
}

/* ---- the list ---- */

static peal_status list_add(peal_source_list *list, const peal_source *source, peal_error *err) {
    if (list->count == list->capacity) {
        const size_t capacity = list->capacity * 2 + 16;
        peal_source *sources = realloc(list->sources, capacity * sizeof *sources);
        if (!sources) return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
        list->sources = sources;
        list->capacity = capacity;
    }
    list->sources[list->count++] = *source;
    return PEAL_OK;
}

static void source_clear(peal_source *source) {
    if (source->fd >= 0) close(source->fd);
    if (source->own) source->kind->forget(source);
    free(source->path);
    free(source->version);
    free(source->bad);
}

void peal_source_list_clear(peal_source_list *list) {
    for (size_t i = 0; i < list->count; i++) source_clear(&list->sources[i]);
    for (size_t i = 0; list->sessions && i < KINDS; i++) {
        if (list->sessions[i]) peal_source_kinds[i]->end(list->sessions[i]);
    }
    for (size_t i = 0; i < list->left_out_count; i++) {
        free(list->left_out[i].path);
        free(list->left_out[i].reason);
    }
    free(list->left_out);
    free(list->sessions);
    free(list->sources);
    *list = (peal_source_list){0};
}

void peal_source_list_usage(const peal_source_list *list, peal_source_usage *out) {
    *out = (peal_source_usage){0};
    for (size_t i = 0; list->sessions && i < KINDS; i++) {
        peal_source_usage one = {0};
        if (!list->sessions[i] || !peal_source_kinds[i]->usage) continue;
        peal_source_kinds[i]->usage(list->sessions[i], &one);
        out->connections += one.connections;
        out->receiving += one.receiving;
        if (one.seconds > out->seconds) out->seconds = one.seconds;
        if (one.short_of > out->short_of) out->short_of = one.short_of;
    }
}

const char *peal_source_name(const peal_source *source) {
    return strcmp(source->path, "-") == 0 ? "standard input" : source->path;
}

bool peal_source_is_copy(const peal_source *source) {
    return source->fd >= 0 && source->hashed;
}

peal_status source__add(source__making *self, peal_source *source, peal_error *err) {
    source->kind = self->kind;
    peal_status status = source->path ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    const bool tells = source->hashed || source->live || source->own || !self->options->identify ||
                       peal_identity_settle(&source->identity);
    if (status == PEAL_OK && !tells) {
        status = peal_source_hash(source, self->options->stop, &source->hash, err);
        source->hashed = true;
    }
    if (status == PEAL_OK) status = list_add(self->list, source, err);
    if (status != PEAL_OK) source_clear(source);
    return status;
}

/* ---- what is left out ---- */

peal_status peal_source_leave_out(peal_source_list *list, const char *path, const char *reason,
                                  const peal_reporter *reporter, peal_error *err) {
    peal_left_out *longer = realloc(list->left_out, (list->left_out_count + 1) * sizeof *longer);
    if (longer) list->left_out = longer;
    const peal_left_out one = {.path = peal_strdup(path), .reason = peal_strdup(reason)};
    if (!longer || !one.path || !one.reason) {
        free(one.path);
        free(one.reason);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    }
    longer[list->left_out_count++] = one;
    peal_report(reporter, PEAL_EVENT_WARNING, "left out: %s", reason);
    return PEAL_OK;
}

/* Takes those out of the list that could not be looked at; without go_on the first one is the failure. */
static peal_status drop_bad(source__making *self, peal_error *err) {
    peal_source_list *list = self->list;
    peal_status status = PEAL_OK;
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        peal_source *one = &list->sources[i];
        if (!one->bad || status != PEAL_OK) {
            list->sources[kept++] = *one;
            continue;
        }
        status = self->options->go_on ? peal_source_leave_out(list, one->path, one->bad, self->options->reporter, err)
                                      : peal_fail(err, PEAL_E_DATA, "%s", one->bad);
        source_clear(one);
    }
    list->count = kept;
    return status;
}

/* ---- all together ---- */

peal_status peal_source_check_names(const char *const *names, size_t count, peal_error *err) {
    for (size_t i = 0; i < count; i++) {
        const peal_source_kind *kind = peal_source_kinds[kind_of(names[i])];
        if (kind->check) PEAL_TRY(kind->check(names[i], err));
    }
    return PEAL_OK;
}

static const peal_source_kind *owner_of(const char *option) {
    for (size_t i = 0; i < KINDS; i++) {
        for (const peal_option *one = peal_source_kinds[i]->options; one->name; one++) {
            if (strcmp(one->name, option) == 0) return peal_source_kinds[i];
        }
    }
    return NULL;
}

peal_status peal_source_check_access(const json_t *access, peal_error *err) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)access, name, value) {
        const peal_source_kind *kind = owner_of(name);
        if (!kind) return peal_fail(err, PEAL_E_USAGE, "no kind of source has an option '%s'", name);
        json_t *alone = json_pack("{s:O}", name, value);
        if (!alone) return peal_fail(err, PEAL_E_MEMORY, "no memory for options");
        const peal_status status = peal_options_check(kind->name, kind->options, alone, err);
        json_decref(alone);
        PEAL_TRY(status);
    }
    for (size_t i = 0; access && i < KINDS; i++) {
        const peal_source_kind *kind = peal_source_kinds[i];
        if (kind->check_options) PEAL_TRY(kind->check_options(access, err));
    }
    return PEAL_OK;
}

static peal_status add_named(source__making *self, const char *name, peal_error *err) {
    const size_t kind = kind_of(name);
    void **session = &self->list->sessions[kind];
    self->kind = peal_source_kinds[kind];
    if (self->kind->begin && !*session) PEAL_TRY(self->kind->begin(self->options, session, err));
    self->session = *session;
    peal_error why = {0};
    const peal_status status = self->kind->list(self, name, &why);
    if (status == PEAL_E_DATA && self->options->go_on) {
        return peal_source_leave_out(self->list, name, why.message, self->options->reporter, err);
    }
    if (status != PEAL_OK && err) *err = why;
    return status;
}

static peal_status make(source__making *self, peal_error *err) {
    const peal_source_options *options = self->options;
    PEAL_TRY(peal_zeroed_checked(&self->list->sessions, KINDS, sizeof *self->list->sessions, "sources", err));
    for (size_t i = 0; i < options->count; i++) PEAL_TRY(add_named(self, options->names[i], err));
    for (size_t i = 0; i < KINDS; i++) {
        self->kind = peal_source_kinds[i];
        self->session = self->list->sessions[i];
        if (self->session && self->kind->look) PEAL_TRY(self->kind->look(self, err));
    }
    PEAL_TRY(drop_bad(self, err));
    if (self->list->count > 0) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "not one of the sources can be read: %s", self->list->left_out[0].reason);
}

peal_status peal_source_list_make(const peal_source_options *options, peal_source_list *out, peal_error *err) {
    *out = (peal_source_list){0};
    if (options->count == 0) return peal_fail(err, PEAL_E_USAGE, "no source was named");
    PEAL_TRY(peal_source_check_access(options->access, err));
    PEAL_TRY(peal_source_check_names(options->names, options->count, err));
    source__making self = {.options = options, .list = out};
    const peal_status status = make(&self, err);
    if (status != PEAL_OK) peal_source_list_clear(out);
    return status;
}

bool peal_source_comes_once(const char *name) {
    struct stat info;
    if (peal_source_kinds[kind_of(name)]->comes_once) return true;
    return stat(name, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

/* ---- what must not be overwritten ---- */

static bool is_same(const struct stat *a, const struct stat *b) {
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool glob_finds(const char *pattern, const struct stat *wanted) {
    glob_t found;
    struct stat info;
    if (!strpbrk(pattern, "*?[") || glob(pattern, 0, NULL, &found) != 0) return false;
    bool same = false;
    for (size_t i = 0; i < found.gl_pathc && !same; i++) {
        same = stat(found.gl_pathv[i], &info) == 0 && is_same(&info, wanted);
    }
    globfree(&found);
    return same;
}

/* `wanted` is a regular file or a folder; of a folder that is a source only the files are read. */
static bool reads(const char *name, const struct stat *wanted, const struct stat *folder) {
    struct stat info;
    const peal_source_kind *kind = peal_source_kinds[kind_of(name)];
    if (kind->file) {
        char *file = kind->file(name);
        const bool same = file && stat(file, &info) == 0 && is_same(&info, wanted);
        free(file);
        return same;
    }
    const bool found = strcmp(name, "-") == 0 ? fstat(STDIN_FILENO, &info) == 0 : stat(name, &info) == 0;
    if (!found) return glob_finds(name, wanted);
    return is_same(&info, wanted) || (S_ISREG(wanted->st_mode) && is_same(&info, folder));
}

peal_status peal_source_check_output(const char *const *names, size_t count, const char *out, peal_error *err) {
    struct stat wanted, parent;
    if (stat(out, &wanted) != 0 || (!S_ISREG(wanted.st_mode) && !S_ISDIR(wanted.st_mode))) return PEAL_OK;
    char *real = realpath(out, NULL); /* a link is written through */
    char *folder = real ? peal_path_folder(real) : NULL;
    free(real);
    if (!folder) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    const bool has_folder = stat(folder, &parent) == 0;
    free(folder);
    for (size_t i = 0; has_folder && i < count; i++) {
        if (!reads(names[i], &wanted, &parent)) continue;
        return peal_fail(err, PEAL_E_USAGE, "cannot write %s: it is read by this job too (%s)", out,
                         strcmp(names[i], "-") == 0 ? "standard input" : names[i]);
    }
    return PEAL_OK;
}
