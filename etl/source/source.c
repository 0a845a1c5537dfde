#include "etl/source/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/file.h"

static peal_status list_add(peal_source_list *list, char *path, peal_error *err) {
    char **paths = path ? realloc(list->paths, (list->count + 1) * sizeof *paths) : NULL;
    if (!paths) {
        free(path);
        return peal_fail(err, PEAL_E_MEMORY, "no memory for a list of sources");
    }
    list->paths = paths;
    list->paths[list->count++] = path;
    return PEAL_OK;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static peal_status add_folder(peal_source_list *list, const char *path, peal_error *err) {
    DIR *folder = opendir(path);
    if (!folder) return peal_fail_errno(err, PEAL_E_DATA, errno, "cannot open the folder %s", path);
    peal_source_list found = {0};
    peal_status status = PEAL_OK;
    for (struct dirent *entry; status == PEAL_OK && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        char *child = peal_path_join(path, entry->d_name);
        if (child && peal_path_is_folder(child)) {
            free(child);
            continue;
        }
        status = list_add(&found, child, err);
    }
    closedir(folder);
    if (found.count) qsort(found.paths, found.count, sizeof *found.paths, by_name);
    if (status == PEAL_OK && found.count == 0) status = peal_fail(err, PEAL_E_DATA, "the folder %s has no files", path);
    for (size_t i = 0; i < found.count; i++) {
        if (status == PEAL_OK) {
            status = list_add(list, found.paths[i], err);
        } else {
            free(found.paths[i]);
        }
    }
    free(found.paths);
    return status;
}

static peal_status add_glob(peal_source_list *list, const char *pattern, peal_error *err) {
    glob_t found;
    int result = glob(pattern, 0, NULL, &found);
    if (result == GLOB_NOMATCH) return peal_fail(err, PEAL_E_DATA, "no file matches '%s'", pattern);
    if (result != 0) return peal_fail(err, PEAL_E_FAILED, "cannot look up '%s'", pattern);
    peal_status status = PEAL_OK;
    for (size_t i = 0; i < found.gl_pathc && status == PEAL_OK; i++) {
        status = list_add(list, peal_strdup(found.gl_pathv[i]), err);
    }
    globfree(&found);
    return status;
}

/* A pipe can be read once only, but a job looks at its beginning first: it is copied to a file without a name, which
 * then stands in the place of standard input. */
static peal_status spool_standard_input(peal_error *err) {
    const char *folder = getenv("TMPDIR");
    if (lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0) return PEAL_OK;
    int fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot make a file to hold standard input");
    peal_out_file out = {.fd = fd, .path = (char *)"the copy of standard input"};
    char bytes[1 << 15];
    peal_status status = PEAL_OK;
    for (;;) {
        ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot read standard input");
        if (got <= 0 || status != PEAL_OK) break;
        status = peal_out_file_write(&out, bytes, (size_t)got, err);
        if (status != PEAL_OK) break;
    }
    if (status == PEAL_OK && dup2(fd, STDIN_FILENO) < 0) {
        status = peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot keep standard input");
    }
    close(fd);
    return status;
}

static peal_status add_source(peal_source_list *list, const char *source, peal_error *err) {
    if (strcmp(source, "-") == 0) {
        PEAL_TRY(spool_standard_input(err));
        return list_add(list, peal_strdup(source), err);
    }
    if (peal_path_is_folder(source)) return add_folder(list, source, err);
    if (peal_path_exists(source)) return list_add(list, peal_strdup(source), err);
    if (strpbrk(source, "*?[")) return add_glob(list, source, err);
    return peal_fail(err, PEAL_E_DATA, "no such file: %s", source);
}

peal_status peal_source_list_make(const char *const *sources, size_t count, peal_source_list *out, peal_error *err) {
    *out = (peal_source_list){0};
    if (count == 0) return peal_fail(err, PEAL_E_USAGE, "no source was named");
    for (size_t i = 0; i < count; i++) {
        peal_status status = add_source(out, sources[i], err);
        if (status != PEAL_OK) {
            peal_source_list_clear(out);
            return status;
        }
    }
    return PEAL_OK;
}

void peal_source_list_clear(peal_source_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->paths[i]);
    free(list->paths);
    *list = (peal_source_list){0};
}
