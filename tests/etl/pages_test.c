/* Pages: URLs, robots.txt, encodings, heads of answers, selectors, and what becomes of a page. */
#include "etl/source/pages/charset.h"
#include "etl/source/pages/crawl.h"
#include "etl/source/pages/head.h"
#include "etl/source/pages/robots.h"
#include "etl/source/pages/webdriver.h"
#include "etl/source/rows.h"
#include "tests/support.h"

/* ---- URLs ---- */

static void assert_resolves(const char *base, const char *link, const char *expected) {
    pages__url from, out, again;
    if (base) assert_true(pages__url_resolve(NULL, base, strlen(base), &from));
    const bool right = pages__url_resolve(base ? &from : NULL, link, strlen(link), &out);
    if (!expected) {
        if (right) print_error("%s became %s\n", link, out.text);
        assert_false(right);
        return;
    }
    if (!right) print_error("%s is none\n", link);
    assert_true(right);
    assert_string_equal(out.text, expected);
    assert_int_equal(strlen(out.text), out.length);
    assert_true(out.text[out.path] == '/' && out.host < out.host_end && out.host_end <= out.path);
    assert_true(pages__url_resolve(NULL, out.text, out.length, &again)); /* what is normal stays so */
    assert_string_equal(again.text, expected);
}

