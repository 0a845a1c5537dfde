/* Pages of ListObjectsV2, and the choice among what they list; see s3_list.h. */
#include "etl/source/s3_list.h"

#include <stdlib.h>
#include <string.h>

#include "etl/source/beside.h"
#include "etl/source/source.h"

enum {
    PAGE_MOST = 64 << 20,  /* bytes of a page, which has 1,000 keys */
    BUFFER_SIZE = 1 << 18, /* of a download */
    EMPTY_MOST = 1000,     /* pages in a row that have no key: some stores send such between others */
    NAMES_MOST = 5,        /* of what is left out */
};

/* ---- pages ---- */

static peal_status append(peal_buffer *out, const char *text, peal_error *err) {
    return peal_buffer_append(out, text, strlen(text), err);
}

/* Parameters stand in the order of their names, which is what is signed. A glob in one folder wants no list of the
 * folders in it. */
static peal_status write_query(const source__s3_name *name, const char *token, peal_buffer *out, peal_error *err) {
    const size_t fixed = source__s3_fixed(name);
    const bool flat = name->meaning == SOURCE__S3_GLOB && !strchr(name->key + fixed, '/');
    char prefix[SOURCE__KEY_MOST + 1];
    memcpy(prefix, name->key, fixed);
    prefix[fixed] = '\0';
    PEAL_TRY(append(out, "/?", err));
    if (token) {
        PEAL_TRY(append(out, "continuation-token=", err));
        PEAL_TRY(source__s3_encode(token, false, out, err));
        PEAL_TRY(append(out, "&", err));
    }
    if (flat) PEAL_TRY(append(out, "delimiter=%2F&", err));
    PEAL_TRY(append(out, "encoding-type=url&list-type=2", err));
    if (fixed == 0) return peal_buffer_append(out, "", 1, err);
    PEAL_TRY(append(out, "&prefix=", err));
    PEAL_TRY(source__s3_encode(prefix, false, out, err));
    return peal_buffer_append(out, "", 1, err);
}

static peal_status fetch(source__http_session *session, const char *what, const char *url, peal_buffer *out,
                         peal_error *err) {
    const source__wanted wanted = {
        .url = url, .name = what, .end = SOURCE__UNKNOWN, .buffer = BUFFER_SIZE, .most_bytes = PAGE_MOST};
    source__download *download;
    PEAL_TRY(source__download_begin(session->transfers, &wanted, &download, err));
    peal_status status = PEAL_OK;
    for (size_t got = 1; status == PEAL_OK && got > 0; out->size += got) {
        got = 0;
        status = peal_buffer_reserve(out, BUFFER_SIZE, err);
        if (status == PEAL_OK) {
            status = source__download_read(download, out->data + out->size, BUFFER_SIZE, &got, err);
        }
    }
    source__download_end(download);
    return status;
}

static peal_status take_page(source__http_session *session, const char *bucket_url, const char *what,
                             const source__s3_name *name, const char *token, source__s3_listing *out, peal_error *err) {
    peal_buffer url = {0}, page = {0};
    peal_status status = append(&url, bucket_url, err);
    if (status == PEAL_OK) status = write_query(name, token, &url, err);
    if (status == PEAL_OK) status = fetch(session, what, (const char *)url.data, &page, err);
    if (status == PEAL_OK) status = source__s3_listing_add(out, what, page.data, page.size, err);
    peal_buffer_clear(&url);
    peal_buffer_clear(&page);
    return status;
}

static int by_key(const void *a, const void *b) {
    return strcmp(((const source__s3_key *)a)->key, ((const source__s3_key *)b)->key);
}

/* Sorts and drops what the name does not mean. Stores list in order; those that do not are no worse for it. */
static peal_status settle(const char *what, const source__s3_name *name, source__s3_listing *list, peal_error *err) {
    size_t kept = 0;
    if (list->count > 1) qsort(list->keys, list->count, sizeof *list->keys, by_key);
    for (size_t i = 0; i < list->count; i++) {
        source__s3_key one = list->keys[i];
        if (kept > 0 && strcmp(list->keys[kept - 1].key, one.key) == 0) {
            return peal_fail(err, PEAL_E_DATA, "%s: the store lists the key '%s' twice", what, one.key);
        }
        if (source__s3_matches(name, one.key)) {
            list->keys[i] = list->keys[kept];
            list->keys[kept++] = one;
        }
    }
    while (list->count > kept) {
        list->count--;
        free(list->keys[list->count].key);
        free(list->keys[list->count].etag);
    }
    return PEAL_OK;
}

peal_status source__s3_list(source__http_session *session, const source__s3_access *access, const char *what,
                            const source__s3_name *name, const peal_reporter *reporter, source__s3_listing *out,
                            peal_error *err) {
    char *bucket_url = source__s3_bucket_url(access->endpoint, access->region, name->bucket);
    char *token = NULL; /* of the page that is asked for */
    peal_status status = bucket_url ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a list of objects");
    size_t empty = 0;
    for (bool more = true; status == PEAL_OK && more;) {
        const size_t before = out->count;
        status = take_page(session, bucket_url, what, name, token, out, err);
        more = out->next != NULL;
        empty = out->count > before ? 0 : empty + 1;
        if (status == PEAL_OK && more && token && strcmp(token, out->next) == 0) {
            status = peal_fail(err, PEAL_E_DATA, "%s: the store names the same page again as the next one", what);
        } else if (status == PEAL_OK && more && empty == EMPTY_MOST) {
            status = peal_fail(err, PEAL_E_DATA, "%s: %d pages in a row have no key", what, EMPTY_MOST);
        }
        free(token);
        token = out->next;
        out->next = NULL;
        peal_report_progress(reporter, "listing", "objects", out->count, 0);
    }
    free(token);
    free(bucket_url);
    return status == PEAL_OK ? settle(what, name, out, err) : status;
}

