/* Answers of a browser's driver. */
#include <stdlib.h>
#include <string.h>

#include "etl/source/pages/webdriver.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + !size); /* exactly its own bytes */
    char problem[64] = "";
    json_t *value;
    if (!text) abort();
    if (size) memcpy(text, data, size);
    const pages__verdict verdict = pages__webdriver_read(text, size, &value, problem, sizeof problem);
    if ((value != NULL) != (verdict == PAGES__DONE) || (!value && !problem[0])) abort();
    pages__fetched page = {0};
    if (value && pages__webdriver_page(value, "http://host/a", 1000, &page)) {
        const int status = page.head.answer.status;
        if (status < 100 || status > 599 || page.body.size > 1000 || (page.body.size && status != 200)) abort();
        pages__fetched_clear(&page);
    }
    char *session = pages__webdriver_session(value);
    if (session && (strlen(session) >= 200 || strpbrk(session, "/?#%"))) abort();
    free(session);
    json_decref(value);
    free(text);
    return 0;
}
