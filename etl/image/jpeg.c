/* JPEG by libjpeg-turbo's libjpeg API. Its errors come back by longjmp: all that is needed afterwards stands in one
 * struct, and between setjmp and longjmp nothing is held that this struct does not know. A warning (a stream that is
 * cut short, say, whose rest the library makes up) is kept, an error means that there are no pixels. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h>

#include "etl/image/kind.h"

enum { EXIF_MARKER = JPEG_APP0 + 1, EXIF_MOST = 65533, SCANS_MOST = 200 };

typedef struct jpeg_job {
    struct jpeg_decompress_struct library;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    const uint8_t *bytes;
    size_t size;
    const peal_image_wish *wish; /* NULL: only the header is read */
    peal_image *out, *spare;
    image__told *told;
    peal_status status; /* of our own calls */
    peal_error *err;
} jpeg_job;

static bool jpeg_recognise(const uint8_t *head, size_t size) {
    return size >= 3 && memcmp(head, "\xFF\xD8\xFF", 3) == 0;
}

/* ---- what the library calls ---- */

static void on_error(j_common_ptr library) {
    jpeg_job *self = library->client_data;
    library->err->format_message(library, self->message);
    longjmp(self->failed, 1);
}

static void on_message(j_common_ptr library, int level) {
    jpeg_job *self = library->client_data;
    char text[JMSG_LENGTH_MAX];
    if (level >= 0) return; /* a trace, no warning */
    if (library->err->num_warnings++ > 0) return;
    library->err->format_message(library, text);
    snprintf(self->told->warning, sizeof self->told->warning, "%s", text);
}

/* A progressive image of very many scans costs time that its size does not tell. */
static void on_progress(j_common_ptr library) {
    jpeg_job *self = library->client_data;
    if (!library->is_decompressor || self->library.input_scan_number <= SCANS_MOST) return;
    snprintf(self->message, sizeof self->message, "it has more than %d scans", SCANS_MOST);
    longjmp(self->failed, 1);
}

/* ---- reading ---- */

static void read_header(jpeg_job *self) {
    struct jpeg_decompress_struct *library = &self->library;
    library->client_data = self;
    library->progress = &self->progress;
    jpeg_save_markers(library, EXIF_MARKER, EXIF_MOST);
    jpeg_mem_src(library, self->bytes, self->size);
    jpeg_read_header(library, TRUE);
    for (jpeg_saved_marker_ptr marker = library->marker_list; marker; marker = marker->next) {
        if (marker->data_length < 6 || memcmp(marker->data, "Exif\0", 6) != 0) continue;
        self->told->orientation = image__exif_orientation(marker->data + 6, marker->data_length - 6);
        break;
    }
    self->status = peal_image_check_size(library->image_width, library->image_height, self->err);
}

static uint32_t scaled(uint32_t side, unsigned eighths) {
    return (uint32_t)(((uint64_t)side * eighths + 7) / 8);
}

/* The least scale that is not below the wish; 8/8 if there is none. */
static unsigned find_scale(const jpeg_job *self) {
    const peal_image_wish *wish = self->wish;
    if (wish->least_width == 0 || wish->least_height == 0) return 8;
    for (unsigned eighths = 1; eighths < 8; eighths++) {
        if (scaled(self->library.image_width, eighths) >= wish->least_width &&
            scaled(self->library.image_height, eighths) >= wish->least_height) {
            return eighths;
        }
    }
    return 8;
}

/* CMYK to red, green and blue. Adobe's programs store it inverted, and nearly all CMYK images are theirs. */
static void from_cmyk(const uint8_t *in, uint8_t *out, size_t pixels, bool is_inverted) {
    const unsigned flip = is_inverted ? 0 : 255;
    for (size_t i = 0; i < pixels; i++) {
        const unsigned black = in[4 * i + 3] ^ flip;
        for (size_t c = 0; c < 3; c++) out[3 * i + c] = (uint8_t)(((in[4 * i + c] ^ flip) * black + 127) / 255);
    }
}

static void read_rows(jpeg_job *self) {
    struct jpeg_decompress_struct *library = &self->library;
    const size_t row_size = (size_t)library->output_width * (size_t)library->output_components;
    uint8_t *pixels = library->output_components == 4 ? self->spare->pixels : self->out->pixels;
    while (library->output_scanline < library->output_height) {
        JSAMPROW row = pixels + library->output_scanline * row_size;
        jpeg_read_scanlines(library, &row, 1);
    }
    if (library->output_components == 4) {
        from_cmyk(pixels, self->out->pixels, (size_t)library->output_width * library->output_height,
                  library->saw_Adobe_marker);
    }
    jpeg_finish_decompress(library);
}

static void read_pixels(jpeg_job *self) {
    struct jpeg_decompress_struct *library = &self->library;
    read_header(self);
    if (self->status != PEAL_OK) return;
    const bool is_cmyk = library->jpeg_color_space == JCS_CMYK || library->jpeg_color_space == JCS_YCCK;
    library->out_color_space = library->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE
                               : is_cmyk                                  ? JCS_CMYK
                                                                          : JCS_RGB;
    library->dct_method = JDCT_ISLOW; /* the same bits with and without vector code */
    library->scale_num = find_scale(self);
    library->scale_denom = 8;
    jpeg_start_decompress(library);
    const peal_image_shape shape = {.width = library->output_width,
                                    .height = library->output_height,
                                    .channels = library->output_components == 1 ? 1 : 3};
    self->status = peal_image_reshape(self->out, &shape, self->err);
    if (self->status == PEAL_OK && is_cmyk) {
        const peal_image_shape inks = {.width = shape.width, .height = shape.height, .channels = 4};
        self->status = peal_image_reshape(self->spare, &inks, self->err);
    }
    if (self->status == PEAL_OK) read_rows(self);
}

