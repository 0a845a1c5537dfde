/* Live sources: the beginning is looked at, all is handed out; see live.h. */
#include "etl/job/live.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/machine.h"
#include "core/base/stop.h"
#include "core/base/text.h"
#include "etl/codec/codec.h"
#include "etl/job/etl_parts.h"
#include "etl/source/follow.h"

/* The head has whole lines until they are HEAD_LINES, or two and HEAD_BYTES. */
enum { HEAD_LINES = 100, HEAD_BYTES = 16 << 10, SAMPLE_MOST = 256 << 20, CHUNK = 1 << 18, WAIT_MS = 100 };
/* Bytes behind which a quote that is open is taken for an odd one. */
enum { QUOTED_MOST = 1 << 20 };

struct peal_live {
    peal_live_options options;
    peal_source_list sources;
    char *sample_name;
    peal_stream *raw;    /* of the source; part of `stream` */
    peal_stream *stream; /* its plain bytes; NULL: handed out */
    peal_buffer read;    /* of the stream, so far */
    peal_buffer head;
    bool head_given;
    int64_t opened_ns;
    uint64_t sample_size;
};

static const peal_source *source_of(const peal_live *live) {
    return &live->sources.sources[0];
}

const char *peal_live_name(const peal_live *live) {
    return peal_source_name(source_of(live));
}

const char *peal_live_sample_name(const peal_live *live) {
    return live->sample_name;
}

bool peal_live_can_return(const peal_live *live) {
    return source_of(live)->is_followed;
}

/* ---- opening ---- */

static bool is_live(const peal_live *live) {
    return live->sources.count == 1 && source_of(live)->live;
}

static peal_status list_source(peal_live *live, peal_error *err) {
    const peal_live_options *options = &live->options;
    const peal_source_options wishes = {.names = &options->source,
                                        .count = 1,
                                        .access = options->access,
                                        .live = true,
                                        .following = options->following,
                                        .stop = options->stop,
                                        .reporter = options->reporter};
    PEAL_TRY(peal_source_list_make(&wishes, &live->sources, err));
    if (is_live(live) || !options->following.files) return PEAL_OK;
    return peal_fail(err, PEAL_E_USAGE,
                     "%s cannot be followed: one file, pipe, FIFO, tcp://HOST:PORT, unix:PATH or - was expected",
                     options->source);
}

/* "rows.csv" of "rows.csv.gz": the sample's bytes are plain. */
static peal_status name_sample(peal_live *live, peal_error *err) {
    const char *path = source_of(live)->path;
    size_t length = strlen(path);
    for (size_t i = 0; peal_codecs[i]; i++) {
        const size_t size = strlen(peal_codecs[i]->suffix);
        if (length <= size || strcmp(path + length - size, peal_codecs[i]->suffix) != 0) continue;
        length -= size;
        break;
    }
    live->sample_name = peal_strndup(path, length);
    return live->sample_name ? PEAL_OK : peal_fail(err, PEAL_E_MEMORY, "no memory for a path");
}

static peal_status open_bytes(peal_live *live, peal_error *err) {
    uint8_t head[16];
    size_t size;
    PEAL_TRY(peal_source_stream_open(source_of(live), NULL, &live->raw, err));
    live->stream = live->raw;
    if (!source_of(live)->is_followed) return peal_decode(live->stream, peal_live_name(live), &live->stream, err);
    if (live->options.following.from) return PEAL_OK; /* in the middle of what was looked at */
    PEAL_TRY(peal_stream_look(&live->stream, head, sizeof head, &size, err));
    const peal_codec *codec = peal_codec_recognise(head, size);
    if (!codec) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA,
                     "%s is compressed by %s: only a plain file can be followed; unpack it into a pipe, or read it "
                     "once, without following",
                     peal_live_name(live), codec->name);
}

peal_status peal_live_open(const peal_live_options *options, peal_live **out, peal_error *err) {
    *out = NULL;
    peal_live *live = calloc(1, sizeof *live);
    if (!live) return peal_fail(err, PEAL_E_MEMORY, "no memory for a source");
    live->options = *options;
    live->opened_ns = peal_now_ns();
    peal_status status = list_source(live, err);
    if (status == PEAL_OK && is_live(live)) {
        status = name_sample(live, err);
        if (status == PEAL_OK) status = open_bytes(live, err);
        if (status == PEAL_OK) *out = live;
    }
    if (!*out) peal_live_free(live);
    return status;
}

void peal_live_free(peal_live *live) {
    if (!live) return;
    peal_stream_close(live->stream);
    peal_source_list_clear(&live->sources);
    peal_buffer_clear(&live->read);
    peal_buffer_clear(&live->head);
    free(live->sample_name);
    free(live);
}

/* ---- the beginning ---- */

