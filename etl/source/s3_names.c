/* Buckets, keys and URLs; see s3_names.h. */
#include "etl/source/s3_names.h"

#include <fnmatch.h>
#include <string.h>
#include <strings.h>

#include "core/base/text.h"
#include "core/base/utf8.h"

enum { BUCKET_LEAST = 3 };

static const char marks[] = "*?["; /* of a glob */

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool source__is_s3(const char *name) {
    return strncasecmp(name, "s3://", 5) == 0;
}

/* ---- names ---- */

/* Buckets of Amazon's have small letters only; elsewhere, and of old, others occur. */
static bool is_bucket(const char *text, size_t length) {
    if (length < BUCKET_LEAST || length > SOURCE__BUCKET_MOST) return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_letter_or_digit(text[i]) && !strchr("-._", text[i])) return false;
    }
    return is_letter_or_digit(text[0]) && is_letter_or_digit(text[length - 1]);
}

peal_status source__s3_name_read(const char *name, source__s3_name *out, peal_error *err) {
    const char *bucket = name + 5;
    const size_t length = strcspn(bucket, "/");
    if (memchr(bucket, '@', length)) { /* the name is not repeated: it may hold a secret */
        return peal_fail(err, PEAL_E_USAGE,
                         "a bucket's name has no '@': keys are not taken in a name, for names are written down; put "
                         "them into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or into ~/.aws/credentials");
    }
    if (!is_bucket(bucket, length)) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: s3://BUCKET/KEY is expected, with a bucket's name of %d to %d letters, digits, '-', '.' "
                         "and '_'",
                         name, BUCKET_LEAST, SOURCE__BUCKET_MOST);
    }
    const char *key = bucket[length] ? bucket + length + 1 : bucket + length;
    const size_t size = strlen(key);
    if (size > SOURCE__KEY_MOST) {
        return peal_fail(err, PEAL_E_USAGE, "%s: a key has %d bytes at most, this one has %zu", name, SOURCE__KEY_MOST,
                         size);
    }
    if (peal_utf8_error(key, size) < size) return peal_fail(err, PEAL_E_USAGE, "%s: a key is UTF-8", name);
    *out = (source__s3_name){.key = key,
                             .meaning = strpbrk(key, marks)                 ? SOURCE__S3_GLOB
                                        : size == 0 || key[size - 1] == '/' ? SOURCE__S3_FOLDER
                                                                            : SOURCE__S3_OBJECT};
    memcpy(out->bucket, bucket, length);
    return PEAL_OK;
}

size_t source__s3_fixed(const source__s3_name *name) {
    return name->meaning == SOURCE__S3_GLOB ? strcspn(name->key, marks) : strlen(name->key);
}

bool source__s3_matches(const source__s3_name *name, const char *key) {
    if (name->meaning != SOURCE__S3_GLOB) return strncmp(key, name->key, strlen(name->key)) == 0;
    return fnmatch(name->key, key, FNM_PATHNAME | FNM_PERIOD) == 0;
}

/* ---- URLs ---- */

/* A certificate of Amazon's holds for one name before its own: one with points in it, or with what no host has, goes
 * into the path. */
static bool can_be_host(const char *bucket) {
    for (const char *at = bucket; *at; at++) {
        if (!(*at >= 'a' && *at <= 'z') && !(*at >= '0' && *at <= '9') && *at != '-') return false;
    }
    return true;
}

char *source__s3_bucket_url(const char *endpoint, const char *region, const char *bucket) {
    const char *domain = strncmp(region, "cn-", 3) == 0 ? "amazonaws.com.cn" : "amazonaws.com";
    if (endpoint) return peal_sprintf("%s/%s", endpoint, bucket);
    if (can_be_host(bucket)) return peal_sprintf("https://%s.s3.%s.%s", bucket, region, domain);
    return peal_sprintf("https://s3.%s.%s/%s", region, domain, bucket);
}

peal_status source__s3_encode(const char *text, bool is_path, peal_buffer *out, peal_error *err) {
    static const char digits[] = "0123456789ABCDEF";
    for (; *text; text++) {
        const unsigned char byte = (unsigned char)*text;
        char code[3] = {'%', digits[byte >> 4], digits[byte & 15]};
        const bool plain = is_letter_or_digit(*text) || strchr("-._~", *text) || (is_path && *text == '/');
        PEAL_TRY(peal_buffer_append(out, plain ? text : code, plain ? 1 : sizeof code, err));
    }
    return PEAL_OK;
}

bool source__s3_decode(char *text) {
    char *to = text;
    for (const char *at = text; *at; at++, to++) {
        *to = *at == '+' ? ' ' : *at;
        if (*at != '%') continue;
        const int high = peal_hex_digit(at[1]), low = high < 0 ? -1 : peal_hex_digit(at[2]);
        if (low < 0 || high * 16 + low == 0) return false;
        *to = (char)(high * 16 + low);
        at += 2;
    }
    *to = '\0';
    return true;
}
