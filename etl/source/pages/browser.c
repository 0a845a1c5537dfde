/* One browser: its session, and pages in it; see browser.h. */
#include "etl/source/pages/browser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/base/machine.h"
#include "core/base/stop.h"

enum { ASK_MS = 25, START_MS = 60000, MORE_MS = 10000, JSON_FACTOR = 6, JSON_LEAST = 1 << 20, PATH_MOST = 320 };
#define MS INT64_C(1000000)

/* ---- commands ---- */

typedef struct command {
    const pages__fetching *how;
    peal_buffer answer;
    size_t most;
} command;

static size_t on_body(char *bytes, size_t one, size_t size, void *user) {
    command *self = user;
    (void)one;
    if (size > self->most - self->answer.size) return 0;
    return peal_buffer_append(&self->answer, bytes, size, NULL) == PEAL_OK ? size : 0;
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    const command *self = user;
    (void)a, (void)b, (void)c, (void)d;
    return peal_is_stopped(self->how->stop) || peal_is_stopped(self->how->abandoned);
}

static CURLcode perform(const pages__browser *self, command *one, const char *path, const char *body,
                        int64_t limit_ms) {
    char url[PATH_MOST];
    CURL *easy = self->easy;
    struct curl_slist *type = curl_slist_append(NULL, "Content-Type: application/json");
    CURLcode code = type ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/session%s%s%s", self->driver.port, self->session ? "/" : "",
             self->session ? self->session : "", path);
    curl_easy_reset(easy);
#define SET(option, value) \
    if (code == CURLE_OK) code = curl_easy_setopt(easy, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, ""); /* whatever the environment says */
    SET(CURLOPT_PROTOCOLS_STR, "http");
    SET(CURLOPT_HTTPHEADER, type);
    SET(CURLOPT_POSTFIELDS, body);
    SET(CURLOPT_TIMEOUT_MS, (long)limit_ms);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, one);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, one);
#undef SET
    if (code == CURLE_OK) code = curl_easy_perform(easy);
    curl_slist_free_all(type);
    return code;
}

/* Posts `body`, which is let go, and waits for the answer. One that does not come is a browser that hangs. */
static pages__verdict post(const pages__browser *self, const pages__fetching *how, const char *path, json_t *body,
                           int64_t limit_ms, json_t **value, char *problem, size_t capacity) {
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    command one = {.how = how, .most = JSON_FACTOR * how->most_bytes + JSON_LEAST};
    pages__verdict verdict = PAGES__BROWSER_FAILS;
    *value = NULL;
    json_decref(body);
    const CURLcode code = text ? perform(self, &one, path, text, limit_ms) : CURLE_OUT_OF_MEMORY;
    if (code == CURLE_OK) {
        verdict = pages__webdriver_read(one.answer.data ? (const char *)one.answer.data : "", one.answer.size, value,
                                        problem, capacity);
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(problem, capacity, "it hangs: nothing came for %lld s", (long long)(limit_ms / 1000));
    } else if (code == CURLE_WRITE_ERROR) {
        snprintf(problem, capacity, "its page has more than the %zu bytes that are allowed (page-most-bytes)",
                 how->most_bytes);
        verdict = PAGES__PAGE_FAILS;
    } else {
        snprintf(problem, capacity, "its driver is gone: %s", curl_easy_strerror(code));
    }
    peal_buffer_clear(&one.answer);
    free(text);
    return verdict;
}

/* ---- the session ---- */

static json_t *arguments_of(const pages__fetching *how, const char *folder) {
    json_t *all = json_pack("[s, s, s, s, s, s, s, s, s]", "--headless=new", "--disable-gpu", "--disable-dev-shm-usage",
                            "--no-first-run", "--disable-extensions", "--disable-background-networking", "--mute-audio",
                            "--disable-breakpad", "--blink-settings=imagesEnabled=false");
    char *data = peal_sprintf("--user-data-dir=%s/data", folder), *agent = peal_sprintf("--user-agent=%s", how->agent);
    bool right = all && data && agent && json_array_append_new(all, json_string(data)) == 0 &&
                 json_array_append_new(all, json_string(agent)) == 0;
    /* root has no sandbox: Chromium refuses to start one for it */
    if (right && geteuid() == 0) right = json_array_append_new(all, json_string("--no-sandbox")) == 0;
    free(data);
    free(agent);
    if (right) return all;
    json_decref(all);
    return NULL;
}

static json_t *session_of(const pages__browser *self, const pages__fetching *how, const pages__browsing *what) {
    json_t *arguments = arguments_of(how, self->driver.folder);
    if (!arguments) return NULL;
    return json_pack("{s:{s:{s:s, s:{s:I, s:I}, s:{s:o}}}}", "capabilities", "alwaysMatch", "browserName", "chrome",
                     "timeouts", "pageLoad", (json_int_t)what->limit_ms, "script", (json_int_t)what->limit_ms,
                     "goog:chromeOptions", "args", arguments);
}

