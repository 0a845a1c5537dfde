/* How S3 is reached: keys, region and endpoint, from the environment and the files that Amazon's own tools read.
 * Private to this folder.
 *
 *   keys       AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, else the profile's; without any, requests
 *              are not signed
 *   region     AWS_REGION, AWS_DEFAULT_REGION, the profile's, "us-east-1"
 *   endpoint   the option, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, the profile's endpoint_url; else Amazon's
 *   profile    AWS_PROFILE, "default": of ~/.aws/credentials (AWS_SHARED_CREDENTIALS_FILE) and ~/.aws/config
 *              (AWS_CONFIG_FILE)
 *
 * Keys never stand in a message. Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files". */
#ifndef PEAL_ETL_SOURCE_S3_ACCESS_H
#define PEAL_ETL_SOURCE_S3_ACCESS_H

#include <stddef.h>

#include "core/base/status.h"

typedef struct source__s3_access {
    char *key, *secret, *token; /* all NULL: none; token alone may be */
    char *region;
    char *endpoint; /* "https://host:port/path", no slash at its end; NULL: Amazon's */
} source__s3_access;

/* `endpoint` is the option's value, or NULL. PEAL_E_USAGE names the variable, or the file and line, that holds what
 * cannot be. */
peal_status source__s3_access_find(const char *endpoint, source__s3_access *out, peal_error *err);
void source__s3_access_clear(source__s3_access *access);

/* The value of `name` in the section [section] of such a file, as it counts: the last one. NULL if there is none, or no
 * memory; freed by the caller. */
char *source__s3_profile_value(const char *text, size_t size, const char *section, const char *name);

/* PEAL_E_USAGE if `url` is no endpoint; `origin` tells where it stands. */
peal_status source__s3_check_endpoint(const char *url, const char *origin, peal_error *err);

#endif
