/* A disk that fails: preloaded, it makes chosen calls on the files of one directory fail or fall short.
 *
 * faults_set(directory, at, code, most): the `at`-th call (from 1; 0: none) fails with errno `code`; every write takes
 * `most` bytes at most (0: all). faults_calls(): how many calls there were since.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static char directory[4096];
static long at, calls, most;
static int code;

void faults_set(const char *where, long number, int error, long limit) {
    snprintf(directory, sizeof directory, "%s", where);
    at = number; code = error; most = limit; calls = 0;
}
long faults_calls(void) { return calls; }

static int fails(int fd) {
    char link[64], target[4096];
    if (!directory[0]) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n < 0) return 0;
    target[n] = 0;
    if (strncmp(target, directory, strlen(directory))) return 0;
    if (__sync_add_and_fetch(&calls, 1) != at) return 0;
    errno = code;
    return 1;
}
static size_t cut(int fd, size_t n) {
    char link[64], target[4096];
    if (!most || !directory[0]) return n;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t m = readlink(link, target, sizeof target - 1);
    if (m < 0) return n;
    target[m] = 0;
    return strncmp(target, directory, strlen(directory)) || n < (size_t)most ? n : (size_t)most;
}
#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, name)

ssize_t write(int fd, const void *b, size_t n) {
    REAL(ssize_t, "write", int, const void *, size_t);
    return fails(fd) ? -1 : real(fd, b, cut(fd, n));
}
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) {
    REAL(ssize_t, "pwrite64", int, const void *, size_t, off64_t);
    return fails(fd) ? -1 : real(fd, b, cut(fd, n), o);
}
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { return pwrite64(fd, b, n, o); }

static int first(int fd, const struct iovec *v, int n, struct iovec *one) {
    size_t total = 0;
    for (int i = 0; i < n; i++) total += v[i].iov_len;
    if (cut(fd, total) == total) return 0;
    for (int i = 0; i < n; i++) if (v[i].iov_len) { *one = v[i]; break; }
    one->iov_len = cut(fd, one->iov_len);
    return 1;
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    struct iovec one;
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (fails(fd)) return -1;
    return first(fd, v, n, &one) ? real(fd, &one, 1) : real(fd, v, n);
}
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t o) {
    struct iovec one;
    REAL(ssize_t, "pwritev64", int, const struct iovec *, int, off64_t);
    if (fails(fd)) return -1;
    return first(fd, v, n, &one) ? real(fd, &one, 1, o) : real(fd, v, n, o);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { return pwritev64(fd, v, n, o); }
ssize_t pwritev64v2(int fd, const struct iovec *v, int n, off64_t o, int f) {
    struct iovec one;
    REAL(ssize_t, "pwritev64v2", int, const struct iovec *, int, off64_t, int);
    if (fails(fd)) return -1;
    return first(fd, v, n, &one) ? real(fd, &one, 1, o, f) : real(fd, v, n, o, f);
}
ssize_t pwritev2(int fd, const struct iovec *v, int n, off_t o, int f) { return pwritev64v2(fd, v, n, o, f); }
int fsync(int fd) { REAL(int, "fsync", int); return fails(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(int, "fdatasync", int); return fails(fd) ? -1 : real(fd); }
int ftruncate64(int fd, off64_t n) { REAL(int, "ftruncate64", int, off64_t); return fails(fd) ? -1 : real(fd, n); }
int ftruncate(int fd, off_t n) { return ftruncate64(fd, n); }