/* Whole lines at the beginning of a text that is read bit by bit. */
typedef struct lines {
    size_t seen;    /* bytes that were looked at */
    size_t end;     /* behind the last line that ends with all quotes closed */
    uint64_t count; /* of lines up to there */
    uint64_t since; /* further lines that ended within quotes */
    bool quoted;
} lines;

/* Looks on until there are `most` lines. */
static void find_lines(lines *self, const uint8_t *text, size_t size, uint64_t most) {
    for (; self->seen < size && self->count < most; self->seen++) {
        const uint8_t byte = text[self->seen];
        self->quoted ^= byte == '"';
        if (byte != '\n') continue;
        self->since++;
        /* A quote that stands for itself: lines are lines. */
        if (self->quoted && self->seen - self->end < QUOTED_MOST) continue;
        self->count += self->since;
        self->since = 0;
        self->quoted = false;
        self->end = self->seen + 1;
    }
}

/* Reads some more, if something comes by then. */
static peal_status read_some(peal_live *live, int64_t until_ns, bool *ended, peal_error *err) {
    size_t got;
    while (until_ns < INT64_MAX && !peal_stream_ready(live->stream, WAIT_MS) && !peal_is_stopped(live->options.stop)) {
        if (peal_now_ns() >= until_ns) return PEAL_OK;
    }
    PEAL_TRY(peal_buffer_reserve(&live->read, CHUNK, err));
    PEAL_TRY(peal_stream_take(live->stream, live->read.data + live->read.size, CHUNK, &got, ended, err));
    live->read.size += got;
    return PEAL_OK;
}

static peal_status find_head(peal_live *live, size_t sample_size, peal_error *err) {
    lines found = {0};
    while (found.seen < sample_size && found.count < HEAD_LINES && (found.end < HEAD_BYTES || found.count < 2)) {
        find_lines(&found, live->read.data, sample_size, found.count + 1);
    }
    live->head.size = 0; /* less than a line is all that there is */
    return peal_buffer_append(&live->head, live->read.data, found.end ? found.end : sample_size, err);
}

peal_status peal_live_sample(peal_live *live, uint64_t lines_most, int64_t until_ns, const uint8_t **bytes,
                             size_t *size, peal_error *err) {
    lines found = {0};
    bool ended = false, late = false;
    while (!ended && !late && found.count < lines_most && live->read.size < SAMPLE_MOST) {
        /* What a time is over for must be more than a header. */
        PEAL_TRY(read_some(live, found.count < 2 ? INT64_MAX : until_ns, &ended, err));
        peal_report_progress(live->options.reporter, "waiting", "lines", found.count, 0);
        find_lines(&found, live->read.data, live->read.size, lines_most);
        late = found.count >= 2 && peal_now_ns() >= until_ns;
    }
    const char *text = (const char *)live->read.data;
    *size = ended && found.count < lines_most
                ? peal_whole_lines(live->stream, peal_live_name(live), NULL, text, live->read.size)
                : found.end;
    *bytes = live->read.data;
    if (*size == 0 && live->read.size > 0) {
        return peal_fail(err, PEAL_E_DATA, "%s: its first line is unfinished: wait for more (idle-seconds)",
                         peal_live_name(live));
    }
    live->sample_size = *size;
    return find_head(live, *size, err);
}

static uint64_t times(uint64_t a, uint64_t b) {
    uint64_t product;
    return __builtin_mul_overflow(a, b, &product) ? UINT64_MAX : product;
}

peal_status peal_live_sample_windows(peal_live *live, uint64_t rows, uint64_t ms, uint64_t windows,
                                     const uint8_t **bytes, size_t *size, peal_error *err) {
    enum { NS_A_MS = 1000000 };
    const uint64_t most = rows ? times(rows, windows) : UINT64_MAX, wait = times(ms, windows);
    const int64_t until =
        wait && wait < INT64_MAX / (2 * NS_A_MS) ? peal_now_ns() + (int64_t)wait * NS_A_MS : INT64_MAX;
    return peal_live_sample(live, most < UINT64_MAX ? most + 1 : most, until, bytes, size, err);
}

int64_t peal_live_opened_ns(const peal_live *live) {
    return live->opened_ns;
}

uint64_t peal_live_sample_size(const peal_live *live) {
    return live->sample_size;
}

const peal_buffer *peal_live_head(const peal_live *live) {
    return &live->head;
}

char *peal_live_head_digits(const peal_live *live) {
    static const char digits[] = "0123456789abcdef";
    const peal_buffer *bytes = &live->head;
    char *text = malloc(2 * bytes->size + 1);
    for (size_t i = 0; text && i < bytes->size; i++) {
        text[2 * i] = digits[bytes->data[i] >> 4];
        text[2 * i + 1] = digits[bytes->data[i] & 15];
    }
    if (text) text[2 * bytes->size] = '\0';
    return text;
}

