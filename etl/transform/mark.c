/* Whether what is missing is marked; see mark.h. */
#include "etl/transform/mark.h"

#include "core/base/json.h"
#include "etl/transform/transform.h"

enum { MARK_NO, MARK_YES, MARK_AUTO };
const char *const peal_mark_names[] = {"no", "yes", "auto", NULL};

peal_status peal_mark_load(const json_t *options, peal_mark *out, peal_error *err) {
    PEAL_TRY(peal_transform_choice(options, "mark", peal_mark_names, &out->wish, err));
    out->is_made = out->wish == MARK_YES || json_is_true(json_object_get(options, "marks"));
    return PEAL_OK;
}

json_t *peal_mark_save(const peal_mark *mark, json_t *saved) {
    if (mark->wish != MARK_NO) saved = peal_json_set(saved, "mark", json_string(peal_mark_names[mark->wish]));
    return mark->is_made ? peal_json_set(saved, "marks", json_true()) : saved;
}

void peal_mark_ask(peal_mark *mark) {
    mark->wish = MARK_YES;
}

/* A feature that is hardly ever another costs more than it can tell. */
static bool is_worth_it(uint64_t missing, uint64_t there) {
    enum { ROWS_LEAST = 20, SHARE = 100 };
    return missing >= ROWS_LEAST && missing >= (missing + there) / SHARE;
}

void peal_mark_fit(peal_mark *mark, uint64_t missing, uint64_t there) {
    mark->is_made = mark->wish == MARK_YES || (mark->wish == MARK_AUTO && is_worth_it(missing, there));
}

bool peal_mark_take_back(peal_mark *mark) {
    if (mark->wish != MARK_AUTO || !mark->is_made) return false;
    mark->is_made = false;
    return true;
}
