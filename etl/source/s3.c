/* The kind of source that reads S3 and stores like it: keys, lists and errors of the store; the bytes come by the
 * transfers of web servers (http.h).
 *
 * libcurl signs requests (Signature Version 4). The hash of the body, which S3 wants among what is signed, is that of
 * no bytes and stands in each head: libcurl 7.88 signs it, but does not put it there itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/memory.h"
#include "etl/source/http.h"
#include "etl/source/s3_list.h"

#define HASH_OF_NOTHING "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const peal_option options[] = {
    {"s3-endpoint", PEAL_OPTION_TEXT, NULL, 0, 0, "URL",
     "a store like S3 to ask, such as http://localhost:9000 (AWS_ENDPOINT_URL, else Amazon's)"},
    {.name = NULL},
};

typedef struct s3_session {
    source__store store; /* stands first: explain() is given it */
    source__s3_access access;
    char *signature, *key, *token_line;
    const char *lines[3]; /* ends with NULL */
    source__http_session *http;
} s3_session;

/* ---- errors ---- */

/* The store's own words, unless it repeats what was sent in confidence. */
static bool is_fit(const source__s3_access *access, const char *text) {
    const char *const secrets[] = {access->key, access->secret, access->token};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (secrets[i] && strstr(text, secrets[i])) return false;
    }
    return *text != '\0';
}

/* What can be done about it; "" if that is not known. */
static void advise(const s3_session *self, const source__s3_error *said, const source__answer *answer, char *text,
                   size_t capacity) {
    const char *region = answer->region[0] ? answer->region : said->region;
    text[0] = '\0';
    if (region[0] && strcmp(region, self->access.region) != 0) {
        snprintf(text, capacity, "the bucket is in the region %s: set AWS_REGION", region);
    } else if (is_fit(&self->access, said->endpoint)) {
        snprintf(text, capacity, "the bucket is at %s", said->endpoint);
    } else if (answer->status == 403 && !self->access.key) {
        snprintf(text, capacity,
                 "the request was not signed: there are no keys in AWS_ACCESS_KEY_ID or ~/.aws/credentials");
    } else if (strcmp(said->code, "NoSuchKey") == 0) {
        snprintf(text, capacity, "all objects below a folder are named by a slash at its end");
    }
}

static void explain(const source__store *store, const source__answer *answer, const char *body, size_t size, char *text,
                    size_t capacity) {
    const s3_session *self = (const s3_session *)store;
    source__s3_error said;
    char advice[256];
    source__s3_error_read(body, size, &said);
    advise(self, &said, answer, advice, sizeof advice);
    const char *parts[] = {said.code, said.message, advice}, *const before[] = {"", ": ", "; "};
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < sizeof parts / sizeof *parts && used < capacity; i++) {
        if (!is_fit(&self->access, parts[i])) continue;
        used += (size_t)snprintf(text + used, capacity - used, "%s%s", used ? before[i] : "", parts[i]);
    }
}

/* ---- the session ---- */

static void s3_end(void *opaque) {
    s3_session *self = opaque;
    source__http_session_free(self->http);
    char *const secrets[] = {self->key, self->token_line};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) {
        if (secrets[i]) explicit_bzero(secrets[i], strlen(secrets[i]));
        free(secrets[i]);
    }
    free(self->signature);
    source__s3_access_clear(&self->access);
    free(self);
}

static peal_status set_store(s3_session *self, peal_error *err) {
    const source__s3_access *access = &self->access;
    self->store = (source__store){.lines = self->lines, .explain = explain};
    if (!access->key) return PEAL_OK;
    self->signature = peal_sprintf("aws:amz:%s:s3", access->region);
    self->key = peal_sprintf("%s:%s", access->key, access->secret);
    self->lines[0] = HASH_OF_NOTHING;
    if (access->token) self->lines[1] = self->token_line = peal_sprintf("X-Amz-Security-Token: %s", access->token);
    if (!self->signature || !self->key || (access->token && !self->token_line)) {
        return peal_fail(err, PEAL_E_MEMORY, "no memory for keys");
    }
    self->store.signature = self->signature;
    self->store.key = self->key;
    return PEAL_OK;
}

/* An endpoint is where the user himself sends requests, so it may be on his own machine; names cannot lead anywhere
 * else. */
