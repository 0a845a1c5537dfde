/* See beside.h. */
#include "etl/source/beside.h"

#include <string.h>
#include <strings.h>

#include "etl/source/source.h"

bool source__has_ending(const char *name, const char *const *endings) {
    const size_t length = strlen(name);
    for (; *endings; endings++) {
        const size_t size = strlen(*endings);
        if (length > size && strcasecmp(name + length - size, *endings) == 0) return true;
    }
    return false;
}

bool source__is_image_name(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe", ".jfif", ".png", NULL};
    return source__has_ending(name, endings);
}

bool source__may_be_label(const char *name) {
    static const char *const endings[] = {".cls", ".json", ".txt", NULL};
    return source__has_ending(name, endings);
}

bool peal_source_is_beside_data(const char *name) {
    static const char *const endings[] = {".md",   ".rst",  ".html",   ".htm", ".pdf", ".py",  ".sh",
                                          ".sql",  ".yaml", ".yml",    ".crc", ".md5", ".png", ".jpg",
                                          ".jpeg", ".docx", ".sha256", ".bak", "~",    NULL};
    if (name[0] == '_' || strcasecmp(name, "Thumbs.db") == 0 || strcasecmp(name, "desktop.ini") == 0) return true;
    if (strncasecmp(name, "readme", 6) == 0 || strncasecmp(name, "license", 7) == 0) return true;
    return source__has_ending(name, endings);
}