/* RFC 3986, 5.4, with http://a/b/c/d;p?q as the base; fragments are dropped, and other schemes are no pages. */
static void links_are_resolved_as_the_rfc_shows(void **state) {
    (void)state;
    static const char *const examples[][2] = {
        {"g:h", NULL},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g/"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q"},
        {"g#s", "http://a/b/c/g"},
        {"g?y#s", "http://a/b/c/g?y"},
        {";x", "http://a/b/c/;x"},
        {"g;x", "http://a/b/c/g;x"},
        {"g;x?y#s", "http://a/b/c/g;x?y"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"../../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {".g", "http://a/b/c/.g"},
        {"g..", "http://a/b/c/g.."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"./g/.", "http://a/b/c/g/"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
        {"g;x=1/../y", "http://a/b/c/y"},
        {"g?y/./x", "http://a/b/c/g?y/./x"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"g#s/../x", "http://a/b/c/g"},
        {"http:g", NULL},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        assert_resolves("http://a/b/c/d;p?q", examples[i][0], examples[i][1]);
    }
}

static void spellings_of_one_page_are_one(void **state) {
    (void)state;
    static const char *const examples[][2] = {
        {"HTTP://Example.ORG", "http://example.org/"},
        {"http://example.org:80/", "http://example.org/"},
        {"https://example.org:443/a", "https://example.org/a"},
        {"https://example.org:80/a", "https://example.org:80/a"},
        {"http://example.org:/a", "http://example.org/a"},
        {"http://example.org./a", "http://example.org/a"},
        {"http://h/%7Euser/%61%2fb%2F", "http://h/~user/a%2Fb%2F"},
        {"http://h/a%2e%2E/b", "http://h/a../b"},
        {"http://h/a/%2e%2E/b", "http://h/b"},
        {"http://h/100%", "http://h/100%25"},
        {"http://h/%%34", "http://h/%254"},
        {" \n http://h/a\tb\r\n", "http://h/ab"},
        {"http://h\\a\\b?c\\d", "http://h/a/b?c%5Cd"},
        {"http://h/\xc3\xa4 b?\xc3\xa4=\"", "http://h/%C3%A4%20b?%C3%A4=%22"},
        {"http://h/a[1]", "http://h/a%5B1%5D"},
        {"http://[::1]:8080/x", "http://[::1]:8080/x"},
        {"http://h/a//b/../c", "http://h/a//c"},
        {"http://h?x", "http://h/?x"},
        {"http://h/?", "http://h/?"},
        {"ftp://h/", NULL},
        {"mailto:a@b", NULL},
        {"javascript:void(0)", NULL},
        {"http://user@h/", NULL},
        {"http://user:word@h/", NULL},
        {"http://", NULL},
        {"http:///a", NULL},
        {"http://h:0/", NULL},
        {"http://h:65536/", NULL},
        {"http://h:8a/", NULL},
        {"http://m\xc3\xbcnchen.de/", NULL},
        {"http://a%41/", NULL},
        {"http://../", NULL},
        {"http://a..b/", NULL},
        {"http://.a/", NULL},
        {"http://[::1/", NULL},
        {"//h/a", NULL},
        {"a", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        assert_resolves(NULL, examples[i][0], examples[i][1]);
    }
    assert_resolves("https://h:8443/a/b?c", "//other/x", "https://other/x");
    assert_resolves("https://h:8443/a/b?c", "http://h/x", "http://h/x");
    assert_resolves("https://h:8443/a/b?c", "d", "https://h:8443/a/d");
    char text[3000] = "http://h/";
    pages__url out;
    memset(text + 9, 'a', sizeof text - 9);
    assert_true(pages__url_resolve(NULL, text, PAGES__URL_MOST, &out));
    assert_false(pages__url_resolve(NULL, text, PAGES__URL_MOST + 1, &out));
    memset(text + 9, ' ', sizeof text - 9);
    text[2500] = 'a';
    assert_false(pages__url_resolve(NULL, text, 2501, &out));
}

static void patterns_fit_whole_urls(void **state) {
    (void)state;
    assert_true(pages__fits_any("http://h/a*", "http://h/a/b"));
    assert_true(pages__fits_any(" x  *b", "http://h/a/b"));
    assert_true(pages__fits_any("*/a/*", "http://h/a/b"));
    assert_false(pages__fits_any("h/a", "http://h/a"));
    assert_false(pages__fits_any("*a", "http://h/ab"));
    assert_false(pages__fits_any("", "http://h/a"));
    assert_true(pages__fits_any("*a*b*c", "xaxbxbxc"));
}

/* ---- robots.txt ---- */

static pages__robots *rules(const char *text) {
    pages__robots *robots;
    assert_int_equal(pages__robots_parse(text, strlen(text), "peal", &robots, NULL), PEAL_OK);
    return robots;
}

static void assert_may(const char *text, const char *path, bool may) {
    pages__robots *robots = rules(text);
    if (pages__robots_allows(robots, path) != may) print_error("%s: %s\n", text, path);
    assert_int_equal(pages__robots_allows(robots, path), may);
    pages__robots_free(robots);
}

static void the_longest_rule_decides(void **state) {
    (void)state;
    static const char all[] = "User-agent: *\nDisallow: /p\nAllow: /p/a\n";
    assert_may(all, "/", true);
    assert_may(all, "/p", false);
    assert_may(all, "/pages", false);
    assert_may(all, "/p/a", true);
    assert_may(all, "/p/b", false);
    assert_may("User-agent: *\nAllow: /x\nDisallow: /x\n", "/x", true); /* of equal ones the one that allows */
    assert_may("User-agent: *\nDisallow: /x\nAllow: /x\n", "/x", true);
    assert_may("User-agent: *\nDisallow:\n", "/x", true);
    assert_may("User-agent: *\nDisallow: /\n", "/robots.txt", true);
    assert_may("User-agent: *\nDisallow: /*.gif$\n", "/a.gif", false);
    assert_may("User-agent: *\nDisallow: /*.gif$\n", "/a.gif?x", true);
    assert_may("User-agent: *\nDisallow: /*.gif\n", "/a.gif?x", false);
    assert_may("User-agent: *\nDisallow: *x*y*z\n", "/axbycz", false);
    assert_may("User-agent: *\nDisallow: *x*y*z$\n", "/axbyczd", true);
    assert_may("User-agent: *\nDisallow: /a%3cd\n", "/a%3Cd", false);
    assert_may("User-agent: *\nDisallow: /%7Ejoe/\n", "/~joe/x", false);
    assert_may("User-agent: *\nDisallow: /\xc3\xa4\n", "/%C3%A4", false);
    assert_may("", "/x", true);
    assert_may("Disallow: /\n", "/x", true); /* of nobody */
}

static void the_group_that_names_the_agent_counts(void **state) {
    (void)state;
    static const char text[] = "\xef\xbb\xbfuser-AGENT : *\r\nDisallow: / # all\r\n\r\nUser-agent: other\rUser-agent: "
                               "Peal/2.0\rDisallow: /a\r\rUser-agent: peal\nDisallow: /b\nSitemap: x\nDisallow: /c\n";
    assert_may(text, "/", true);
    assert_may(text, "/a", false);
    assert_may(text, "/b", false); /* groups of one agent are one */
    assert_may(text, "/c", false);
    assert_may("User-agent: pealing\nDisallow: /\n", "/", true);
    assert_may("User-agent: peal\nUser-agent: *\nDisallow: /\n", "/", false);
    assert_may("User-agent: peal\nDisallow:\n\nUser-agent: *\nDisallow: /\n", "/x", true);
}

static void delays_are_told(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } examples[] = {
        {"User-agent: *\nCrawl-delay: 2.5\n", 2.5},
        {"User-agent: *\nCrawl-delay: 2.5\nUser-agent: peal\nCrawl-delay: 1\n", 1},
        {"User-agent: *\nCrawl-delay: 2\nUser-agent: peal\nDisallow:\n", -1},
        {"User-agent: *\nCrawl-delay: soon\n", -1},
        {"User-agent: *\nCrawl-delay: -1\n", -1},
        {"Crawl-delay: 1\n", -1},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        pages__robots *robots = rules(examples[i].text);
        assert_true(pages__robots_delay(robots) == examples[i].seconds);
        pages__robots_free(robots);
    }
}

/* ---- encodings and heads ---- */

static void assert_utf8(const char *bytes, size_t size, const char *named, const char *expected) {
    peal_buffer out = {0};
    assert_int_equal(pages__to_utf8((const uint8_t *)bytes, size, named, &out, NULL), PEAL_OK);
    assert_int_equal(peal_buffer_append(&out, "", 1, NULL), PEAL_OK);
    assert_string_equal((char *)out.data, expected);
    peal_buffer_clear(&out);
}

static void encodings_are_found(void **state) {
    (void)state;
#define SAME(text, named, expected) assert_utf8(text, sizeof text - 1, named, expected)
    SAME("", NULL, "");
    SAME("\xc3\xa4", NULL, "\xc3\xa4");
    SAME("\xe4\x80", NULL, "\xc3\xa4\xe2\x82\xac");                                  /* no UTF-8: windows-1252 */
    SAME("\xe4\x80", "ISO-8859-1", "\xc3\xa4\xe2\x82\xac");                          /* which that means, too */
    SAME("\xe4", "iso-8859-5", "\xd1\x84");                                          /* the head */
    SAME("<meta charset=koi8-r>\xc6", "utf-8", "<meta charset=koi8-r>\xef\xbf\xbd"); /* which wins */
    SAME("<meta charset='koi8-r'>\xc6", NULL, "<meta charset='koi8-r'>\xd1\x84");
    SAME("<meta http-equiv=x content=\"text/html; charset=koi8-r\">\xc6", NULL,
         "<meta http-equiv=x content=\"text/html; charset=koi8-r\">\xd1\x84");
    SAME("<!-- <meta charset=koi8-r> -->\xc6", NULL, "<!-- <meta charset=koi8-r> -->\xc3\x86");
    SAME("\xef\xbb\xbf\xc3\xa4", "koi8-r", "\xc3\xa4"); /* the mark wins over both */
    SAME("\xff\xfe"
         "a\0\xe4\0",
         NULL, "a\xc3\xa4");
    SAME("\xfe\xff\0a\0\xe4", NULL, "a\xc3\xa4");
    SAME("\xe4", "nobody-knows-it", "\xc3\xa4");
    SAME("\xe4", "latin1//TRANSLIT", "\xc3\xa4");
    SAME("a\xff"
         "b",
         "utf-8",
         "a\xef\xbf\xbd"
         "b");
    SAME("\x83\x65", "Shift_JIS", "\xe3\x83\x86");
    SAME("\x83", "Shift_JIS", "\xef\xbf\xbd");
#undef SAME
}

static pages__head head_of(const char *lines) {
    pages__head head;
    pages__head_begin(&head);
    for (const char *end; *lines; lines = end) {
        end = strchr(lines, '\n') + 1;
        pages__head_line(&head, lines, (size_t)(end - lines), 1000000000);
    }
    return head;
}

static void heads_of_pages_are_read(void **state) {
    (void)state;
    pages__head head = head_of("HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; Charset=\"KOI8-R\"\r\n");
    assert_true(head.has_type && head.is_html && head.answer.status == 200);
    assert_string_equal(head.charset, "KOI8-R");
    head = head_of("HTTP/1.1 302 Found\nLocation:  /a b \nX-Robots-Tag: noindex\nX-Robots-Tag: other: none\n"
                   "X-Robots-Tag: peal: nofollow\nRetry-After: 3\n");
    assert_string_equal(head.location, "/a b");
    assert_string_equal(head.robots, "noindex, nofollow,");
    assert_int_equal(head.answer.retry_after, 3);
    head = head_of("HTTP/1.1 302 Found\nLocation: /a\nHTTP/1.1 200 OK\nContent-Type: text/htmlx\n");
    assert_true(!head.is_html && head.has_type && !head.location[0] && !head.charset[0]);
    assert_false(head_of("HTTP/1.1 200 OK\nContent-Type:\n").has_type);
}

/* ---- pages ---- */

static pages__document document_of(const char *html) {
    pages__document document;
    assert_int_equal(pages__document_parse(html, strlen(html), NULL, &document, NULL), PEAL_OK);
    return document;
}

static void text_is_what_a_reader_sees(void **state) {
    (void)state;
    static const char *const examples[][2] = {
        {"", ""},
        {"<p>a  b\n c</p>", "a b c"},
        {"<p>a</p><p>b</p>", "a\nb"},
        {"a<b>b</b>c <i> d</i>e", "abc de"},
        {"<div><div>a</div></div> <div>b</div>", "a\nb"},
        {"a<br>b<hr>c", "a\nb\nc"},
        {"<title>t</title><style>s</style><script>x()</script>a<noscript>n</noscript><template>t</template>b", "ab"},
        {"<ul><li>a<li>b</ul>c", "a\nb\nc"},
        {"<table><tr><td>a<td>b<tr><td>c</table>", "a b\nc"},
        {"&lt;&amp;&#228;&nbsp;x", "<&\xc3\xa4\xc2\xa0x"},
        {"<svg><text>a</text></svg>b", "ab"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        pages__document document = document_of(examples[i][0]);
        peal_buffer text = {0};
        assert_int_equal(pages__append_text(&document, document.root, &text, NULL), PEAL_OK);
        assert_int_equal(peal_buffer_append(&text, "", 1, NULL), PEAL_OK);
        assert_string_equal((char *)text.data, examples[i][1]);
        peal_buffer_clear(&text);
        pages__document_clear(&document);
    }
}

/* The ids of those that fit, one after the other. */
static void assert_selects(const pages__document *document, const char *selector, const char *expected) {
    pages__selector *one;
    pages__search *search;
    const GumboNode *found;
    char ids[256] = "";
    peal_error err;
    if (pages__selector_new(selector, strlen(selector), &one, &err) != PEAL_OK) print_error("%s\n", err.message);
    assert_non_null(one);
    assert_int_equal(pages__search_new(document, one, document->root, &search, NULL), PEAL_OK);
    while (pages__search_next(search, &found, NULL) == PEAL_OK && found) {
        const char *id = pages__attribute(found, "id");
        strncat(ids, id ? id : "-", sizeof ids - strlen(ids) - 1);
    }
    if (strcmp(ids, expected) != 0) print_error("%s\n", selector);
    assert_string_equal(ids, expected);
    pages__search_free(search);
    pages__selector_free(one);
}

static void selectors_find_elements(void **state) {
    (void)state;
    static const char html[] =
        "<body id=o><div id=a class='x y'><p id=b>1</p>text<p id=c class=y lang=en-US>2</p><!-- --></div>"
        "<div id=d><div id=e class=x><p id=f><span id=g data-n='one two'>3</span></p><p id=h></p></div></div>"
        "<my-own id=i title=\"a]b\"></my-own><p id=j class=YY></p></body>";
    pages__document document = document_of(html);
    static const char *const examples[][2] = {
        {"p", "bcfhj"},
        {"P", "bcfhj"},
        {"*", "-oabcdefghij"},
        {"#c", "c"},
        {".x", "ae"},
        {".x.y", "a"},
        {"p.y", "c"},
        {"div p", "bcfh"},
        {"div > p", "bcfh"},
        {"body > p", "j"},
        {"body p", "bcfhj"},
        {"div div p", "fh"},
        {"#d > p", ""},
        {"#d p > span", "g"},
        {"#d>div>p>span", "g"},
        {"p + p", "ch"},
        {"div + div", "d"},
        {"div ~ p", "j"},
        {"div~my-own,#b , span", "bgi"},
        {"div > .x p, div > p", "bcfh"},
        {"[class]", "acej"},
        {"[class=x]", "e"},
        {"[class~=y]", "ac"},
        {"[lang|=en]", "c"},
        {"[lang|='en-US']", "c"},
        {"[data-n^='one']", "g"},
        {"[data-n$=two]", "g"},
        {"[data-n*=\"e t\"]", "g"},
        {"[data-n^='']", ""},
        {"[ title = 'a]b' ]", "i"},
        {"my-own", "i"},
        {"p:first-child", "bf"},
        {"p:last-child", "chj"},
        {"div :nth-child(2)", "ch"},
        {"body > :nth-child(odd)", "ai"},
        {"body > :nth-child( 2n )", "dj"},
        {"body > :nth-child(even)", "dj"},
        {"body > :nth-child(-n+2)", "ad"},
        {"body > :nth-child(n + 3)", "ij"},
        {"body > :nth-child(3n-1)", "d"},
        {"body > :nth-child(0n+1)", "a"},
        {"#\\61", ""}, /* a backslash takes one character as it stands */
        {"#\\a", "a"},
    };
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        assert_selects(&document, examples[i][0], examples[i][1]);
    }
    pages__document_clear(&document);
    static const char *const wrong[] = {"",
                                        " ",
                                        "a,",
                                        ",a",
                                        "a >",
                                        "> a",
                                        "a!b",
                                        "..a",
                                        "#",
                                        "[a",
                                        "[a=]",
                                        "[a='b]",
                                        "[=b]",
                                        "a:hover",
                                        "a:nth-child()",
                                        "a:nth-child(x)",
                                        "a:nth-child(2",
                                        "a::b",
                                        "[a~b]",
                                        "a:first-children",
                                        "a b >> c"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        pages__selector *one;
        peal_error err = {0};
        if (pages__selector_new(wrong[i], strlen(wrong[i]), &one, &err) == PEAL_OK) print_error("%s\n", wrong[i]);
        assert_null(one);
        assert_int_equal(err.status, PEAL_E_USAGE);
    }
}

/* Rows as text: fields between bars, a row a line, names of a table behind "#"; "~" is missing. */
static char *rows_text(const peal_buffer *rows) {
    static char text[8192];
    const uint8_t *at = rows->data, *const end = rows->size ? at + rows->size : at;
    size_t used = 0;
    text[0] = '\0';
    while (at < end) {
        const unsigned count = source__get16(at);
        at += 2;
        used += (size_t)snprintf(text + used, sizeof text - used, count & PAGES__NAMES ? "#" : "");
        for (unsigned i = 0; i < (count & ~(unsigned)PAGES__NAMES); i++) {
            const int32_t size = (int32_t)source__get32(at);
            at += 4;
            if (i) used += (size_t)snprintf(text + used, sizeof text - used, "|");
            if (size == ROWS_MISSING) {
                used += (size_t)snprintf(text + used, sizeof text - used, "~");
                continue;
            }
            if (size == 4 && *at == 0) {
                used += (size_t)snprintf(text + used, sizeof text - used, "%u", source__get32(at));
            } else {
                used += (size_t)snprintf(text + used, sizeof text - used, "%.*s", size, (const char *)at);
            }
            at += size;
        }
        used += (size_t)snprintf(text + used, sizeof text - used, "\n");
    }
    return text;
}

static pages__page page_of(const char *each, const char *select, bool tables, const char *html) {
    pages__wanted wanted;
    pages__page page;
    pages__url url;
    assert_true(pages__url_resolve(NULL, "http://h/a/b", 12, &url));
    assert_int_equal(pages__wanted_new(each, select, tables, &wanted, NULL), PEAL_OK);
    const pages__answer answer = {.url = &url, .depth = 3, .body = (const uint8_t *)html, .size = strlen(html)};
    assert_int_equal(pages__page_read(&wanted, &answer, NULL, &page, NULL), PEAL_OK);
    pages__wanted_clear(&wanted);
    return page;
}

static void assert_rows(const char *each, const char *select, bool tables, const char *html, const char *expected) {
    pages__page page = page_of(each, select, tables, html);
    assert_string_equal(rows_text(&page.rows), expected);
    pages__page_clear(&page);
}

static void pages_become_rows(void **state) {
    (void)state;
    assert_rows(NULL, NULL, false, "<title> a  b</title><h1>c</h1><a href=x>d</a><a href=/x#y>e</a><a href='x'>f</a>",
                "http://h/a/b|3|a b|c\ndef|http://h/a/x http://h/x\n");
    assert_rows(NULL, NULL, false, "", "http://h/a/b|3|~|~|~\n");
    assert_rows(NULL, "p=.p; q=.q@data-x ;r=img@src;", false,
                "<i class=p>1.50</i><i class=q data-x=7><img src=../i.png>",
                "http://h/a/b|3|~|1.50|~|t1.50|t7|thttp://h/i.png\n");
    assert_rows("li", "n=b;link=a@href;id=@id;all=:scope", false,
                "<base href=//other/><ul><li id=1><b>x</b><a href=u>v</a><li>w<b></b></ul>",
                "http://h/a/b|3|tx|thttp://other/u|t1|txv\nhttp://h/a/b|3|~|~|~|tw\n");
    assert_rows("li", NULL, false, "<li>a<li>b", "http://h/a/b|3|ta\nhttp://h/a/b|3|tb\n");
}

static void tables_become_rows(void **state) {
    (void)state;
    assert_rows(NULL, NULL, true, "<table><tr><th>a<th>b<tr><td>1<td>2<tr><th>3<td><tr><td></table>",
                "#a|b\nhttp://h/a/b|1|t1|t2\nhttp://h/a/b|1|t3\n");
    assert_rows(NULL, NULL, true, "<table><tr><td>1<td>2</table><table role=presentation><tr><td>3</table>",
                "#\nhttp://h/a/b|1|t1|t2\n");
    /* cells of several columns and rows; names of two rows */
    assert_rows(NULL, NULL, true,
                "<table><thead><tr><th rowspan=2>k<th colspan=2>v<tr><td>x<td>y</thead>"
                "<tr><td rowspan=2>1<td>2<td>3<tr><td colspan=2>4<tr><td>5<td>6</table>",
                "#k|v x|v y\nhttp://h/a/b|1|t1|t2|t3\nhttp://h/a/b|1|t1|t4\nhttp://h/a/b|1|t5|t6\n");
    /* a table in a cell is one of its own, and text of the cell */
    assert_rows(NULL, NULL, true, "<table><tr><td>1<table><tr><td>2</table><td>3</table>",
                "#\nhttp://h/a/b|1|t1\n2|t3\n#\nhttp://h/a/b|2|t2\n");
    assert_rows(NULL, NULL, true, "<table><tr><td colspan=99999999999 rowspan=-1>1</table>", "#\nhttp://h/a/b|1|t1\n");
}

static void pages_say_what_they_want(void **state) {
    (void)state;
    pages__page page = page_of(NULL, NULL, false,
                               "<link rel='x Canonical' href=/c?d><a href=1>1</a><a rel=nofollow href=2>2</a><a "
                               "href=1>3</a><a href='mailto:x'></a><area href=3>");
    assert_true(page.has_canonical && !page.no_rows && !page.no_links);
    assert_string_equal(page.canonical.text, "http://h/c?d");
    assert_int_equal(page.links.size, 2 * sizeof "http://h/a/1");
    assert_string_equal((char *)page.links.data, "http://h/a/1");
    assert_string_equal((char *)page.links.data + sizeof "http://h/a/1", "http://h/a/3");
    pages__page_clear(&page);
    page = page_of(NULL, NULL, false, "<meta name=ROBOTS content='NoIndex, nofollow'><a href=1>1</a>");
    assert_true(page.no_rows && page.no_links && page.links.size == 0 && page.rows.size == 0);
    pages__page_clear(&page);
    page = page_of(NULL, NULL, false, "<meta name=peal content=none><a href=1>1</a>");
    assert_true(page.no_rows && page.no_links);
    pages__page_clear(&page);
}

static void columns_that_cannot_be_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"a", "=b", "a=b;a=c", "url=b", "text=b", "a=", "a=b[", "a=@", "a=b@"};
    pages__wanted wanted;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(pages__wanted_new(NULL, wrong[i], false, &wanted, NULL), PEAL_E_USAGE);
    }
    assert_int_equal(pages__wanted_new("p", NULL, true, &wanted, NULL), PEAL_E_USAGE);
    assert_int_equal(pages__wanted_new(NULL, "a=p", true, &wanted, NULL), PEAL_E_USAGE);
    assert_int_equal(pages__wanted_new("p", "text=b", false, &wanted, NULL), PEAL_OK);
    pages__wanted_clear(&wanted);
}

