/* PNG by libspng: all kinds of colours, also interlaced. Checksums are checked; what is damaged has no pixels. */
#include <spng.h>
#include <stdlib.h>
#include <string.h>

#include "etl/image/kind.h"

enum { CHUNK_MOST = 32 << 20 }; /* bytes of a chunk that is no pixels, and of all that are kept */

static bool png_recognise(const uint8_t *head, size_t size) {
    return size >= 8 && memcmp(head, "\x89PNG\r\n\x1A\n", 8) == 0;
}

static peal_status failed(int code, peal_error *err) {
    if (code == SPNG_EMEM) return peal_fail(err, PEAL_E_MEMORY, "no memory for a PNG image");
    if (code == SPNG_EWIDTH || code == SPNG_EHEIGHT || code == SPNG_EUSER_WIDTH || code == SPNG_EUSER_HEIGHT) {
        return peal_fail(err, PEAL_E_DATA, "the PNG image has no pixels or more than %d a side", PEAL_IMAGE_SIDE_MOST);
    }
    if (code == SPNG_IO_EOF) return peal_fail(err, PEAL_E_DATA, "the PNG data are cut short");
    return peal_fail(err, PEAL_E_DATA, "the PNG data are damaged: %s", spng_strerror(code));
}

static bool has_colours(const struct spng_ihdr *header) {
    return header->color_type != SPNG_COLOR_TYPE_GRAYSCALE && header->color_type != SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
}

/* The header, and the chunks that stand before the pixels. */
static peal_status begin(spng_ctx *png, const uint8_t *bytes, size_t size, struct spng_ihdr *header, image__told *told,
                         peal_error *err) {
    struct spng_exif exif;
    int code = spng_set_image_limits(png, PEAL_IMAGE_SIDE_MOST, PEAL_IMAGE_SIDE_MOST);
    if (code == 0) code = spng_set_chunk_limits(png, CHUNK_MOST, CHUNK_MOST);
    if (code == 0) code = spng_set_crc_action(png, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (code == 0) code = spng_set_png_buffer(png, bytes, size);
    if (code == 0) code = spng_get_ihdr(png, header);
    if (code) return failed(code, err);
    PEAL_TRY(peal_image_check_size(header->width, header->height, err));
    code = spng_get_exif(png, &exif);
    if (code == 0) told->orientation = image__exif_orientation((const uint8_t *)exif.data, exif.length);
    /* What was wrong before the pixels is said here if the library goes no further: later it would only say that. */
    const bool is_stuck = code != 0 && spng_get_ihdr(png, header) == SPNG_EBADSTATE;
    return code == SPNG_IO_EOF || is_stuck ? failed(code, err) : PEAL_OK;
}

/* Red, green, blue and opacity, before white, to `channels`. */
static void blend(const uint8_t *in, uint8_t *out, size_t pixels, uint32_t channels) {
    for (size_t i = 0; i < pixels; i++) {
        const unsigned opacity = in[4 * i + 3];
        for (uint32_t c = 0; c < channels; c++) {
            out[channels * i + c] = (uint8_t)((in[4 * i + c] * opacity + 255 * (255 - opacity) + 127) / 255);
        }
    }
}

static peal_status pixels(spng_ctx *png, const struct spng_ihdr *header, peal_image *out, peal_image *spare,
                          peal_error *err) {
    struct spng_trns transparent;
    const bool is_opaque = !(header->color_type & 4) && spng_get_trns(png, &transparent) != 0;
    const bool is_grey = !has_colours(header), is_plain = is_grey && is_opaque && header->bit_depth <= 8;
    const bool is_direct = is_plain || (!is_grey && is_opaque);
    const peal_image_shape shape = {.width = header->width, .height = header->height, .channels = is_grey ? 1 : 3};
    const peal_image_shape full = {.width = header->width, .height = header->height, .channels = 4};
    PEAL_TRY(peal_image_reshape(out, &shape, err));
    if (!is_direct) PEAL_TRY(peal_image_reshape(spare, &full, err));
    peal_image *into = is_direct ? out : spare;
    const int format = is_plain ? SPNG_FMT_G8 : is_direct ? SPNG_FMT_RGB8 : SPNG_FMT_RGBA8;
    const int code =
        spng_decode_image(png, into->pixels, peal_image_size(&into->shape), format, is_direct ? 0 : SPNG_DECODE_TRNS);
    if (code) return failed(code, err);
    if (!is_direct) blend(spare->pixels, out->pixels, (size_t)shape.width * shape.height, shape.channels);
    return PEAL_OK;
}

static peal_status png_look(const uint8_t *bytes, size_t size, peal_image_shape *out, image__told *told,
                            peal_error *err) {
    struct spng_ihdr header = {0};
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return peal_fail(err, PEAL_E_MEMORY, "no memory for a PNG image");
    const peal_status status = begin(png, bytes, size, &header, told, err);
    spng_ctx_free(png);
    PEAL_TRY(status);
    *out = (peal_image_shape){.width = header.width, .height = header.height, .channels = has_colours(&header) ? 3 : 1};
    return PEAL_OK;
}

static peal_status png_decode(const uint8_t *bytes, size_t size, const peal_image_wish *wish, peal_image *out,
                              peal_image *spare, image__told *told, peal_error *err) {
    (void)wish; /* there is no way to less than all pixels */
    struct spng_ihdr header = {0};
    spng_ctx *png = spng_ctx_new(0);
    if (!png) return peal_fail(err, PEAL_E_MEMORY, "no memory for a PNG image");
    peal_status status = begin(png, bytes, size, &header, told, err);
    if (status == PEAL_OK) status = pixels(png, &header, out, spare, err);
    spng_ctx_free(png);
    return status;
}

/* ---- encoding ---- */

static peal_status write_pixels(spng_ctx *png, const peal_image *image, peal_buffer *out, peal_error *err) {
    struct spng_ihdr header = {
        .width = image->shape.width,
        .height = image->shape.height,
        .bit_depth = 8,
        .color_type = image->shape.channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR,
    };
    size_t size = 0;
    int code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1);
    if (code == 0) code = spng_set_ihdr(png, &header);
    if (code == 0) {
        code =
            spng_encode_image(png, image->pixels, peal_image_size(&image->shape), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
    }
    void *bytes = code == 0 ? spng_get_png_buffer(png, &size, &code) : NULL;
    if (code == SPNG_EMEM) return peal_fail(err, PEAL_E_MEMORY, "no memory for a PNG image");
    if (!bytes) return peal_fail(err, PEAL_E_DATA, "the image cannot be a PNG: %s", spng_strerror(code));
    const peal_status status = peal_buffer_append(out, bytes, size, err);
    free(bytes);
    return status;
}

static peal_status png_encode(const peal_image *image, unsigned quality, peal_buffer *out, peal_error *err) {
    (void)quality; /* nothing is lost */
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    if (!png) return peal_fail(err, PEAL_E_MEMORY, "no memory for a PNG image");
    const peal_status status = write_pixels(png, image, out, err);
    spng_ctx_free(png);
    return status;
}

static const char *const png_suffixes[] = {".png", NULL};

const image__kind image__png = {.name = "png",
                                .suffixes = png_suffixes,
                                .recognise = png_recognise,
                                .look = png_look,
                                .decode = png_decode,
                                .encode = png_encode};
