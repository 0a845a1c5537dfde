/* What web servers write, what URLs stand for, and which addresses are not of the public internet. */
#include <arpa/inet.h>

#include "etl/source/address.h"
#include "etl/source/http_names.h"
#include "etl/source/http_text.h"
#include "tests/support.h"

static source__answer answer_of(const char *lines) {
    source__answer answer;
    source__answer_begin(&answer);
    for (const char *end; *lines; lines = end) {
        end = strchr(lines, '\n') + 1;
        source__answer_line(&answer, lines, (size_t)(end - lines), 1000000000);
    }
    return answer;
}

static void heads_are_read(void **state) {
    (void)state;
    source__answer answer =
        answer_of("HTTP/1.1 206 Partial Content\r\nContent-Length: 100\r\ncontent-range:bytes 200-299/1000\r\n"
                  "ETag: \"a,b\"\r\nLast-Modified: Tue, 01 Jul 2025 10:00:00 GMT\r\nRetry-After: 7\r\n\r\n");
    assert_int_equal(answer.status, 206);
    assert_int_equal(answer.length, 100);
    assert_true(answer.has_range && !answer.malformed);
    assert_int_equal(answer.range_begin, 200);
    assert_int_equal(answer.range_end, 300);
    assert_int_equal(answer.range_size, 1000);
    assert_string_equal(answer.etag, "\"a,b\"");
    assert_string_equal(answer.modified, "Tue, 01 Jul 2025 10:00:00 GMT");
    assert_int_equal(answer.retry_after, 7);
    answer = answer_of("HTTP/1.1 302 Found\nETag: \"of the redirect\"\nHTTP/1.1 200 OK\n");
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.etag, "");
}

static void ranges_that_are_none_are_told(void **state) {
    (void)state;
    source__answer answer = answer_of("Content-Range: bytes */77\n");
    assert_true(answer.has_range && answer.range_end == 0 && answer.range_size == 77);
    answer = answer_of("Content-Range: bytes 0-9/*\n");
    assert_true(answer.has_range && answer.range_end == 10 && answer.range_size == SOURCE__UNKNOWN);
    static const char *const wrong[] = {"bytes 5-4/10",
                                        "bytes 0-10/10",
                                        "bytes 0-9",
                                        "bytes */*",
                                        "bytes -9/10",
                                        "rows 0-9/10",
                                        "bytes 0-9/x",
                                        "bytes 0-9/10 x",
                                        "bytes 0-/10",
                                        "bytes 0-99999999999999999999/*",
                                        "",
                                        "0-9/10"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char line[128];
        snprintf(line, sizeof line, "Content-Range: %s\n", wrong[i]);
        answer = answer_of(line);
        assert_true(answer.malformed && !answer.has_range);
    }
}

static void values_that_are_none_are_passed_over(void **state) {
    (void)state;
    source__answer answer = answer_of(
        "HTTP/1.1 200 OK\nContent-Length: 12x\nETag: unquoted\nRetry-After: soon\nRetry-After\n: 1\nLast-Modified: \n");
    assert_true(answer.length == SOURCE__UNKNOWN && answer.retry_after == -1);
    assert_string_equal(answer.etag, "");
    assert_string_equal(answer.modified, "");
    assert_int_equal(answer_of("Retry-After: Sun, 09 Sep 2001 01:47:00 GMT\n").retry_after, 20);
    assert_int_equal(answer_of("Retry-After: Sun, 09 Sep 2001 01:46:00 GMT\n").retry_after, 0);
    assert_true(source__is_strong(answer_of("ETag: \"x\"\n").etag));
    assert_false(source__is_strong(answer_of("ETag: W/\"x\"\n").etag));
    assert_false(source__is_strong(""));
}

/* ---- names ---- */

typedef struct taken {
    char text[256];
    size_t count;
    bool has_checksum;
} taken;

static peal_status take(void *user, const char *url, const uint8_t *sha256, peal_error *err) {
    taken *all = user;
    (void)err;
    if (all->count++ < 6) {
        strcat(all->text, url + strlen("http://h/"));
        strcat(all->text, " ");
    }
    all->has_checksum = sha256 && sha256[0] == 0xab && sha256[31] == 0x01;
    return PEAL_OK;
}

static void expands_to(const char *name, const char *urls, size_t count) {
    taken all = {.count = 0};
    peal_error err;
    assert_ok(source__http_check(name, &err));
    assert_ok(source__http_expand(name, take, &all, &err));
    assert_string_equal(all.text, urls);
    assert_int_equal(all.count, count);
}