static pages__verdict verdict_of(const char *answer) {
    char problem[64];
    json_t *value;
    const pages__verdict verdict = pages__webdriver_read(answer, strlen(answer), &value, problem, sizeof problem);
    assert_int_equal(value != NULL, verdict == PAGES__DONE);
    if (!value) assert_true(problem[0]);
    json_decref(value);
    return verdict;
}

static void answers_of_drivers_are_judged(void **state) {
    (void)state;
    assert_int_equal(verdict_of("{\"value\": null}"), PAGES__DONE);
    assert_int_equal(verdict_of("{\"value\": {\"error\": \"timeout\", \"message\": \"m\\nstack\"}}"),
                     PAGES__PAGE_FAILS);
    assert_int_equal(verdict_of("{\"value\": {\"error\": \"unknown error\", \"message\": \"net::ERR_FAILED\"}}"),
                     PAGES__PAGE_FAILS);
    assert_int_equal(verdict_of("{\"value\": {\"error\": \"unknown error\", \"message\": \"tab crashed\"}}"),
                     PAGES__BROWSER_FAILS);
    assert_int_equal(verdict_of("{\"value\": {\"error\": \"invalid session id\"}}"), PAGES__BROWSER_FAILS);
    assert_int_equal(verdict_of("{\"values\": 1}"), PAGES__BROWSER_FAILS);
    assert_int_equal(verdict_of("[]"), PAGES__BROWSER_FAILS);
    assert_int_equal(verdict_of("<html>"), PAGES__BROWSER_FAILS);
}

