/* Names of objects in S3, how it is reached, what it answers, and which objects of a folder are its data. */
#include <sys/stat.h>

#include "core/base/file.h"
#include "etl/source/s3_access.h"
#include "etl/source/s3_answer.h"
#include "etl/source/s3_list.h"
#include "etl/source/s3_names.h"
#include "tests/support.h"

/* ---- names ---- */

static void names_are_read(void **state) {
    (void)state;
    peal_error err;
    source__s3_name name;
    assert_true(source__is_s3("s3://b") && source__is_s3("S3://b") && !source__is_s3("s3:/b") && !source__is_s3("s3"));
    assert_ok(source__s3_name_read("s3://my-bucket/a b/\xc3\xa4.csv", &name, &err));
    assert_string_equal(name.bucket, "my-bucket");
    assert_string_equal(name.key, "a b/\xc3\xa4.csv");
    assert_int_equal(name.meaning, SOURCE__S3_OBJECT);
    assert_ok(source__s3_name_read("s3://my-bucket", &name, &err));
    assert_int_equal(name.meaning, SOURCE__S3_FOLDER);
    assert_int_equal(source__s3_fixed(&name), 0);
    assert_ok(source__s3_name_read("s3://my-bucket/x/", &name, &err));
    assert_int_equal(name.meaning, SOURCE__S3_FOLDER);
    assert_true(source__s3_matches(&name, "x/y/z") && source__s3_matches(&name, "x/") &&
                !source__s3_matches(&name, "x"));
    assert_ok(source__s3_name_read("s3://my-bucket/x/part-*.csv", &name, &err));
    assert_int_equal(name.meaning, SOURCE__S3_GLOB);
    assert_int_equal(source__s3_fixed(&name), strlen("x/part-"));
    assert_true(source__s3_matches(&name, "x/part-1.csv") && !source__s3_matches(&name, "x/part-/1.csv") &&
                !source__s3_matches(&name, "x/part-1.csv.gz"));
}

static void names_that_are_none_are_refused(void **state) {
    (void)state;
    peal_error err;
    source__s3_name name;
    char key[2048] = "s3://bucket/";
    static const char *const wrong[] = {
        "s3://",          "s3:///key",       "s3://ab/key", "s3://-bucket/key", "s3://buck et/key",
        "s3://bucket./k", "s3://bucket/\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(source__s3_name_read(wrong[i], &name, &err), PEAL_E_USAGE);
        assert_has(err.message, "s3://");
    }
    memset(key + strlen(key), 'k', 1025);
    assert_int_equal(source__s3_name_read(key, &name, &err), PEAL_E_USAGE);
    assert_has(err.message, "1024 bytes at most, this one has 1025");
    assert_int_equal(source__s3_name_read("s3://id:hunter2@bucket/key", &name, &err), PEAL_E_USAGE);
    assert_null(strstr(err.message, "hunter2"));
}

static void urls_are_written(void **state) {
    (void)state;
    static const struct {
        const char *endpoint, *region, *bucket, *url;
    } cases[] = {
        {NULL, "eu-west-1", "my-bucket", "https://my-bucket.s3.eu-west-1.amazonaws.com"},
        {NULL, "us-east-1", "my.bucket", "https://s3.us-east-1.amazonaws.com/my.bucket"},
        {NULL, "cn-north-1", "b1_c", "https://s3.cn-north-1.amazonaws.com.cn/b1_c"},
        {"http://localhost:9000/x", "us-east-1", "my-bucket", "http://localhost:9000/x/my-bucket"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *url = source__s3_bucket_url(cases[i].endpoint, cases[i].region, cases[i].bucket);
        assert_string_equal(url, cases[i].url);
        free(url);
    }
}

static void every_text_is_encoded_and_decoded(void **state) {
    (void)state;
    peal_error err;
    char all[257] = {0};
    for (int i = 1; i < 256; i++) all[i - 1] = (char)i;
    for (int is_path = 0; is_path < 2; is_path++) {
        peal_buffer out = {0};
        assert_ok(source__s3_encode(all, is_path, &out, &err));
        assert_ok(peal_buffer_append(&out, "", 1, &err));
        assert_int_equal(
            strspn((char *)out.data, "%0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._~/"),
            out.size - 1);
        assert_int_equal(strchr((char *)out.data, '/') != NULL, is_path);
        assert_true(source__s3_decode((char *)out.data));
        assert_string_equal((char *)out.data, all);
        peal_buffer_clear(&out);
    }
    char plus[] = "a+b%2B%c3%A4", *const wrong[] = {strdup("%"), strdup("%4"), strdup("%4g"), strdup("a%00b")};
    assert_true(source__s3_decode(plus));
    assert_string_equal(plus, "a b+\xc3\xa4");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(source__s3_decode(wrong[i]));
        free(wrong[i]);
    }
}

