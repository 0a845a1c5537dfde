/* Positions in a live source; see position.h. */
#include "etl/job/position.h"

json_t *peal_position_save(const peal_position *position) {
    const peal_place *place = &position->place;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "device", (json_int_t)place->device, "inode",
                     (json_int_t)place->inode, "born_ns", (json_int_t)place->born_ns, "offset",
                     (json_int_t)place->offset, "line", (json_int_t)position->line, "before_size",
                     (json_int_t)place->before_size, "before_hash", (json_int_t)place->before_hash);
}

bool peal_position_load(const json_t *saved, peal_position *out) {
    enum { OFFSET = 3, LINE, BEFORE, KEYS = 7 };
    static const char *const keys[KEYS] = {"device", "inode",       "born_ns",    "offset",
                                           "line",   "before_size", "before_hash"};
    json_int_t values[KEYS];
    for (size_t i = 0; i < KEYS; i++) {
        const json_t *value = json_object_get(saved, keys[i]);
        const bool is_old = i >= BEFORE && !value; /* Peal 0.5.0 and before did not look */
        if (!is_old && !json_is_integer(value)) return false;
        values[i] = json_integer_value(value);
        if (i >= OFFSET && i <= BEFORE && values[i] < 0) return false;
    }
    *out = (peal_position){.place = {.device = (uint64_t)values[0],
                                     .inode = (uint64_t)values[1],
                                     .born_ns = values[2],
                                     .offset = (uint64_t)values[OFFSET],
                                     .before_size = (uint64_t)values[BEFORE],
                                     .before_hash = (uint64_t)values[BEFORE + 1]},
                           .line = (uint64_t)values[LINE]};
    return out->line > 0;
}

void peal_track_begin(peal_track *track, const peal_live *live, const peal_position *from) {
    *track = (peal_track){.live = live, .at = from ? *from : (peal_position){.line = 1}};
    if (!from) return;
    /* The lines of the head that was given are not those that the reader has come from. */
    const peal_buffer *head = peal_live_head(live);
    const uint64_t lines = head->size ? peal_count_newlines((const char *)head->data, head->size) : 0;
    track->line_offset = (int64_t)(from->line - 1 - lines);
}

uint64_t peal_track_line(const peal_track *track, const peal_block *block, size_t at) {
    const uint64_t lines = peal_count_newlines(block->text, at);
    return (uint64_t)((int64_t)(block->first_line + lines) + track->line_offset);
}

/* Behind what ends the line of a record. */
static size_t behind_line(const peal_block *block, size_t end) {
    while (end < block->came && (block->text[end] == ' ' || block->text[end] == '\t' || block->text[end] == '\r'))
        end++;
    return end < block->came && block->text[end] == '\n' ? end + 1 : end;
}

void peal_track_move(peal_track *track, const peal_block *block) {
    if (track->end == 0) return;
    const size_t end = behind_line(block, track->end);
    track->at.place = peal_live_place(track->live, block->offset + end);
    track->at.line = peal_track_line(track, block, end);
    track->end = 0;
}