peal_status peal_live_keep_head(peal_live *live, const char *digits, peal_error *err) {
    const size_t length = strlen(digits);
    if (length % 2 || strspn(digits, "0123456789abcdef") != length) {
        return peal_fail(err, PEAL_E_DATA, "the head of the source that it holds is none");
    }
    live->head_given = true;
    PEAL_TRY(peal_buffer_reserve(&live->head, length / 2, err));
    for (size_t i = 0; i < length; i += 2) {
        const int byte = peal_hex_digit(digits[i]) * 16 + peal_hex_digit(digits[i + 1]);
        live->head.data[live->head.size++] = (uint8_t)byte;
    }
    return PEAL_OK;
}

static peal_status fit_in(const peal_live *live, const peal_etl_options *etl, const uint8_t *bytes, size_t size,
                          const char *folder, json_t **pipeline, peal_error *err) {
    const peal_source_options wishes = {.stop = etl->stop, .reporter = etl->reporter};
    peal_source_list sources;
    peal_object_list objects;
    PEAL_TRY(peal_source_list_of_bytes(live->sample_name, bytes, size, &sources, err));
    PEAL_TRY(peal_object_list_of(&sources, &wishes, etl->format, etl->reading, &objects, err));
    return job__fit_sample(etl, &objects, folder, pipeline, err);
}

peal_status peal_live_fit(const peal_live *live, const peal_etl_options *etl, const uint8_t *bytes, size_t size,
                          const char *folder, json_t **pipeline, peal_error *err) {
    *pipeline = NULL;
    PEAL_TRY(peal_folder_make(folder, err));
    PEAL_TRY(fit_in(live, etl, bytes, size, folder, pipeline, err));
    const peal_status status = peal_remove_tree(folder, err);
    if (status == PEAL_OK) return PEAL_OK;
    json_decref(*pipeline);
    *pipeline = NULL;
    return status;
}

/* ---- all of it ---- */

/* Whether JSON begins with a bracket. */
static bool is_array(const peal_buffer *text) {
    size_t at = 0;
    while (at < text->size && strchr(" \t\r\n\xEF\xBB\xBF", text->data[at]) && text->data[at]) at++;
    return at < text->size && text->data[at] == '[';
}

static peal_status choose_format(const peal_live *live, const peal_format **out, peal_error *err) {
    const size_t size = live->head.size < PEAL_HEAD_SIZE ? live->head.size : PEAL_HEAD_SIZE;
    PEAL_TRY(live->options.format ? peal_format_find(live->options.format, out, err)
                                  : peal_format_recognise(live->head.data, size, live->sample_name, out, err));
    if (strcmp((*out)->name, "jsonl") == 0 && is_array(&live->head)) {
        return peal_fail(err, PEAL_E_DATA, "%s is an array of objects: JSON Lines, an object a line, can be followed",
                         peal_live_name(live));
    }
    if ((*out)->is_lines) return PEAL_OK;
    return peal_fail(err, PEAL_E_DATA, "%s is of the format %s: only text with a row a line can be followed",
                     peal_live_name(live), (*out)->name);
}

static peal_status take_stream(peal_live *live, peal_stream **out, peal_error *err) {
    const size_t own = live->head_given ? 0 : live->head.size; /* bytes of the head that are of what was read */
    peal_stream *stream = live->stream;
    live->stream = NULL;
    PEAL_TRY(peal_stream_put_buffer_before(&live->read, own, true, stream, &stream, err));
    return peal_stream_put_before(live->head.data, live->head.size, true, stream, out, err);
}

peal_status peal_live_scan(peal_live *live, const peal_pipeline *pipeline, const peal_scan_options *options,
                           peal_scan **out, peal_error *err) {
    const peal_format *format;
    peal_scan_options scan = *options;
    if (peal_option_text(options->reading, "encoding", NULL) ||
        peal_format_is_utf16(live->head.data, live->head.size)) {
        return peal_fail(err, PEAL_E_USAGE,
                         "text of another encoding cannot be followed (encoding): convert it in a pipe, as by iconv");
    }
    PEAL_TRY(choose_format(live, &format, err));
    scan.format = format->name;
    scan.stream_name = peal_live_name(live);
    scan.passed_over = live->head_given ? live->head.size : 0;
    PEAL_TRY(take_stream(live, &scan.stream, err));
    return peal_scan_open(pipeline, &scan, out, err);
}

peal_place peal_live_place(const peal_live *live, uint64_t offset) {
    if (live->head_given) offset -= live->head.size;
    return source_of(live)->is_followed ? peal_follow_place(live->raw, offset) : (peal_place){.offset = offset};
}