/* ---- keys, region, endpoint ---- */

static void value_is(const char *text, const char *section, const char *name, const char *expected) {
    char *value = source__s3_profile_value(text, strlen(text), section, name);
    if (!expected) assert_null(value);
    if (expected) {
        assert_non_null(value);
        assert_string_equal(value, expected);
    }
    free(value);
}

static void profiles_are_read(void **state) {
    (void)state;
    static const char text[] = "# a comment\n"
                               "region = nowhere\n"
                               "[default] # mine\r\n"
                               "region=eu-west-1 \r\n"
                               "s3 =\n"
                               "  region = nested\n"
                               "empty =\n"
                               "[profile  two words]\n"
                               "region = a#b ; c\n"
                               ";region = x\n"
                               "[default]\n"
                               "output\n"
                               "region = us-east-2";
    value_is(text, "default", "region", "us-east-2");
    value_is(text, "profile two words", "region", "a#b");
    value_is(text, "default", "empty", NULL);
    value_is(text, "default", "output", NULL);
    value_is(text, "profile two", "region", NULL);
    value_is("", "default", "region", NULL);
    value_is("[default", "default", "region", NULL);
}

static void environment_clear(void) {
    static const char *const names[] = {"AWS_ACCESS_KEY_ID",   "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                                        "AWS_REGION",          "AWS_DEFAULT_REGION",    "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3", "AWS_PROFILE",           "AWS_SHARED_CREDENTIALS_FILE",
                                        "AWS_CONFIG_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) unsetenv(names[i]);
}

static void write_in(const char *folder, const char *name, const char *text) {
    peal_error err;
    char *path = test_path(folder, name);
    assert_ok(peal_file_write_atomic(path, text, strlen(text), &err));
    free(path);
}

static void access_is_found(void **state) {
    (void)state;
    peal_error err;
    source__s3_access access;
    char *home = test_folder(), *aws = test_path(home, ".aws");
    environment_clear();
    setenv("HOME", home, 1);
    assert_ok(source__s3_access_find(NULL, &access, &err)); /* nothing is there */
    assert_null(access.key);
    assert_null(access.endpoint);
    assert_string_equal(access.region, "us-east-1");
    source__s3_access_clear(&access);

    assert_int_equal(mkdir(aws, 0700), 0);
    write_in(aws, "credentials",
             "[default]\naws_access_key_id = ID1\naws_secret_access_key = SECRET1\n[role]\n[half]\n"
             "aws_access_key_id = ID2\n");
    write_in(aws, "config",
             "[default]\nregion = eu-west-3\n[profile role]\nrole_arn = arn\n[profile other]\n"
             "aws_access_key_id = ID3\naws_secret_access_key = SECRET3\naws_session_token = TOKEN3\n"
             "endpoint_url = http://store:1/\n");
    assert_ok(source__s3_access_find(NULL, &access, &err));
    assert_string_equal(access.key, "ID1");
    assert_string_equal(access.secret, "SECRET1");
    assert_null(access.token);
    assert_string_equal(access.region, "eu-west-3");
    source__s3_access_clear(&access);

    setenv("AWS_PROFILE", "other", 1);
    assert_ok(source__s3_access_find(NULL, &access, &err));
    assert_string_equal(access.token, "TOKEN3");
    assert_string_equal(access.endpoint, "http://store:1");
    source__s3_access_clear(&access);

    setenv("AWS_ENDPOINT_URL", "http://general", 1);
    setenv("AWS_ENDPOINT_URL_S3", "http://own", 1);
    setenv("AWS_ACCESS_KEY_ID", "ID4", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "SECRET4", 1);
    setenv("AWS_DEFAULT_REGION", "r-1", 1);
    assert_ok(source__s3_access_find(NULL, &access, &err));
    assert_string_equal(access.key, "ID4");
    assert_null(access.token); /* never one of other keys */
    assert_string_equal(access.region, "r-1");
    assert_string_equal(access.endpoint, "http://own");
    source__s3_access_clear(&access);
    assert_ok(source__s3_access_find("https://option//", &access, &err));
    assert_string_equal(access.endpoint, "https://option");
    source__s3_access_clear(&access);
    environment_clear();
    free(aws);
    free(home);
}

static void access_that_cannot_be_is_refused(void **state) {
    (void)state;
    peal_error err;
    source__s3_access access;
    char *home = test_folder(), *config = test_path(home, "config");
    environment_clear();
    setenv("HOME", home, 1);
    write_in(home, "config", "[profile role]\nrole_arn = arn\n");
    setenv("AWS_CONFIG_FILE", config, 1);
    static const struct {
        const char *name, *value, *words;
    } cases[] = {
        {"AWS_PROFILE", "role", "has its keys by role_arn"},
        {"AWS_PROFILE", "none", "the profile none (AWS_PROFILE) has no aws_access_key_id"},
        {"AWS_ACCESS_KEY_ID", "HIDDEN", "not the secret"},
        {"AWS_SECRET_ACCESS_KEY", "HIDDEN", "not the access key's id"},
        {"AWS_REGION", "../x", "the region '../x'"},
        {"AWS_ENDPOINT_URL", "ftp://x", "AWS_ENDPOINT_URL: https://HOST"},
        {"AWS_ENDPOINT_URL", "http://", "AWS_ENDPOINT_URL: https://HOST"},
        {"AWS_ENDPOINT_URL", "http://x?y", "AWS_ENDPOINT_URL: https://HOST"},
        {"AWS_ENDPOINT_URL_S3", "http://me:HIDDEN@x", "a password in it"},
        {"AWS_SHARED_CREDENTIALS_FILE", "/nosuch/file", "AWS_SHARED_CREDENTIALS_FILE: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv(cases[i].name, cases[i].value, 1);
        assert_int_equal(source__s3_access_find(NULL, &access, &err), PEAL_E_USAGE);
        assert_has(err.message, cases[i].words);
        assert_null(strstr(err.message, "HIDDEN"));
        unsetenv(cases[i].name);
    }
    setenv("AWS_ACCESS_KEY_ID", "ID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "HIDDEN\r\nX: y", 1);
    assert_int_equal(source__s3_access_find(NULL, &access, &err), PEAL_E_USAGE);
    assert_null(strstr(err.message, "HIDDEN"));
    environment_clear();
    setenv("AWS_CONFIG_FILE", config, 1);
    assert_ok(peal_file_write_atomic(config, "[default]\nregion = a\0b\n", 23, &err));
    assert_int_equal(source__s3_access_find(NULL, &access, &err), PEAL_E_USAGE);
    assert_has(err.message, "has a NUL in it");
    environment_clear();
    free(config);
    free(home);
}

/* ---- answers ---- */

#define HEAD \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
#define TAIL "</ListBucketResult>"

static void pages_are_read(void **state) {
    (void)state;
    peal_error err;
    source__s3_listing list = {0};
    static const char first[] =
        HEAD "<Name>b</Name><IsTruncated>true</IsTruncated><NextContinuationToken>t/1==</NextContinuationToken>"
             "<Contents><Key>a+b%2F%C3%A4</Key><ETag>&quot;one&quot;</ETag><Size>12</Size><Owner><ID>x</ID></Owner></"
             "Contents>"
             "<CommonPrefixes><Prefix>z/</Prefix></CommonPrefixes><EncodingType>url</EncodingType>" TAIL;
    static const char last[] = HEAD "<IsTruncated>false</IsTruncated><Contents><Size>0</Size><Key>a+b&lt;\n</Key>"
                                    "<ETag>two</ETag></Contents><Contents><Key>c</Key><Size>9223372036854775807</Size>"
                                    "<ETag>bad&#10;one</ETag></Contents>" TAIL;
    assert_ok(source__s3_listing_add(&list, "s3://b/", first, sizeof first - 1, &err));
    assert_int_equal(list.count, 1);
    assert_string_equal(list.keys[0].key, "a b/\xc3\xa4");
    assert_string_equal(list.keys[0].etag, "\"one\"");
    assert_int_equal(list.keys[0].size, 12);
    assert_string_equal(list.next, "t/1==");
    assert_ok(source__s3_listing_add(&list, "s3://b/", last, sizeof last - 1, &err));
    assert_int_equal(list.count, 3);
    assert_null(list.next);
    assert_string_equal(list.keys[1].key, "a+b<\n");
    assert_string_equal(list.keys[1].etag, "\"two\"");
    assert_null(list.keys[2].etag); /* it would not fit into a head */
    source__s3_listing_clear(&list);
}

static void pages_that_are_wrong_are_named(void **state) {
    (void)state;
    peal_error err;
    static const struct {
        const char *xml, *words;
    } cases[] = {
        {"", "no element found"},
        {"{}", "line 1: not well-formed"},
        {"<html><body>hello</body></html>", "'html' where a list of objects"},
        {HEAD "<IsTruncated>false</IsTruncated>", "line 1: no element found"},
        {HEAD TAIL, "no IsTruncated"},
        {HEAD "<IsTruncated>perhaps</IsTruncated>" TAIL, "no IsTruncated"},
        {HEAD "<IsTruncated>true</IsTruncated>" TAIL, "does not know ListObjectsV2"},
        {HEAD "<Contents><Key>a</Key></Contents>" TAIL, "an object without a size"},
        {HEAD "<Contents><Size>1</Size></Contents>" TAIL, "an object without a key"},
        {HEAD "<Contents><Key>a</Key>\n<Size>-1</Size></Contents>" TAIL, "line 2: '-1' where a size"},
        {HEAD "<Contents><Key>a</Key><Size>99999999999999999999</Size></Contents>" TAIL, "where a size"},
        {HEAD "<IsTruncated>false</IsTruncated><EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>1</Size>"
              "</Contents>" TAIL,
         "the key '%zz' is not encoded"},
        {HEAD "<IsTruncated>false</IsTruncated><Contents><Key></Key><Size>1</Size></Contents>" TAIL, "UTF-8"},
        {"<!DOCTYPE x [<!ENTITY a \"b\">]>" HEAD TAIL, "a document type"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        source__s3_listing list = {0};
        const size_t size = strlen(cases[i].xml);
        assert_int_equal(source__s3_listing_add(&list, "s3://b/", cases[i].xml, size, &err), PEAL_E_DATA);
        assert_has(err.message, "s3://b/: the list that the store answered: ");
        assert_has(err.message, cases[i].words);
        source__s3_listing_clear(&list);
    }
    char *deep = calloc(1, 4096);
    for (int i = 0; i < 100; i++) strcat(deep, i ? "<a>" : "<ListBucketResult>");
    source__s3_listing list = {0};
    assert_int_equal(source__s3_listing_add(&list, "s3://b/", deep, strlen(deep), &err), PEAL_E_DATA);
    assert_has(err.message, "more than 64 elements within each other");
    source__s3_listing_clear(&list);
    free(deep);
}

static void errors_are_read_as_far_as_they_go(void **state) {
    (void)state;
    source__s3_error said;
    static const char text[] = "<?xml version=\"1.0\"?>\n<Error><Code>AuthorizationHeaderMalformed</Code><Message>The "
                               "region\nis wrong</Message><Region>eu-west-1</Region><StringToSign>abc";
    source__s3_error_read(text, sizeof text - 1, &said);
    assert_string_equal(said.code, "AuthorizationHeaderMalformed");
    assert_string_equal(said.message, "The region is wrong");
    assert_string_equal(said.region, "eu-west-1");
    assert_string_equal(said.endpoint, "");
    source__s3_error_read("Bad Gateway", 11, &said);
    assert_string_equal(said.code, "");
    source__s3_error_read("", 0, &said);
    assert_string_equal(said.code, "");
}

/* ---- the choice ---- */

static void choice_is(const char *folder, const char *const *keys, size_t count, const char *taken,
                      const char *left_out) {
    peal_error err;
    source__s3_name name;
    source__s3_choice choice;
    source__s3_key list[16] = {0};
    for (size_t i = 0; i < count; i++) list[i].key = strdup(keys[i]);
    const source__s3_listing listing = {.keys = list, .count = count};
    assert_ok(source__s3_name_read(folder, &name, &err));
    assert_ok(source__s3_choose(&name, &listing, &choice, &err));
    char text[512] = "";
    for (size_t i = 0; i < count; i++) {
        if (choice.taken[i]) snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", keys[i]);
    }
    assert_string_equal(text, taken);
    if (!left_out) assert_null(choice.left_out);
    if (left_out) assert_string_equal(choice.left_out, left_out);
    source__s3_choice_clear(&choice);
    for (size_t i = 0; i < count; i++) free(list[i].key);
}

static void data_of_a_folder_is_chosen(void **state) {
    (void)state;
    static const char *const data[] = {"d/",      "d/.hid/a.csv", "d/README.md", "d/_SUCCESS",
                                       "d/a.csv", "d/b.png",      "d/c/d.csv"};
    choice_is("s3://bucket/d/", data, 7, "d/a.csv d/c/d.csv ",
              "4 objects (d/.hid/a.csv, d/README.md, d/_SUCCESS, d/b.png)");
    choice_is("s3://bucket/d/*", data, 2, "d/ d/.hid/a.csv ", NULL);
    static const char *const images[] = {"cat/1.cls",   "cat/1.jpg", "cat/2.png",
                                         "dog/x-1.jpg", "dog/x.txt", "dog/y.pdf"};
    choice_is("s3://bucket", images, 4, "cat/1.cls cat/1.jpg cat/2.png dog/x-1.jpg ", NULL);
    choice_is("s3://bucket", images, 5, "cat/1.cls dog/x.txt ", "3 objects (cat/1.jpg, cat/2.png, dog/x-1.jpg)");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_read),
        cmocka_unit_test(names_that_are_none_are_refused),
        cmocka_unit_test(urls_are_written),
        cmocka_unit_test(every_text_is_encoded_and_decoded),
        cmocka_unit_test(profiles_are_read),
        cmocka_unit_test(access_is_found),
        cmocka_unit_test(access_that_cannot_be_is_refused),
        cmocka_unit_test(pages_are_read),
        cmocka_unit_test(pages_that_are_wrong_are_named),
        cmocka_unit_test(errors_are_read_as_far_as_they_go),
        cmocka_unit_test(data_of_a_folder_is_chosen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
