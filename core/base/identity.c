/* Compares what fstat says of a file with what it said before; stands below sources and shards. */
#include "core/base/identity.h"

#include <errno.h>
#include <time.h>

static const int64_t second_ns = 1000000000;
/* Times of files are those of the last tick of the system's clock: 10 ms apart at most. Twice that is surely past. */
static const int64_t tick_ns = 20000000;

static int64_t nanoseconds(struct timespec time) {
    return (int64_t)time.tv_sec * second_ns + time.tv_nsec;
}

peal_identity peal_identity_of(const struct stat *info) {
    return (peal_identity){
        .size = (uint64_t)info->st_size,
        .inode = (uint64_t)info->st_ino,
        .device = (uint64_t)info->st_dev,
        .mtime_ns = nanoseconds(info->st_mtim),
        .ctime_ns = nanoseconds(info->st_ctim),
    };
}

static bool is_same(const peal_identity *a, const peal_identity *b) {
    return a->size == b->size && a->inode == b->inode && a->device == b->device && a->mtime_ns == b->mtime_ns &&
           a->ctime_ns == b->ctime_ns;
}

bool peal_identity_settle(const peal_identity *identity) {
    if (identity->ctime_ns % second_ns == 0) return false;
    for (;;) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        const int64_t left = identity->ctime_ns + tick_ns - nanoseconds(now);
        if (left <= 0) return true;
        if (left > tick_ns) return false;
        nanosleep(&(struct timespec){.tv_nsec = left}, NULL);
    }
}

peal_status peal_identity_check(int fd, const char *path, const peal_identity *was, const char *doing,
                                peal_error *err) {
    struct stat info;
    if (fstat(fd, &info) != 0) return peal_fail_errno(err, PEAL_E_FAILED, errno, "cannot look at %s", path);
    const peal_identity is = peal_identity_of(&info);
    if (is_same(&is, was)) return PEAL_OK;
    if (is.size != was->size) {
        return peal_fail(err, PEAL_E_DATA, "%s changed while it was %s (from %llu to %llu bytes); run again", path,
                         doing, (unsigned long long)was->size, (unsigned long long)is.size);
    }
    return peal_fail(err, PEAL_E_DATA, "%s changed while it was %s (it still has %llu bytes); run again", path, doing,
                     (unsigned long long)is.size);
}