static void templates_stand_for_many(void **state) {
    (void)state;
    expands_to("http://h/a.csv", "a.csv ", 1);
    expands_to("http://h/a?x=1&y=2", "a?x=1&y=2 ", 1);
    expands_to("http://h/{08..11}", "08 09 10 11 ", 4);
    expands_to("http://h/{8..11}.gz", "8.gz 9.gz 10.gz 11.gz ", 4);
    expands_to("http://h/{train,test}-{0..1}", "train-0 train-1 test-0 test-1 ", 4);
    expands_to("http://h/{a,}", "a  ", 2);
    expands_to("http://h/{000..999}", "000 001 002 003 004 005 ", 1000);
    taken all = {.count = 0};
    peal_error err;
    static const char summed[] = "http://h/a#sha256=AB00000000000000000000000000000000000000000000000000000000000001";
    assert_ok(source__http_expand(summed, take, &all, &err));
    assert_true(all.has_checksum);
    assert_string_equal(all.text, "a ");
}

static void names_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"http://me:hunter2@h/a", "~/.netrc"},
        {"https://me@h/a", "~/.netrc"},
        {"http:///a", "names no host"},
        {"http://h/a b", "blanks"},
        {"http://h/{a}", "in braces"},
        {"http://h/{5..1}", "in braces"},
        {"http://h/{1..x}", "in braces"},
        {"http://h/{1..2", "in braces"},
        {"http://h/{a{b,c}", "in braces"},
        {"http://h/1}", "not opened"},
        {"http://h/{0..999}{0..9999}", "more than 1000000"},
        {"http://h/{1..2}{1..2}{1..2}{1..2}{1..2}{1..2}{1..2}{1..2}{1..2}", "more than 8"},
        {"http://h/a#part", "sha256="},
        {"http://h/a#sha256=12", "sha256="},
        {"http://h/{1..2}#sha256=0000000000000000000000000000000000000000000000000000000000000000", "several"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        peal_error err;
        assert_int_equal(source__http_check(wrong[i][0], &err), PEAL_E_USAGE);
        assert_has(err.message, wrong[i][1]);
        assert_null(strstr(err.message, "hunter2"));
    }
    assert_true(source__is_http("HTTPS://h"));
    assert_false(source__is_http("http:/h"));
    assert_false(source__is_http("ftp://h"));
}

/* ---- addresses ---- */

static const char *kind_of(const char *text) {
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    struct sockaddr_in four = {.sin_family = AF_INET};
    if (strchr(text, ':')) {
        assert_int_equal(inet_pton(AF_INET6, text, &six.sin6_addr), 1);
        return source__address_kind((const struct sockaddr *)&six);
    }
    assert_int_equal(inet_pton(AF_INET, text, &four.sin_addr), 1);
    return source__address_kind((const struct sockaddr *)&four);
}

static void special_addresses_are_told(void **state) {
    (void)state;
    static const char *const special[] = {
        "127.0.0.1",
        "127.255.255.255",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "198.19.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "fc00::1",
        "ff02::1",
        "febf::1",
        "2001:db8::1",
        "fec0::1",
        "::ffff:127.0.0.1",
        "::ffff:10.1.2.3",
        "64:ff9b::127.0.0.1",
        "2002:7f00:1::",
        "::127.0.0.1",
    };
    static const char *const open[] = {
        "8.8.8.8",     "172.15.0.1",  "172.32.0.1",     "11.0.0.1", "128.0.0.1",    "169.253.1.1",      "100.128.0.1",
        "192.167.1.1", "223.255.1.1", "::ffff:8.8.8.8", "2a00::1",  "2606:4700::1", "64:ff9b::8.8.8.8",
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (!kind_of(special[i])) fail_msg("%s is taken for a public address", special[i]);
    }
    for (size_t i = 0; i < sizeof open / sizeof *open; i++) {
        if (kind_of(open[i])) fail_msg("%s is taken for %s", open[i], kind_of(open[i]));
    }
    assert_string_equal(kind_of("::ffff:127.0.0.1"), "a loopback address");
    assert_string_equal(kind_of("169.254.169.254"), "a link-local address");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_are_read),
        cmocka_unit_test(ranges_that_are_none_are_told),
        cmocka_unit_test(values_that_are_none_are_passed_over),
        cmocka_unit_test(templates_stand_for_many),
        cmocka_unit_test(names_that_cannot_be_are_refused),
        cmocka_unit_test(special_addresses_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