static pages__fetched shown(const char *answer) {
    pages__fetched out = {0};
    json_t *value = json_loads(answer, 0, NULL);
    assert_true(pages__webdriver_page(value, "http://h/a", 100, &out));
    json_decref(value);
    return out;
}

static void browsers_tell_of_pages(void **state) {
    (void)state;
    pages__fetched page = shown("[\"http://h/b/../a#x\", \"text/html\", 200, \"<p>\"]");
    assert_true(page.head.answer.status == 200 && page.head.is_html && page.body.size == 3);
    pages__fetched_clear(&page);
    page = shown("[\"http://h/a\", \"text/html\", 404, \"<p>\"]");
    assert_true(page.head.answer.status == 404 && page.body.size == 0);
    page = shown("[\"http://h/a\", \"text/html\", 503, \"<p>\"]");
    assert_true(page.problem[0] && page.passes);
    page = shown("[\"http://h/c\", \"text/html\", 200, \"<p>\"]");
    assert_int_equal(page.head.answer.status, 302);
    assert_string_equal(page.head.location, "http://h/c");
    page = shown("[\"http://h/a\", \"application/pdf\", 0, \"<p>\"]");
    assert_true(page.head.answer.status == 200 && !page.head.is_html && page.body.size == 0);
    static const char *const wrong[] = {"null", "[]", "{}", "[1,2,3,4]",
                                        "[\"http://h/a\", \"text/html\", \"200\", \"\"]"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        json_t *value = json_loads(wrong[i], JSON_DECODE_ANY, NULL);
        assert_false(pages__webdriver_page(value, "http://h/a", 100, &page));
        json_decref(value);
    }
    json_t *session = json_pack("{s:s}", "sessionId", "ab-01");
    char *id = pages__webdriver_session(session);
    assert_string_equal(id, "ab-01");
    free(id);
    json_object_set_new(session, "sessionId", json_string("a/../b"));
    assert_null(pages__webdriver_session(session));
    json_decref(session);
}

