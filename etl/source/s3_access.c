/* Keys, region, endpoint; see s3_access.h. */
#include "etl/source/s3_access.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/base/file.h"
#include "core/base/memory.h"

/* One of the two files. */
typedef struct profiles {
    peal_buffer text;
    char *section; /* what the profile is called in it */
} profiles;

typedef struct search {
    const char *profile;
    profiles credentials, config;
} search;

/* ---- files ---- */

typedef struct line {
    const char *begin, *end;
} line;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

static line trim(line text) {
    while (text.begin < text.end && is_blank(*text.begin)) text.begin++;
    while (text.end > text.begin && is_blank(text.end[-1])) text.end--;
    return text;
}

static bool is_text(line found, const char *text) {
    return (size_t)(found.end - found.begin) == strlen(text) && memcmp(found.begin, text, strlen(text)) == 0;
}

/* "[profile  name]" is "profile name"; a comment may follow. */
static bool is_section(line found, const char *section) {
    const char *close = memchr(found.begin, ']', (size_t)(found.end - found.begin));
    line name = trim((line){found.begin + 1, close ? close : found.end});
    const char *blank = strchr(section, ' ');
    const size_t first = blank ? (size_t)(blank - section) : 0;
    if (!close) return false;
    if (!blank) return is_text(name, section);
    if ((size_t)(name.end - name.begin) <= first || memcmp(name.begin, section, first) != 0) return false;
    if (!is_blank(name.begin[first])) return false;
    return is_text(trim((line){name.begin + first, name.end}), blank + 1);
}

/* What follows a blank and "#" or ";" is a comment. */
static line value_of(const char *equals, const char *end) {
    line value = trim((line){equals + 1, end});
    for (const char *at = value.begin; at + 1 < value.end; at++) {
        if (!is_blank(at[0]) || (at[1] != '#' && at[1] != ';')) continue;
        value.end = at;
        return trim(value);
    }
    return value;
}

char *source__s3_profile_value(const char *text, size_t size, const char *section, const char *name) {
    const char *end = text + size;
    bool inside = false;
    line found = {NULL, NULL};
    for (const char *at = text, *next; at < end; at = next) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        next = stop ? stop + 1 : end;
        if (!stop) stop = end;
        if (at == stop || is_blank(*at) || *at == '#' || *at == ';') continue; /* what is indented belongs to a list */
        const char *equals = memchr(at, '=', (size_t)(stop - at));
        if (*at == '[') {
            inside = is_section((line){at, stop}, section);
        } else if (inside && equals && is_text(trim((line){at, equals}), name)) {
            found = value_of(equals, stop);
        }
    }
    const size_t length = found.begin ? (size_t)(found.end - found.begin) : 0;
    return length > 0 && !memchr(found.begin, '\0', length) ? peal_strndup(found.begin, length) : NULL;
}

static peal_status read_file(const char *path, peal_buffer *out, peal_error *err) {
    PEAL_TRY(peal_file_read(path, out, err));
    if (!out->size || !memchr(out->data, '\0', out->size)) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s has a NUL in it, and is no file of profiles", path);
}

/* The file that `variable` names, which must be there, or the usual one in the home folder, which need not. */
static peal_status read_profiles(const char *variable, const char *usual, profiles *out, peal_error *err) {
    const char *named = getenv(variable), *home = getenv("HOME");
    if (named && *named) {
        peal_error why = {0};
        const peal_status status = read_file(named, &out->text, &why);
        return status == PEAL_OK ? PEAL_OK : peal_fail(err, PEAL_E_USAGE, "%s: %s", variable, why.message);
    }
    if (!home || !*home) return PEAL_OK;
    char *path = peal_path_join(home, usual);
    if (!path) return peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
    const peal_status status = peal_path_exists(path) ? read_file(path, &out->text, err) : PEAL_OK;
    free(path);
    return status;
}

static void profiles_clear(profiles *self) {
    if (self->text.data) explicit_bzero(self->text.data, self->text.size);
    peal_buffer_clear(&self->text);
    free(self->section);
}

static char *in_file(const profiles *self, const char *name) {
    return source__s3_profile_value((const char *)self->text.data, self->text.size, self->section, name);
}

static char *in_files(const search *self, const char *name) {
    char *value = in_file(&self->credentials, name);
    return value ? value : in_file(&self->config, name);
}

static peal_status search_begin(search *self, peal_error *err) {
    const char *named = getenv("AWS_PROFILE");
    self->profile = named && *named ? named : "default";
    self->credentials.section = peal_strdup(self->profile);
    self->config.section =
        named && *named && strcmp(named, "default") != 0 ? peal_sprintf("profile %s", named) : peal_strdup("default");
    if (!self->credentials.section || !self->config.section) {
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a profile");
    }
    PEAL_TRY(read_profiles("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", &self->credentials, err));
    return read_profiles("AWS_CONFIG_FILE", ".aws/config", &self->config, err);
}

static void search_end(search *self) {
    profiles_clear(&self->credentials);
    profiles_clear(&self->config);
}

/* ---- keys ---- */

static char *from_environment(const char *variable) {
    const char *value = getenv(variable);
    return value && *value ? peal_strdup(value) : NULL;
}

/* Printable, without blanks; what it is is not repeated. */
static peal_status check_key(const char *value, const char *what, peal_error *err) {
    for (const char *at = value; at && *at; at++) {
        if (*at <= ' ' || *at > '~') return peal_fail(err, PEAL_E_USAGE, "%s has a character that none has", what);
    }
    return PEAL_OK;
}