/* Runs `work`; what fails in the library comes back here. */
static peal_status guard(jpeg_job *self, void (*work)(jpeg_job *)) {
    self->library.err = jpeg_std_error(&self->errors);
    self->errors.error_exit = on_error;
    self->errors.emit_message = on_message;
    self->progress.progress_monitor = on_progress;
    self->library.client_data = self;
    if (setjmp(self->failed) == 0) {
        jpeg_create_decompress(&self->library);
        work(self);
    } else {
        self->status = peal_fail(self->err, PEAL_E_DATA, "the JPEG data are damaged: %s", self->message);
    }
    jpeg_destroy_decompress(&self->library);
    return self->status;
}

static peal_status jpeg_look(const uint8_t *bytes, size_t size, peal_image_shape *out, image__told *told,
                             peal_error *err) {
    jpeg_job self = {.bytes = bytes, .size = size, .told = told, .err = err};
    PEAL_TRY(guard(&self, read_header));
    *out = (peal_image_shape){.width = self.library.image_width,
                              .height = self.library.image_height,
                              .channels = self.library.jpeg_color_space == JCS_GRAYSCALE ? 1 : 3};
    return PEAL_OK;
}

static peal_status jpeg_decode(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                               peal_image *spare, image__told *told, peal_error *err) {
    jpeg_job self = {.bytes = bytes, .size = size, .wish = wish, .out = out, .spare = spare, .told = told, .err = err};
    return guard(&self, read_pixels);
}

/* ---- encoding ---- */

typedef struct jpeg_writing {
    struct jpeg_compress_struct library;
    struct jpeg_error_mgr errors;
    struct jpeg_destination_mgr destination;
    jmp_buf failed;
    const peal_image *image;
    unsigned quality;
    peal_buffer *out;
    peal_status status;
    peal_error *err;
} jpeg_writing;

static void on_writing_error(j_common_ptr library) {
    jpeg_writing *self = library->client_data;
    char message[JMSG_LENGTH_MAX];
    library->err->format_message(library, message);
    self->status = peal_fail(self->err, PEAL_E_DATA, "the image cannot be a JPEG: %s", message);
    longjmp(self->failed, 1);
}

/* The library writes to the buffer's spare room. */
static void give_room(j_compress_ptr library) {
    enum { PIECE = 1 << 16 };
    jpeg_writing *self = library->client_data;
    peal_buffer *out = self->out;
    self->status = peal_buffer_reserve(out, PIECE, self->err);
    if (self->status != PEAL_OK) longjmp(self->failed, 1);
    self->destination.next_output_byte = out->data + out->size;
    self->destination.free_in_buffer = out->capacity - out->size;
}

static boolean take_full(j_compress_ptr library) {
    jpeg_writing *self = library->client_data;
    self->out->size = self->out->capacity; /* all room is used where this is called */
    give_room(library);
    return TRUE;
}

static void take_last(j_compress_ptr library) {
    jpeg_writing *self = library->client_data;
    self->out->size = self->out->capacity - self->destination.free_in_buffer;
}

static void write_image(jpeg_writing *self) {
    struct jpeg_compress_struct *library = &self->library;
    const peal_image *image = self->image;
    jpeg_create_compress(library);
    library->dest = &self->destination;
    library->image_width = image->shape.width;
    library->image_height = image->shape.height;
    library->input_components = (int)image->shape.channels;
    library->in_color_space = image->shape.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(library);
    library->dct_method = JDCT_ISLOW; /* the same bits with and without vector code */
    jpeg_set_quality(library, (int)self->quality, TRUE);
    jpeg_start_compress(library, TRUE);
    const size_t width = (size_t)image->shape.width * image->shape.channels;
    while (library->next_scanline < library->image_height) {
        JSAMPROW row = image->pixels + library->next_scanline * width;
        jpeg_write_scanlines(library, &row, 1);
    }
    jpeg_finish_compress(library);
}

static peal_status run_writing(jpeg_writing *self) {
    self->library.err = jpeg_std_error(&self->errors);
    self->errors.error_exit = on_writing_error;
    self->library.client_data = self;
    self->destination.init_destination = give_room;
    self->destination.empty_output_buffer = take_full;
    self->destination.term_destination = take_last;
    if (setjmp(self->failed) == 0) write_image(self);
    jpeg_destroy_compress(&self->library);
    return self->status;
}

static peal_status jpeg_encode(const peal_image *image, unsigned quality, peal_buffer *out, peal_error *err) {
    jpeg_writing self = {.image = image, .quality = quality, .out = out, .err = err};
    return run_writing(&self);
}

static const char *const jpeg_suffixes[] = {".jpg", ".jpeg", ".jpe", ".jfif", NULL};

const image__kind image__jpeg = {.name = "jpeg",
                                 .suffixes = jpeg_suffixes,
                                 .recognise = jpeg_recognise,
                                 .look = jpeg_look,
                                 .decode = jpeg_decode,
                                 .encode = jpeg_encode};