static peal_status s3_begin(const peal_source_options *wishes, void **out, peal_error *err) {
    s3_session *self = calloc(1, sizeof *self);
    if (!self) return peal_fail(err, PEAL_E_MEMORY, "no memory for sources");
    peal_status status =
        source__s3_access_find(peal_option_text(wishes->access, "s3-endpoint", NULL), &self->access, err);
    if (status == PEAL_OK) status = set_store(self, err);
    const source__http_way way = {.store = &self->store, .any_address = self->access.endpoint != NULL};
    if (status == PEAL_OK) status = source__http_session_new(wishes, &way, &self->http, err);
    if (status != PEAL_OK) {
        s3_end(self);
        return status;
    }
    *out = self;
    return PEAL_OK;
}

/* ---- the list ---- */

static peal_status s3_check(const char *name, peal_error *err) {
    source__s3_name read;
    return source__s3_name_read(name, &read, err);
}

/* Adds the object `key`; `told` is what a list says of it, or NULL. */
static peal_status add_object(s3_session *self, source__making *making, const char *bucket, const char *key,
                              const source__s3_key *told, peal_error *err) {
    source__facts facts = {.size = told ? told->size : SOURCE__UNKNOWN};
    if (told && told->etag) snprintf(facts.etag, sizeof facts.etag, "%s", told->etag);
    char *base = source__s3_bucket_url(self->access.endpoint, self->access.region, bucket);
    char *name = peal_sprintf("s3://%s/%s", bucket, key);
    peal_buffer url = {0};
    peal_status status = base && name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    if (status == PEAL_OK) status = peal_buffer_append(&url, base, strlen(base), err);
    if (status == PEAL_OK) status = peal_buffer_append(&url, "/", 1, err);
    if (status == PEAL_OK) status = source__s3_encode(key, true, &url, err);
    if (status == PEAL_OK) status = peal_buffer_append(&url, "", 1, err);
    const source__http_named named = {
        .name = name, .url = (const char *)url.data, .facts = facts.etag[0] ? &facts : NULL};
    if (status == PEAL_OK) status = source__http_add(self->http, making, &named, err);
    peal_buffer_clear(&url);
    free(base);
    free(name);
    return status;
}

static peal_status add_chosen(s3_session *self, source__making *making, const char *what, const source__s3_name *name,
                              const source__s3_listing *listing, const source__s3_choice *choice, peal_error *err) {
    if (choice->taken_count == 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: %s%s%s", what,
                         name->meaning == SOURCE__S3_GLOB ? "no object matches" : "no objects",
                         choice->left_out ? "; left out: " : "", choice->left_out ? choice->left_out : "");
    }
    if (choice->left_out) {
        peal_report(making->options->reporter, PEAL_EVENT_NOTE, "%s: left out: %s", what, choice->left_out);
    }
    for (size_t i = 0; i < listing->count; i++) {
        if (!choice->taken[i]) continue;
        PEAL_TRY(add_object(self, making, name->bucket, listing->keys[i].key, &listing->keys[i], err));
    }
    return PEAL_OK;
}

static peal_status s3_list(source__making *making, const char *what, peal_error *err) {
    s3_session *self = making->session;
    source__s3_listing listing = {0};
    source__s3_choice choice = {0};
    source__s3_name name;
    PEAL_TRY(source__s3_name_read(what, &name, err));
    if (name.meaning == SOURCE__S3_OBJECT) return add_object(self, making, name.bucket, name.key, NULL, err);
    peal_status status =
        source__s3_list(self->http, &self->access, what, &name, making->options->reporter, &listing, err);
    if (status == PEAL_OK) status = source__s3_choose(&name, &listing, &choice, err);
    if (status == PEAL_OK) status = add_chosen(self, making, what, &name, &listing, &choice, err);
    source__s3_choice_clear(&choice);
    source__s3_listing_clear(&listing);
    return status;
}

static peal_status s3_look(source__making *making, peal_error *err) {
    const s3_session *self = making->session;
    return source__http_look(self->http, making, err);
}

static void s3_usage(void *session, peal_source_usage *out) {
    source__transfers_usage(((s3_session *)session)->http->transfers, out);
}

const peal_source_kind peal_source_s3 = {
    .name = "s3",
    .documentation =
        "s3://bucket/key: an object of S3 or a store like it, read as those of http are; s3://bucket/folder/ "
        "all below it, s3://bucket/part-*.csv.gz those that match, sorted by key. Keys, region and endpoint "
        "come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, "
        "AWS_ENDPOINT_URL, or from ~/.aws/credentials and ~/.aws/config (AWS_PROFILE); without keys "
        "requests are not signed.",
    .options = options,
    .recognise = source__is_s3,
    .check = s3_check,
    .begin = s3_begin,
    .end = s3_end,
    .list = s3_list,
    .look = s3_look,
    .open = source__http_open,
    .usage = s3_usage,
    .forget = source__http_forget,
};