/* Ways to keys that need programs or servers: better named than taken for no keys at all. */
static peal_status refuse_other_ways(const search *self, peal_error *err) {
    static const char *const ways[] = {"role_arn",      "credential_process", "sso_session",
                                       "sso_start_url", "credential_source",  "web_identity_token_file"};
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        char *value = in_files(self, ways[i]);
        const bool is_set = value != NULL;
        free(value);
        if (!is_set) continue;
        return peal_fail(err, PEAL_E_USAGE,
                         "the profile %s has its keys by %s, which Peal does not follow: put keys into the environment "
                         "(aws configure export-credentials --format env prints them)",
                         self->profile, ways[i]);
    }
    const char *named = getenv("AWS_PROFILE");
    if (!named || !*named) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the profile %s (AWS_PROFILE) has no aws_access_key_id", self->profile);
}

static bool has_key(const profiles *self) {
    char *value = in_file(self, "aws_access_key_id");
    const bool is_set = value != NULL;
    free(value);
    return is_set;
}

static peal_status find_keys(const search *self, source__s3_access *out, peal_error *err) {
    out->key = from_environment("AWS_ACCESS_KEY_ID");
    out->secret = from_environment("AWS_SECRET_ACCESS_KEY");
    if (out->key || out->secret) {
        out->token = from_environment("AWS_SESSION_TOKEN");
    } else {
        const profiles *file = has_key(&self->credentials) ? &self->credentials : &self->config;
        out->key = in_file(file, "aws_access_key_id");
        out->secret = in_file(file, "aws_secret_access_key");
        out->token = in_file(file, "aws_session_token");
    }
    if (!out->key && !out->secret) return refuse_other_ways(self, err);
    if (!out->key || !out->secret) {
        return peal_fail(err, PEAL_E_USAGE, "of the keys for S3 there is only the %s",
                         out->key ? "access key's id (AWS_ACCESS_KEY_ID), not the secret (AWS_SECRET_ACCESS_KEY)"
                                  : "secret (AWS_SECRET_ACCESS_KEY), not the access key's id (AWS_ACCESS_KEY_ID)");
    }
    if (strchr(out->key, ':')) return peal_fail(err, PEAL_E_USAGE, "the access key's id for S3 has a ':' in it");
    PEAL_TRY(check_key(out->key, "the access key's id for S3", err));
    PEAL_TRY(check_key(out->secret, "the secret key for S3", err));
    return check_key(out->token, "the session's token for S3", err);
}

/* ---- region and endpoint ---- */

static peal_status find_region(const search *self, source__s3_access *out, peal_error *err) {
    out->region = from_environment("AWS_REGION");
    if (!out->region) out->region = from_environment("AWS_DEFAULT_REGION");
    if (!out->region) out->region = in_files(self, "region");
    if (!out->region) out->region = peal_strdup("us-east-1");
    if (!out->region) return peal_fail(err, PEAL_E_MEMORY, "no memory for a region");
    const size_t length = strlen(out->region);
    if (length <= 64 && strspn(out->region, "abcdefghijklmnopqrstuvwxyz0123456789-") == length) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "the region '%s' for S3 is none: small letters, digits and '-' are expected",
                     out->region);
}

peal_status source__s3_check_endpoint(const char *url, const char *origin, peal_error *err) {
    const size_t scheme = strncasecmp(url, "https://", 8) == 0 ? 8 : strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
    const size_t host = strcspn(url + scheme, "/?#");
    if (memchr(url + scheme, '@', host)) {
        return peal_fail(err, PEAL_E_USAGE,
                         "%s: a URL with a user's name or a password in it is not taken: put keys into "
                         "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                         origin);
    }
    bool right = scheme > 0 && host > 0;
    for (const char *at = url; *at; at++) right = right && *at > ' ' && *at <= '~' && *at != '?' && *at != '#';
    if (right) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE, "%s: https://HOST or http://HOST:PORT is expected, not '%s'", origin, url);
}

static peal_status find_endpoint(const search *self, const char *option, source__s3_access *out, peal_error *err) {
    const char *origin = "s3-endpoint";
    out->endpoint = option ? peal_strdup(option) : NULL;
    static const char *const variables[] = {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"};
    for (size_t i = 0; i < 2 && !out->endpoint; i++) {
        origin = variables[i];
        out->endpoint = from_environment(origin);
    }
    if (!out->endpoint) {
        origin = "endpoint_url of the profile";
        out->endpoint = in_files(self, "endpoint_url");
    }
    if (!out->endpoint) return PEAL_OK;
    PEAL_TRY(source__s3_check_endpoint(out->endpoint, origin, err));
    for (size_t length = strlen(out->endpoint); out->endpoint[length - 1] == '/';) out->endpoint[--length] = '\0';
    return PEAL_OK;
}

/* ---- all together ---- */

peal_status source__s3_access_find(const char *endpoint, source__s3_access *out, peal_error *err) {
    search self = {.profile = NULL};
    *out = (source__s3_access){0};
    peal_status status = search_begin(&self, err);
    if (status == PEAL_OK) status = find_keys(&self, out, err);
    if (status == PEAL_OK) status = find_region(&self, out, err);
    if (status == PEAL_OK) status = find_endpoint(&self, endpoint, out, err);
    search_end(&self);
    if (status != PEAL_OK) source__s3_access_clear(out);
    return status;
}

static void forget(char *secret) {
    if (secret) explicit_bzero(secret, strlen(secret));
    free(secret);
}

void source__s3_access_clear(source__s3_access *access) {
    forget(access->key);
    forget(access->secret);
    forget(access->token);
    free(access->region);
    free(access->endpoint);
    *access = (source__s3_access){0};
}