/* Nesting as deep as a page is long: no stack is used for it, and what is bounded says so. */
static void deep_pages_are_bounded(void **state) {
    (void)state;
    enum { DEPTH = 5000, SIZE = 4 << 20 };
    char *html = malloc(SIZE + 1);
    assert_non_null(html);
    for (size_t i = 0; i < DEPTH; i++) memcpy(html + 5 * i, "<div>", 5);
    html[5 * DEPTH] = '\0';
    pages__page page = page_of("div div", "a=div", false, "<div><div><div>x</div></div></div>");
    assert_string_equal(rows_text(&page.rows), "http://h/a/b|3|tx\nhttp://h/a/b|3|~\n");
    pages__page_clear(&page);
    page = page_of(NULL, "a=div > div div", false, html);
    pages__page_clear(&page);
    const atomic_int stop = 1;
    pages__document document;
    peal_error err;
    for (size_t i = 0; i < SIZE / 4; i++) memcpy(html + 4 * i, "<i> ", 4);
    assert_int_equal(pages__document_parse(html, SIZE, &stop, &document, &err), PEAL_E_INTERRUPTED);
    free(html);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(links_are_resolved_as_the_rfc_shows),
        cmocka_unit_test(spellings_of_one_page_are_one),
        cmocka_unit_test(patterns_fit_whole_urls),
        cmocka_unit_test(the_longest_rule_decides),
        cmocka_unit_test(the_group_that_names_the_agent_counts),
        cmocka_unit_test(delays_are_told),
        cmocka_unit_test(encodings_are_found),
        cmocka_unit_test(heads_of_pages_are_read),
        cmocka_unit_test(text_is_what_a_reader_sees),
        cmocka_unit_test(selectors_find_elements),
        cmocka_unit_test(pages_become_rows),
        cmocka_unit_test(tables_become_rows),
        cmocka_unit_test(pages_say_what_they_want),
        cmocka_unit_test(columns_that_cannot_be_are_refused),
        cmocka_unit_test(answers_of_drivers_are_judged),
        cmocka_unit_test(browsers_tell_of_pages),
        cmocka_unit_test(deep_pages_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