static peal_status start(pages__browser *self, const pages__fetching *how, const pages__browsing *what,
                         peal_error *err) {
    char problem[384] = "";
    json_t *value;
    if (!self->easy) self->easy = curl_easy_init();
    if (!self->easy) return peal_fail(err, PEAL_E_MEMORY, "no memory for a browser");
    PEAL_TRY(pages__driver_start(&self->driver, how->stop, err));
    self->runs = true;
    const pages__verdict verdict =
        post(self, how, "", session_of(self, how, what), START_MS, &value, problem, sizeof problem);
    self->session = verdict == PAGES__DONE ? pages__webdriver_session(value) : NULL;
    json_decref(value);
    if (self->session) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "it does not start: %s", problem[0] ? problem : "it has no session");
}

void pages__browser_end(pages__browser *self) {
    if (self->runs) pages__driver_stop(&self->driver);
    if (self->easy) curl_easy_cleanup(self->easy);
    free(self->session);
    *self = (pages__browser){.number = self->number, .driver = {.life = -1}};
}

/* ---- pages ---- */

typedef struct showing {
    const pages__browser *browser;
    const pages__fetching *how;
    const pages__browsing *what;
    char *problem; /* [size] */
    size_t size;
} showing;

static pages__verdict run_script(const showing *self, const char *script, json_t *arguments, json_t **value) {
    json_t *body = arguments ? json_pack("{s:s, s:o}", "script", script, "args", arguments) : NULL;
    return post(self->browser, self->how, "/execute/sync", body, self->what->limit_ms + MORE_MS, value, self->problem,
                self->size);
}

static pages__verdict go_to(const showing *self, const char *url) {
    json_t *value;
    const pages__verdict verdict = post(self->browser, self->how, "/url", json_pack("{s:s}", "url", url),
                                        self->what->limit_ms + MORE_MS, &value, self->problem, self->size);
    json_decref(value);
    return verdict;
}

/* Asks again and again whether what is waited for is there. */
static pages__verdict wait_for(const showing *self) {
    const int64_t until = peal_now_ns() + self->what->limit_ms * MS;
    while (self->what->wait) {
        json_t *value;
        const pages__verdict verdict = run_script(self, "return document.querySelector(arguments[0]) !== null",
                                                  json_pack("[s]", self->what->wait), &value);
        const bool there = json_is_true(value);
        json_decref(value);
        if (verdict != PAGES__DONE || there) return verdict;
        if (peal_is_stopped(self->how->stop) || peal_is_stopped(self->how->abandoned)) return PAGES__BROWSER_FAILS;
        if (peal_now_ns() > until) {
            snprintf(self->problem, self->size, "what browser-wait waits for did not come within %lld s",
                     (long long)(self->what->limit_ms / 1000));
            return PAGES__PAGE_FAILS;
        }
        usleep(ASK_MS * 1000);
    }
    return PAGES__DONE;
}

static pages__verdict take(const showing *self, const char *url, pages__fetched *out) {
    json_t *value;
    pages__verdict verdict = run_script(self,
                                        "const n = performance.getEntriesByType('navigation')[0];"
                                        "return [location.href, document.contentType, n && n.responseStatus || 0,"
                                        " document.documentElement ? document.documentElement.outerHTML : '']",
                                        json_array(), &value);
    if (verdict == PAGES__DONE && !pages__webdriver_page(value, url, self->how->most_bytes, out)) {
        snprintf(self->problem, self->size, "the browser does not tell what its page is");
        verdict = PAGES__PAGE_FAILS;
    }
    json_decref(value);
    return verdict;
}

peal_status pages__browser_fetch(pages__browser *self, const pages__fetching *how, const pages__browsing *what,
                                 const char *url, pages__fetched *out, bool *is_lost, peal_error *err) {
    char problem[320] = "";
    const showing one = {self, how, what, problem, sizeof problem};
    *out = (pages__fetched){0};
    pages__head_begin(&out->head);
    *is_lost = false;
    peal_error why = {0};
    const peal_status status = self->runs ? PEAL_OK : start(self, how, what, &why);
    if (status != PEAL_OK && status != PEAL_E_DATA) {
        if (err) *err = why;
        return status;
    }
    if (status != PEAL_OK) snprintf(problem, sizeof problem, "%.300s", why.message);
    pages__verdict verdict = status == PEAL_OK ? go_to(&one, url) : PAGES__BROWSER_FAILS;
    if (verdict == PAGES__DONE) verdict = wait_for(&one);
    if (verdict == PAGES__DONE) verdict = take(&one, url, out);
    if (peal_is_stopped(how->stop) || peal_is_stopped(how->abandoned)) {
        return peal_fail(err, PEAL_E_INTERRUPTED, "interrupted while waiting for %s", url);
    }
    if (verdict == PAGES__DONE) return PEAL_OK;
    out->passes = true;
    if (verdict == PAGES__PAGE_FAILS) {
        snprintf(out->problem, sizeof out->problem, "%s", problem);
        return PEAL_OK;
    }
    *is_lost = true;
    snprintf(out->problem, sizeof out->problem, "browser %zu (pid %d) is lost: %s", self->number,
             (int)self->driver.guard, problem);
    pages__browser_end(self);
    return PEAL_OK;
}