/* ---- the choice ---- */

/* A part of the path below the folder that is hidden, or that begins with "_". */
static bool is_passed_over(const char *below) {
    if (*below == '.' || *below == '_') return true;
    for (const char *at = below; (at = strchr(at, '/')); at++) {
        if (at[1] == '.' || at[1] == '_') return true;
    }
    return false;
}

static const char *name_of(const char *key) {
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

/* Stands in the same folder and has the same name up to its first point. */
static bool same_key(const char *a, const char *b) {
    const size_t length = (size_t)(name_of(a) - a) + strcspn(name_of(a), ".");
    return length == (size_t)(name_of(b) - b) + strcspn(name_of(b), ".") && memcmp(a, b, length) == 0;
}

static bool is_label(const source__s3_listing *list, size_t at) {
    const char *key = list->keys[at].key;
    if (!source__may_be_label(name_of(key))) return false;
    while (at > 0 && same_key(key, list->keys[at - 1].key)) at--;
    for (; at < list->count && same_key(key, list->keys[at].key); at++) {
        if (source__is_image_name(name_of(list->keys[at].key))) return true;
    }
    return false;
}

typedef enum object_kind { OBJECT_PASSED_OVER, OBJECT_BESIDE, OBJECT_IMAGE, OBJECT_LABEL, OBJECT_DATA } object_kind;

static object_kind kind_of(const source__s3_name *name, const source__s3_listing *list, size_t at) {
    const char *key = list->keys[at].key, *below = key + strlen(name->key);
    if (*name_of(key) == '\0') return OBJECT_PASSED_OVER;
    if (is_passed_over(below)) return OBJECT_BESIDE;
    if (source__is_image_name(below)) return OBJECT_IMAGE;
    if (is_label(list, at)) return OBJECT_LABEL;
    return peal_source_is_beside_data(name_of(key)) ? OBJECT_BESIDE : OBJECT_DATA;
}

static peal_status tell(source__s3_choice *self, size_t count, const char *key, peal_error *err) {
    if (count > NAMES_MOST + 1) return PEAL_OK;
    char *longer =
        count == 1 ? peal_strdup(key) : peal_sprintf("%s, %s", self->left_out, count <= NAMES_MOST ? key : "...");
    if (!longer) return peal_fail(err, PEAL_E_MEMORY, "no memory for names");
    free(self->left_out);
    self->left_out = longer;
    return PEAL_OK;
}

/* `taken` of the folder's objects by their kinds: images with their labels if there is no other data, else the data. */
static peal_status choose_in_folder(const source__s3_name *name, const source__s3_listing *list,
                                    source__s3_choice *self, peal_error *err) {
    size_t images = 0, data = 0, left = 0;
    for (size_t i = 0; i < list->count; i++) {
        const object_kind kind = kind_of(name, list, i);
        images += kind == OBJECT_IMAGE;
        data += kind == OBJECT_DATA;
    }
    const bool is_images = images > 0 && data == 0;
    for (size_t i = 0; i < list->count; i++) {
        const object_kind kind = kind_of(name, list, i);
        const bool of_image = kind == OBJECT_IMAGE || (kind == OBJECT_LABEL && is_images);
        self->taken[i] = is_images ? of_image : kind == OBJECT_DATA || kind == OBJECT_LABEL;
        self->taken_count += self->taken[i];
        if (!self->taken[i] && kind != OBJECT_PASSED_OVER) PEAL_TRY(tell(self, ++left, list->keys[i].key, err));
    }
    if (left == 0) return PEAL_OK;
    char *text = peal_sprintf("%zu object%s (%s)", left, left == 1 ? "" : "s", self->left_out);
    if (!text) return peal_fail(err, PEAL_E_MEMORY, "no memory for names");
    free(self->left_out);
    self->left_out = text;
    return PEAL_OK;
}

peal_status source__s3_choose(const source__s3_name *name, const source__s3_listing *list, source__s3_choice *out,
                              peal_error *err) {
    *out = (source__s3_choice){0};
    PEAL_TRY(peal_zeroed_checked(&out->taken, list->count + 1, sizeof *out->taken, "objects", err));
    if (name->meaning == SOURCE__S3_FOLDER) {
        const peal_status status = choose_in_folder(name, list, out, err);
        if (status != PEAL_OK) source__s3_choice_clear(out);
        return status;
    }
    for (size_t i = 0; i < list->count; i++) out->taken[i] = true;
    out->taken_count = list->count;
    return PEAL_OK;
}

void source__s3_choice_clear(source__s3_choice *choice) {
    free(choice->taken);
    free(choice->left_out);
    *choice = (source__s3_choice){0};
}
