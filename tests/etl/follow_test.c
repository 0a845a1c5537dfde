/* Files that are followed: growth, rotation, cutting, ends; and what stands in front of a stream. */
#include "etl/source/follow.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "core/base/event.h"
#include "etl/source/source.h"
#include "tests/support.h"

/* A file in a folder, followed; it ends when nothing new is there. */
typedef struct following {
    char *folder, *path;
    peal_source_list sources;
    peal_stream *stream;
    char notes[8192];
    peal_reporter reporter;
    peal_place from;
} following;

static void note(void *user, const peal_event *event) {
    following *self = user;
    const size_t used = strlen(self->notes);
    snprintf(self->notes + used, sizeof self->notes - used, "%s\n", event->text);
}

static void write_to(const char *path, const char *mode, const char *text) {
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static peal_status open_at(following *self, bool from, peal_error *err) {
    const char *name = self->path;
    const peal_source_options options = {
        .names = &name,
        .count = 1,
        .live = true,
        .following = {.files = true, .has_idle = true, .from = from ? &self->from : NULL},
        .reporter = &self->reporter};
    PEAL_TRY(peal_source_list_make(&options, &self->sources, err));
    assert_true(self->sources.sources[0].is_followed);
    return peal_follow_open(&self->sources.sources[0], &self->stream, err);
}

static void begin(following *self, const char *text) {
    peal_error err;
    *self = (following){.folder = test_folder()};
    self->reporter = (peal_reporter){.handle = note, .user = self};
    self->path = test_path(self->folder, "rows.log");
    write_to(self->path, "w", text);
    assert_ok(open_at(self, false, &err));
}

static void close_stream(following *self) {
    peal_stream_close(self->stream);
    peal_source_list_clear(&self->sources);
    self->stream = NULL;
}

static void end(following *self) {
    close_stream(self);
    free(self->folder);
    free(self->path);
}

static void assert_reads(following *self, const char *expected) {
    peal_error err;
    char text[256];
    size_t got;
    assert_ok(peal_stream_fill(self->stream, (uint8_t *)text, sizeof text - 1, &got, &err));
    text[got] = '\0';
    assert_string_equal(text, expected);
}

static void file_is_read_on_as_it_grows(void **state) {
    (void)state;
    following self;
    begin(&self, "a\n");
    assert_true(peal_stream_ready(self.stream, 0));
    assert_reads(&self, "a\n");
    assert_reads(&self, "");
    write_to(self.path, "a", "b\nc");
    assert_reads(&self, "b\nc");
    write_to(self.path, "a", "d\n");
    assert_reads(&self, "d\n");
    assert_string_equal(self.notes, "");
    end(&self);
}

/* What is left of the old file comes first, also what was written to it after it got its other name. */
static void rotated_file_is_read_to_its_end(void **state) {
    (void)state;
    following self;
    begin(&self, "a\n");
    assert_reads(&self, "a\n");
    char *old = test_path(self.folder, "rows.log.1");
    write_to(self.path, "a", "b\n");
    assert_int_equal(rename(self.path, old), 0);
    write_to(old, "a", "c");
    write_to(self.path, "w", "d\n");
    assert_reads(&self, "b\nc\nd\n"); /* with the line's end that c lacks */
    assert_has(self.notes, "rows.log is another file now");
    struct stat first, second;
    assert_int_equal(stat(old, &first), 0);
    assert_int_equal(stat(self.path, &second), 0);
    const peal_place b = peal_follow_place(self.stream, 2), d = peal_follow_place(self.stream, 6),
                     behind = peal_follow_place(self.stream, 8);
    assert_int_equal(b.inode, first.st_ino);
    assert_int_equal(b.offset, 2);
    assert_int_equal(d.inode, second.st_ino);
    assert_int_equal(d.offset, 0);
    assert_int_equal(behind.inode, second.st_ino);
    assert_int_equal(behind.offset, 2);
    free(old);
    end(&self);
}

static void shorter_file_is_read_from_its_beginning(void **state) {
    (void)state;
    following self;
    begin(&self, "a long line\n");
    assert_reads(&self, "a long line\n");
    write_to(self.path, "w", "b\n");
    assert_reads(&self, "b\n");
    assert_has(self.notes, "rows.log became shorter (2 bytes, where 12 had been read)");
    end(&self);
}

static void missing_name_is_waited_for(void **state) {
    (void)state;
    following self;
    begin(&self, "a\n");
    assert_reads(&self, "a\n");
    assert_int_equal(unlink(self.path), 0);
    assert_reads(&self, "");
    assert_has(self.notes, "rows.log is not there any more");
    write_to(self.path, "w", "b\n");
    assert_reads(&self, "b\n");
    end(&self);
}

static void reading_goes_on_at_a_place(void **state) {
    (void)state;
    peal_error err;
    following self;
    begin(&self, "a\nb\nc\n");
    assert_reads(&self, "a\nb\nc\n");
    self.from = peal_follow_place(self.stream, 4);
    close_stream(&self);
    assert_ok(open_at(&self, true, &err));
    assert_reads(&self, "c\n");
    close_stream(&self);

    char *old = test_path(self.folder, "rows.log.1"); /* it has got another name meanwhile */
    assert_int_equal(rename(self.path, old), 0);
    write_to(self.path, "w", "d\n");
    assert_ok(open_at(&self, true, &err));
    assert_reads(&self, "c\nd\n");
    assert_has(self.notes, "what is left of the old one is read first");
    close_stream(&self);

    write_to(old, "w", "e\nf\ng\n"); /* it was written anew, and is as long */
    assert_int_equal(open_at(&self, true, &err), PEAL_E_DATA);
    assert_has(err.message, "was written anew");
    close_stream(&self);

    write_to(old, "w", "x\n"); /* it is shorter than what was read of it */
    assert_int_equal(open_at(&self, true, &err), PEAL_E_DATA);
    assert_has(err.message, "has 2 bytes, but 4 had been read of it");
    close_stream(&self);

    assert_int_equal(unlink(old), 0); /* it is gone */
    assert_int_equal(open_at(&self, true, &err), PEAL_E_DATA);
    assert_has(err.message, "is not the file that was read");
    free(old);
    end(&self);
}

/* The files between are read in the order in which they had the name, whatever was made of the names; those of others
 * and copies are not. */
static void files_between_are_read_in_their_turn(void **state) {
    (void)state;
    peal_error err;
    following self;
    begin(&self, "a\nb\n");
    assert_reads(&self, "a\nb\n");
    self.from = peal_follow_place(self.stream, 2);
    char *one = test_path(self.folder, "rows.log.1"), *two = test_path(self.folder, "rows.log.2"),
         *three = test_path(self.folder, "rows.log.3"), *other = test_path(self.folder, "rows.log.1.bak");
    assert_int_equal(rename(self.path, one), 0);
    write_to(self.path, "w", "c\n");
    assert_int_equal(rename(one, two), 0);
    assert_int_equal(rename(self.path, one), 0);
    write_to(other, "w", "x\n");
    write_to(self.path, "w", "d\n");
    assert_reads(&self, "c\nd\n"); /* twice while nobody looked */
    close_stream(&self);

    assert_int_equal(rename(two, three), 0); /* and by another one, once more */
    assert_int_equal(rename(one, two), 0);
    assert_int_equal(rename(self.path, one), 0);
    write_to(self.path, "w", "e\n");
    assert_ok(open_at(&self, true, &err));
    assert_reads(&self, "b\nc\nd\ne\n");
    assert_has(self.notes, "rows.log.2 is read from its beginning");
    self.from = peal_follow_place(self.stream, 4);
    close_stream(&self);
    assert_ok(open_at(&self, true, &err));
    assert_reads(&self, "d\ne\n");
    close_stream(&self);

    char *first = test_path(self.folder, "rows-2025-03-09.log"),
         *second = test_path(self.folder, "rows-2025-03-10.log"),
         *third = test_path(self.folder, "rows-2025-03-11.log"),
         *foreign = test_path(self.folder, "row-2025-03-10.log");
    assert_int_equal(rename(two, first), 0);
    assert_int_equal(rename(one, second), 0);
    assert_int_equal(rename(self.path, third), 0);
    write_to(foreign, "w", "x\n");
    write_to(self.path, "w", "f\n");
    assert_ok(open_at(&self, true, &err));
    assert_reads(&self, "d\ne\nf\n");
    free(one), free(two), free(three), free(other);
    free(first), free(second), free(third), free(foreign);
    end(&self);
}

/* Where nothing more comes, the last line may be half of one. Bytes that come nevertheless take that back. */
static void end_is_a_cut(void **state) {
    (void)state;
    following self;
    begin(&self, "a\nb");
    assert_false(self.stream->is_cut_off);
    assert_reads(&self, "a\nb");
    assert_true(self.stream->is_cut_off);
    write_to(self.path, "a", "c\n");
    uint8_t bytes[8];
    size_t got;
    peal_error err;
    assert_ok(self.stream->read(self.stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 2);
    assert_false(self.stream->is_cut_off);
    end(&self);
}

static void stop_ends_waiting(void **state) {
    (void)state;
    peal_error err;
    atomic_int stop = 0;
    char *folder = test_folder(), *path = test_path(folder, "rows.log");
    write_to(path, "w", "a\n");
    const char *name = path;
    const peal_source_options options = {
        .names = &name, .count = 1, .live = true, .following = {.files = true}, .stop = &stop};
    peal_source_list sources;
    peal_stream *stream;
    uint8_t bytes[8];
    size_t got;
    assert_ok(peal_source_list_make(&options, &sources, &err));
    assert_ok(peal_follow_open(&sources.sources[0], &stream, &err));
    assert_ok(stream->read(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 2);
    assert_false(peal_stream_ready(stream, 20));
    stop = 1;
    assert_int_equal(stream->read(stream, bytes, sizeof bytes, &got, &err), PEAL_E_INTERRUPTED);
    peal_stream_close(stream);
    peal_source_list_clear(&sources);
    free(folder);
    free(path);
}

/* ---- what stands in front ---- */

/* A live stream that gives a letter at a time. */
typedef struct letters {
    peal_stream base;
    const char *text;
} letters;

static peal_status read_letter(peal_stream *base, uint8_t *out, size_t capacity, size_t *got, peal_error *err) {
    (void)err;
    letters *self = (letters *)base;
    *got = *self->text && capacity ? 1 : 0;
    if (*got) *out = (uint8_t)*self->text++;
    return PEAL_OK;
}

static void close_letters(peal_stream *base) {
    (void)base;
}

static void one_read_gives_what_looks_have_seen_and_no_more(void **state) {
    (void)state;
    peal_error err;
    letters inner = {.base = {.read = read_letter, .close = close_letters, .live = true}, .text = "xyz"};
    peal_stream *stream;
    uint8_t bytes[64];
    size_t got;
    assert_ok(peal_stream_put_before("rest\n", 5, true, &inner.base, &stream, &err));
    assert_ok(peal_stream_put_before("head 1\nhead 2\n", 14, true, stream, &stream, &err));
    assert_ok(peal_stream_look(&stream, bytes, 3, &got, &err));
    assert_int_equal(got, 3);
    assert_ok(peal_stream_look(&stream, bytes, 9, &got, &err));
    assert_int_equal(got, 9);
    assert_ok(stream->read(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 14);
    assert_memory_equal(bytes, "head 1\nhead 2\n", 14);
    assert_ok(stream->read(stream, bytes, 2, &got, &err));
    assert_int_equal(got, 2);
    assert_ok(stream->read(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 3);
    assert_memory_equal(bytes, "st\n", 3);
    assert_ok(peal_stream_fill(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 3);
    peal_stream_close(stream);
}

static void buffer_that_was_taken_over_comes_first(void **state) {
    (void)state;
    peal_error err;
    letters inner = {.base = {.read = read_letter, .close = close_letters, .live = true}, .text = "xyz"};
    peal_buffer taken = {0}, nothing = {0};
    peal_stream *stream;
    uint8_t bytes[64];
    size_t got;
    assert_ok(peal_buffer_append(&taken, "head rest", 9, &err));
    assert_ok(peal_stream_put_buffer_before(&taken, 5, true, &inner.base, &stream, &err));
    assert_null(taken.data);
    assert_ok(peal_stream_put_buffer_before(&nothing, 0, true, stream, &stream, &err));
    assert_ok(stream->read(stream, bytes, 3, &got, &err));
    assert_int_equal(got, 3);
    assert_memory_equal(bytes, "res", 3);
    assert_ok(stream->read(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 1);
    assert_ok(peal_stream_fill(stream, bytes, sizeof bytes, &got, &err));
    assert_int_equal(got, 3);
    assert_memory_equal(bytes, "xyz", 3);
    peal_stream_close(stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_is_read_on_as_it_grows),
        cmocka_unit_test(rotated_file_is_read_to_its_end),
        cmocka_unit_test(shorter_file_is_read_from_its_beginning),
        cmocka_unit_test(missing_name_is_waited_for),
        cmocka_unit_test(reading_goes_on_at_a_place),
        cmocka_unit_test(files_between_are_read_in_their_turn),
        cmocka_unit_test(end_is_a_cut),
        cmocka_unit_test(stop_ends_waiting),
        cmocka_unit_test(one_read_gives_what_looks_have_seen_and_no_more),
        cmocka_unit_test(buffer_that_was_taken_over_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
